"""Seed 001: Sonarly."""

from collections.abc import Iterator

import requests

from conformance.proofs import Answered, Proof, answers, at, example
from conformance.recording import Exchange, Stage, Tape
from gonogo import service
from support.driver_sonarly import CAMPAIGN, MESSAGE, Sonarly
from support.drivers import ASKING, LONG
from support.house import Body, House, eventually
from support.server import Client, Server

SEED = "001"
NOBODY = "0" * 24
LEADS = 25
#: What a client says of the example's campaign.
SAID = {
    "name": "Avery Stone",
    "description": "To those who asked",
    "outreachLanguage": "en",
    "includeConversationHistory": True,
    "autoCancelOnMessageReceived": True,
}
#: Where the answer has the example's very values: all but ids, times, free text, and the status.
SAME = (
    *("success", "data.triggered", "data.instancesCreated", "data.campaign.name", "data.campaign.selectedLeadCount"),
    *("data.campaign.outreachLanguage", "data.campaign.includeConversationHistory"),
    "data.campaign.autoCancelOnMessageReceived",
)
#: Every error, in the order of the seed: its status, what the seed's reference calls it, and a start that meets it.
ERRORS = (
    (400, "VALIDATION_ERROR", "start of what is no id"),
    (401, "UNAUTHORIZED", "start with a key that nobody has"),
    (403, "FORBIDDEN", "start without the permission"),
    (404, "NOT_FOUND", "start of an unknown campaign"),
    (409, "CONFLICT", "start once more"),
    (422, "VALIDATION_ERROR", "start without leads"),
    (429, "RATE_LIMITED", "start too often"),
    (500, "INTERNAL_ERROR", "start on a damaged database"),
    (502, "UPSTREAM_ERROR", "start without an executor"),
)


def record(stage: Stage, tape: Tape) -> None:
    server = _ready(stage.server(GONOGO_SONARLY_BOUND=str(LEADS)))
    sonarly = Sonarly(server)
    campaign = _launch(sonarly, tape)
    _refusals(sonarly, tape, campaign)
    _ask(Sonarly(server), tape)
    _without_executor(Sonarly(stage.server("--no-worker", GONOGO_RATE_LIMIT="2/day")), tape)
    tenant, key = stage.broken("sonarly")
    _ready(tenant.server)
    path = f"/v1/accounts/{tenant.account_group()}/campaigns/{NOBODY}/start"
    tape.play("start on a damaged database", Client(tenant.server.base, key), "POST", path)


def _ready(server: Server) -> Server:
    """The server, once its executor has shown life: without it nothing is started."""
    eventually(lambda: requests.get(f"{server.base}/readyz", timeout=5).status_code, 200)
    return server


def _launch(sonarly: Sonarly, tape: Tape) -> str:
    house = House(sonarly.tenant, sonarly.client, "sonarly.example.com")
    path = _drafted(sonarly, house.people(LEADS))
    launcher = sonarly.tenant.client("campaigns:execute")
    tape.play("start", launcher, "POST", f"{path}/start")
    eventually(lambda: len(house.mails()), LEADS)
    tape.play("start once more", launcher, "POST", f"{path}/start")
    tape.play("the campaign's state", sonarly.client, "GET", path, mails=len(house.mails()))
    over = _drafted(sonarly, house.people(LEADS + 1))
    tape.play("start over the bound", launcher, "POST", f"{over}/start")
    return path


def _drafted(sonarly: Sonarly, leads: list[Body]) -> str:
    """The path of a campaign as the example has it, with a second message that is not due yet."""
    made = sonarly.client.post(sonarly.root, {**SAID, "message": MESSAGE}).json()
    wire_id = made["data"]["campaign"]["id"]
    sonarly.client.post(f"{sonarly.root}/{wire_id}/leads", {"leads": leads})
    sonarly.engine(service.revise, wire_id, content=LONG)
    return f"{sonarly.root}/{wire_id}"


