"""What must be true of a database after any history at all, told from its rows alone and by other means than the
engine's own: every test on a `bench` ends with it."""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import rfc8785
import sqlalchemy as sa
from whenever import Instant

from gonogo import models
from gonogo.campaign import CAMPAIGN, DRAFT, OVER, PENDING, SENDING
from gonogo.models import table

COUNTED = ("sent", "rejected", "failed", "unknown", "skipped", "deferred")


def audit(connection: sa.Connection) -> list[str]:
    """Everything that is wrong, in words; empty if nothing is."""
    runs = _by(connection, models.Run, "campaign_id")
    return [
        f"{campaign.name} ({campaign.state}): {problem}"
        for campaign in connection.execute(sa.select(table(models.Campaign)))
        for problem in (
            *_history(connection, campaign),
            *_gate(connection, campaign, runs[campaign.id]),
            *_messages(connection, campaign, runs[campaign.id]),
            *(problem for run in runs[campaign.id] for problem in _seal(connection, campaign, run)),
        )
    ]


def _history(connection: sa.Connection, campaign: Any) -> Iterator[str]:
    """Steps without a gap, each a row of the table, each where the one before left off, chained by digest."""
    moves = {(move.event, move.source, move.to) for move in CAMPAIGN.moves}
    step = table(models.Step)
    state, head, run, seq = DRAFT, "", 0, 0
    for row in connection.execute(sa.select(step).where(step.c.campaign_id == campaign.id).order_by(step.c.seq)):
        seq += 1
        if row.seq != seq or row.source != state or row.run < run:
            yield f"the step {row.seq} ({row.event}) does not follow the one before"
        if (row.event, row.source, row.target) not in moves:
            yield f"the step {row.seq} is no legal move"
        told = ("campaign_id", "seq", "event", "source", "target", "run", "actor", "person", "figures")
        said = {name: getattr(row, name) for name in told}
        head = _digest({**said, "before": head, "at": _told(row.at)})
        if head != row.digest:
            yield f"the digest of step {row.seq} does not verify"
        state, run = row.target, row.run
    if (campaign.state, campaign.seq, campaign.head, campaign.run) != (state, seq, head, run):
        yield f"the row does not stand where its {seq} steps led: {state}"


def _gate(connection: sa.Connection, campaign: Any, runs: list[Any]) -> Iterator[str]:
    """Permits, runs and tasks agree with the state."""
    numbered = {run.number: run for run in runs}
    if sorted(numbered) != list(range(1, campaign.run + 1)):
        yield f"the runs are numbered {sorted(numbered)}, the present one is {campaign.run}"
    open_runs = [run.number for run in runs if run.closed_at is None]
    if open_runs and (open_runs != [campaign.run] or campaign.state in (DRAFT, *OVER)):
        yield f"the runs {open_runs} are open"
    tasks = [t for t in _by(connection, models.Task, "campaign_id")[campaign.id] if t.kind == "campaign_start"]
    open_tasks = [task.run_id for task in tasks if task.status in ("reviewing", "pending")]
    if open_tasks != ([numbered[campaign.run].id] if campaign.state == PENDING else []):
        yield f"the open tasks are about {open_tasks}"
    ends = {row.permit_id for row in connection.execute(sa.select(table(models.PermitEnd)))}
    permits = _by(connection, models.Permit, "campaign_id")[campaign.id]
    held = [permit.id for permit in permits if permit.id not in ends]
    if held != [found for found in (campaign.permit_id,) if found]:
        yield f"permits not ended: {held}, held: {campaign.permit_id}"
    if campaign.state in SENDING and not open_runs:
        yield "the run under permit is closed"
    yield from (f"the permit of run {p.run} has another seal" for p in permits if p.seal != numbered[p.run].seal)
    yield from _quorums(connection, permits, {task.id: task for task in tasks})


def _quorums(connection: sa.Connection, permits: list[Any], tasks: dict[str, Any]) -> Iterator[str]:
    """Every permit by quorum had its votes, for the seal that it has."""
    votes = _by(connection, models.Vote, "task_id")
    for permit in permits:
        if (permit.kind == "quorum") != (permit.task_id is not None):
            yield f"a permit of kind {permit.kind} names the task {permit.task_id}"
        elif permit.task_id:
            last = {}
            for vote in sorted(votes[permit.task_id], key=lambda vote: int(vote.seq)):
                last[vote.person] = vote
                if vote.seal != permit.seal:
                    yield f"a vote of {vote.person} was for another seal than the permit's"
            approvals = [vote for vote in last.values() if vote.choice == "approve"]
            yield from _quorum(f"the permit of run {permit.run}", tasks[permit.task_id].requirement, approvals)


