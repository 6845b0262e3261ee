"""What changed since the last run that people approved, section by section; and that the seal notices each of it."""

from dataclasses import replace
from typing import Any

import pytest

from gonogo import contacts, differences, service
from gonogo.content import Content, Step, Template, Variant
from gonogo.differences import Difference, Some, difference
from gonogo.models import Document
from gonogo.seal import merkle_root
from gonogo.store import cases, lists
from gonogo.store.cases import Case
from support.engine import HELLO, Bench, asking, codes, people

OTHER = Content((Step(0, Template("Bye {{ name }}", "Dear {{ name }},\n\nwe leave.", None)),))
SENDER = {"email": "news@acme.example", "name": "Acme"}


def approved(bench: Bench, recipients: int = 3, **values: Any) -> Case:
    """A campaign whose first run was permitted, and cancelled before anything of it went out; it may be run again."""
    case = bench.launched(recipients, **values)
    bench.did(service.cancel, case.id)
    return bench.did(service.reopen, case.id, "all")


def again(bench: Bench, campaign: str) -> tuple[Case, Difference]:
    """The next run, and how it differs."""
    case = bench.did(service.start, campaign)
    found = told(bench, case)
    assert found is not None
    return case, found


def told(bench: Bench, case: Case) -> Difference | None:
    with bench.call() as call:
        return difference(call, cases.read_by_task(call.connection, case.workspace, str(case.task_id)))


def named(some: Some | None) -> list[str]:
    assert some is not None
    assert some.count == len(some.named)
    return list(some.named)


# Which run it is compared with


def test_a_first_run_differs_from_nothing(bench: Bench) -> None:
    assert told(bench, bench.asked()) is None


def test_a_run_that_was_not_permitted_is_not_compared_with(bench: Bench) -> None:
    case = bench.asked()
    bench.did(service.dismiss, case.task_id, by=bench.bob)
    assert told(bench, bench.did(service.start, case.id)) is None


def test_it_is_compared_with_the_last_run_that_was_permitted_not_with_the_one_before(bench: Bench) -> None:
    case = approved(bench)
    bench.did(service.revise, case.id, content=OTHER)
    bench.did(service.dismiss, bench.did(service.start, case.id).task_id, by=bench.bob)
    bench.did(service.revise, case.id, content=HELLO)
    _, found = again(bench, case.id)
    assert (found.run, found.changed) == (1, [])


def test_a_permit_that_no_person_gave_is_nothing_to_compare_with(bench: Bench) -> None:
    case = bench.did(service.start, bench.draft())
    assert bench.scalar("SELECT kind FROM gonogo_permit") == "auto"
    bench.did(service.cancel, case.id)
    bench.did(service.reopen, case.id, "all")
    bench.policy(asking())
    second = bench.did(service.start, case.id)
    with bench.call() as call:
        assert difference(call, second) is None


def test_nor_is_an_approval_that_was_revoked(bench: Bench) -> None:
    first = approved(bench)
    bench.did(service.revise, first.id, content=OTHER)
    second, _ = again(bench, first.id)
    bench.did(service.approve, second.task_id, by=bench.bob)
    bench.did(service.revoke, first.id, by=bench.bob)
    third = bench.did(service.resume, first.id)
    with bench.call() as call:
        found = difference(call, third)
    assert found is not None
    assert (found.run, found.content.identical) == (first.run, False)  # what people stand by is the text before


def test_the_task_of_an_earlier_run_keeps_its_difference(bench: Bench) -> None:
    case = approved(bench)
    bench.did(service.revise, case.id, content=OTHER)
    second, found = again(bench, case.id)
    bench.did(service.approve, second.task_id, by=bench.bob)
    bench.did(service.cancel, case.id)
    bench.did(service.reopen, case.id, "all")
    last, third = again(bench, case.id)
    assert (third.run, third.changed) == (2, [])
    bench.did(service.approve, last.task_id, by=bench.bob)
    assert told(bench, second) == found
    assert found.changed == ["content"]


# The sections


def test_the_same_again_is_identical_in_every_section(bench: Bench) -> None:
    case = approved(bench)
    _, found = again(bench, case.id)
    assert found.changed == []
    assert found.content == differences.ContentSection(identical=True)
    assert found.sender == found.settings == differences.ValuesSection(identical=True)
    assert found.start_at == differences.ValueSection(True, None, None)
    assert found.audience == differences.AudienceSection(True, 3, 3, Some(), Some(), Some())
    assert found.requirement is None


