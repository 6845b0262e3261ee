"""What people say about a task without deciding it."""

import json
import secrets
from collections.abc import Sequence

from gonogo.call import Call
from gonogo.clock import new_id
from gonogo.errors import Invalid, NotFound
from gonogo.models import Document
from gonogo.store import acts, cases, questions, workspaces

LONGEST = 10_000


def comment(call: Call, task_id: str, text: str) -> None:
    """Say something about a task, whatever became of it. Raises NotFound, and Invalid."""
    if not text.strip() or len(text) > LONGEST:
        raise Invalid.at("text", f"expected 1 to {LONGEST} characters")
    ensure_task(call, task_id)
    said = keep(call, text)
    row = {"id": new_id(call.now), "task_id": task_id, "person": call.by.person, "payload": said, "at": call.now}
    acts.add_comment(call.connection, row)


def comments(call: Call, task_id: str) -> list[Document]:
    """What was said, in order; a text that was erased is None."""
    rows = acts.comments(call.connection, task_id)
    said = texts(call, [row.payload for row in rows])
    return [{"person": row.person, "at": row.at, "text": said.get(row.payload)} for row in rows]


def keep(call: Call, text: str) -> str:
    """Store what somebody said where it can be erased; returns the digest that stands for it."""
    return workspaces.conceal(call.connection, call.by.workspace, {"comment": text}, secrets.token_bytes(32))


def texts(call: Call, digests: Sequence[str]) -> dict[str, str | None]:
    """What was said, by digest; None for what was erased."""
    bodies = workspaces.reveal(call.connection, list(digests)) if digests else {}
    return {digest: json.loads(body)["comment"] if body else None for digest, body in bodies.items()}


def ensure_task(call: Call, task_id: str) -> None:
    """Raises NotFound where the workspace has no such task, of whatever kind."""
    try:
        cases.read_by_task(call.connection, call.by.workspace, task_id)
    except NotFound:
        questions.read(call.connection, call.by.workspace, task_id)
