"""Seed 000: LeadLex."""

from conformance.proofs import Proof, answers, example, has
from conformance.recording import Exchange, Stage, Tape
from support.house import NOBODY, House, asking
from support.server import Client

SEED = "000"
GATEWAY = "/functions/v1/api-gateway"
MISSING_WRITE = "Missing write permission: the key lacks campaigns:write"
START = "/v1/campaigns/{}/start"


def record(stage: Stage, tape: Tape) -> None:
    house = House.of(stage.server())
    house.domain = "leadlex.example.com"
    gated = _launches(house, tape)
    _refusals(house, tape, gated)
    limited = House.of(stage.server(GONOGO_RATE_LIMIT="1/day")).client
    limited.get("/v1/campaigns")
    tape.play("one request too many", limited, "POST", START.format(gated))


def _launches(house: House, tape: Tape) -> str:
    client = house.client
    gated = house.draft(101)
    refusing = {"email": f"no@{house.domain}", "name": "No", "consent": False}
    client.post(f"/v1/campaigns/{gated}/contacts", {"contacts": [refusing]})
    task = tape.play("start above 100", client, "POST", GATEWAY + START.format(gated))["data"]["task_id"]
    tape.play("its campaign", client, "GET", f"/v1/campaigns/{gated}")
    tape.play("the task in the list", client, "GET", "/v1/lexi/tasks?status=pending")
    tape.play("the review", client, "GET", f"/v1/lexi/tasks/{task}")
    tape.play("approve", client, "POST", f"/v1/lexi/tasks/{task}/approve")
    house.wait_for(gated, "completed")
    tape.play("launched after approval", client, "GET", f"/v1/campaigns/{gated}/stats", mails=len(house.mails()))
    dismissed = house.start(house.draft(101))["task_id"]
    tape.play("dismiss", client, "POST", f"/v1/lexi/tasks/{dismissed}/dismiss")
    typed = Client(client.base, client.key, {"Content-Type": "application/json"})
    tape.play("start of 100", typed, "POST", START.format(house.draft(100)))
    return gated


def _refusals(house: House, tape: Tape, gated: str) -> None:
    client = house.client
    tape.play("start of nobody", client, "POST", START.format(house.draft(0)))
    tape.play("start while running", client, "POST", START.format(house.running()))
    tape.play("start without a key", Client(client.base), "POST", START.format(gated))
    reader = house.by("campaigns:read").client
    tape.play("start with a key that may only read", reader, "POST", START.format(gated))
    tape.play("start of an unknown campaign", client, "POST", START.format(NOBODY))
    tape.play("start of an id that is no UUID", client, "POST", START.format("campaign-uuid"))
    tape.play("a policy of the workspace", client, "PUT", "/v1/policy", asking())
    tape.play("start under that policy", client, "POST", START.format(house.draft(1)))


def proofs() -> list[Proof]:
    errors = ("start of nobody", "start while running")
    return [
        Proof(1, 13, ("start of 100",), "the path and the method are served", answers(200)),
        *example(SEED, 14, 20, "start above 100"),
        Proof(22, 29, ("start of an id that is no UUID", "start of 100"), "a UUID names a campaign, else 404", _id),
        Proof(31, 33, ("start without a key", "start of 100"), "no key: 401; with the key: 200", _key),
        Proof(34, 34, ("start of 100",), "an empty body of that type is fine", answers(200)),
        Proof(36, 39, ("start of 100",), "`data` is an object", has(200, "data")),
        Proof(40, 43, ("start above 100",), "the gateway's path, with the key: 200", answers(200)),
        Proof(45, 46, ("start above 100",), "approval is required", answers(200, data__status="pending_approval")),
        *example(SEED, 47, 53, "start above 100", same=["data.status"]),
        Proof(55, 56, ("start of 100",), "started at once", answers(200, data__status="active")),
        *example(SEED, 57, 63, "start of 100", same=["data.status", "data.task_id"]),
        Proof(65, 67, ("start above 100",), "a task is asked", has(200, "data.task_id")),
        Proof(
            68,
            68,
            ("start above 100", "its campaign"),
            "`pending_approval`, in the answer and in the campaign",
            lambda started, shown: (
                started.body["data"]["status"] == shown.body["data"]["campaign"]["status"] == "pending_approval"
            ),
        ),
        Proof(69, 69, ("the review",), "what Lexi found is in the task", has(200, "data.task.findings.0.message")),
        Proof(70, 70, ("approve", "dismiss"), "`approved`, `dismissed`", _decided),
        Proof(
            71,
            71,
            ("approve", "launched after approval"),
            "101 messages are out",
            lambda approved, stats: (
                approved.body["data"]["execution_started"]
                and stats.body["data"]["sent"] == stats.elsewhere["mails"] == 101
            ),
        ),
        Proof(73, 81, ("the task in the list",), "`data.tasks`", has(200, "data.tasks")),
        Proof(
            83,
            84,
            ("the task in the list",),
            "`type` is `campaign_start`",
            answers(200, data__tasks__0__type="campaign_start"),
        ),
        Proof(
            85,
            85,
            ("start above 100", "the task in the list"),
            "`metadata.campaign_id` is the campaign's",
            lambda started, tasks: (
                started.body["data"]["campaign_id"] == tasks.body["data"]["tasks"][0]["metadata"]["campaign_id"]
            ),
        ),
        Proof(87, 95, ("approve",), "approved without a body", answers(200, data__status="approved")),
        Proof(
            97,
            99,
            ("start of 100", "start above 100", "start under that policy"),
            "100: active; 101: asks; under the workspace's own policy 1 asks",
            lambda few, many, own: (
                [each.body["data"]["status"] for each in (few, many, own)]
                == ["active", "pending_approval", "pending_approval"]
            ),
        ),
        Proof(101, 103, errors, "status, code and description", _refused),
        Proof(104, 104, errors, "400 `validation_error`, both", _refused),
        Proof(
            105,
            105,
            ("start without a key",),
            "401",
            answers(401, error__code="invalid_key", error__message="Invalid API key"),
        ),
        Proof(
            106,
            106,
            ("start with a key that may only read",),
            "403",
            answers(403, error__code="insufficient_permissions", error__message=MISSING_WRITE),
        ),
        Proof(
            107,
            107,
            ("start of an unknown campaign",),
            "404",
            answers(404, error__code="not_found", error__message="Campaign not found"),
        ),
        Proof(
            108,
            108,
            ("one request too many",),
            "429, with Retry-After",
            lambda found: answers(429, error__code="rate_limited")(found) and "Retry-After" in found.headers,
        ),
        Proof(110, 111, ("start while running",), "400", answers(400)),
        *example(SEED, 112, 117, "start while running", same=["error.code", "error.message"]),
    ]


def _id(unknown: Exchange, known: Exchange) -> bool:
    return answers(404, error__code="not_found")(unknown) and answers(200)(known)


def _key(without: Exchange, given: Exchange) -> bool:
    return answers(401)(without) and answers(200)(given)


def _decided(approved: Exchange, dismissed: Exchange) -> bool:
    return answers(200, data__status="approved")(approved) and answers(200, data__status="dismissed")(dismissed)


def _refused(empty: Exchange, running: Exchange) -> bool:
    return all(answers(400, error__code="validation_error")(each) for each in (empty, running))
