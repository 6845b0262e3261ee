"""Bavlio (seed 004): UUIDs, data sets and templates, steps with variants, and warnings row by row."""

from fastapi import FastAPI

from gonogo_api.dialects.bavlio import blocks, campaigns
from gonogo_api.dialects.bavlio.errors import refuse, render
from gonogo_api.dialects.bavlio.shapes import DIALECT
from gonogo_api.door import Door, dialect_app
from gonogo_api.problems import install


def app(door: Door) -> FastAPI:
    """Bavlio's API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: Bavlio", "", door)
    made.include_router(blocks.router)
    made.include_router(campaigns.router)
    install(made, render, refuse, lambda _: dict)
    return made