def _quorum(permit: str, requirement: dict[str, Any], approvals: list[Any]) -> Iterator[str]:
    """In every stage so many approvals as it asks for, nobody and no seat being counted twice."""
    counted: Counter[int] = Counter()
    over = set(requirement.get("barred", ()))
    for vote in sorted(approvals, key=lambda vote: vote.seat not in (None, vote.person)):  # the own seat first
        names = {vote.person, vote.seat or vote.person}
        if not names & over:
            counted[vote.stage] += 1
            over |= names
    for at, stage in enumerate(requirement["stages"]):
        if counted[at] < stage["quorum"]:
            yield f"{permit} lacks votes in stage {at + 1}: {counted[at]} of {stage['quorum']}"


def _messages(connection: sa.Connection, campaign: Any, runs: list[Any]) -> Iterator[str]:
    """Nobody got two, everybody who got one was in a sealed audience, and the sums are those of the rows."""
    ledger, audience = table(models.Ledger), table(models.Audience)
    permitted = {permit.run for permit in _by(connection, models.Permit, "campaign_id")[campaign.id]}
    reached: Counter[tuple[object, ...]] = Counter()
    for run in runs:
        rows = list(connection.execute(sa.select(ledger).where(ledger.c.run_id == run.id)))
        members = {
            row.position: row for row in connection.execute(sa.select(audience).where(audience.c.run_id == run.id))
        }
        sums = Counter(row.state for row in rows)
        told = {name: getattr(run, name) for name in COUNTED}
        if told != {name: sums[name] for name in COUNTED}:
            yield f"run {run.number} tells {told}, its rows {dict(sums)}"
        if rows and run.number not in permitted:
            yield f"run {run.number} sent without a permit"
        for row in rows:
            if members[row.position].contact_id != row.contact_id or row.step >= run.steps:
                yield f"run {run.number} has a message that it was not made for"
            if row.state in models.CLAIMED_STATES:
                reached[run.generation, row.contact_id, row.step] += 1
    yield from (f"{count} messages for {whom}" for whom, count in reached.items() if count > 1)


def _seal(connection: sa.Connection, campaign: Any, run: Any) -> Iterator[str]:
    """The seal, made again from what was stored."""
    audience, version, task = table(models.Audience), table(models.Version), table(models.Task)
    of_run = sa.select(task.c.requirement).where(task.c.run_id == run.id, task.c.kind == "campaign_start")
    asked = connection.execute(of_run).scalar()
    if run.seal is None or asked == {}:  # never sealed, or sealed by a review that put no question
        return
    mine = sa.select(audience.c.payload).where(audience.c.run_id == run.id).order_by(audience.c.position)
    leaves = [bytes.fromhex(row.payload) for row in connection.execute(mine)]
    pins = version.c.id.in_([run.content_id, run.sender_id, run.settings_id])
    pinned = {row.kind: row.digest for row in connection.execute(sa.select(version).where(pins))}
    said = {
        "workspace": campaign.workspace_id,
        "campaign": campaign.id,
        "run": run.number,
        "channel": campaign.channel,
        "pinned": pinned,
        "start_at": _told(run.start_at) if run.start_at else None,
        "requirement": asked,
        "audience": {"count": len(leaves), "root": tree_head(leaves).hex()},
    }
    if run.seal != _digest(said):
        yield f"the seal of run {run.number} is not that of what the run holds"
    if run.recipients != len(leaves):
        yield f"run {run.number} tells {run.recipients} recipients and holds {len(leaves)}"


def tree_head(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as the recursion that stands there; of leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1  # the largest power of two below
    return hashlib.sha256(b"\x01" + tree_head(leaves[:half]) + tree_head(leaves[half:])).digest()


def _by(connection: sa.Connection, model: type[models.Base], column: str) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for row in connection.execute(sa.select(table(model)).order_by(*table(model).primary_key.columns)):
        found[getattr(row, column)].append(row)
    return found


def _digest(value: Any) -> str:
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()


def _told(at: Instant) -> str:
    return at.format_iso(unit="microsecond")