def _refusals(sonarly: Sonarly, tape: Tape, campaign: str) -> None:
    client, root = sonarly.client, sonarly.root
    tape.play("start of what is no id", client, "POST", f"{root}/42/start")
    tape.play("start without a campaign", client, "POST", f"{root}//start")
    tape.play("start of an unknown campaign", client, "POST", f"{root}/{NOBODY}/start")
    wire_id = campaign.rsplit("/", 1)[1]
    tape.play("start in what is no account group", client, "POST", f"/v1/accounts/42/campaigns/{wire_id}/start")
    tape.play("start without an account group", client, "POST", f"/v1/accounts//campaigns/{wire_id}/start")
    other = f"/v1/accounts/{NOBODY}/campaigns/{wire_id}/start"
    tape.play("start in another account group", client, "POST", other)
    tape.play("start without a key", Client(client.base), "POST", f"{campaign}/start")
    stranger = Client(client.base, "sk_live_unknown_key")
    tape.play("start with a key that nobody has", stranger, "POST", f"{campaign}/start")
    writer = sonarly.tenant.client("campaigns:read", "campaigns:write")
    tape.play("start without the permission", writer, "POST", f"{campaign}/start")
    tape.play("start without leads", client, "POST", f"{root}/{sonarly.campaign(recipients=False)}/start")


def _ask(sonarly: Sonarly, tape: Tape) -> None:
    sonarly.tenant.policy(ASKING)
    tape.play("start that people are asked about", sonarly.client, "POST", f"{sonarly.root}/{sonarly.campaign()}/start")
    people = sonarly.tenant.client("lexi", dialect="leadlex")
    tape.play("what they are asked", people, "GET", "/leadlex/v1/lexi/tasks?status=pending")


def _without_executor(idle: Sonarly, tape: Tape) -> None:
    path = f"{idle.root}/{idle.campaign()}"
    client = idle.tenant.client()
    tape.play("start without an executor", client, "POST", f"{path}/start")
    client.get(path)
    tape.play("start too often", client, "POST", f"{path}/start")


def proofs() -> list[Proof]:
    return sorted([*_said(), *_started(), *_errors()], key=lambda proof: proof.first)


def _said() -> Iterator[Proof]:
    """What the seed says in words."""
    yield Proof(1, 2, ("start",), "started, and 25 messages set off", answers(200, data__triggered=True))
    yield Proof(
        3,
        3,
        ("start", "start over the bound"),
        "25 leads are started; 26 are not, where the server's bound is 25",
        lambda within, over: answers(200)(within) and _refusal(422, "VALIDATION_ERROR", "bound of 25")(over),
    )
    yield Proof(
        2,
        3,
        ("start that people are asked about", "what they are asked"),
        "where a person is required, nothing is triggered, and one task waits",
        _asked,
    )
    yield Proof(4, 4, ("start",), "the path and the method are served", answers(200))
    yield Proof(
        5,
        6,
        ("start without the permission", "start"),
        "403 that names `campaigns:execute`; a key with that alone may start",
        lambda without, given: _refusal(403, "FORBIDDEN", "campaigns:execute")(without) and answers(200)(given),
    )
    yield Proof(
        7,
        8,
        ("start without a key", "start in another account group", "start"),
        "no key: 401; a key for another account group: 403; with both: 200",
        _prerequisites,
    )
    yield Proof(
        9,
        10,
        ("start", "start once more", "the campaign's state"),
        "the same request again is a conflict; the state can be read, and 25 messages went out, not 50",
        _once,
    )
    yield Proof(11, 11, ("start",), "both are in the path", answers(200))
    yield from _path_parameter(12, "accountGroupId", "account group", "start in what is no account group")
    yield from _path_parameter(15, "campaignId", "campaign", "start of what is no id")
    yield Proof(
        13,
        13,
        ("start", "start in another account group"),
        "the campaign is there in its own account group only",
        lambda own, other: answers(200)(own) and answers(403, error__details="account_group_access")(other),
    )
    yield Proof(
        16,
        16,
        ("start", "start of an unknown campaign"),
        "the campaign of that id, else 404",
        lambda known, unknown: _campaign_asked(known) and answers(404, error__details="campaign")(unknown),
    )
    yield Proof(18, 18, ("start",), "none is needed", lambda found: found.sent == "" and found.status == 200)
    yield Proof(24, 24, ("start without a key",), "a missing key: 401 too", _refusal(401, "UNAUTHORIZED"))
    yield Proof(32, 32, ("start over the bound",), "over the bound: 422 too", _refusal(422, "VALIDATION_ERROR"))


