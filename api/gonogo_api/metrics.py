"""Figures for Prometheus: what this process did, and how things stand in the database.

Every label takes few values: never an id, never what a client made up. What this process does is counted as it happens;
what is under way is asked when somebody looks, by index.
"""

import hmac
import ipaddress
import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.registry import Collector
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gonogo import database
from gonogo.gate import Gate
from gonogo.store import standing
from gonogo_api.logs import during

#: From a page that is read to an import of a thousand people, in seconds.
BUCKETS = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
TYPE = CONTENT_TYPE_PLAIN_0_0_4
#: Why the figures are not shown, by status.
NOT_SHOWN: Mapping[int, dict[str, str]] = {
    401: {"code": "unauthorized", "message": "Expected the token of GONOGO_METRICS_TOKEN"},
    403: {"code": "forbidden", "message": "Without GONOGO_METRICS_TOKEN only this machine may read the figures"},
}
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


class Metrics:
    """The figures of one application."""

    def __init__(self, gate: Gate) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self.requests = Histogram(
            "gonogo_http_request_seconds",
            "Requests, by how long they took.",
            ("dialect", "method", "route", "status"),
            registry=self.registry,
            buckets=BUCKETS,
        )
        self.decisions = Counter(
            "gonogo_decisions",
            "Events of campaigns that this process judged.",
            ("event", "outcome"),
            registry=self.registry,
        )
        self.messages = Counter(
            "gonogo_messages_settled", "Messages that this process settled.", ("state",), registry=self.registry
        )
        self.listener = Listener(self)
        for collect in (ProcessCollector, PlatformCollector, GCCollector):
            collect(registry=self.registry)
        self.registry.register(Standing(gate))
        self._known: dict[tuple[str, str, str, int], Histogram] = {}

    def answered(self, dialect: str, method: str, route: str, status: int, seconds: float) -> None:
        """Count one request."""
        key = (dialect, method if method in METHODS else "other", route, status)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self.requests.labels(*key)
        known.observe(seconds)

    def shown(self, request: Request, token: str | None) -> Response:
        """All figures, in Prometheus' text format, to whoever may read them. Asks the database."""
        status = may_read(request, token)
        if status in NOT_SHOWN:
            return JSONResponse({"error": NOT_SHOWN[status]}, status)
        return Response(generate_latest(self.registry), media_type=TYPE)


class Measured:
    """Counts what an application answers, and lets its lines say whose request they are about."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, dialect: str) -> None:
        self.app, self.metrics, self.dialect = app, metrics, dialect

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began, status, streams = time.perf_counter(), 500, False  # of one that raised: the server answers it so

        async def noting(message: Message) -> None:
            nonlocal status, streams
            if message["type"] == "http.response.start":
                status, streams = message["status"], _is_stream(message)
            await send(message)

        try:
            with during(scope):
                await self.app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            if not streams:
                self.metrics.answered(self.dialect, scope["method"], route, status, time.perf_counter() - began)


def _is_stream(start: Message) -> bool:
    """An answer that goes on for as long as somebody listens: how long that is says nothing about this server."""
    told = dict(start.get("headers", ())).get(b"content-type", b"")
    return bool(told.startswith(b"text/event-stream"))


class Listener(logging.Handler):
    """Counts what the engine logs that it did: records with `decided` and `outcome`, and records with `settled`."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__(logging.DEBUG)
        self.metrics = metrics

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._count(vars(record))
        except Exception:  # whoever logs must not stumble over who counts
            self.handleError(record)

    def _count(self, said: Mapping[str, Any]) -> None:
        if "decided" in said:
            self.metrics.decisions.labels(said["decided"], said["outcome"]).inc()
        for state, count in said.get("settled", {}).items():
            self.metrics.messages.labels(state).inc(count)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear what the engine says, also what is not worth a line of the log."""
        engine = logging.getLogger("gonogo")
        before = engine.level
        engine.addHandler(self)
        engine.setLevel(logging.DEBUG)
        try:
            yield
        finally:
            engine.setLevel(before)
            engine.removeHandler(self)


class Standing(Collector):
    """How things stand in the database, asked when somebody looks. A database that is down leaves them out."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate

    def collect(self) -> Iterable[Metric]:
        up = GaugeMetricFamily("gonogo_database_up", "Whether the database answered.")
        try:
            with database.reader(self.gate.engine).begin() as connection:
                found = standing.ask(connection, self.gate.clock.now())
        except Exception:
            logging.getLogger(__name__).warning("the database could not be asked for figures", exc_info=True)
            up.add_metric((), 0)
            return [up]
        up.add_metric((), 1)
        return [up, *_families(found)]


def _families(found: standing.Standing) -> Iterable[Metric]:
    states = GaugeMetricFamily("gonogo_campaigns", "Campaigns that go out by themselves, by state.", labels=("state",))
    for state, count in found.campaigns.items():
        states.add_metric((state,), count)
    waits = GaugeMetricFamily("gonogo_runs_waiting", "Runs that wait, by what for.", labels=("reason",))
    for reason, count in found.waiting.items():
        waits.add_metric((reason,), count)
    leases = GaugeMetricFamily(
        "gonogo_leases", "Segments being sent, by whether their worker lives.", labels=("lease",)
    )
    leases.add_metric(("alive",), found.leases)
    leases.add_metric(("lapsed",), found.lapsed)
    yield from (states, waits, leases)
    if not math.isinf(found.silence):
        yield GaugeMetricFamily(
            "gonogo_executor_silence_seconds", "How long ago an executor last showed life.", value=found.silence
        )


def may_read(request: Request, token: str | None) -> int:
    """200 where the figures are shown, else the status of the refusal.

    With a token, whoever presents it; without, only this machine, and not through a proxy on it.
    """
    if token is not None:
        said = request.headers.get("authorization", "")
        return 200 if hmac.compare_digest(said.encode(), f"Bearer {token}".encode()) else 401
    return 200 if _local(request) else 403


def _local(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
