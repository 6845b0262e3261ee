"""Burki (seed 003): integer ids, an assistant that does the talking, and `success` on every answer to a call."""

from fastapi import FastAPI

from gonogo_api.dialects.burki import campaigns, running
from gonogo_api.dialects.burki.errors import refuse, render
from gonogo_api.dialects.burki.shapes import DIALECT
from gonogo_api.door import Door, dialect_app
from gonogo_api.problems import install


def app(door: Door) -> FastAPI:
    """Burki's API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: Burki", "", door)
    made.include_router(campaigns.router)
    made.include_router(running.router)
    install(made, render, refuse, lambda _: dict)
    return made
