"""The use cases in order of a campaign's life: what each does, everything that refuses it, and that a refusal changes
nothing. How people decide is in `test_votes.py`, how messages go out in `test_executor.py`."""

from collections.abc import Callable
from typing import Any

import pytest
from whenever import TimeDelta

from gonogo import proposal, service
from gonogo.actor import machine
from gonogo.ballots import Ballot
from gonogo.call import Call, Outcome
from gonogo.campaign import CAMPAIGN, STATES
from gonogo.content import Content, Step, Template
from gonogo.errors import Invalid, NotFound
from gonogo.execution.channels import Message, Receipt
from gonogo.service import Draft
from gonogo.store import cases, workspaces
from gonogo.store.cases import Case
from support.engine import HELLO, HOUR, NOW, Bench, asking, codes, people, snapshot

DAY = TimeDelta(hours=24)
OTHER = Content((Step(0, Template("Goodbye {{ name }}", "We part.", None)),))

# Every state, and how a campaign gets there.

IN: dict[str, Callable[[Bench], Case]] = {
    "draft": lambda bench: bench.case(bench.draft()),
    "pending_approval": lambda bench: bench.asked(),
    "scheduled": lambda bench: bench.launched(start_at=NOW + DAY),
    "active": lambda bench: bench.launched(),
    "running": lambda bench: bench.running(),
    "paused": lambda bench: bench.did(service.pause, bench.launched().id),
    "completed": lambda bench: bench.ended(),
    "cancelled": lambda bench: bench.did(service.cancel, bench.launched().id),
    "failed": lambda bench: bench.did(service.fail, bench.launched().id, "no way"),
}


#: What reviewers do.
DECIDED = ("approve", "retract", "dismiss", "request_changes", "revoke")


def fired(bench: Bench, event: str, case: Case) -> Outcome:
    """The use case of an event, by whoever may fire it."""
    about: dict[str, tuple[object, ...]] = {
        "begin": (case.id, case.permit_id),
        "fail": (case.id, "no way"),
        "break_glass": (case.id, "The offer ends tonight"),
        **dict.fromkeys(("approve", "retract", "dismiss", "request_changes", "withdraw"), (case.task_id,)),
    }
    by = {"begin": machine(bench.workspace), **dict.fromkeys(DECIDED, bench.bob)}
    return bench.do(getattr(service, event), *about.get(event, (case.id,)), by=by.get(event))


def test_there_is_a_way_into_every_state(bench: Bench) -> None:
    assert set(IN) == set(STATES)
    for state, made in IN.items():
        assert bench.case(made(bench).id).state == state


@pytest.mark.parametrize("state", STATES)
def test_what_a_state_does_not_offer_is_refused_and_changes_nothing(bench: Bench, state: str) -> None:
    case = IN[state](bench)
    before, jobs = snapshot(bench.engine), bench.jobs.pending()
    for event in CAMPAIGN.events:
        about_a_task = event in ("approve", "retract", "dismiss", "request_changes", "withdraw")
        if CAMPAIGN.at(state, event) or (about_a_task and case.task_id is None):
            continue
        outcome = fired(bench, event, case)
        assert len(outcome.blockers) == 1, event
        assert outcome.case == case
    assert (snapshot(bench.engine), bench.jobs.pending()) == (before, jobs)


@pytest.mark.parametrize(
    ("state", "event", "code"),
    [
        ("pending_approval", "start", "approval_pending"),
        ("scheduled", "start", "already_scheduled"),
        ("active", "start", "already_active"),
        ("running", "start", "already_active"),
        ("paused", "start", "campaign_paused"),
        ("completed", "start", "campaign_ended"),
        ("cancelled", "cancel", "campaign_ended"),
        ("failed", "revise", "campaign_ended"),
        ("active", "revise", "pause_first"),
        ("running", "revise", "pause_first"),
        ("draft", "pause", "campaign_not_active"),
        ("paused", "pause", "already_paused"),
        ("running", "resume", "campaign_not_paused"),
        ("active", "approve", "task_decided"),
        ("completed", "dismiss", "task_decided"),
        ("draft", "reopen", "not_offered"),
    ],
)
def test_a_refusal_says_why_in_the_words_that_people_know(bench: Bench, state: str, event: str, code: str) -> None:
    assert codes(fired(bench, event, IN[state](bench))) == [code]


# A draft


def test_a_campaign_is_born_a_draft_with_what_was_said(bench: Bench) -> None:
    draft = Draft(
        "Spring",
        channel="sms",
        content=HELLO,
        sender={"email": "go@acme.example"},
        settings={"timezone": "Europe/Berlin"},
        start_at=NOW + DAY,
        extra={"color": "red"},
        dialect="burki",
        wire_id="41",
    )
    case = bench.did(service.create, draft)
    assert (case.state, case.run, case.seq, case.begun, case.permit_id) == ("draft", 0, 0, False, None)
    assert (case.name, case.channel, case.start_at, case.extra) == ("Spring", "sms", NOW + DAY, {"color": "red"})
    assert (case.dialect, case.wire_id, case.created_at) == ("burki", "41", NOW)
    assert bench.did(service.create, Draft("Bare")).wire_id != ""


