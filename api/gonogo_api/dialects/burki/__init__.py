"""Burki (seed 003): integer ids, an assistant that does the talking, and `success` on every answer to a call."""

from fastapi import FastAPI

from gonogo_api.dialects.burki import campaigns, running
from gonogo_api.dialects.burki.errors import refuse, render, shape
from gonogo_api.dialects.burki.shapes import DIALECT
from gonogo_api.door import Door
from gonogo_api.problems import install
from gonogo_api.routes import dialect_app

ABOUT = """Campaigns as Burki's clients know them: an assistant does the talking, contacts are added or imported as CSV.

Ids are integers, counted in each workspace. There is no envelope: a campaign is shown as it is, and every answer to a
step has `success`. Errors are `{"success": false, "detail": "..."}`; with 422, `detail` is a list of what is wrong and
where. A start may await approval, where the workspace's policy asks for it: the campaign is `scheduled` until then.
"""


def app(door: Door) -> FastAPI:
    """Burki's API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: Burki", ABOUT, door, (campaigns.router, running.router))
    install(made, render, refuse, shape)
    return made