def test_changed_texts_are_shown_line_by_line(bench: Bench) -> None:
    [step] = HELLO.steps
    variants = replace(step, others=(Variant(2, Template("Hi", "we launch.", "<p>Hi</p>")),))
    case = approved(bench)
    bench.did(service.revise, case.id, content=Content((variants, *OTHER.steps)))
    _, found = again(bench, case.id)
    changes = {(each.step, each.variant, each.part): each.lines for each in found.content.changes}
    assert not found.content.identical
    assert changes[1, 2, "html"] == ("+ <p>Hi</p>",)
    assert changes[1, 1, "weight"] == ("+ 1",)
    assert changes[2, 1, "body"] == ("+ Dear {{ name }},", "+ ", "+ we leave.")
    assert (1, 1, "body") not in changes

    bench.did(service.revise, case.id, content=OTHER)
    _, found = again(bench, case.id)
    assert [(each.part, each.lines) for each in found.content.changes] == [
        ("body", ("- we launch.", "+ we leave.")),
        ("subject", ("- Hello {{ name }}", "+ Bye {{ name }}")),
    ]


def test_another_sender_other_settings_and_another_start_are_shown_by_key(bench: Bench) -> None:
    case = approved(bench)
    later = bench.clock.now().add(hours=5)
    bench.did(service.revise, case.id, sender=SENDER, settings={"timezone": "Europe/Berlin"}, start_at=later)
    _, found = again(bench, case.id)
    assert found.changed == ["sender", "settings", "start_at"]
    assert ("email", SENDER["email"]) in [(each.key, each.after) for each in found.sender.changes]
    assert ("timezone", None, "Europe/Berlin") in [
        (each.key, each.before, each.after) for each in found.settings.changes
    ]
    assert found.start_at == differences.ValueSection(False, None, later)


def test_what_is_asked_of_people_is_shown_where_it_is_something_else(bench: Bench) -> None:
    case = approved(bench)
    bench.policy(asking(2))
    _, found = again(bench, case.id)
    assert found.changed == ["requirement"]
    assert found.requirement is not None
    [change] = found.requirement.changes
    assert (change.key, [stage["quorum"] for stage in change.after]) == ("stages", [2])


# The audience


def test_swapped_recipients_of_an_equal_count_are_named(bench: Bench) -> None:
    case = approved(bench)
    bench.did(service.remove_contact, case.id, "p0@example.com")
    bench.did(service.add_contacts, case.id, people(1, start=7))
    _, found = again(bench, case.id)
    audience = found.audience
    assert (found.changed, audience.before, audience.after) == (["audience"], 3, 3)
    assert (named(audience.removed), named(audience.added)) == (["p0@example.com"], ["p7@example.com"])
    assert named(audience.changed) == []


def test_changed_merge_values_are_named(bench: Bench) -> None:
    case = approved(bench)
    bench.did(service.add_contacts, case.id, [{"email": "p1@example.com", "name": "Somebody"}])
    _, found = again(bench, case.id)
    assert found.changed == ["audience"]
    assert named(found.audience.changed) == ["p1@example.com"]
    assert named(found.audience.added) == named(found.audience.removed) == []


@pytest.mark.parametrize("counted", [differences.COUNTED, 0])
def test_values_that_were_changed_and_changed_back_are_identical(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, counted: int
) -> None:
    """They stand under another salt, hence another digest: the seal can't be the same, and what is sent is."""
    monkeypatch.setattr(differences, "COUNTED", counted)
    case = approved(bench)
    for name in ("Somebody", "N1"):
        bench.did(service.add_contacts, case.id, [{"email": "p1@example.com", "name": name}])
    _, found = again(bench, case.id)
    assert bench.scalar("SELECT count(DISTINCT payload) FROM gonogo_audience") == 4
    assert (found.changed, found.audience.identical) == ([], True)


def test_more_than_twenty_are_counted_and_twenty_are_named(bench: Bench) -> None:
    case = approved(bench)
    bench.did(service.add_contacts, case.id, people(25, start=100))
    _, found = again(bench, case.id)
    added = found.audience.added
    assert added is not None
    assert (added.count, added.named) == (25, tuple(f"p{n}@example.com" for n in range(100, 120)))


def test_who_was_erased_is_counted_and_not_named(bench: Bench) -> None:
    case = approved(bench)
    bench.did(service.remove_contact, case.id, "p1@example.com")
    second = bench.did(service.start, case.id)
    erased = "UPDATE gonogo_payload SET salt = NULL, body = NULL WHERE body LIKE '%p1@example.com%'"
    bench.write(erased)
    found = told(bench, second)
    assert found is not None
    assert found.audience.removed == Some(1, ())