def test_an_id_that_a_dialect_gave_is_given_once(bench: Bench) -> None:
    bench.did(service.create, Draft("One", dialect="burki", wire_id="41"))
    with bench.call() as call, pytest.raises(Invalid, match="'41' exists"):
        service.create(call, Draft("Two", dialect="burki", wire_id="41"))
    bench.did(service.create, Draft("Three", dialect="sonarly", wire_id="41"))
    other = Bench(bench.engine)
    other.did(service.create, Draft("Four", dialect="burki", wire_id="41"))


def test_editing_there_and_back_pins_the_same_versions_again(bench: Bench) -> None:
    first = bench.case(bench.draft())
    there = bench.did(
        service.revise, first.id, content=OTHER, settings={"daily_limit": 5}, sender={"email": "a@b.example"}
    )
    back = bench.did(service.revise, first.id, content=HELLO, settings={}, sender=None)
    assert there.content_id != first.content_id
    assert (back.content_id, back.settings_id, back.sender_id) == (first.content_id, first.settings_id, None)
    assert bench.scalar("SELECT count(*) FROM gonogo_version WHERE kind = 'content'") == 2


def test_an_edit_changes_what_it_names_and_nothing_else(bench: Bench) -> None:
    case = bench.case(bench.draft(start_at=NOW + DAY, extra={"a": 1}))
    after = bench.did(service.revise, case.id, name="Summer")
    assert after.name == "Summer"
    assert (after.content_id, after.start_at, after.extra, after.revision) == (
        case.content_id, NOW + DAY, {"a": 1}, case.revision + 1,
    )  # fmt: skip


def test_a_sender_is_kept_in_the_form_that_is_carried(bench: Bench) -> None:
    campaign = bench.draft(sender={"email": "go@bücher.example", "name": "Bücher"})
    with bench.engine.connect() as connection:
        sender = str(bench.case(campaign).sender_id)
        kept = workspaces.versions(connection, [sender])[sender].body
    assert kept == {"email": "go@xn--bcher-kva.example", "name": "Bücher"}


def test_an_edit_of_something_that_there_is_not_is_a_mistake(bench: Bench) -> None:
    campaign = bench.draft()
    before = snapshot(bench.engine)
    with pytest.raises(TypeError, match="subject"):
        bench.do(service.revise, campaign, subject="Hello")
    assert snapshot(bench.engine) == before


EDITS: dict[str, Callable[[Bench, str], object]] = {
    "name": lambda bench, id_: bench.did(service.revise, id_, name="Summer"),
    "content": lambda bench, id_: bench.did(service.revise, id_, content=OTHER),
    "sender": lambda bench, id_: bench.did(service.revise, id_, sender={"email": "x@acme.example"}),
    "settings": lambda bench, id_: bench.did(service.revise, id_, settings={"daily_limit": 5}),
    "start": lambda bench, id_: bench.did(service.revise, id_, start_at=NOW + DAY * 2),
    "extra": lambda bench, id_: bench.did(service.revise, id_, extra={"a": 1}),
    "list": lambda bench, id_: bench.did(service.revise, id_, list_id=bench.case(bench.draft()).list_id),
    "contact added": lambda bench, id_: bench.do(service.add_contacts, id_, people(1, start=50)),
    "contact changed": lambda bench, id_: bench.do(service.add_contacts, id_, [{"email": "p1@example.com"}]),
    "contact taken off": lambda bench, id_: bench.did(service.remove_contact, id_, "p1@example.com"),
}


@pytest.mark.parametrize("what", EDITS)
@pytest.mark.parametrize("state", ["pending_approval", "scheduled"])
def test_every_edit_closes_the_run_that_was_proposed(bench: Bench, state: str, what: str) -> None:
    case = IN[state](bench)
    EDITS[what](bench, case.id)
    after = bench.case(case.id)
    assert (after.state, after.closed_as, after.permit_id) == ("draft", "superseded", None)
    assert after.task_status == ("void" if state == "pending_approval" else "approved")
    ends = "SELECT reason FROM gonogo_permit_end e JOIN gonogo_permit p ON p.id = e.permit_id WHERE campaign_id = :id"
    assert bench.rows(ends, id=case.id) == ([("revise",)] if state == "scheduled" else [])
    refused = bench.do(service.approve, case.task_id, by=bench.bob)
    assert codes(refused) == ["task_decided"]


@pytest.mark.parametrize("what", EDITS)
@pytest.mark.parametrize("state", ["active", "running", "completed"])
def test_no_edit_reaches_a_run_that_is_under_way_or_over(bench: Bench, state: str, what: str) -> None:
    case = IN[state](bench)
    before = _pinned(bench, case)
    try:
        EDITS[what](bench, case.id)
    except AssertionError:
        assert not what.startswith("contact")  # people may come and go: they wait for the next run
    assert _pinned(bench, case) == before
    assert bench.case(case.id).state == state


