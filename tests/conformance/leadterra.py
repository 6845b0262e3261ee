"""Seed 002: Leadterra."""

from collections.abc import Iterator

from conformance.proofs import Answered, Proof, answers, example
from conformance.recording import Exchange, Stage, Tape
from gonogo.clock import SystemClock
from gonogo.store import cases
from gonogo_api.shapes import iso_seconds
from support.driver_leadterra import MOMENT, STEP, Leadterra
from support.house import House, eventually
from support.server import Client

SEED = "002"
START = "/v1/campaigns/{}/start"
POOL = "pool_default"
FEW = 2
#: Sent one by one, so many that a pause comes before the last.
MANY = 200
#: Every start that is refused, with the status and the code that the seed has for it.
ERRORS = {
    "start without leads": (400, "no_leads_enrolled"),
    "start without steps": (400, "no_sequence_steps"),
    "start without a key": (401, "authentication_failed"),
    "start with a malformed header": (401, "authentication_failed"),
    "start with a key that nobody has": (401, "authentication_failed"),
    "start of an unknown campaign": (404, "campaign_not_found"),
    "start of another workspace's campaign": (404, "campaign_not_found"),
}
KEYS = ("start without a key", "start with a malformed header", "start with a key that nobody has")
UNKNOWN = ("start of an unknown campaign", "start of another workspace's campaign")


def record(stage: Stage, tape: Tape) -> None:
    server = stage.server(GONOGO_CLAIM_BATCH="1")
    leadterra = Leadterra(server)
    leadterra.client.headers = {"Content-Type": "application/json"}
    campaign = _launch(leadterra, tape)
    _go_on(leadterra, tape)
    _refusals(leadterra, tape, campaign)
    foreign = START.format(Leadterra(server).campaign())
    tape.play("start of another workspace's campaign", leadterra.client, "POST", foreign)


def _launch(leadterra: Leadterra, tape: Tape) -> str:
    client, house = leadterra.client, _house(leadterra, "first")
    campaign: str = tape.play("create", client, "POST", "/v1/campaigns", {"name": "Spring", "senderPoolId": POOL})["id"]
    for days in (0, 2):
        client.post(f"/v1/campaigns/{campaign}/steps", {**STEP, "subject": f"Day {days}", "delayDays": days})
    client.post(f"/v1/campaigns/{campaign}/leads", {"leads": house.people(FEW)})
    asked = _now()
    first = tape.play("start", client, "POST", START.format(campaign))
    times = [asked, first["startedAt"], _now()]
    _wait_for_sent(leadterra, house, campaign)
    before = house.rows()
    again = tape.play("start while running", client, "POST", START.format(campaign))
    rows, mails = [before, house.rows()], [(str(mail["To"]), str(mail["Subject"])) for mail in house.mails()]
    path = f"/v1/campaigns/{campaign}"
    tape.play("the campaign", client, "GET", path, times=times, answers=[first, again], rows=rows, mails=sorted(mails))
    tape.play("its sender pool", client, "GET", f"/v1/sender-pools/{POOL}")
    return campaign


def _go_on(leadterra: Leadterra, tape: Tape) -> None:
    client, house = leadterra.client, _house(leadterra, "second")
    campaign = leadterra.campaign(recipients=False)
    client.post(f"/v1/campaigns/{campaign}/leads", {"leads": house.people(MANY)})
    leadterra.start(campaign)
    eventually(lambda: len(house.mails()) > 0, True)
    tape.play("pause", client, "POST", f"/v1/campaigns/{campaign}/pause")
    before = len(house.mails())
    tape.play("start while paused", client, "POST", START.format(campaign))
    leadterra.wait_for(campaign, "completed")
    people = [str(mail["To"]) for mail in house.mails()]
    tape.play("the campaign in the end", client, "GET", f"/v1/campaigns/{campaign}", before=before, people=people)


def _refusals(leadterra: Leadterra, tape: Tape, campaign: str) -> None:
    client = leadterra.client
    without_leads, without_steps = leadterra.campaign(recipients=False), leadterra.campaign(content=False)
    tape.play("start without leads", client, "POST", START.format(without_leads))
    tape.play("start without steps", client, "POST", START.format(without_steps))
    malformed = Client(client.base, headers={"Authorization": f"Token {client.key}"})
    for name, other in zip(
        KEYS, (Client(client.base), malformed, Client(client.base, "sk_live_YOUR_KEY")), strict=True
    ):
        tape.play(name, other, "POST", START.format(campaign))
    tape.play("start of an unknown campaign", client, "POST", START.format("camp_123"))


def _house(leadterra: Leadterra, name: str) -> House:
    """The house's view of the workspace, and of one campaign's mails."""
    return House(leadterra.tenant, leadterra.tenant.client(dialect="leadlex"), f"{name}.leadterra.example.com")


def _wait_for_sent(leadterra: Leadterra, house: House, campaign: str) -> None:
    """Until the first message is out to all, and that is written down."""
    engine = leadterra.tenant.server.engine
    assert engine is not None
    with engine.connect() as connection:
        engine_id = cases.find(connection, leadterra.tenant.id, leadterra.dialect, campaign)
    eventually(lambda: house.data("GET", f"/leadlex/v1/campaigns/{engine_id}/stats")["sent"], FEW)


def _now() -> str:
    return iso_seconds(SystemClock().now())


def proofs() -> list[Proof]:
    return sorted([*_told(), *_fields(), *_notes(), *_codes()], key=lambda proof: proof.first)


