"""A launch gate for outbound campaigns: drafted, reviewed, decided by people, and only then sent.

The table of a campaign's life is data, and deciding by it needs no database:

>>> import gonogo
>>> ready = gonogo.Facts(recipients=120)
>>> gonogo.decide(gonogo.CAMPAIGN, "draft", "start", ready)
Decision(to='pending_approval', blockers=())
>>> refused = gonogo.decide(gonogo.CAMPAIGN, "draft", "start", gonogo.Facts(recipients=0, content=False))
>>> [blocker.code for blocker in refused.blockers]
['audience_empty', 'content_missing']

The gate itself stands on a database, SQLite or PostgreSQL, and joins the transaction of whoever embeds it:

>>> gate = gonogo.Gate.open(f"sqlite:///{folder}/launches.db")
>>> with gate.engine.begin() as connection:
...     workspace = gate.create_workspace(connection, "Spring sale")
...     ada = gonogo.Actor(workspace, id="ada", person="ada", scopes=frozenset({"lexi"}), is_member=True)
...     hello = gonogo.Template("Hello {{ name }}", "Dear {{ name }}, we launch.")
...     content = gonogo.Content((gonogo.Step(0, hello),))
...     drafted = gate.create(connection, name="Launch", content=content, by=ada)
...     people = [{"email": f"p{n}@example.com", "name": f"P{n}"} for n in range(120)]
...     outcome, added = gate.add_contacts(connection, drafted.case.id, people, by=ada)
...     asked = gate.start(connection, drafted.case.id, by=ada)
...     launched = gate.approve(connection, asked.case.task_id, by=ada)
>>> asked.case.state, launched.case.state
('pending_approval', 'active')
>>> gate.close()
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what needs a database is loaded when it is asked for
    from gonogo.actor import Actor
    from gonogo.ballots import Ballot
    from gonogo.call import Outcome
    from gonogo.campaign import CAMPAIGN
    from gonogo.content import Content, Step, Template, Variant
    from gonogo.database import prepare
    from gonogo.definition import Blocker, Condition, Decision, Flow, FlowInvalid, Move, validate
    from gonogo.errors import Conflict, DatabaseUnusable, GonogoError, Invalid, NotFound
    from gonogo.facts import Facts
    from gonogo.gate import Gate, Outside
    from gonogo.machine import decide
    from gonogo.migrations import migrate

logging.getLogger(__name__).addHandler(logging.NullHandler())  # what is logged goes where the host says

_HOME = {
    "Actor": "actor",
    "Ballot": "ballots",
    "Blocker": "definition",
    "CAMPAIGN": "campaign",
    "Condition": "definition",
    "Conflict": "errors",
    "Content": "content",
    "DatabaseUnusable": "errors",
    "Decision": "definition",
    "Facts": "facts",
    "Flow": "definition",
    "FlowInvalid": "definition",
    "Gate": "gate",
    "GonogoError": "errors",
    "Invalid": "errors",
    "Move": "definition",
    "NotFound": "errors",
    "Outcome": "call",
    "Outside": "gate",
    "Step": "content",
    "Template": "content",
    "Variant": "content",
    "decide": "machine",
    "migrate": "migrations",
    "prepare": "database",
    "validate": "definition",
}

__all__ = [
    "CAMPAIGN",
    "Actor",
    "Ballot",
    "Blocker",
    "Condition",
    "Conflict",
    "Content",
    "DatabaseUnusable",
    "Decision",
    "Facts",
    "Flow",
    "FlowInvalid",
    "Gate",
    "GonogoError",
    "Invalid",
    "Move",
    "NotFound",
    "Outcome",
    "Outside",
    "Step",
    "Template",
    "Variant",
    "decide",
    "migrate",
    "prepare",
    "validate",
]


def __getattr__(name: str) -> Any:
    """PEP 562: a public name, loaded from the module it lives in."""
    if name not in _HOME:
        raise AttributeError(f"module 'gonogo' has no attribute {name!r}")
    return getattr(import_module(f"gonogo.{_HOME[name]}"), name)
