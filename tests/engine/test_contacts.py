"""People to send to: what is taken, what is refused and why, and that equal addresses are one person."""

import json
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gonogo import contacts, service
from gonogo.call import Call
from gonogo.contacts import Added, Rejected
from gonogo.errors import NotFound
from gonogo.store import lists
from support.engine import Bench, codes, people, snapshot


def add(bench: Bench, campaign: str, *rows: dict[str, Any]) -> Added:
    with bench.call() as call:
        return service.add_contacts(call, campaign, rows)[1]


def kept(bench: Bench, campaign: str) -> list[dict[str, Any]]:
    """What the list says of each contact, in order."""
    with bench.engine.connect() as connection:
        rows = lists.page(connection, bench.case(campaign).list_id, after=0, limit=1000)
        return [{**json.loads(row.body), "excluded": row.excluded} for row in rows]


def addresses(bench: Bench, campaign: str) -> list[str]:
    return [row["address"] for row in kept(bench, campaign)]


# What is taken


def test_contacts_are_kept_in_order_with_all_that_is_said_of_them(bench: Bench) -> None:
    campaign = bench.draft(0)
    said = {"email": "Ada@example.com", "name": "Ada", "age": 36, "tags": ["a", None], "timezone": "Europe/London"}
    assert add(bench, campaign, said, {"email": "bob@example.com", "consent": True}) == Added(2, 0)
    ada, bob = kept(bench, campaign)
    assert ada["address"] == "Ada@example.com"
    assert ada["variables"] == {"email": "Ada@example.com", "name": "Ada", "age": 36, "tags": ["a", None]}
    assert (ada["zone"], bob["zone"]) == ("Europe/London", None)
    assert bench.case(campaign).contacts == 2


def test_who_did_not_consent_is_kept_but_left_out(bench: Bench) -> None:
    campaign = bench.draft(2)
    add(bench, campaign, {"email": "no@example.com", "consent": False})
    assert [row["excluded"] for row in kept(bench, campaign)] == [None, None, "no_consent"]
    assert bench.case(campaign).contacts == 2
    assert bench.did(service.start, campaign).recipients == 2


def test_who_takes_the_consent_back_leaves_the_list_and_may_come_again(bench: Bench) -> None:
    campaign = bench.draft(2)
    sizes = []
    for consent in (False, False, True, False):
        assert add(bench, campaign, {"email": "p1@example.com", "consent": consent}) == Added(0, 1)
        sizes.append(bench.case(campaign).contacts)
    assert sizes == [1, 1, 2, 1]


# What is one person


@pytest.mark.parametrize("written", ["p1@example.com", "P1@EXAMPLE.COM", "  p1@Example.com "])
def test_equal_addresses_are_one_person_however_they_are_written(bench: Bench, written: str) -> None:
    campaign = bench.draft(3)
    assert add(bench, campaign, {"email": written, "name": "new"}) == Added(0, 1)
    assert [row["variables"]["name"] for row in kept(bench, campaign)] == ["N0", "new", "N2"]
    assert bench.case(campaign).contacts == 3


def test_of_equal_rows_in_one_call_the_last_counts(bench: Bench) -> None:
    campaign = bench.draft(0)
    rows = [{"email": f"{name}@example.com", "n": n} for n, name in enumerate(["a", "b", "A", "b", "c"])]
    assert add(bench, campaign, *rows) == Added(3, 0)
    assert [(row["address"], row["variables"]["n"]) for row in kept(bench, campaign)] == [
        ("A@example.com", 2),
        ("b@example.com", 3),
        ("c@example.com", 4),
    ]


@pytest.mark.parametrize(
    "written", ["+1 (202) 555-0123", "+1-202-555-0123", " +12025550123 ", "+1\u00a0202\u00a05550123"]
)
def test_equal_numbers_are_one_person_however_they_are_written(bench: Bench, written: str) -> None:
    campaign = bench.draft(0, channel="sms")
    add(bench, campaign, {"phone": "+12025550123"})
    assert add(bench, campaign, {"phone": written, "name": "again"}) == Added(0, 1)
    assert [row["address"] for row in kept(bench, campaign)] == ["+12025550123"]


def test_a_domain_is_one_in_its_own_letters_and_in_ascii(bench: Bench) -> None:
    campaign = bench.draft(0)
    add(bench, campaign, {"email": "ada@bücher.example"})
    assert add(bench, campaign, {"email": "ada@xn--bcher-kva.example"}) == Added(0, 1)
    bench.do(service.remove_contact, campaign, "ada@bücher.example")
    assert kept(bench, campaign) == []