def _pinned(bench: Bench, case: Case) -> list[tuple[Any, ...]]:
    columns = "content_id, sender_id, settings_id, start_at, recipients, seal, closed_at"
    audience = "SELECT position, payload FROM gonogo_audience WHERE run_id = :run ORDER BY position"
    run = f"SELECT {columns} FROM gonogo_run WHERE id = :run"
    return [*bench.rows(run, run=case.run_id), *bench.rows(audience, run=case.run_id)]


# Proposed


def test_a_start_opens_a_run_that_pins_and_seals_everything(bench: Bench) -> None:
    case = bench.asked(start_at=NOW + DAY)
    assert (case.run, case.recipients, case.chain, case.steps, case.requester) == (1, 3, 3, 1, bench.ann.person)
    assert case.seal is not None
    assert case.run_start_at == NOW + DAY
    with bench.engine.connect() as connection:
        [figures] = [step.figures["facts"] for step in cases.steps(connection, case.id) if step.event == "start"]
    assert (figures["recipients"], figures["rule"], figures["permission"]) == (3, "everything", "people")


@pytest.mark.parametrize(("count", "state", "kind"), [(100, "active", "auto"), (101, "pending_approval", None)])
def test_by_default_a_hundred_start_at_once_and_one_more_asks_people(
    bench: Bench, count: int, state: str, kind: str | None
) -> None:
    case = bench.did(service.start, bench.draft(count))
    assert case.state == state
    assert bench.scalar("SELECT kind FROM gonogo_permit") == kind
    assert bool(bench.jobs.pending()) == (state == "active")


def test_where_approval_is_off_every_permit_says_so(bench: Bench) -> None:
    bench.policy({"approval": "off", "reason": "a test"})
    case = bench.did(service.start, bench.draft(150))
    assert case.state == "active"
    assert bench.rows("SELECT kind, rule, task_id FROM gonogo_permit") == [("ungated", "approval off", None)]


def _without_sender(bench: Bench) -> str:
    bench.write("UPDATE gonogo_workspace SET sender_id = NULL WHERE id = :id", id=bench.workspace)
    return bench.draft()


def _importing(bench: Bench) -> str:
    campaign = bench.draft()
    bench.write("UPDATE gonogo_list SET imports = 1 WHERE id = :id", id=bench.case(campaign).list_id)
    return campaign


def _in_flight(bench: Bench) -> str:
    case = bench.running(3)
    bench.claim(case, 2)
    bench.did(service.cancel, case.id)
    bench.did(service.reopen, case.id)
    return case.id


def _html(text: str) -> Content:
    return Content((Step(0, Template("Offer", text, None)),))


BLOCKED: dict[str, Callable[[Bench], str]] = {
    "audience_empty": lambda bench: bench.draft(0),
    "content_missing": lambda bench: bench.draft(content=None),
    "sender_missing": _without_sender,
    "import_open": _importing,
    "messages_in_flight": _in_flight,
    "start_in_past": lambda bench: bench.draft(start_at=NOW - TimeDelta(seconds=1)),
    "template_invalid": lambda bench: bench.draft(content=_html("{{ name")),
    "variable_missing": lambda bench: bench.draft(content=_html("{{ surname }}")),
    "unknown_zone": lambda bench: bench.draft(settings={"timezone": "Mars/Olympus"}),
    "empty_window": lambda bench: bench.draft(settings={"send_days": []}),
    "unsubscribe_missing": lambda bench: bench.draft(settings={"marketing": True, "postal_address": "1 Main St"}),
    "postal_address_missing": lambda bench: bench.draft(content=_html("STOP"), settings={"marketing": True}),
}


@pytest.mark.parametrize("code", BLOCKED)
def test_each_thing_that_is_missing_refuses_the_start_under_its_own_code(bench: Bench, code: str) -> None:
    campaign = BLOCKED[code](bench)
    before, jobs = snapshot(bench.engine), bench.jobs.pending()
    assert codes(bench.do(service.start, campaign)) == [code]
    assert (snapshot(bench.engine), bench.jobs.pending()) == (before, jobs)


def test_all_that_is_missing_is_told_at_once(bench: Bench) -> None:
    case = bench.running(3)
    bench.claim(case, 3)
    bench.did(service.cancel, case.id)
    bench.did(service.reopen, case.id, "failed")
    settings = {"timezone": "Mars/Olympus", "send_days": []}
    bench.did(service.revise, case.id, content=None, settings=settings, start_at=NOW - HOUR)
    bench.write("UPDATE gonogo_workspace SET sender_id = NULL")
    bench.write("UPDATE gonogo_list SET imports = 1")
    before = snapshot(bench.engine)
    outcome = bench.do(service.start, case.id)
    assert codes(outcome) == [
        "audience_empty",
        "content_missing",
        "sender_missing",
        "import_open",
        "messages_in_flight",
        "start_in_past",
        "unknown_zone",
        "empty_window",
    ]
    figures = {blocker.code: dict(blocker.figures) for blocker in outcome.blockers}
    assert figures["messages_in_flight"] == {"in_flight": 3}
    assert snapshot(bench.engine) == before


