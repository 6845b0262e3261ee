"""Bavlio (seed 004): UUIDs, data sets and templates, steps with variants, and warnings row by row."""

from fastapi import FastAPI

from gonogo_api.dialects.bavlio import blocks, campaigns
from gonogo_api.dialects.bavlio.errors import refuse, render, shape
from gonogo_api.dialects.bavlio.shapes import DIALECT
from gonogo_api.door import Door
from gonogo_api.problems import install
from gonogo_api.routes import dialect_app

ABOUT = """Campaigns as Bavlio's clients know them: steps with variants, made of templates, sent to the rows of data
sets.

Ids are UUIDs. There is no envelope: a campaign is shown as it is, and a launch adds a summary and its warnings, row by
row. Errors are `{"detail": "CODE", "message": "..."}`; with 422, `{"error": "Request Validation Error", "details",
"path", "message"}`. A launch may await approval, where the workspace's policy asks for it: the campaign is `launching`
until then, and nothing in a request can loosen that.
"""


def app(door: Door) -> FastAPI:
    """Bavlio's API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: Bavlio", ABOUT, door, (blocks.router, campaigns.router))
    install(made, render, refuse, shape)
    return made