def test_one_address_in_two_workspaces_has_two_digests(bench: Bench) -> None:
    other = Bench(bench.engine)
    for each in (bench, other):
        each.draft(1)
    assert bench.scalar("SELECT count(DISTINCT address_key) FROM gonogo_contact") == 2


# What is refused


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "email: expected an address, found none"),
        ({"email": ""}, "email: expected an address, found none"),
        ({"email": None}, "email: expected an address, found none"),
        ({"phone": "+12025550123"}, "email: expected an address, found none"),
        ({"email": " "}, "email: "),
        ({"email": "nobody"}, "email: "),
        ({"email": "a@b@c.example"}, "email: "),
        ({"email": "a b@example.com"}, "email: "),
        ({"email": "a@example"}, "email: "),
        ({"email": "a@example.com\nBcc: x@example.com"}, "email: "),
        ({"email": f"{'a' * 65}@example.com"}, "email: "),
        ({"email": 7}, "email: expected a text"),
        ({"email": ["a@example.com"]}, "email: expected a text"),
        ({"email": "a@example.com", "phone": 12025550123}, "phone: expected a text"),
        ({"email": "a@example.com", "phone": "0202 5550123"}, "phone: expected a number in international form"),
        ({"email": "a@example.com", "timezone": 2}, "timezone: expected a text"),
        ({"email": "a@example.com", "consent": "yes"}, "consent: expected true or false"),
        ({"email": "a@example.com", "consent": None}, "consent: expected true or false"),
        ({"email": "a@example.com", "age": float("nan")}, "expected plain JSON values"),
        ({"email": "a@example.com", "age": 2**60}, "expected plain JSON values"),
        ({"email": "a@example.com", "name": "\ud800"}, "expected plain JSON values"),
        ({"email": "a@example.com", "seen": {1, 2}}, "expected plain JSON values"),
        ({"email": "a@example.com", "seen": {1: "one"}}, "expected plain JSON values"),
    ],
    ids=str,
)
def test_a_row_that_can_not_be_taken_is_told_and_the_others_are_taken(
    bench: Bench, row: dict[str, Any], reason: str
) -> None:
    campaign = bench.draft(0)
    first, last = people(2)
    added = add(bench, campaign, first, row, last)
    assert (added.added, added.updated) == (2, 0)
    [rejected] = added.rejected
    assert rejected.row == 1
    assert rejected.reason.startswith(reason)
    assert addresses(bench, campaign) == ["p0@example.com", "p1@example.com"]


def test_a_row_that_contains_itself_is_told_like_any_other(bench: Bench) -> None:
    row: dict[str, Any] = {"email": "a@example.com"}
    row["self"] = row
    [rejected] = add(bench, bench.draft(0), row).rejected
    assert rejected.reason.startswith("expected plain JSON values")


@pytest.mark.parametrize("text", ["\x00", "a\u2028b", "'; DROP TABLE gonogo_contact; --", "{{ name }}", "🚀" * 1000])
def test_any_text_comes_back_as_it_was(bench: Bench, text: str) -> None:
    campaign = bench.draft(0)
    assert add(bench, campaign, {"email": "a@example.com", "said": text, text: "key"}).rejected == ()
    [row] = kept(bench, campaign)
    assert row["variables"] == {"email": "a@example.com", "said": text, text: "key"}


@pytest.mark.parametrize(
    ("channel", "row", "address"),
    [
        ("sms", {"phone": "+12025550123", "email": "a@example.com"}, "+12025550123"),
        ("email", {"phone": "+12025550123", "email": "a@example.com"}, "a@example.com"),
        ("webhook", {"phone": "+12025550123"}, "+12025550123"),
        ("webhook", {"email": "a@example.com"}, "a@example.com"),
    ],
)
def test_the_channel_tells_which_address_is_meant(
    bench: Bench, channel: str, row: dict[str, Any], address: str
) -> None:
    campaign = bench.draft(0, channel=channel)
    assert add(bench, campaign, row) == Added(1, 0)
    assert addresses(bench, campaign) == [address]


def test_on_a_channel_by_phone_an_email_is_no_address(bench: Bench) -> None:
    campaign = bench.draft(0, channel="sms")
    assert add(bench, campaign, {"email": "a@example.com"}).rejected == (
        Rejected(0, "phone: expected an address, found none"),
    )