def test_a_blocker_of_the_review_is_no_matter_of_policy(bench: Bench) -> None:
    bench.policy({"approval": "off", "reason": "a test"})
    assert codes(bench.do(service.start, bench.draft(settings={"timezone": "Mars"}))) == ["unknown_zone"]


def test_warnings_are_told_and_refuse_nothing(bench: Bench) -> None:
    outcome = bench.do(service.start, bench.draft(content=_html("TODO")))
    assert [finding.code for finding in outcome.findings] == ["placeholder_text"]
    assert (outcome.case.state, outcome.case.warnings) == ("active", ["placeholder_text"])


# The start time


def test_a_start_ahead_is_scheduled_and_one_that_is_reached_is_in_the_past(bench: Bench) -> None:
    assert bench.did(service.start, bench.draft(start_at=NOW + TimeDelta(microseconds=1))).state == "scheduled"
    for late in (TimeDelta(), HOUR, HOUR * 2):  # lateness is forgiven after the start call, not at it
        assert codes(bench.do(service.start, bench.draft(start_at=NOW - late))) == ["start_in_past"]


def test_an_approval_before_the_start_schedules_and_one_after_it_launches(bench: Bench) -> None:
    ahead, reached = (bench.asked(start_at=NOW + HOUR * hours) for hours in (9, 2))
    bench.clock.move(HOUR * 3)  # as late as is forgiven
    bench.clock.move(TimeDelta(microseconds=-1))
    assert bench.did(service.approve, ahead.task_id, by=bench.bob).state == "scheduled"
    assert bench.did(service.approve, reached.task_id, by=bench.bob).state == "active"


def test_a_task_expires_with_the_lateness_that_is_forgiven(bench: Bench) -> None:
    case = bench.asked(start_at=NOW + HOUR * 2)
    assert case.expires_at == NOW + HOUR * 3
    bench.clock.move(HOUR * 3)
    assert codes(bench.do(service.approve, case.task_id, by=bench.bob)) == ["task_decided"]
    assert bench.case(case.id).task_status == "expired"


def test_a_paused_launch_that_missed_its_start_resumes_only_with_a_new_one(bench: Bench) -> None:
    case = bench.launched(start_at=NOW + DAY)
    bench.clock.move(DAY * 2)
    bench.tick.once()
    before = snapshot(bench.engine)
    assert codes(bench.do(service.resume, case.id)) == ["start_missed"]
    assert snapshot(bench.engine) == before
    assert bench.did(service.revise, case.id, start_at=NOW + DAY * 3).state == "draft"
    assert bench.did(service.start, case.id).state == "pending_approval"


def test_a_paused_schedule_resumes_to_its_schedule(bench: Bench) -> None:
    case = bench.launched(start_at=NOW + DAY)
    bench.did(service.pause, case.id)
    resumed = bench.did(service.resume, case.id)
    assert (resumed.state, resumed.permit_id, resumed.paused_reason) == ("scheduled", case.permit_id, None)
    bench.did(service.pause, case.id)
    bench.clock.move(DAY)
    assert bench.did(service.resume, case.id).state == "active"


def test_unscheduling_gives_the_permit_up(bench: Bench) -> None:
    case = bench.launched(start_at=NOW + DAY)
    after = bench.did(service.unschedule, case.id)
    assert (after.state, after.permit_id, after.closed_as) == ("draft", None, "superseded")
    bench.clock.move(DAY)
    assert bench.tick.once() == 0


# Stopped, and set going again


def test_a_start_resumes_a_paused_campaign_only_where_it_is_told_to(bench: Bench) -> None:
    case = bench.did(service.pause, bench.launched().id)
    assert codes(bench.do(service.start, case.id)) == ["campaign_paused"]
    assert bench.did(service.start, case.id, resumes=True).state == "active"
    assert bench.events(case.id)[-1] == "resume"


def test_a_resume_goes_on_under_the_same_permit(bench: Bench) -> None:
    case = bench.launched()
    paused = bench.did(service.pause, case.id, "too many bounces")
    assert (paused.permit_id, paused.paused_reason) == (case.permit_id, "too many bounces")
    resumed = bench.did(service.resume, case.id)
    assert (resumed.state, resumed.run, resumed.permit_id, resumed.paused_reason) == ("active", 1, case.permit_id, None)
    assert resumed.dispatch == case.dispatch + 1


