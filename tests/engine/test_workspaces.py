"""What a workspace is made of, and that what is written for one is there for it alone."""

import pytest

from gonogo import policy, service, workspaces
from gonogo.actor import SCOPES, machine
from gonogo.errors import Invalid, NotFound
from gonogo.models import DIALECTS
from gonogo.store import workspaces as rows
from support.engine import HELLO, NOW, Bench, asking, codes, snapshot

GROUP = "507f1f77bcf86cd79943901a"


def mistakes(refused: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [mistake.path for mistake in refused.value.mistakes]


# The workspace


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_made_for_leadlex_asks_people_and_others_say_that_approval_is_off(bench: Bench, dialect: str) -> None:
    with bench.call(machine("")) as call:
        made = workspaces.create(call, "Acme", dialect)
    with bench.call(machine(made)) as call:
        number, document = workspaces.current_policy(call)
    if dialect == "leadlex":
        assert (number, document) == (0, policy.DEFAULT)
    else:
        assert (number, document["approval"]) == (1, "off")
        assert dialect in document["reason"]


@pytest.mark.parametrize(
    ("name", "dialect", "path"), [("", "leadlex", "name"), ("\t", "leadlex", "name"), ("A", "x", "dialect")]
)
def test_one_that_can_not_be_made_says_why(bench: Bench, name: str, dialect: str, path: str) -> None:
    before = snapshot(bench.engine)
    with bench.call(machine("")) as call, pytest.raises(Invalid) as refused:
        workspaces.create(call, name, dialect)
    assert mistakes(refused) == [path]
    assert snapshot(bench.engine) == before


@pytest.mark.parametrize("other", [GROUP, GROUP.upper()])
def test_two_of_one_account_group_are_refused_as_a_mistake(bench: Bench, other: str) -> None:
    with bench.call(machine("")) as call:
        workspaces.create(call, "Acme", "sonarly", account_group=GROUP)
    with bench.call(machine("")) as call, pytest.raises(Invalid) as refused:
        workspaces.create(call, "Other", "sonarly", account_group=other)
    assert mistakes(refused) == ["account_group"]


def test_an_account_group_is_kept_in_lower_case(bench: Bench) -> None:
    with bench.call(machine("")) as call:
        made = workspaces.create(call, "Acme", "sonarly", account_group=GROUP.upper())
        assert rows.get(call.connection, made).account_group == GROUP


@pytest.mark.parametrize("group", ["", "acme", GROUP[1:], GROUP + "0", "x" * 24, GROUP[1:] + "\n"])
def test_an_account_group_is_24_hexadecimal_digits(bench: Bench, group: str) -> None:
    before = snapshot(bench.engine)
    with bench.call(machine("")) as call, pytest.raises(Invalid) as refused:
        workspaces.create(call, "Acme", "sonarly", account_group=group)
    assert mistakes(refused) == ["account_group"]
    assert snapshot(bench.engine) == before


def test_every_workspace_has_a_salt_and_a_sender_of_its_own(bench: Bench) -> None:
    Bench(bench.engine)
    told = "SELECT count(*), count(DISTINCT salt), count(DISTINCT sender_id) FROM gonogo_workspace"
    assert bench.rows(told) == [(2, 2, 2)]


def test_its_integer_ids_are_counted_without_gaps(bench: Bench) -> None:
    numbers = []
    for _ in range(3):
        with bench.call() as call:
            numbers.append(rows.next_number(call.connection, bench.workspace))
    with bench.engine.connect() as connection:
        rows.next_number(connection, bench.workspace)  # rolled back
    with bench.call() as call:
        numbers.append(rows.next_number(call.connection, bench.workspace))
    assert numbers == [1, 2, 3, 4]


# Its policy


def test_policies_are_numbered_and_the_last_one_is_in_force(bench: Bench) -> None:
    assert [bench.policy(asking(quorum)) for quorum in (1, 2, 3)] == [1, 2, 3]
    with bench.call() as call:
        assert workspaces.current_policy(call) == (3, asking(3))
        assert rows.policy_document(call.connection, bench.workspace, 1) == asking(1)


def test_a_policy_that_can_not_be_taken_changes_nothing(bench: Bench) -> None:
    bench.policy(asking())
    before = snapshot(bench.engine)
    documents: tuple[object, ...] = ({}, [], None, {"rules": []}, {**asking(), "quorum": 2})
    for document in documents:
        with bench.call() as call, pytest.raises(Invalid):
            workspaces.write_policy(call, document)
    assert snapshot(bench.engine) == before


def test_a_policy_is_that_of_its_workspace_alone(bench: Bench) -> None:
    other = Bench(bench.engine)
    bench.policy(asking())
    assert bench.did(service.start, bench.draft()).state == "pending_approval"
    assert other.did(service.start, other.draft()).state == "active"
    with other.call() as call, pytest.raises(NotFound):
        rows.policy_document(call.connection, other.workspace, 1)


def test_a_task_is_judged_by_the_policy_that_asked(bench: Bench) -> None:
    case = bench.asked(policy=asking(2))
    bench.policy(asking(1))
    assert bench.did(service.approve, case.task_id, by=bench.bob).state == "pending_approval"
    launched = bench.did(service.approve, case.task_id, by=bench.cid)
    assert launched.state == "active"
    assert bench.rows("SELECT policy, rule FROM gonogo_permit") == [(1, "everything")]


# Its people


def test_a_person_is_one_member_however_the_address_is_written(bench: Bench) -> None:
    with bench.call() as call:
        first = workspaces.add_member(call, "Eve@acme.example", scopes=["lexi"])
        again = workspaces.add_member(call, "eve@ACME.example", scopes=["admin"])
        assert first == again
    assert bench.rows("SELECT scopes FROM gonogo_member WHERE id = :id", id=first)[0][0] in (
        ["admin", "lexi"],
        '["admin", "lexi"]',
    )


def test_a_member_who_comes_back_is_the_same_one(bench: Bench) -> None:
    with bench.call() as call:
        rows.change_member(call.connection, bench.bob.person, removed_at=NOW)
        assert workspaces.add_member(call, "bob@acme.example") == bench.bob.person
    assert bench.scalar("SELECT removed_at FROM gonogo_member WHERE id = :id", id=bench.bob.person) is None


def test_name_and_address_stand_in_the_erasable_table_alone(bench: Bench) -> None:
    person = bench.person("hortensia")
    said = bench.rows("SELECT body FROM gonogo_payload p JOIN gonogo_member m ON m.payload = p.digest")
    assert any("hortensia@acme.example" in body for (body,) in said)
    elsewhere = {name: rows for name, rows in snapshot(bench.engine).items() if name != "gonogo_payload"}
    assert "hortensia@" not in str(elsewhere)
    assert person.person in str(elsewhere)


@pytest.mark.parametrize("email", ["", "eve", "eve@", "eve@example.com\n", "eve@exam ple.com"])
def test_a_member_without_an_address_is_refused(bench: Bench, email: str) -> None:
    before = snapshot(bench.engine)
    with bench.call() as call, pytest.raises(Invalid) as refused:
        workspaces.add_member(call, email)
    assert mistakes(refused) == ["email"]
    assert snapshot(bench.engine) == before


def test_scopes_that_there_are_not_are_all_told(bench: Bench) -> None:
    with bench.call() as call, pytest.raises(Invalid, match="'root'") as refused:
        workspaces.add_member(call, "eve@acme.example", scopes=["lexi", "root", "sudo"])
    assert len(refused.value.mistakes) == 2
    assert workspaces.check_scopes([*SCOPES, "lexi"]) == sorted(SCOPES)


# What others must not see


def test_content_is_pinned_once_in_each_workspace(bench: Bench) -> None:
    other = Bench(bench.engine)
    pinned = [each.case(each.draft(0, content=HELLO)).content_id for each in (bench, bench, other)]
    assert pinned[0] == pinned[1] != pinned[2]


def test_a_workspace_that_there_is_not_has_nothing(bench: Bench) -> None:
    with bench.call(machine("nowhere")) as call:
        for deed in (
            lambda: workspaces.current_policy(call),
            lambda: workspaces.write_policy(call, asking()),
            lambda: workspaces.add_member(call, "eve@acme.example"),
        ):
            with pytest.raises(NotFound, match="no workspace 'nowhere'"):
                deed()


def test_who_is_a_member_elsewhere_is_nobody_here(bench: Bench) -> None:
    other = Bench(bench.engine)
    case = bench.asked()
    with pytest.raises(NotFound):
        bench.do(service.approve, case.task_id, by=other.bob)
    assert codes(bench.do(service.approve, case.task_id, by=bench.zoe)) == ["not_entitled"]
