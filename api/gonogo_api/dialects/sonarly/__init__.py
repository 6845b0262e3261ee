"""Sonarly (seed 001): campaigns of an account group; every answer in an envelope with a trace id."""

from fastapi import FastAPI

from gonogo_api.dialects.sonarly import campaigns
from gonogo_api.dialects.sonarly.errors import error_shape, refuse, render
from gonogo_api.dialects.sonarly.shapes import DIALECT, OWN, NewCampaign
from gonogo_api.door import Door
from gonogo_api.problems import install
from gonogo_api.routes import dialect_app

__all__ = ["OWN", "NewCampaign", "app"]

ABOUT = """Sonarly's API, for clients that were written for it. Campaigns belong to an account group, and a key grants
one account group only: any other is forbidden, whether or not it exists. Ids are 24 hexadecimal digits.

Every answer is `{"success", "data", "error", "traceId"}`. Where something failed, `data` is null and `error` is
`{"code", "message", "details"}`; the `traceId` is in the header `X-Request-Id`, too, and in the log.

A start is not idempotent: a second one is a conflict. Where the workspace's policy asks people first, a start is
answered with `triggered: false`, and the campaign stays a draft until they have approved it.
"""


def app(door: Door) -> FastAPI:
    """Sonarly's API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: Sonarly", ABOUT, door, (campaigns.router,))
    install(made, render, refuse, error_shape)
    return made