@pytest.mark.parametrize("state", ["scheduled", "active", "running", "paused"])
def test_an_approval_can_be_taken_back_while_the_launch_is_not_over(bench: Bench, state: str) -> None:
    case = IN[state](bench)
    assert codes(bench.do(service.revoke, case.id, by=bench.zoe)) == ["not_entitled"]
    revoked = bench.did(service.revoke, case.id, by=bench.cid)
    assert (revoked.state, revoked.permit_id, revoked.paused_reason) == ("paused", None, "revoked")
    assert bench.rows("SELECT reason, actor FROM gonogo_permit_end") == [("revoked", "key-cid")]
    assert codes(bench.do(service.revoke, case.id, by=bench.cid)) == ["permit_missing"]


def test_what_the_policy_permitted_any_approver_may_take_back(bench: Bench) -> None:
    case = bench.did(service.start, bench.draft())
    assert codes(bench.do(service.revoke, case.id, by=bench.ann)) == ["not_entitled"]
    assert bench.did(service.revoke, case.id, by=bench.bob).state == "paused"


def test_a_revoked_launch_resumes_as_a_new_run_that_asks_again(bench: Bench) -> None:
    case = bench.launched()
    bench.did(service.revoke, case.id, by=bench.bob)
    again = bench.did(service.resume, case.id)
    assert (again.state, again.run, again.recipients) == ("pending_approval", 2, 3)
    assert again.task_id != case.task_id
    closed = "SELECT closed_as FROM gonogo_run WHERE campaign_id = :id ORDER BY number"
    assert bench.rows(closed, id=case.id) == [("superseded",), (None,)]


def test_a_run_that_continues_is_judged_by_all_whom_the_launch_reaches(bench: Bench) -> None:
    """110 people needed an approval; the 30 who are left need one, too."""
    case = bench.did(service.start, bench.draft(110))
    case = bench.did(service.approve, case.task_id, by=bench.bob)
    bench.did(service.begin, case.id, case.permit_id)
    bench.claim(case, 80, sent=80)
    bench.did(service.revoke, case.id, by=bench.bob)
    again = bench.did(service.resume, case.id)
    assert (again.state, again.recipients, again.chain) == ("pending_approval", 30, 110)


def test_newcomers_of_a_begun_launch_wait_and_are_no_edit(bench: Bench) -> None:
    case = bench.running()
    bench.claim(case, 1, sent=1)
    bench.did(service.pause, case.id)
    added = bench.did(service.add_contacts, case.id, people(2, start=9))
    assert (added.state, added.permit_id, added.contacts, added.recipients) == ("paused", case.permit_id, 5, 3)
    bench.did(service.revoke, case.id, by=bench.bob)
    assert bench.did(service.resume, case.id).recipients == 4


def test_a_launch_that_was_closed_with_people_left_does_not_complete(bench: Bench) -> None:
    case = bench.running()
    bench.claim(case, 1, sent=1)
    bench.did(service.pause, case.id)
    bench.did(service.revise, case.id, name="Summer")
    assert codes(bench.do(service.complete, case.id)) == ["recipients_left"]
    for address in ("p1@example.com", "p2@example.com"):
        bench.do(service.remove_contact, case.id, address)
    assert bench.did(service.complete, case.id).state == "completed"


def test_a_launch_completes_only_when_nothing_is_left(bench: Bench) -> None:
    case = bench.running()
    assert codes(bench.do(service.complete, case.id)) == ["recipients_unsettled"]
    bench.claim(case, 3)
    assert codes(bench.do(service.complete, case.id)) == ["messages_in_flight"]
    paused = bench.did(service.pause, bench.launched().id)
    assert codes(bench.do(service.complete, paused.id)) == ["not_begun", "recipients_unsettled"]


@pytest.mark.parametrize("state", ["draft", "pending_approval", "scheduled", "active", "running", "paused"])
def test_whatever_is_not_over_can_be_cancelled(bench: Bench, state: str) -> None:
    case = IN[state](bench)
    cancelled = bench.did(service.cancel, case.id)
    assert (cancelled.state, cancelled.permit_id) == ("cancelled", None)
    assert cancelled.closed_as == (None if state == "draft" else "cancelled")
    assert bench.scalar("SELECT count(*) FROM gonogo_permit_end") == (case.permit_id is not None)


def test_cancelling_names_what_is_in_flight(bench: Bench) -> None:
    case = bench.running(5)
    bench.claim(case, 3, sent=1)
    assert bench.do(service.cancel, case.id).in_flight == 2
    assert bench.do(service.cancel, bench.asked().id).in_flight == 0


def test_a_launch_that_failed_says_why(bench: Bench) -> None:
    failed = bench.did(service.fail, bench.running().id, "the relay is gone")
    assert (failed.state, failed.launch_error, failed.closed_as, failed.permit_id) == (
        "failed", "the relay is gone", "failed", None,
    )  # fmt: skip


# Opened again

