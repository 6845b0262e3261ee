"""Seed 003: Burki."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from conformance.proofs import Proof, answers, example, has, lines_of
from conformance.recording import Exchange, Stage, Tape
from gonogo import service
from support.driver_burki import ASSISTANT, ROOT, Burki
from support.drivers import LONG
from support.house import TEMPLATE, eventually, mails
from support.server import Client, Server

SEED = "003"
START = f"{ROOT}/{{}}/start"
AHEAD = "2099-02-15T09:00:00Z"
PASSED = "2020-02-15T09:00:00Z"
#: A start that is refused for want of contacts, what cures it, and the start that then succeeds.
CURED = ("start without contacts", "import of contacts", "start")
LATER, PAST, RUNNING = "start for a time ahead", "start for a time in the past", "start while running"


def record(stage: Stage, tape: Tape) -> None:
    burki = Burki(_ready(stage.server()))
    resumed = _resumed(burki, tape)
    _life(burki, tape)
    _prerequisites(burki, tape)
    _schedules(burki, tape)
    _unknown(burki, tape)
    out = _mails(burki, "resumed")
    tape.play("progress since it was resumed", burki.client, "GET", f"{ROOT}/{resumed}/progress", mails=out)
    idle = Burki(stage.server("--no-worker"))
    tape.play("start without an executor", idle.client, "POST", START.format(idle.campaign()))


def _ready(server: Server) -> Server:
    """The server, once its executor has shown life: without it nothing is started."""
    eventually(lambda: requests.get(f"{server.base}/readyz", timeout=5).status_code, 200)
    return server


def _people(name: str) -> dict[str, object]:
    return {"contacts": [{"email": f"p{n}@{name}.example.com", "name": f"N{n}"} for n in range(2)]}


def _mails(burki: Burki, name: str) -> int:
    """How many messages went out to these people."""
    return len(mails(burki.tenant.server.mail, f"{name}.example.com"))


def _campaign(burki: Burki, name: str, **fields: Any) -> str:
    """A campaign of two people."""
    wire_id = burki.campaign(recipients=False, **fields)
    burki.post(wire_id, "contacts", _people(name))
    return wire_id


def _resumed(burki: Burki, tape: Tape) -> str:
    """A campaign that was paused after its first message, and started again; the second is due in two days."""
    wire_id = _campaign(burki, "resumed")
    burki.engine(service.revise, wire_id, content=LONG)
    tape.play("start of two messages each", burki.client, "POST", START.format(wire_id))
    eventually(lambda: burki.client.get(f"{ROOT}/{wire_id}/progress").json()["completed"], 2)
    tape.play(RUNNING, burki.client, "POST", START.format(wire_id))
    tape.play("pause", burki.client, "POST", f"{ROOT}/{wire_id}/pause", mails=_mails(burki, "resumed"))
    tape.play("pause once more", burki.client, "POST", f"{ROOT}/{wire_id}/pause")
    tape.play("start of what is paused", burki.client, "POST", START.format(wire_id))
    burki.wait_for(wire_id, "running")
    return wire_id


def _life(burki: Burki, tape: Tape) -> None:
    client = burki.client
    assistant = client.post("/api/v1/assistants", {"name": "Ann", **TEMPLATE}).json()["id"]
    said = {"name": "Spring", "assistant_id": assistant, "schedule_type": "immediate"}
    campaign = str(tape.play("a new campaign", client, "POST", ROOT, said)["id"])
    tape.play("start without contacts", client, "POST", START.format(campaign))
    tape.play("import of contacts", client, "POST", f"{ROOT}/{campaign}/contacts", _people("life"))
    tape.play("start", client, "POST", START.format(campaign))
    burki.wait_for(campaign, "completed")
    tape.play("progress", client, "GET", f"{ROOT}/{campaign}/progress", mails=_mails(burki, "life"))
    tape.play("start once more", client, "POST", START.format(campaign))
    tape.play("re-execute", client, "POST", f"{ROOT}/{campaign}/re-execute")
    burki.wait_for(campaign, "completed")
    tape.play("progress of the second run", client, "GET", f"{ROOT}/{campaign}/progress", mails=_mails(burki, "life"))


def _prerequisites(burki: Burki, tape: Tape) -> None:
    client, campaign = burki.client, burki.campaign(content=False)
    tape.play("start without an assistant", client, "POST", START.format(campaign))
    assistant = client.post("/api/v1/assistants", ASSISTANT).json()["id"]
    tape.play("an assistant for it", client, "PATCH", f"{ROOT}/{campaign}", {"assistant_id": assistant})
    tape.play("start with that assistant", client, "POST", START.format(campaign))


def _schedules(burki: Burki, tape: Tape) -> None:
    client, campaign = burki.client, _campaign(burki, "later", scheduled_time=AHEAD)
    tape.play(LATER, client, "POST", START.format(campaign))
    tape.play("start while scheduled", client, "POST", START.format(campaign))
    tape.play("the scheduled campaign", client, "GET", f"{ROOT}/{campaign}", mails=_mails(burki, "later"))
    soon = (datetime.now(UTC) + timedelta(seconds=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    due = _campaign(burki, "due", scheduled_time=soon)
    burki.start(due)
    burki.wait_for(due, "completed")
    began = burki.shown(due)["started_at"]
    tape.play("a campaign whose time came", client, "GET", f"{ROOT}/{due}", waited=began >= soon)
    late = burki.campaign(scheduled_time=PASSED)
    tape.play(PAST, client, "POST", START.format(late))
    tape.play("a time in the future", client, "POST", f"{ROOT}/{late}/schedule", {"scheduled_time": AHEAD})


def _unknown(burki: Burki, tape: Tape) -> None:
    tape.play("start of an unknown campaign", burki.client, "POST", START.format(99))
    tape.play("start of an id that is no integer", burki.client, "POST", START.format("abc"))
    tape.play("start without a key", Client(burki.client.base), "POST", START.format(1))


def proofs() -> list[Proof]:
    found = [*_behaviour(), *_responses(), *_fields(), *_samples(), *_errors()]
    return sorted(found, key=lambda proof: proof.first)


def _behaviour() -> Iterator[Proof]:
    progress = "progress since it was resumed"
    statuses = ("start", LATER, "start while scheduled", "start of what is paused", RUNNING)
    assisted = ("start without an assistant", "an assistant for it", "start with that assistant")
    scheduled = (LATER, "the scheduled campaign", "a campaign whose time came")
    resumed = ("start of two messages each", "pause", "start of what is paused", progress)
    yield Proof(1, 2, ("start", "progress"), "both contacts were written to", _contacted)
    yield Proof(4, 6, ("start", "start of an id that is no integer"), "an integer names it, else 422", _integer)
    yield Proof(8, 10, assisted, "not ready: 400; ready: 200", _assisted)
    yield Proof(11, 11, CURED, "no contact: 400; two imported: 200", _cured)
    yield Proof(12, 12, statuses, "draft, scheduled twice, paused: 200; running: 400", _startable)
    yield Proof(13, 13, assisted, "without one: 400; with one: 200", _assisted)
    yield Proof(15, 17, ("start", "progress"), "started at once, and both messages are out", _contacted)
    yield Proof(18, 18, scheduled, "nobody is written to before; it began when its time had come", _waited)
    yield Proof(19, 19, resumed, "the same task; what was sent is not sent again, the rest is pending", _went_on)


def _responses() -> Iterator[Proof]:
    yield Proof(21, 23, ("start",), "these fields and no other", lambda found: list(found.body) == _described()[:-1])
    yield from example(SEED, 24, 30, "start", same=["success", "message", "status"])
    yield Proof(31, 31, (LATER,), "these fields and no other", lambda found: list(found.body) == _described())
    yield from example(SEED, 32, 39, LATER, same=["success", "status"])
    yield Proof(34, 34, (LATER,), "this sentence, with the campaign's time", answers(200, message=_sentence()))


def _fields() -> Iterator[Proof]:
    tasks = ("start", "re-execute", "start of two messages each", "start of what is paused")
    shown = "the scheduled campaign"
    yield Proof(41, 43, ("start", LATER), "all that is described, and nothing else", _all_described)
    yield Proof(44, 44, ("start", RUNNING), "true of the one that started, false of the other", _told)
    yield Proof(45, 45, ("start", LATER), "it says what happens, and when", _spoken)
    yield Proof(46, 46, tasks, "another run has another id; a run that goes on keeps its own", _tracked)
    yield Proof(
        47, 47, ("start", LATER), "that of the path", lambda now, later: _names_itself(now) and _names_itself(later)
    )
    yield Proof(48, 48, ("a new campaign", "start", LATER, shown), "draft before, scheduled after", _new_status)
    yield Proof(49, 49, (LATER, shown, "start"), "the campaign's own; none for an immediate start", _timed)


def _samples() -> Iterator[Proof]:
    """The three samples send the very same request."""
    refused = ("start without contacts", "start of an unknown campaign", "start without a key")
    for first, last in ((51, 54), (56, 60), (69, 71)):
        yield Proof(first, last, ("start",), "the path and the method, without a body: 200", _sent_as_in_the_sample)
    for first, last in ((55, 55), (61, 62), (72, 75)):
        yield Proof(first, last, ("start", "start without a key"), "with the key: 200, without: 401", _keyed)
    for first, last in ((64, 66), (77, 79)):
        yield Proof(first, last, ("start",), "`success` is true, and there is a `task_id`", _printed)
    for first, last in ((67, 68), (80, 82)):
        yield Proof(first, last, refused, "`success` is there and false", _failed)


def _errors() -> Iterator[Proof]:
    again = ("start once more", "re-execute", "progress", "progress of the second run")
    lost, idle = "start of an unknown campaign", "start without an executor"
    yield Proof(84, 86, (RUNNING, lost, idle), "a status each, and what is wrong", _failed)
    yield Proof(87, 87, (RUNNING, "start without contacts"), "400, both", _cannot)
    yield Proof(88, 88, (PAST,), "400", answers(400, detail="Scheduled time is in the past"))
    yield Proof(89, 89, (lost,), "404", answers(404, detail="Campaign not found"))
    yield Proof(90, 90, (idle,), "500", answers(500, detail="Background task system unavailable"))
    yield Proof(92, 94, CURED, "an error, its solution, and what then succeeds", _cured)
    yield Proof(95, 95, CURED, "said so; imported: 200", lambda *found: _says(95, found[0]) and _cured(*found))
    yield Proof(96, 96, again, "said so after a run; re-executed, both are written to once more", _re_executed)
    yield Proof(97, 97, ("pause", "pause once more"), "said of what is paused already", _not_running)
    yield Proof(98, 98, (PAST, "a time in the future"), "said so; scheduled for a time ahead: 200", _moved)


# What the seed itself says


def _described() -> list[str]:
    """The fields that it describes, in its order."""
    return [name for line in lines_of(SEED)[43:49] for name in re.findall("^[a-z_]+", line)]


def _sentence() -> str:
    """What its scheduled start says, of the time that was asked for here."""
    return str(json.loads(lines_of(SEED)[33].split(": ", 1)[1].rstrip(","))).replace("2024", "2099")


def _says(line: int, found: Exchange) -> bool:
    """The start is refused with the very message that stands on this line."""
    return found.status == 400 and lines_of(SEED)[line - 1].startswith(f"”{found.body['detail']}”")


# What is seen


def _contacted(started: Exchange, progress: Exchange) -> bool:
    return (
        answers(200, message="Campaign execution started immediately")(started)
        and answers(200, total=2, completed=2, pending=0)(progress)
        and progress.elsewhere["mails"] == 2
    )


def _keyed(given: Exchange, without: Exchange) -> bool:
    return answers(200, success=True)(given) and answers(401, success=False)(without)


def _integer(known: Exchange, wrong: Exchange) -> bool:
    return _names_itself(known) and wrong.status == 422 and wrong.body["detail"][0]["loc"] == ["campaign_id"]


def _names_itself(found: Exchange) -> bool:
    return found.status == 200 and found.asked.startswith(f"POST {START.format(found.body['campaign_id'])} ")


def _assisted(without: Exchange, given: Exchange, started: Exchange) -> bool:
    return (
        answers(400, success=False)(without)
        and has(200, "assistant_id")(given)
        and answers(200, campaign_id=given.body["id"])(started)
    )


def _cured(refused: Exchange, imported: Exchange, started: Exchange) -> bool:
    return answers(400, success=False)(refused) and answers(200, added=2)(imported) and answers(200)(started)


def _startable(*found: Exchange) -> bool:
    return [each.status for each in found] == [200, 200, 200, 200, 400]


def _waited(started: Exchange, waiting: Exchange, begun: Exchange) -> bool:
    return (
        answers(200, status="scheduled", scheduled_time=AHEAD)(started)
        and answers(200, status="scheduled", started_at=None)(waiting)
        and waiting.elsewhere["mails"] == 0
        and answers(200, status="completed")(begun)
        and bool(begun.elsewhere["waited"])
    )


def _went_on(started: Exchange, paused: Exchange, resumed: Exchange, progress: Exchange) -> bool:
    return (
        answers(200, status="paused")(paused)
        and answers(200, task_id=started.body["task_id"])(resumed)
        and answers(200, status="running", total=4, completed=2, pending=2)(progress)
        and paused.elsewhere["mails"] == progress.elsewhere["mails"] == 2
    )


def _all_described(now: Exchange, later: Exchange) -> bool:
    return [*now.body, "scheduled_time"] == list(later.body) == _described()


def _told(started: Exchange, refused: Exchange) -> bool:
    return started.body["success"] is True and refused.body["success"] is False


def _spoken(now: Exchange, later: Exchange) -> bool:
    return "started immediately" in now.body["message"] and "2099-02-15 09:00:00 UTC" in later.body["message"]


def _tracked(first: Exchange, second: Exchange, started: Exchange, resumed: Exchange) -> bool:
    tasks = [each.body["task_id"] for each in (first, second, started, resumed)]
    return tasks[2] == tasks[3] and len(set(tasks)) == 3


def _new_status(new: Exchange, now: Exchange, later: Exchange, shown: Exchange) -> bool:
    statuses = [each.body["status"] for each in (new, now, later, shown)]
    return statuses == ["draft", "scheduled", "scheduled", "scheduled"]


def _timed(later: Exchange, shown: Exchange, now: Exchange) -> bool:
    return later.body["scheduled_time"] == shown.body["scheduled_time"] == AHEAD and "scheduled_time" not in now.body


def _sent_as_in_the_sample(found: Exchange) -> bool:
    method, address = re.findall(r"curl -X ([A-Z]+) \"https://api.burki.dev(\S+)\"", lines_of(SEED)[53])[0]
    asked = f"{method} {address} ".replace("/42/", f"/{found.body['campaign_id']}/")
    return found.status == 200 and found.asked.startswith(asked) and not found.sent


def _printed(found: Exchange) -> bool:
    return found.body["success"] is True and bool(found.body["task_id"])


def _failed(*found: Exchange) -> bool:
    return all(each.status >= 400 and each.body["success"] is False and each.body["detail"] for each in found)


def _cannot(running: Exchange, empty: Exchange) -> bool:
    return (
        running.body["detail"].startswith("Cannot start campaign - ")
        and empty.body["detail"] == "No contacts found"
        and running.status == empty.status == 400
    )


def _re_executed(refused: Exchange, again: Exchange, first: Exchange, second: Exchange) -> bool:
    out = [each.elsewhere["mails"] for each in (first, second)]
    return _says(96, refused) and answers(200, success=True)(again) and out == [2, 4]


def _not_running(paused: Exchange, again: Exchange) -> bool:
    return answers(200, status="paused")(paused) and _says(97, again)


def _moved(refused: Exchange, moved: Exchange) -> bool:
    return _says(98, refused) and answers(200, success=True, scheduled_time=AHEAD)(moved)
