"""LeadLex, the house dialect (seed 000): everything the service can do is reachable here."""

from fastapi import FastAPI

from gonogo_api.dialects.leadlex import campaigns, contacts, keys, policy, tasks
from gonogo_api.dialects.leadlex.errors import refuse, render
from gonogo_api.dialects.leadlex.shapes import DIALECT
from gonogo_api.door import Door, dialect_app
from gonogo_api.problems import install


def app(door: Door) -> FastAPI:
    """The house API as an application of its own."""
    made = dialect_app(DIALECT, "gonogo: LeadLex", door, house=True)
    made.include_router(campaigns.router)
    made.include_router(contacts.router)
    made.include_router(tasks.router)
    made.include_router(policy.router)
    made.include_router(keys.router)
    install(made, render, refuse)
    return made