FATES = {"p1@example.com": "rejected", "p2@example.com": "failed", "p3@example.com": "unknown"}
#: What became of five people: p0 sent, p1 rejected, p2 failed, p3 unknown, p4 sent; p5 came too late for the run.
REACHED = {
    "unsent": ["p5"],
    "failed": ["p1", "p2"],
    "all": ["p0", "p1", "p2", "p3", "p4", "p5"],
    "listed": ["p3", "p4"],
}


def _ended(bench: Bench) -> Case:
    def answers(message: Message) -> Receipt | None:
        fate: Any = FATES.get(message.address)
        return Receipt(fate, "so it is") if fate else None

    bench.sink.answers = answers
    case = bench.ended(5)
    bench.sink.answers = lambda _: None
    bench.sink.messages.clear()
    bench.do(service.add_contacts, case.id, people(1, start=5))
    return case


@pytest.mark.parametrize("chosen", REACHED)
def test_a_campaign_opened_again_reaches_whom_it_was_opened_for(bench: Bench, chosen: str) -> None:
    case = _ended(bench)
    recipients: object = ["p4@example.com", "P3@example.com"] if chosen == "listed" else chosen
    opened = bench.did(service.reopen, case.id, recipients)
    assert (opened.state, opened.begun, opened.generation) == ("draft", False, 1)
    asked = bench.did(service.start, case.id)
    assert (asked.recipients, asked.chain) == (len(REACHED[chosen]),) * 2
    bench.did(service.approve, asked.task_id, by=bench.bob)
    bench.jobs.run()
    assert bench.sink.addresses == [f"{name}@example.com" for name in REACHED[chosen]]


def test_opened_again_for_somebody_who_is_not_on_the_list_is_a_mistake(bench: Bench) -> None:
    case = bench.ended()
    before = snapshot(bench.engine)
    with bench.call() as call, pytest.raises(Invalid, match=r"nobody@example\.com"):
        service.reopen(call, case.id, ["p1@example.com", "nobody@example.com"])
    assert snapshot(bench.engine) == before


def test_a_campaign_opened_again_has_no_start_time(bench: Bench) -> None:
    case = bench.launched(start_at=NOW + DAY)
    bench.did(service.cancel, case.id)
    assert bench.did(service.reopen, case.id).start_at is None


def test_a_campaign_that_never_began_reaches_everybody_when_opened_again(bench: Bench) -> None:
    case = bench.launched()
    bench.did(service.cancel, case.id)
    bench.did(service.reopen, case.id)
    assert bench.did(service.start, case.id).recipients == 3


def test_a_rerun_opens_and_starts_in_one(bench: Bench) -> None:
    case = _ended(bench)
    again = bench.did(service.rerun, case.id, "failed")
    assert (again.state, again.run, again.recipients) == ("pending_approval", 2, 2)
    assert bench.events(case.id)[-2:] == ["reopen", "start"]


def test_a_rerun_that_can_not_start_says_why(bench: Bench) -> None:
    case = bench.ended()
    with bench.engine.connect() as connection:
        call = Call(connection, bench.ann, bench.clock.now(), bench.jobs)
        assert codes(service.rerun(call, case.id, "failed")) == ["audience_empty"]
        connection.rollback()
    assert bench.case(case.id).state == "completed"
    running = bench.running()
    assert codes(bench.do(service.rerun, running.id)) == ["not_offered"]


# Overdue


ABOUT_AN_OVERDUE_TASK = ["approve", "dismiss", "request_changes", "withdraw", "pause", "cancel", "revise", "start"]


@pytest.mark.parametrize("event", ABOUT_AN_OVERDUE_TASK)
def test_an_overdue_deadline_is_a_step_of_its_own_before_whatever_is_asked(bench: Bench, event: str) -> None:
    case = bench.asked()
    bench.clock.move(DAY * 3)
    outcome = fired(bench, event, case)
    told = bench.events(case.id)[2:]
    assert told[0] == "expire"
    refused = {"approve": "task_decided", "dismiss": "task_decided", "request_changes": "task_decided",
               "withdraw": "not_offered", "pause": "campaign_not_active"}  # fmt: skip
    assert codes(outcome) == ([refused[event]] if event in refused else [])
    assert told[1:] == ([] if event in refused else [event])
    assert bench.rows("SELECT status FROM gonogo_task WHERE id = :id", id=case.task_id) == [("expired",)]


def test_an_expiry_committed_with_a_refusal_changes_nothing_else(bench: Bench) -> None:
    case = bench.asked()
    bench.clock.move(DAY * 3)
    before = snapshot(bench.engine)
    bench.do(service.approve, case.task_id, by=bench.bob)
    after = snapshot(bench.engine)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"gonogo_campaign", "gonogo_run", "gonogo_task", "gonogo_step"}
    assert len(after["gonogo_step"]) == len(before["gonogo_step"]) + 1


def test_a_deadline_that_has_not_come_expires_nothing(bench: Bench) -> None:
    case = bench.asked()
    before = snapshot(bench.engine)
    assert codes(bench.do(service.expire, case.id)) == ["not_overdue"]
    assert snapshot(bench.engine) == before


