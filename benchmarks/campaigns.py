"""Campaigns to measure with: made through the library, as a service would."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from gonogo import workspaces
from gonogo.actor import SCOPES, Actor, machine
from gonogo.content import Content, Step, Template
from gonogo.execution.channels import Channel
from gonogo.gate import Gate
from gonogo.jobs import Jobs

CONTENT = Content(
    (
        Step(
            0,
            Template(
                "News for {{ first_name }}",
                "Dear {{ first_name }},\n\nyour account at {{ company }} has news for you.\n\nYours,\nus\n",
                None,
            ),
        ),
    )
)
#: People are asked about every launch.
POLICY = {
    "rules": [{"name": "everything", "approve": {"stages": [{"group": "approvers", "quorum": 1}]}}],
    "separation": "none",
}


@contextmanager
def folder() -> Iterator[Path]:
    """A folder for the length of a subject."""
    with TemporaryDirectory(prefix="gonogo-bench-") as path:
        yield Path(path)


@contextmanager
def opened(
    url: str, *, jobs: Jobs | None = None, channels: Mapping[str, Channel] | None = None, claim_batch: int = 20
) -> Iterator[tuple[Gate, Actor]]:
    """A gate on a new database, with a workspace in it and somebody who may do everything there."""
    gate = Gate.open(url, jobs=jobs, channels=channels, claim_batch=claim_batch)
    with gate.engine.begin() as connection:
        workspace = gate.create_workspace(connection, "Acme")
        call = gate.call(connection, machine(workspace))
        person = workspaces.add_member(call, "ada@acme.example", scopes=SCOPES, verified=True)
        by = Actor(workspace, "key", person, frozenset(SCOPES), is_member=True)
        gate.write_policy(connection, POLICY, by=by)
    yield gate, by
    gate.close()


def new_list(gate: Gate, by: Actor, size: int) -> str:
    """A list of contacts, which campaigns may share."""
    contacts = [
        {"email": f"reader-{n}@example.com", "first_name": f"Reader {n}", "company": "Acme"} for n in range(size)
    ]
    with gate.engine.begin() as connection:
        case = gate.create(connection, by=by, name="list", content=CONTENT).case
        gate.add_contacts(connection, case.id, contacts, by=by)
    return case.list_id


def ask(gate: Gate, by: Actor, list_id: str, count: int) -> list[str]:
    """So many campaigns that await approval; answers their tasks."""
    tasks = []
    with gate.engine.begin() as connection:
        for number in range(count):
            case = gate.create(connection, by=by, name=f"{number}", content=CONTENT, list_id=list_id).case
            task = gate.start(connection, case.id, by=by).case.task_id
            if task is None:
                raise RuntimeError("the launch was permitted without being asked about")
            tasks.append(task)
    return tasks


def approve(gate: Gate, by: Actor, task: str) -> str:
    """One approval in a transaction of its own, durable when this returns; answers its campaign."""
    with gate.engine.begin() as connection:
        outcome = gate.approve(connection, task, by=by)
    if outcome.refused:
        raise RuntimeError(f"the approval was refused: {outcome.blockers}")
    return outcome.case.id