def test_a_long_list_is_taken_in_one_call(bench: Bench) -> None:
    campaign = bench.draft(0)
    assert add(bench, campaign, *people(1_700)) == Added(1_700, 0)  # more than a statement may have parameters of
    assert add(bench, campaign, *people(1_700)) == Added(0, 1_700)
    assert bench.case(campaign).contacts == 1_700


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
@pytest.mark.parametrize("others", [None, 0, 50])
def test_a_list_that_grows_is_not_read_anew_for_each_part(bench: Bench, others: int | None) -> None:
    """Whatever PostgreSQL knows of the table: nothing, that it was empty, or that another list was short."""
    campaign = bench.draft(0)
    if others is not None:
        bench.draft(others)
        with bench.engine.connect() as connection:
            connection.execution_options(isolation_level="AUTOCOMMIT").execute(sa.text("VACUUM ANALYZE gonogo_contact"))
    read = sa.text("SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'gonogo_contact'")
    with bench.call() as call:
        for start in range(0, 10_000, 500):
            service.add_contacts(call, campaign, people(500, start))
        rows = call.connection.execute(read).scalar_one()
    assert rows <= 10_000 * 2


# Taken off again


def test_who_was_taken_off_is_not_sent_to(bench: Bench) -> None:
    campaign = bench.draft(3)
    assert bench.did(service.remove_contact, campaign, " P1@example.com").contacts == 2
    bench.did(service.start, campaign)
    bench.jobs.run()
    assert bench.sink.addresses == ["p0@example.com", "p2@example.com"]


def test_taking_off_who_was_left_out_changes_no_size(bench: Bench) -> None:
    campaign = bench.draft(2)
    add(bench, campaign, {"email": "no@example.com", "consent": False})
    assert bench.did(service.remove_contact, campaign, "no@example.com").contacts == 2


def test_who_is_not_on_the_list_can_not_be_taken_off(bench: Bench) -> None:
    case = bench.asked()
    before = snapshot(bench.engine)
    with pytest.raises(NotFound):
        bench.do(service.remove_contact, case.id, "nobody@example.com")
    assert snapshot(bench.engine) == before


def test_a_message_says_what_was_known_when_it_was_approved(bench: Bench) -> None:
    case = bench.launched(2)
    add(bench, case.id, {"email": "p1@example.com", "name": "somebody else"})
    bench.jobs.run()
    assert [message.subject for message in bench.sink.messages] == ["Hello N0", "Hello N1"]


# Any history at all

_NAMES = st.sampled_from(["a", "b", "c", "d"])
_DEEDS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.tuples(_NAMES, st.booleans()), max_size=5)),
        st.tuples(st.just("take off"), _NAMES),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=_DEEDS)
def test_whatever_is_added_and_taken_off_the_list_is_what_a_dictionary_would_be(
    bench: Bench, deeds: list[tuple[str, Any]]
) -> None:
    with bench.engine.connect() as connection:
        call = Call(connection, bench.ann, bench.clock.now(), bench.jobs)
        list_id = contacts.new_list(call, "Spring")
        model: dict[str, bool] = {}
        for deed, what in deeds:
            if deed == "add":
                _add(call, list_id, model, what)
            else:
                _take_off(call, list_id, model, what)
            held = lists.hold(connection, list_id)
            rows = lists.page(connection, list_id, after=0, limit=100)
            listed = [(json.loads(row.body)["address"], row.excluded is None) for row in rows]
            assert listed == [(f"{name}@example.com", consent) for name, consent in model.items()]
            assert held.size == sum(model.values())
            assert len({row.position for row in rows}) == len(rows)
        connection.rollback()


def _add(call: Call, list_id: str, model: dict[str, bool], rows: list[tuple[str, bool]]) -> None:
    said = [{"email": f"{name}@example.com", "consent": consent} for name, consent in rows]
    known = {name for name, _ in rows} & model.keys()
    new = {name for name, _ in rows} - model.keys()
    assert contacts.merge(call, list_id, "email", said) == Added(len(new), len(known))
    model |= dict(rows)


def _take_off(call: Call, list_id: str, model: dict[str, bool], name: str) -> None:
    if name in model:
        del model[name]
        contacts.take_off(call, list_id, f"{name}@example.com")
    else:
        with pytest.raises(NotFound):
            contacts.take_off(call, list_id, f"{name}@example.com")


def test_nothing_is_launched_to_a_list_while_an_import_is_open(bench: Bench) -> None:
    campaign = bench.draft()
    with bench.call() as call:
        _, first = service.add_contacts(call, campaign, people(3), more=True)
    with bench.call() as call:
        assert codes(service.start(call, campaign)) == ["import_open"]
    with bench.call() as call:
        _, second = service.add_contacts(call, campaign, [{"email": "nobody"}, *people(5)], after=first, more=False)
    assert (second.added, [each.row for each in second.rejected]) == (first.added + 2, [3])
    with bench.call() as call:
        assert not service.start(call, campaign).refused