# Another workspace

USE_CASES: dict[str, Callable[[Any, str, str], object]] = {
    "revise": lambda call, id_, _: service.revise(call, id_, name="theirs"),
    "add_contacts": lambda call, id_, _: service.add_contacts(call, id_, people(1)),
    "remove_contact": lambda call, id_, _: service.remove_contact(call, id_, "p1@example.com"),
    "start": lambda call, id_, _: service.start(call, id_),
    "start resuming": lambda call, id_, _: service.start(call, id_, resumes=True),
    "reviewed": lambda call, id_, _: service.reviewed(call, id_),
    "vote": lambda call, _, task: service.vote(call, task, Ballot("approve")),
    "approve": lambda call, _, task: service.approve(call, task, Ballot("approve")),
    "retract": lambda call, _, task: service.retract(call, task),
    "dismiss": lambda call, _, task: service.dismiss(call, task, "no"),
    "request_changes": lambda call, _, task: service.request_changes(call, task, "no"),
    "break_glass": lambda call, id_, _: service.break_glass(call, id_, "the site is down"),
    "lapse": lambda call, id_, _: service.lapse(call, id_),
    "nudge": lambda call, id_, _: service.nudge(call, id_),
    "withdraw": lambda call, _, task: service.withdraw(call, task),
    "pause": lambda call, id_, _: service.pause(call, id_),
    "resume": lambda call, id_, _: service.resume(call, id_),
    "revoke": lambda call, id_, _: service.revoke(call, id_),
    "unschedule": lambda call, id_, _: service.unschedule(call, id_),
    "cancel": lambda call, id_, _: service.cancel(call, id_),
    "reopen": lambda call, id_, _: service.reopen(call, id_),
    "rerun": lambda call, id_, _: service.rerun(call, id_),
    "begin": lambda call, id_, _: service.begin(call, id_, "p"),
    "complete": lambda call, id_, _: service.complete(call, id_),
    "fail": lambda call, id_, _: service.fail(call, id_, "no"),
    "due": lambda call, id_, _: service.due(call, id_),
    "expire": lambda call, id_, _: service.expire(call, id_),
    "take_over": lambda call, id_, _: service.take_over(call, id_, "t"),
    "redispatch": lambda call, id_, _: service.redispatch(call, id_),
    "follow": lambda call, id_, _: service.follow(call, id_),
    "wake": lambda call, id_, _: service.wake(call, id_),
    "hold": lambda call, id_, _: service.hold(call, id_),
    "remove": lambda call, id_, _: service.remove(call, id_),
    "clone": lambda call, id_, _: service.clone(call, id_),
}


def test_every_use_case_about_a_campaign_is_asked_about_a_foreign_one() -> None:
    about_none = {"create", "add_to_list"}
    offered = {
        name for name, thing in vars(service).items()
        if callable(thing) and not name.startswith("_") and getattr(thing, "__module__", "") == service.__name__
    }  # fmt: skip
    assert {name.split()[0] for name in USE_CASES} == {n for n in offered if n[0].islower()} - about_none


def _not_found(bench: Bench, use_case: Callable[[Any, str, str], object], campaign: str, task: str) -> NotFound:
    """What somebody of another workspace is told."""
    with bench.call() as call, pytest.raises(NotFound) as refused:
        use_case(call, campaign, task)
    return refused.value


def test_a_foreign_id_answers_as_a_missing_one_and_nothing_happens(bench: Bench) -> None:
    stranger = Bench(bench.engine)
    theirs = [made(bench) for made in IN.values()]
    before = snapshot(bench.engine)
    for name, use_case in USE_CASES.items():
        missing = _not_found(stranger, use_case, "nothing", "nothing")
        for case in theirs:
            foreign = _not_found(stranger, use_case, case.id, case.task_id or "none")
            assert str(foreign) == str(missing).replace("nothing", foreign.wanted), name
    assert snapshot(bench.engine) == before


def test_a_foreign_list_answers_as_a_missing_one_and_nothing_happens(bench: Bench) -> None:
    stranger, list_id = Bench(bench.engine), bench.case(bench.draft()).list_id
    before = snapshot(bench.engine)
    for wanted in ("nothing", list_id):
        with stranger.call() as call, pytest.raises(NotFound):
            service.add_to_list(call, wanted, people(1))
    assert snapshot(bench.engine) == before


@pytest.mark.parametrize("backend", ["postgresql"])  # on SQLite every transaction holds everything
def test_asking_for_a_foreign_id_holds_nobody_up(bench: Bench) -> None:
    stranger = Bench(bench.engine)
    case = bench.asked()
    with stranger.call() as call:
        with pytest.raises(NotFound):
            service.pause(call, case.id)
        with pytest.raises(NotFound):
            service.approve(call, str(case.task_id))
        bench.write("SELECT 1 FROM gonogo_campaign WHERE id = :id FOR UPDATE NOWAIT", id=case.id)


