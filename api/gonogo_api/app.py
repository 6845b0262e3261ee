"""The server: everything wired, on one screen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route

from gonogo import database
from gonogo.execution.channels import Channel, ChannelUnavailable, plugged_in
from gonogo.execution.maildir import Maildir
from gonogo.execution.posting import Poster
from gonogo.execution.smtp import Relay, Smtp
from gonogo.execution.webhook import Webhook
from gonogo.gate import Gate, Outside
from gonogo_api import health, hosted, reference, responding, review_page, verify_page
from gonogo_api.choosing import Front
from gonogo_api.dialects import bavlio, burki, leadlex, leadterra, sonarly
from gonogo_api.door import Door, executor_alive
from gonogo_api.metrics import Measured, Metrics
from gonogo_api.settings import Settings

APPS = {
    "leadlex": leadlex.app,
    "sonarly": sonarly.app,
    "leadterra": leadterra.app,
    "burki": burki.app,
    "bavlio": bavlio.app,
}


def open_gate(settings: Settings) -> Gate:
    """The gate that the settings describe, with its channels; the database is migrated already."""
    engine = database.connect(settings.database_url)
    poster = Poster(private_allowed=settings.allow_private_webhooks)
    channels = {**plugged_in(), "email": email_channel(settings)}
    if settings.webhook_url and settings.webhook_secret:
        channels["webhook"] = Webhook(settings.webhook_url, settings.webhook_secret, poster=poster)
    links = hosted.links_for(settings.public_url, settings.pepper_bytes()) if settings.public_url else None
    outside = Outside(settings.checkpoint_file, links, poster)
    return Gate(engine, channels=channels, late_start=settings.late, claim_batch=settings.claim_batch, outside=outside)


def email_channel(settings: Settings) -> Channel:
    """The relay, or the maildir where none is set up. Raises OSError for a maildir that can't be written to."""
    if settings.smtp_url:
        return Smtp(Relay.parse(settings.smtp_url), connections=settings.smtp_connections)
    try:
        return Maildir(settings.maildir)
    except ChannelUnavailable as error:
        raise OSError(f"GONOGO_MAILDIR: {settings.maildir} can't be written to ({error.reason})") from None


def create_app(settings: Settings, gate: Gate, *, executes: bool = True) -> Starlette:
    """The server as an ASGI application. It executes launches too, unless told not to."""
    door = Door(gate, settings, settings.pepper_bytes())
    apps = {name: make(door) for name, make in APPS.items()}
    figures = Metrics(gate)
    for name, dialect in apps.items():
        dialect.add_middleware(Measured, metrics=figures, dialect=name)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with _at_work(gate, figures, executes=executes):
            yield
        door.close()

    def docs(_: Request) -> HTMLResponse:
        return HTMLResponse(reference.page(apps))

    routes = [
        hosted.route(door),
        verify_page.route(door),
        *review_page.routes(door),
        responding.route(door, apps["leadlex"]),
        *health.routes(door.executor_alive, figures, settings.metrics_token),
        *(Route(f"/docs{slash}", docs) for slash in ("", "/")),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: health.refused})
    app.router.default = Front(apps, settings.hosts, door.meet)  # any other path, whatever characters it is made of
    return app


def create_worker(settings: Settings, gate: Gate) -> Starlette:
    """A worker as an ASGI application: it executes launches, and answers whoever watches over it."""
    figures, glances = Metrics(gate), database.glances(gate.engine)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with _at_work(gate, figures, executes=True):
            yield
        glances.dispose()

    routes = health.routes(lambda: executor_alive(glances, settings), figures, settings.metrics_token)
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: health.refused})


@asynccontextmanager
async def _at_work(gate: Gate, figures: Metrics, *, executes: bool) -> AsyncIterator[None]:
    with figures.listener.listening():
        if executes:
            await run_in_threadpool(gate.start_work)  # the job engine refuses to start where an event loop runs
        elif gate.watch is not None:
            await run_in_threadpool(gate.watch.look)
        yield
        await run_in_threadpool(gate.close)