def _path_parameter(line: int, name: str, noun: str, malformed: str) -> Iterator[Proof]:
    message = f"{name}: expected 24 hexadecimal digits"
    yield Proof(line, line, (malformed,), "a text in the path: 400 names it", answers(400, error__message=message))
    article = "an" if noun[0] == "a" else "a"
    yield Proof(
        line + 2, line + 2, (f"start without {article} {noun}",), "without it: 404", answers(404, error__details="path")
    )


def _started() -> Iterator[Proof]:
    """The answer to a start, and what stands in it."""
    yield Proof(
        19,
        20,
        ("start", "the campaign's state"),
        "the campaign, and that 25 messages were set off: so many went out",
        lambda started, later: (
            answers(200, data__instancesCreated=LEADS, data__campaign__selectedLeadCount=LEADS)(started)
            and later.elsewhere["mails"] == LEADS
        ),
    )
    yield Proof(21, 21, ("start",), "these fields, and no others", _whole)
    yield Proof(40, 41, ("start",), "200, these fields, and no others", _whole)
    yield from example(SEED, 42, 64, "start", same=SAME, nullable=["data.campaign.rateLimitedUntil"])


def _errors() -> Iterator[Proof]:
    """What the seed says of each error: in a list, with two lines for each, then in examples of ten lines."""
    for number, (status, code, by) in enumerate(ERRORS):
        refused, seen = _refusal(status, code), f"{status} `{code}`"
        listed, shown = 22 + 2 * number, 64 + 10 * number
        yield Proof(listed, listed, (by,), seen, refused)
        yield Proof(listed + 1, listed + 1, (by,), "these fields, and no others", refused)
        yield Proof(shown, shown, (by,), seen, refused)
        same = ["success", "error.code"] if code == "VALIDATION_ERROR" else ["success"]
        yield from example(SEED, shown + 1, shown + 10, by, same=same)


def _refusal(status: int, code: str, told: str = "") -> Answered:
    """An error of the seed's shape, with the text somewhere in its words."""
    return lambda found: (
        answers(status, error__code=code)(found)
        and list(found.body) == ["success", "data", "error", "traceId"]
        and list(found.body["error"]) == ["code", "message", "details"]
        and told in found.body["error"]["message"] + found.body["error"]["details"]
    )


def _whole(found: Exchange) -> bool:
    data = found.body["data"]
    return (
        answers(200)(found)
        and list(found.body) == ["success", "data", "error", "traceId"]
        and list(data) == ["campaign", "triggered", "instancesCreated"]
        and set(data["campaign"]) == set(CAMPAIGN)
    )


def _asked(started: Exchange, tasks: Exchange) -> bool:
    untouched = answers(200, data__triggered=False, data__instancesCreated=0, data__campaign__status="draft")
    waits = answers(200, data__tasks__0__type="campaign_start", data__tasks__0__status="pending")
    return untouched(started) and waits(tasks) and len(tasks.body["data"]["tasks"]) == 1


def _prerequisites(keyless: Exchange, elsewhere: Exchange, given: Exchange) -> bool:
    return (
        answers(401)(keyless) and _refusal(403, "FORBIDDEN", "account_group_access")(elsewhere) and answers(200)(given)
    )


def _once(first: Exchange, again: Exchange, state: Exchange) -> bool:
    return (
        first.asked == again.asked
        and (first.status, again.status) == (200, 409)
        and answers(200, data__campaign__status="active")(state)
        and state.elsewhere["mails"] == LEADS
    )


def _campaign_asked(started: Exchange) -> bool:
    return f"/campaigns/{at(started.body, 'data.campaign.id')}/start" in started.asked
