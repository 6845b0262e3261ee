"""How launches are doing, and holding everything back: for whoever runs the server."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Annotated

import sqlalchemy as sa
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from whenever import Instant

from gonogo import holds
from gonogo import why as reasons
from gonogo.actor import machine
from gonogo.call import Call
from gonogo.clock import SystemClock
from gonogo.jobs_dbos import DbosJobs
from gonogo.progress import Progress, progress
from gonogo.why import Reason
from gonogo_api.commands.common import CampaignId, DatabaseUrl, Json, about, answer, engine_at
from gonogo_api.shapes import iso

EVERY = 0.5  # seconds


def why(campaign: CampaignId, database_url: DatabaseUrl = None, json: Json = False) -> None:
    """Tell why nothing is being sent: every reason, the one that matters most first."""
    with engine_at(database_url) as engine, about(engine, campaign) as call:
        found = reasons.why(call, campaign)
    if json:
        answer({"campaign": campaign, "reasons": [_told(each) for each in found]}, as_json=True)
        return
    console = Console(soft_wrap=True)
    if not found:
        console.print("Nothing holds it back.", highlight=False)
    for each in found:
        until = f" [dim](until {iso(each.until)})[/dim]" if each.until else ""
        console.print(f"[bold]{each.code}[/bold]: {escape(each.message)}{until}", highlight=False)


def watch(campaign: CampaignId, database_url: DatabaseUrl = None) -> None:
    """Show how far a launch is until it is over: a bar on a terminal, else a line whenever something changes."""
    console = Console(soft_wrap=True)
    with engine_at(database_url) as engine:
        looks = _looks(engine, campaign)
        if console.is_terminal:
            _draw(console, looks)
        else:
            _print(console, looks)


def hold(
    reason: Annotated[str, typer.Option(help="Why; everybody who asks is told.", show_default=False)],
    everything: Annotated[bool, typer.Option("--everything", help="Every launch of every workspace.")] = False,
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Stop everything at the next batch, until the hold is lifted."""
    if not everything:
        raise ValueError("say --everything: a hold on one workspace or sender is set over its API")
    with engine_at(database_url) as engine, _writing(engine) as call:
        made = holds.hold_everything(call, reason)
    answer({"id": made, "reason": reason}, json)


def lift(
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="The hold's id.", show_default=False)],
    database_url: DatabaseUrl = None,
    json: Json = False,
) -> None:
    """Lift a hold on everything; what waited goes on by itself."""
    with engine_at(database_url) as engine, _writing(engine) as call:
        holds.lift_hold(call, hold, everything=True)
        [found] = [each for each in holds.holds(call, everything=True) if each["id"] == hold]
    answer({"id": hold, "lifted_at": iso(found["lifted_at"])}, json)


@contextmanager
def _writing(engine: sa.Engine) -> Iterator[Call]:
    with engine.begin() as connection:
        yield Call(connection, machine(""), SystemClock().now(), DbosJobs(engine))


def _looks(engine: sa.Engine, campaign: str) -> Iterator[Progress]:
    """How far it is, again and again; the last one is when it is over."""
    while True:
        with about(engine, campaign) as call:
            found = progress(call, campaign)
        yield found
        if found.is_over:
            return
        time.sleep(EVERY)


def _draw(console: Console, looks: Iterator[Progress]) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, TextColumn("{task.fields[more]}"), console=console) as bars:
        bar = bars.add_task("", total=None, more="")
        for found in looks:
            bars.update(
                bar,
                description=found.state,
                total=found.messages or None,
                completed=found.settled,
                more=escape(", ".join(_more(found))),
            )


def _print(console: Console, looks: Iterator[Progress]) -> None:
    before = ""
    for found in looks:
        line = ", ".join([f"{found.state}: {found.settled} of {found.messages}", *_more(found)])
        if line != before:
            console.print(line, highlight=False, markup=False)
        before = line


def _more(found: Progress) -> Iterator[str]:
    """What is worth telling besides: what was not sent, how fast it goes, and what it waits for."""
    yield from (
        f"{getattr(found, name)} {name}"
        for name in ("rejected", "failed", "unknown", "skipped", "deferred", "cancelled", "superseded")
        if getattr(found, name)
    )
    if found.rate_per_minute:
        yield f"{found.rate_per_minute:g} a minute"
    if found.eta is not None:
        yield f"done about {iso(found.eta)}"
    if found.waiting_for is not None:
        yield f"waits: {found.waiting_for}" + (f" until {iso(found.until)}" if found.until else "")


def _told(reason: Reason) -> dict[str, object]:
    figures = {name: iso(each) if isinstance(each, Instant) else each for name, each in reason.figures.items()}
    return {**asdict(reason), "until": iso(reason.until), "figures": figures}
