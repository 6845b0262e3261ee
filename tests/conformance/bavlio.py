"""Seed 004: Bavlio."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

from conformance.proofs import Answered, Proof, answers, at, example, lines_of
from conformance.recording import Exchange, Stage, Tape
from gonogo import service
from support.driver_bavlio import ROOT, STEP, Bavlio
from support.drivers import PEOPLE
from support.house import TEMPLATE, eventually, mails
from support.server import Client, Server

SEED = "004"
LAUNCH = f"{ROOT}/{{}}/launch"
NOBODY = "3c90c3cc-0d44-4b50-8888-8dd25736052a"  # the seed's id, which names nothing here
ROWS = 123
GONE = "The relay went away."
#: What a client says of a campaign, besides its data set and its steps, so that the example's fields have values.
SAID = {
    "name": "Spring",
    "type": "outreach",
    "launch_type": "scheduled",
    "start_date": "2099-11-07T05:31:56Z",
    "daily_limit": 123,
    "min_interval_seconds": 123,
    "sending_window_start": "09:00",
    "sending_window_end": "17:30",
    "send_days": ["mon"],
    "timezone": "Europe/Berlin",
    "description": "To those who asked",
    "alias_ids": ["ann"],
    "connected_account_id": NOBODY,
    "system_prompt": "Be kind.",
    "unreviewed_launch_policy": "launch_default",
}
_STEP, _VARIANT = "campaign.steps_config.0", "campaign.steps_config.0.variants.0"
#: Where the answer has the example's very values: all but ids, times and free text.
SAME = (
    *("campaign.daily_limit", "campaign.min_interval_seconds", "campaign.processed_leads"),
    *("campaign.unreviewed_launch_policy", "summary.total_rows"),
    *(f"{_STEP}.{name}" for name in ("step", "delay_days", "channel", "action_type")),
    *(f"{_STEP}.{name}" for name in ("ai_personalization_enabled", "track_clicks")),
    *(f"{_VARIANT}.{name}" for name in ("weight", "type")),
)
#: What has no value in a launch that went well; and what nothing here sets.
NULLABLE = ("campaign.launch_error", "campaign.paused_reason", "campaign.playground_discovery_dismissed_at")
#: The fields that hold ids, and those that hold moments, by the line that they stand on.
IDS = {
    19: "campaign.campaign_id",
    20: "campaign.user_id",
    21: "campaign.dataset_id",
    41: f"{_VARIANT}.template_id",
    42: f"{_VARIANT}.sender_profile_id",
    61: "campaign.connected_account_id",
    64: "campaign.launch_job_id",
}
MOMENTS = {
    54: "campaign.created_at",
    55: "campaign.updated_at",
    57: "campaign.start_date",
    65: "campaign.launch_requested_at",
}
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def record(stage: Stage, tape: Tape) -> None:
    # Without an executor what a launch answers does not depend on how far one is.
    server = stage.server("--no-worker")
    bavlio = Bavlio(server)
    launched = _launches(bavlio, tape)
    _refusals(bavlio, tape)
    _executes(server)
    bavlio.wait_for(launched, "completed")
    path, out = f"{ROOT}/{launched}", len(mails(server.mail, "bavlio.example.com"))
    tape.play("what was launched at once", bavlio.client, "GET", path, mails=out)
    tape.play("a launch that failed", bavlio.client, "GET", f"{ROOT}/{_failed(bavlio)}")


def _launches(bavlio: Bavlio, tape: Tape) -> str:
    """One launch with all that a campaign can say, for later; and one for now, whose id is answered."""
    client = bavlio.client
    people: list[dict[str, Any]] = [{"email": f"p{n}@example.com", "name": f"N{n}"} for n in range(ROWS)]
    people[-1]["consent"] = False
    said = {**SAID, "dataset_id": bavlio.dataset(people), "steps_config": [_step(_template(bavlio))]}
    campaign = tape.play("a new campaign", client, "POST", ROOT, said)["campaign_id"]
    tape.play("preflight", client, "POST", f"{ROOT}/{campaign}/preflight")
    tape.play("launch", client, "POST", LAUNCH.format(campaign), documented=_documented(bavlio))
    tape.play("pause", client, "POST", f"{ROOT}/{campaign}/pause")
    dataset = bavlio.dataset([{"email": f"p{n}@bavlio.example.com", "name": f"N{n}"} for n in range(2)])
    variant = {"label": "A", "template_id": _template(bavlio)}
    plain = bavlio.campaign(dataset_id=dataset, steps_config=[{"variants": [variant]}])
    tape.play("launch at once", client, "POST", LAUNCH.format(plain))
    return plain


def _template(bavlio: Bavlio) -> str:
    return str(bavlio.client.post("/api/v1/templates", {"name": "Hello", **TEMPLATE}).json()["template_id"])


def _step(template: str) -> dict[str, Any]:
    """The example's step."""
    variant = {"weight": 50, "type": "TEMPLATE", "template_id": template, "sender_profile_id": NOBODY}
    return {
        "step": 2,
        "delay_days": 1,
        "channel": "email",
        "variants": [{"label": "A", **variant}, {"label": "B", **variant}],
        "ai_personalization_enabled": True,
        "track_clicks": False,
        "action_type": "connection_request",
        "message_template": "Dear {{ name }}, we launch.",
    }