@pytest.mark.parametrize(
    "edit",
    ["nothing", "added", "removed", "last removed", "swapped", "another value"],
    ids=lambda edit: edit.replace(" ", "-"),
)
def test_of_long_lists_it_is_told_whether_anybody_differs(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, edit: str
) -> None:
    monkeypatch.setattr(differences, "COUNTED", 2)
    case = approved(bench)
    if edit in ("added", "swapped"):
        bench.did(service.add_contacts, case.id, people(1, start=7))
    if edit in ("removed", "swapped"):
        bench.did(service.remove_contact, case.id, "p0@example.com")
    if edit == "last removed":
        bench.did(service.remove_contact, case.id, "p2@example.com")
    if edit == "another value":
        bench.did(service.add_contacts, case.id, [{"email": "p2@example.com", "name": "Somebody"}])
    _, found = again(bench, case.id)
    same = edit == "nothing"
    assert found.changed == ([] if same else ["audience"])
    assert found.audience.added == found.audience.removed == found.audience.changed == (Some() if same else None)


# The seal notices

EDITS: dict[str, list[tuple[Any, tuple[object, ...], Document]]] = {
    "content and back": [(service.revise, (), {"content": OTHER}), (service.revise, (), {"content": HELLO})],
    "sender": [(service.revise, (), {"sender": SENDER})],
    "settings": [(service.revise, (), {"settings": {"timezone": "Europe/Berlin"}})],
    "recipients swapped": [
        (service.remove_contact, ("p0@example.com",), {}),
        (service.add_contacts, (people(1, start=7),), {}),
    ],
    "a merge value": [(service.add_contacts, ([{"email": "p1@example.com", "name": "Somebody"}],), {})],
    "a merge value and back": [
        (service.add_contacts, ([{"email": "p1@example.com", "name": "Somebody"}],), {}),
        (service.add_contacts, ([{"email": "p1@example.com", "name": "N1"}],), {}),
    ],
}


@pytest.mark.parametrize("edits", EDITS.values(), ids=[name.replace(" ", "-") for name in EDITS])
def test_an_edit_after_the_start_is_noticed_also_where_it_was_undone(
    bench: Bench, edits: list[tuple[Any, tuple[object, ...], Document]]
) -> None:
    first = bench.asked()
    for verb, arguments, more in edits:
        bench.did(verb, first.id, *arguments, **more)
    assert codes(bench.do(service.approve, first.task_id, by=bench.bob)) == ["task_decided"]
    second = bench.did(service.start, first.id)
    assert second.seal != first.seal
    assert codes(bench.do(service.approve, first.task_id, by=bench.bob)) == ["task_decided"]
    assert bench.did(service.approve, second.task_id, by=bench.bob).state == "active"


def test_a_shared_list_that_changes_after_the_proposal_changes_nothing_that_is_sent(bench: Bench) -> None:
    bench.policy(asking())
    with bench.call() as call:
        list_id = contacts.new_list(call, "Readers")
        service.add_to_list(call, list_id, people(3))
    case = bench.did(service.start, bench.draft(0, list_id=list_id))
    with bench.call() as call:
        root = merkle_root(lists.leaves(call.connection, str(case.run_id)))
        changed: list[dict[str, object]] = [{"email": "p1@example.com", "name": "Somebody"}, *people(1, start=7)]
        service.add_to_list(call, list_id, changed)
        assert merkle_root(lists.leaves(call.connection, str(case.run_id))) == root
    bench.did(service.approve, case.task_id, by=bench.bob)
    bench.jobs.run()
    sent = [(message.address, message.subject) for message in bench.sink.messages]
    assert sorted(sent) == [(f"p{n}@example.com", f"Hello N{n}") for n in range(3)]


# Long lists on SQLite


def test_an_audience_that_is_taken_in_parts_is_that_of_one_statement(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = bench.draft(11)
    for address in ("p0@example.com", "p4@example.com", "p10@example.com"):
        bench.did(service.remove_contact, campaign, address)
    bench.policy(asking())
    taken = []
    for parts in (100, 8, 4, 3, 1):
        monkeypatch.setattr(lists, "_TAKEN_AT_ONCE", parts)
        case = bench.did(service.start, campaign)
        audience = "SELECT position, contact_id, payload, done FROM gonogo_audience WHERE run_id = :run"
        taken.append(bench.rows(f"{audience} ORDER BY position", run=case.run_id))
        assert case.recipients == 8
        bench.did(service.withdraw, case.task_id)
    assert taken == [taken[0]] * 5
    assert [row[0] for row in taken[0]] == list(range(8))