# The whole table


def test_every_move_of_the_table_can_be_made_by_the_use_cases(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """But for one that no history leads to: a draft has never begun."""
    for made in IN.values():
        for event in CAMPAIGN.events:
            case = made(bench)
            if case.task_id or event not in ("approve", "retract", "dismiss", "request_changes", "withdraw"):
                fired(bench, event, case)
    _late(bench)
    _begun(bench)
    _ended_while_paused(bench)
    _counted(bench)
    _in_need(bench)
    monkeypatch.setattr(proposal, "REVIEWED_AT_ONCE", 0)
    _reviewed(bench)
    taken = {tuple(row) for row in bench.rows("SELECT DISTINCT event, source, target FROM gonogo_step")}
    unreachable = {("revise", "draft", "paused")}
    assert {(move.event, move.source, move.to) for move in CAMPAIGN.moves} - taken == unreachable


def _late(bench: Bench) -> None:
    """What a deadline and a start time do."""
    asked, scheduled, missed = (
        bench.asked(),
        bench.launched(start_at=NOW + HOUR * 80),
        bench.launched(start_at=NOW + DAY),
    )
    ahead = bench.did(service.start, bench.draft(start_at=NOW + DAY * 9))
    bench.did(service.approve, ahead.task_id, by=bench.bob)
    bench.did(service.pause, ahead.id)
    bench.did(service.resume, ahead.id)
    bench.clock.move(HOUR * 80)
    bench.do(service.expire, asked.id)
    bench.did(service.due, scheduled.id)
    bench.did(service.due, missed.id)
    bench.policy({"approval": "off", "reason": "a test"})
    bench.did(service.start, bench.draft())
    bench.did(service.start, bench.draft(start_at=bench.clock.now() + DAY))
    bench.policy(asking())


def _paused_and_begun(bench: Bench, **values: Any) -> Case:
    case = bench.running(4)
    bench.claim(case, 1, sent=1)
    bench.did(service.revoke, case.id, by=bench.bob)
    return bench.did(service.revise, case.id, **values) if values else bench.case(case.id)


def _begun(bench: Bench) -> None:
    """Where a launch that has begun goes back to."""
    for event in ("dismiss", "request_changes", "withdraw", "revise", "cancel"):
        case = bench.did(service.resume, _paused_and_begun(bench).id)
        fired(bench, event, case)
    overdue = bench.did(service.resume, _paused_and_begun(bench).id)
    bench.clock.move(DAY * 3)
    bench.did(service.expire, overdue.id)
    for event in ("unschedule", "revise"):
        case = bench.did(service.resume, _paused_and_begun(bench, start_at=bench.clock.now() + DAY).id)
        fired(bench, event, bench.did(service.approve, case.task_id, by=bench.bob))


def _ended_while_paused(bench: Bench) -> None:
    case = bench.running()
    bench.claim(case, 3, sent=3)
    bench.did(service.pause, case.id)
    bench.did(service.complete, case.id)


def _counted(bench: Bench) -> None:
    """Votes that are not the last one."""
    bench.policy(asking(2, dismissals=2))
    case = bench.asked()
    bench.did(service.approve, case.task_id, by=bench.bob)
    bench.did(service.retract, case.task_id, by=bench.bob)
    bench.did(service.dismiss, case.task_id, by=bench.bob)
    bench.policy(asking())


def _in_need(bench: Bench) -> None:
    """Broken glass, and permits of it that were not used in time."""
    owner = bench.person("owner", "admin")
    bench.policy(asking(break_glass={"begin_within": "PT1M"}))

    def launched(case: Case) -> Case:
        return bench.did(service.break_glass, case.id, "The offer ends tonight", by=owner)

    launched(bench.asked())
    unused, paused = (launched(bench.case(bench.draft())) for _ in range(2))
    begun, stopped = (launched(_paused_and_begun(bench)) for _ in range(2))
    for case in (paused, stopped):
        bench.did(service.pause, case.id)
    bench.clock.move(TimeDelta(minutes=1))
    for case in (unused, paused, begun, stopped):
        assert codes(bench.do(service.begin, case.id, case.permit_id)) in (["permit_lapsed"], ["not_offered"])
        bench.did(service.lapse, case.id)
    bench.policy(asking())


def _reviewed(bench: Bench) -> None:
    """Reviews that outlast the start call."""
    ahead = bench.clock.now() + DAY
    for values in ({}, {"start_at": ahead}, {"settings": {"timezone": "Mars"}}):
        for policy in (asking(), {"approval": "off", "reason": "a test"}):
            bench.policy(policy)
            bench.did(service.reviewed, bench.did(service.start, bench.draft(**values)).id)
    bench.policy(asking())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proposal, "REVIEWED_AT_ONCE", 100)
        case = _paused_and_begun(bench, settings={"timezone": "Mars"})
    bench.did(service.resume, case.id)
    bench.did(service.reviewed, case.id)