def _documented(bavlio: Bavlio) -> list[str]:
    """Every call that the server's own document names."""
    paths = bavlio.client.get("/bavlio/openapi.json").json()["paths"]
    return [f"{method.upper()} {path}" for path, calls in paths.items() for method in calls]


def _refusals(bavlio: Bavlio, tape: Tape) -> None:
    path = LAUNCH.format(bavlio.campaign())
    tape.play("launch without a key", Client(bavlio.client.base), "POST", path)
    tape.play("launch with a key that nobody has", Client(bavlio.client.base, "bav_live_token"), "POST", path)
    tape.play("launch of an unknown campaign", bavlio.client, "POST", LAUNCH.format(NOBODY))
    tape.play("launch of an id that is no UUID", bavlio.client, "POST", LAUNCH.format(42))


def _executes(server: Server) -> None:
    """The same server on the same port, from now on with an executor."""
    server.stop()
    server.arguments = ()
    server.start()


def _failed(bavlio: Bavlio) -> str:
    wire_id = bavlio.campaign(dataset_id=bavlio.dataset(PEOPLE), steps_config=[STEP, {**STEP, "delay_days": 2}])
    bavlio.start(wire_id)
    eventually(lambda: bavlio.shown(wire_id)["processed_leads"], 2)
    bavlio.engine(service.fail, wire_id, GONE)
    return wire_id


def proofs() -> list[Proof]:
    found = [*_request(), *_example(), *_campaign(), *_rest()]
    return sorted(found, key=lambda proof: proof.first)


def _request() -> Iterator[Proof]:
    away, keys = "launch of an unknown campaign", ("launch", "launch without a key")
    calls = ("launch", "a new campaign", "preflight", "pause", "what was launched at once")
    yield Proof(1, 12, ("launch",), "the path and the method are served", _served)
    yield Proof(13, 13, ("launch at once", "what was launched at once"), "launched, and both messages are out", _sent)
    yield Proof(14, 15, ("launch",), "the path and the method, without a body: 200", _sampled)
    yield Proof(16, 16, keys, "with the key: 200, without: 401", _keyed)
    yield Proof(80, 84, calls, "the document at /bavlio/openapi.json names every call that was made here", _named)
    yield Proof(86, 91, keys, "required: without it 401", _keyed)
    yield Proof(93, 93, ("launch", "launch with a key that nobody has"), "the token decides: 200 or 401", _keyed)
    yield Proof(95, 97, ("launch", away), "it names the campaign; of nobody's: 404", _known)
    yield Proof(98, 99, ("launch", "launch of an id that is no UUID"), "a UUID; anything else: 422, and why", _uuid)


def _example() -> Iterator[Proof]:
    yield from example(SEED, 17, 78, "launch", same=SAME, nullable=NULLABLE)
    for line, path in IDS.items():
        yield Proof(line, line, ("launch",), "a UUID", _reads(path, UUID))
    for line, path in MOMENTS.items():
        yield Proof(line, line, ("launch",), "a moment in UTC", _reads(path, MOMENT))


def _campaign() -> Iterator[Proof]:
    new, done = "a new campaign", "what was launched at once"
    for first, last in ((22, 23), (26, 30), (51, 53), (56, 61), (67, 68)):
        yield Proof(first, last, (new, "launch"), "as it was said", _as_said(first, last))
    statuses = (new, "launch", "launch at once", "pause", done)
    yield Proof(24, 24, statuses, "draft, scheduled, launching, paused, completed", _statuses)
    yield Proof(25, 25, ("launch", "launch at once"), "scheduled, immediate", _launch_types)
    yield Proof(62, 62, ("launch",), "as many as can be launched", _leads)
    yield Proof(63, 63, ("launch at once", done), "0 at first, 2 when both messages are out", _processed)
    yield Proof(64, 65, (new, "launch"), "null before, given by the launch", _requested)
    yield Proof(66, 66, ("a launch that failed",), "why it failed", answers(200, status="failed", launch_error=GONE))
    yield Proof(69, 69, ("pause",), "who paused it", answers(200, status="paused", paused_reason="person"))


def _rest() -> Iterator[Proof]:
    looked = ("launch", "preflight")
    yield Proof(73, 75, ("launch",), "123 rows, one without consent; every warning is counted", _counted)
    yield Proof(77, 77, ("launch at once",), "no warnings", answers(200, warnings=[], summary__warning_count=0))
    yield Proof(101, 103, ("launch",), "200", answers(200))
    yield Proof(105, 105, ("launch",), "what the launch leaves out or ignores is among the warnings", _warned)
    yield Proof(107, 109, ("launch",), "an object", lambda found: isinstance(found.body["campaign"], dict))
    yield Proof(111, 111, ("launch", "a new campaign"), "the fields that a campaign has everywhere", _one_model)
    yield Proof(113, 115, ("launch",), "an object", lambda found: isinstance(found.body["summary"], dict))
    yield Proof(117, 117, looked, "a preflight had counted the same", _foreseen)
    yield Proof(119, 120, ("launch",), "objects, each with its row, code and message", _warnings)


