"""LeadLex, the house dialect (seed 000): everything the service can do is reachable here."""

from fastapi import FastAPI

from gonogo_api.dialects.leadlex import (
    audit,
    campaigns,
    contacts,
    explaining,
    groups,
    holds,
    keys,
    limits,
    members,
    policy,
    rehearsals,
    responses,
    suppressions,
    tasks,
    waiting,
    webhooks,
)
from gonogo_api.dialects.leadlex.errors import Error, refuse, render
from gonogo_api.dialects.leadlex.shapes import DIALECT
from gonogo_api.door import Door
from gonogo_api.problems import install
from gonogo_api.routes import dialect_app
from gonogo_api.watching import Watcher

ABOUT = """The house API. Everything the service can do is reachable here.

A campaign is drafted, started, reviewed by Lexi, decided by people where the policy asks them, and sent. Answers come
in `{"data": ...}`, errors in `{"error": {"code", "message"}}`; where a step is refused, `blockers` tell every reason.
Every answer has an `X-Request-Id`, which the log has too, and tells the key's rate: `X-RateLimit-Limit`, `-Remaining`
and `-Reset`. A page that is not the last one has a `Link` to the next, `rel="next"`.
"""


def app(door: Door) -> FastAPI:
    """The house API as an application of its own."""
    routers = (
        campaigns.router,
        contacts.router,
        tasks.router,
        policy.router,
        explaining.router,
        groups.router,
        audit.router,
        keys.router,
        members.router,
        webhooks.router,
        responses.router,
        suppressions.router,
        rehearsals.router,
        holds.router,
        limits.router,
        waiting.router,
        waiting.streams,
    )
    made = dialect_app(DIALECT, "gonogo: LeadLex", ABOUT, door, routers, house=True)
    made.state.watcher = Watcher(door.reader, door.gate.clock, waiting.told)
    install(made, render, refuse, lambda _: Error)
    return made
