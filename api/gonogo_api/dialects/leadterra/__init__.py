"""Leadterra (seed 002): sequences of steps for leads; answers are plain objects, and a start may be repeated."""

from fastapi import FastAPI

from gonogo_api.dialects.leadterra import campaigns, pools
from gonogo_api.dialects.leadterra.errors import Error, refuse, render
from gonogo_api.dialects.leadterra.shapes import DIALECT, NewCampaign
from gonogo_api.door import Door
from gonogo_api.problems import install
from gonogo_api.routes import dialect_app

__all__ = ["NewCampaign", "app"]

ABOUT = """Leadterra's API, for clients that were written for it. A campaign is a sequence of steps for the leads that
are enrolled in it. Its id looks like `camp_123`; anything else names no campaign.

Answers are plain objects, errors `{"error": {"code", "message"}}`. Every answer has an `X-Request-Id`, which the log
has too. A start may be repeated: it starts a draft, resumes what is paused, and changes nothing on what is running.

Where the workspace's policy asks people first, a start is answered with status `draft` and `startedAt` null, or, where
the server is set up so, with 409 `approval_required`; in both cases they have been asked.
"""


def app(door: Door) -> FastAPI:
    """Leadterra's API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: Leadterra", ABOUT, door, (campaigns.router, pools.router))
    install(made, render, refuse, lambda _: Error)
    return made