def _told() -> Iterator[Proof]:
    """What the seed says of the call, and of what is sent."""
    yield Proof(1, 2, ("start",), "started", answers(200, status="running"))
    yield Proof(
        2,
        2,
        ("create", "start", "the campaign"),
        "a draft; running, and each lead has the first message of two",
        _first_step,
    )
    yield Proof(
        2,
        2,
        ("pause", "start while paused", "the campaign in the end"),
        "paused between the first and the last of 200 messages; in the end each lead has one",
        _went_on,
    )
    yield Proof(2, 2, ("start without leads",), "without a lead: an error", _refused("start without leads"))
    yield Proof(3, 3, ("start",), "the path and the method are served", answers(200))
    yield Proof(
        5,
        7,
        (*KEYS, "start"),
        "no Bearer token, or not a key: 401; with the key: 200",
        lambda *found: [each.status for each in found] == [401, 401, 401, 200],
    )
    yield Proof(
        9,
        14,
        ("create", "start", "start of an unknown campaign"),
        "the id that creating it gave, which looks like `camp_123`; another id: 404",
        _named,
    )
    yield Proof(16, 18, ("start",), "none was sent", lambda found: found.sent == "" and found.status == 200)
    yield Proof(20, 25, ("start",), "asked so, with that content type and no body: 200", answers(200))


def _fields() -> Iterator[Proof]:
    """What the seed says of the answer."""
    yield Proof(
        27,
        27,
        ("start",),
        "these fields, and no others",
        lambda found: list(found.body) == ["id", "status", "startedAt"],
    )
    yield Proof(28, 31, ("create", "start"), "`id` is the campaign's", _same_id)
    yield Proof(32, 34, ("start", "start while paused"), "`status` is `running`", _both_running)
    yield Proof(
        35,
        37,
        ("start", "the campaign"),
        "`startedAt` is a time in ISO 8601, between the request and its answer",
        _started_then,
    )
    yield Proof(39, 39, ("start",), "200", answers(200))
    yield from example(SEED, 41, 45, "start", same=["status"])


def _notes() -> Iterator[Proof]:
    yield Proof(47, 49, ("start without leads",), "400 `no_leads_enrolled`", _refused("start without leads"))
    yield Proof(
        50,
        50,
        ("start", "start while running", "the campaign"),
        "the same answer; not a row of the workspace has changed",
        _nothing_done,
    )
    yield Proof(
        51,
        51,
        ("the campaign", "its sender pool"),
        "the campaign's pool tells its daily capacity and what remains; null: no limit is set, so none was exceeded",
        _within_capacity,
    )


def _codes() -> Iterator[Proof]:
    seen = "every error has its status, its code and words"
    yield Proof(53, 55, tuple(ERRORS), seen, lambda *found: all(_refused(each.name)(each) for each in found))
    for line, by in ((56, "start without leads"), (57, "start without steps")):
        yield Proof(line, line, (by,), _seen(by), _refused(by))
    for line, names in ((58, KEYS), (59, UNKNOWN)):
        for by in names:
            yield Proof(line, line, (by,), _seen(by), _refused(by))


def _seen(name: str) -> str:
    status, code = ERRORS[name]
    return f"{status} `{code}`"


def _refused(name: str) -> Answered:
    status, code = ERRORS[name]
    return lambda found: (
        answers(status, error__code=code)(found)
        and list(found.body["error"]) == ["code", "message"]
        and found.body["error"]["message"] != ""
    )


def _first_step(made: Exchange, started: Exchange, later: Exchange) -> bool:
    wanted = [(f"p{n}@first.leadterra.example.com", "Day 0") for n in range(FEW)]
    shown = [made.body["status"], started.body["status"], later.body["status"]]
    return shown == ["draft", "running", "running"] and later.elsewhere["mails"] == wanted


def _went_on(paused: Exchange, started: Exchange, end: Exchange) -> bool:
    everybody = {f"p{n}@second.leadterra.example.com" for n in range(MANY)}
    people = end.elsewhere["people"]
    return (
        [each.body["status"] for each in (paused, started, end)] == ["paused", "running", "completed"]
        and 0 < end.elsewhere["before"] < MANY == len(people)
        and set(people) == everybody
    )


def _named(made: Exchange, started: Exchange, unknown: Exchange) -> bool:
    wire_id = str(made.body["id"])
    return (
        wire_id.startswith("camp_")
        and f"/{wire_id}/" in started.asked
        and answers(200)(started)
        and answers(404)(unknown)
    )


def _same_id(made: Exchange, started: Exchange) -> bool:
    return bool(made.body["id"] == started.body["id"])


def _both_running(draft: Exchange, paused: Exchange) -> bool:
    return all(answers(200, status="running")(each) for each in (draft, paused))


def _started_then(started: Exchange, later: Exchange) -> bool:
    asked, told, answered = later.elsewhere["times"]
    return answers(200)(started) and MOMENT.fullmatch(told) is not None and asked <= told <= answered


def _nothing_done(first: Exchange, again: Exchange, later: Exchange) -> bool:
    [told, told_again], [before, after] = later.elsewhere["answers"], later.elsewhere["rows"]
    return (first.status, again.status) == (200, 200) and told == told_again and before == after


def _within_capacity(campaign: Exchange, pool: Exchange) -> bool:
    limits = [pool.body[name] for name in ("dailyCapacity", "remainingToday", "remainingVolume")]
    return bool(campaign.body["senderPoolId"] == pool.body["id"]) and limits == [None, None, None]