# What is seen


def _reads(path: str, pattern: str) -> Answered:
    return lambda found: re.fullmatch(pattern, str(at(found.body, path))) is not None


def _as_said(first: int, last: int) -> Callable[[Exchange, Exchange], bool]:
    """The campaign's fields on these lines of the seed have the values that were given when it was made."""
    lines = lines_of(SEED)[first - 1 : last]
    names = [name for line in lines for name in re.findall(r'^ {4}"([a-z_]+)": ', line)]

    def same(new: Exchange, launched: Exchange) -> bool:
        said, campaign = json.loads(new.sent), launched.body["campaign"]
        return bool(names) and all(campaign[name] == said[name] for name in names)

    return same


def _served(found: Exchange) -> bool:
    """The method on the second line, and the path on those after it."""
    method, *path = lines_of(SEED)[1:12]
    wanted = "".join(path).replace("{campaign_id}", found.body["campaign"]["campaign_id"])
    return found.status == 200 and found.asked.startswith(f"{method} {wanted} ")


def _sampled(found: Exchange) -> bool:
    method = lines_of(SEED)[13].removeprefix("curl --request ").removesuffix(" \\")
    path = lines_of(SEED)[14].partition("https://api.example.com")[2].removesuffix(" \\")
    wanted = path.replace("{campaign_id}", found.body["campaign"]["campaign_id"])
    return found.status == 200 and found.asked.startswith(f"{method} {wanted} ") and not found.sent


def _sent(launched: Exchange, done: Exchange) -> bool:
    return (
        answers(200, campaign__campaign_id=done.body["campaign_id"])(launched)
        and answers(200, status="completed", processed_leads=2)(done)
        and done.elsewhere["mails"] == 2
    )


def _keyed(given: Exchange, refused: Exchange) -> bool:
    return given.status == 200 and answers(401, detail="INVALID_API_KEY")(refused)


def _named(*found: Exchange) -> bool:
    """Each of the calls is one that the document names."""
    named = [re.sub(r"\{[a-z_]+\}", "[^/ ]+", call) for call in found[0].elsewhere["documented"]]
    return all(any(re.match(f"{call} ", each.asked) for call in named) for each in found)


def _known(known: Exchange, unknown: Exchange) -> bool:
    return (
        known.asked.startswith(f"POST {LAUNCH.format(known.body['campaign']['campaign_id'])} ")
        and known.status == 200
        and answers(404, detail="CAMPAIGN_NOT_FOUND")(unknown)
    )


def _uuid(known: Exchange, wrong: Exchange) -> bool:
    return (
        re.search(f"/campaigns/{UUID}/launch", known.asked) is not None
        and known.status == 200
        and answers(422, details__0__loc="campaign_id")(wrong)
    )


def _statuses(new: Exchange, later: Exchange, now: Exchange, paused: Exchange, done: Exchange) -> bool:
    launched = [each.body["campaign"]["status"] for each in (later, now)]
    others = [each.body["status"] for each in (new, paused, done)]
    return launched == ["scheduled", "launching"] and others == ["draft", "paused", "completed"]


def _launch_types(later: Exchange, now: Exchange) -> bool:
    return [each.body["campaign"]["launch_type"] for each in (later, now)] == ["scheduled", "immediate"]


def _leads(found: Exchange) -> bool:
    return bool(found.body["campaign"]["total_leads"] == found.body["summary"]["launchable_rows"] == ROWS - 1)


def _processed(launched: Exchange, done: Exchange) -> bool:
    return answers(200, campaign__processed_leads=0)(launched) and answers(200, processed_leads=2)(done)


def _requested(new: Exchange, launched: Exchange) -> bool:
    names = ("launch_job_id", "launch_requested_at")
    return all(new.body[name] is None and launched.body["campaign"][name] for name in names)


def _counted(found: Exchange) -> bool:
    summary, warnings = found.body["summary"], found.body["warnings"]
    return bool(
        summary == {"total_rows": ROWS, "launchable_rows": ROWS - 1, "warning_count": len(warnings)} and warnings
    )


def _warned(found: Exchange) -> bool:
    codes = {warning["code"] for warning in found.body["warnings"]}
    return found.status == 200 and codes >= {"no_consent", "ai_personalization_ignored"}


def _warnings(found: Exchange) -> bool:
    warnings = found.body["warnings"]
    objects = all(list(warning) == ["row", "code", "message"] for warning in warnings)
    return objects and bool(warnings[0]["row"] == ROWS - 1)


def _one_model(launched: Exchange, new: Exchange) -> bool:
    return set(launched.body["campaign"]) == set(new.body)


def _foreseen(launched: Exchange, looked: Exchange) -> bool:
    return looked.status == 200 and looked.body == {name: launched.body[name] for name in ("summary", "warnings")}
