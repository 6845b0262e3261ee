"""What another policy would have said: about one campaign, and about every launch of the past, nothing written."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from whenever import Instant

from gonogo import service
from gonogo.actor import Actor
from gonogo.errors import Invalid, NotFound
from gonogo.models import Document
from gonogo.policy.summing import Window
from gonogo.simulating import Backtest, Simulation, Verdict, backtest, simulate
from gonogo.store import rulings
from support.engine import HOUR, NOW, Bench, asking, snapshot

LAST: Document = {"name": "everyone else", "approve": {"stages": [{"group": "approvers", "quorum": 1}]}}
SPLITTING: Document = {"window": "PT24H"}
PEOPLE = Verdict("people", "everyone else")
UNDETERMINED = Verdict("undetermined")


def auto(most: int = 4, name: str = "small", **when: object) -> Document:
    return {"name": name, "when": {"recipients_at_most": most, **when}, "approve": "auto"}


def rules(*rules: Document, **more: object) -> Document:
    return {"rules": [*rules, LAST], **more}


def simulated(bench: Bench, campaign: str, document: Document, by: Actor | None = None) -> Simulation:
    before = snapshot(bench.engine)
    with bench.call(by) as call:
        found = simulate(call, campaign, document)
    assert snapshot(bench.engine) == before
    return found


def replayed(bench: Bench, document: Document, days: int = 30) -> Backtest:
    before = snapshot(bench.engine)
    with bench.call() as call:
        found = backtest(call, document, days)
    assert snapshot(bench.engine) == before
    return found


def counts(found: Backtest) -> dict[tuple[str, str], int]:
    """By what was said then and what would be said now, in short."""
    told: Counter[tuple[str, str]] = Counter()
    for (then, now), count in found.counts.items():
        told[then.permission, now.permission] += count
    return dict(told)


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> Any:
    """While it is entered, launches leave no ruling, as those of an older version did not."""

    def enter() -> pytest.MonkeyPatch:
        monkeypatch.setattr(rulings, "add", lambda *_: None)
        return monkeypatch

    return enter


# One campaign


def test_a_draft_is_asked_about_under_another_policy(bench: Bench) -> None:
    bench.policy(asking())
    campaign = bench.draft(3)
    found = simulated(bench, campaign, rules(auto(4)))
    assert (found.ruling.permission, found.ruling.rule, found.unsatisfiable) == ("auto", "small", False)
    assert (found.asked.recipients, found.blockers) == (3, ())
    asks = simulated(bench, campaign, rules(auto(2), separation="requester"))
    assert (asks.ruling.permission, asks.ruling.rule) == ("people", "everyone else")
    assert asks.ruling.requirement is not None
    assert asks.ruling.requirement.barred == (bench.ann.person,)


def test_a_freeze_of_the_draft_is_told(bench: Bench) -> None:
    freeze = {"from": "2026-01-01", "to": "2026-01-09", "zone": "UTC", "reason": "stocktaking"}
    found = simulated(bench, bench.draft(3), rules(auto(4), freeze=[freeze]))
    assert [(each.code, each.figures["reason"]) for each in found.blockers] == [("frozen", "stocktaking")]


def test_what_the_requester_alone_could_satisfy_is_unsatisfiable_for_the_requester(bench: Bench) -> None:
    boss = bench.person("boss", "admin", "lexi", "campaigns:write")
    only = {"rules": [{"name": "all", "approve": {"stages": [{"group": "owners"}]}}], "separation": "requester"}
    campaign = bench.draft(3)
    assert simulated(bench, campaign, only, by=boss).unsatisfiable
    assert not simulated(bench, campaign, only).unsatisfiable


def test_a_run_that_is_open_is_asked_about_as_it_was(bench: Bench) -> None:
    bench.policy(rules(auto(4)))
    bench.did(service.start, bench.draft(2))
    bench.clock.move(HOUR)
    case = bench.launched(7)
    bench.clock.move(48 * HOUR)
    draft = rules(auto(8), auto(90, "again", template="unchanged"), splitting=SPLITTING)
    found = simulated(bench, case.id, draft)
    assert (found.asked.recipients, found.asked.summed, found.asked.template_changed) == (7, {"requester": 2}, True)
    assert (found.asked.at, found.ruling.rule) == (NOW + HOUR, "everyone else")


def test_every_mistake_of_a_draft_is_told_and_a_campaign_of_elsewhere_is_none(bench: Bench) -> None:
    campaign = bench.draft()
    wrong = {"rules": [{**LAST, "approve": "auto"}], "separation": "friends"}
    with bench.call() as call:
        with pytest.raises(Invalid) as refused:
            simulate(call, campaign, wrong)
        assert [mistake.path for mistake in refused.value.mistakes] == ["separation", "rules[0].approve"]
        with pytest.raises(Invalid) as refused:
            backtest(call, wrong, 30)
        assert len(refused.value.mistakes) == 2
        for days in (0, 3_651):
            with pytest.raises(Invalid, match="days"):
                backtest(call, rules(), days)
    with Bench(bench.engine).call() as call, pytest.raises(NotFound):
        simulate(call, campaign, rules())


# Every launch of the past


def test_launches_are_told_as_a_diff(bench: Bench) -> None:
    bench.policy(rules(auto(4)))
    small = [bench.did(service.start, bench.draft(size)) for size in (1, 2, 3)]
    large = bench.did(service.start, bench.draft(6))

    found = replayed(bench, rules(auto(2), auto(9, "medium", channel="email")))

    assert (found.launches, found.changed, found.undetermined) == (4, 2, 0)
    then, now = Verdict("auto", "small"), Verdict("auto", "medium")
    assert found.counts == {(then, then): 2, (then, now): 1, (PEOPLE, now): 1}
    assert {(each.campaign, each.recipients, each.then, each.now) for each in found.named} == {
        (small[2].id, 3, then, now),
        (large.id, 6, PEOPLE, now),
    }
    assert {(each.run, each.at) for each in found.named} == {(1, NOW)}
    assert replayed(bench, rules(auto(4))).changed == 0


def test_only_the_days_that_were_asked_for_are_told(bench: Bench) -> None:
    bench.policy(rules(auto(4)))
    bench.did(service.start, bench.draft(1))
    bench.clock.move(48 * HOUR)
    bench.did(service.start, bench.draft(1))
    bench.clock.move(HOUR)
    assert replayed(bench, rules(), 1).launches == 1
    assert replayed(bench, rules(), 3).launches == 2
    assert replayed(bench, rules(), 1).since == bench.clock.now() - 24 * HOUR


def test_a_freeze_and_approval_off_are_verdicts_too(bench: Bench) -> None:
    bench.policy(rules(auto(4)))
    bench.did(service.start, bench.draft(1))
    freeze = {"from": "2026-01-05T09:00", "to": "2026-01-05T09:01", "zone": "UTC", "reason": "stocktaking"}
    assert set(replayed(bench, rules(auto(4), freeze=[freeze])).counts) == {
        (Verdict("auto", "small"), Verdict("frozen", "stocktaking"))
    }
    assert counts(replayed(bench, {"approval": "off", "reason": "a test"})) == {("auto", "ungated"): 1}


def test_windows_sum_what_the_draft_itself_would_have_permitted(bench: Bench) -> None:
    bench.policy(asking())
    for _ in range(4):
        bench.did(service.start, bench.draft(3))
        bench.clock.move(10 * HOUR)
    # 3 and 3 fit into a day; the third must ask, and so does not count; the fourth sees the second alone
    found = replayed(bench, rules(auto(6), splitting=SPLITTING))
    assert counts(found) == {("people", "auto"): 3, ("people", "people"): 1}
    assert [each.at for each in found.named if each.now == PEOPLE] == [NOW + 20 * HOUR]


def test_a_window_begins_before_the_days_that_are_told(bench: Bench) -> None:
    bench.policy(rules(auto(4)))
    bench.did(service.start, bench.draft(3))
    bench.clock.move(20 * HOUR)
    bench.did(service.start, bench.draft(3))
    bench.clock.move(23 * HOUR)
    assert counts(replayed(bench, rules(auto(4), splitting=SPLITTING), 1)) == {("auto", "people"): 1}


def test_what_was_scheduled_for_one_day_adds_up_on_that_day(bench: Bench) -> None:
    bench.policy(rules(auto(4)))
    friday = bench.clock.now() + 200 * HOUR
    for _ in range(3):  # three days, and three each, all for the same
        bench.did(service.start, bench.draft(3, start_at=friday))
        bench.clock.move(48 * HOUR)
    assert counts(replayed(bench, rules(auto(7), splitting=SPLITTING), 30)) == {
        ("auto", "auto"): 2,
        ("auto", "people"): 1,
    }
    assert counts(replayed(bench, rules(auto(4), splitting=SPLITTING), 2)) == {("auto", "people"): 1}


def test_runs_that_continue_each_other_count_once(bench: Bench) -> None:
    bench.policy(asking())
    first = bench.running(3)
    bench.did(service.revoke, first.id, by=bench.bob)
    again = bench.did(service.resume, first.id)
    assert again.run == 2
    bench.did(service.start, bench.draft(3))
    found = replayed(bench, rules(auto(6), splitting=SPLITTING))
    assert counts(found) == {("people", "auto"): 3}


def test_people_windows_and_senders_are_told_apart(bench: Bench) -> None:
    bench.policy(asking())
    for by in (bench.ann, bench.bob):
        bench.did(service.start, bench.draft(3), by=by)
    assert counts(replayed(bench, rules(auto(4), splitting=SPLITTING))) == {("people", "auto"): 2}
    by_sender = replayed(bench, rules(auto(4), splitting={**SPLITTING, "per": "sender"}))
    assert counts(by_sender) == {("people", "auto"): 1, ("people", "people"): 1}
    by_list = replayed(bench, rules(auto(4), splitting={**SPLITTING, "per": ["list", "requester"]}))
    assert counts(by_list) == {("people", "auto"): 2}


def test_broken_glass_stays_what_it_was(bench: Bench) -> None:
    boss = bench.person("boss", "admin", "lexi", "campaigns:write")
    bench.policy(asking(break_glass={"group": "owners"}))
    bench.did(service.break_glass, bench.draft(3), "The site is down.", by=boss)
    found = replayed(bench, rules(auto(4)))
    assert (counts(found), found.changed) == ({("break_glass", "break_glass"): 1}, 0)


def test_what_was_not_stored_is_undetermined_where_it_decides_and_only_there(bench: Bench, old: Any) -> None:
    bench.policy(rules(auto(4)))
    undo = old()
    case = bench.did(service.start, bench.draft(3))
    undo.undo()
    bench.clock.move(HOUR)
    bench.did(service.start, bench.draft(2))

    known = replayed(bench, rules(auto(4, review="clean", channel="email", warnings="none")))
    assert counts(known) == {("auto", "auto"): 2}
    assert (known.launches, known.undetermined) == (2, 0)
    assert counts(replayed(bench, rules(auto(2)))) == {("auto", "people"): 1, ("auto", "auto"): 1}
    for condition in (
        {"sender": "campaigns@example.com"},
        {"list": case.list_id},
        {"template": "changed"},
    ):
        found = replayed(bench, rules(auto(3, **condition), auto(9, "else")))
        assert counts(found) == {("auto", "undetermined"): 1, ("auto", "auto"): 1}
        assert found.undetermined == 1


def test_a_start_time_that_was_not_stored_is_not_guessed(bench: Bench, old: Any) -> None:
    bench.policy(rules(auto(4)))
    undo = old()
    bench.did(service.start, bench.draft(3, start_at=NOW + HOUR))
    bench.did(service.start, bench.draft(3))
    undo.undo()
    hours = {"from": "08:00", "to": "10:00", "zone": "UTC"}
    assert counts(replayed(bench, rules(auto(4, hours=hours)))) == {("auto", "undetermined"): 1, ("auto", "auto"): 1}
    freeze = {"from": "2026-02-01", "to": "2026-03-01", "zone": "UTC", "reason": "stocktaking"}
    frozen = replayed(bench, rules(auto(4), freeze=[freeze]))
    assert counts(frozen) == {("auto", "undetermined"): 1, ("auto", "auto"): 1}


def test_a_sum_over_launches_that_are_not_known_is_undetermined_until_they_leave_the_window(
    bench: Bench, old: Any
) -> None:
    bench.policy(rules(auto(4)))
    undo = old()
    bench.did(service.start, bench.draft(1))
    undo.undo()
    for hours in (1, 24):
        bench.clock.move(hours * HOUR)
        bench.did(service.start, bench.draft(1))
    by_list = replayed(bench, rules(auto(4), splitting={**SPLITTING, "per": "list"}))
    assert counts(by_list) == {("auto", "undetermined"): 2, ("auto", "auto"): 1}
    assert counts(replayed(bench, rules(auto(4), splitting=SPLITTING))) == {("auto", "auto"): 3}
    unsummed = replayed(bench, rules({"name": "all", "approve": "auto"}, splitting={**SPLITTING, "per": "list"}))
    assert counts(unsummed) == {("auto", "auto"): 3}


def test_a_launch_that_may_have_counted_leaves_its_requesters_sum_open(bench: Bench, old: Any) -> None:
    bench.policy(rules(auto(4)))
    undo = old()
    bench.did(service.start, bench.draft(1))
    undo.undo()
    bench.clock.move(HOUR)
    for by in (bench.ann, bench.bob):
        bench.did(service.start, bench.draft(1), by=by)
    found = replayed(bench, rules(auto(4, template="changed"), splitting=SPLITTING))
    assert counts(found) == {("auto", "undetermined"): 2, ("auto", "auto"): 1}


def test_only_a_hundred_changes_are_named(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gonogo.simulating.NAMED", 2)
    bench.policy(rules(auto(4)))
    for _ in range(3):
        bench.did(service.start, bench.draft(1))
    found = replayed(bench, rules())
    assert (found.changed, len(found.named)) == (3, 2)


def test_another_workspace_is_not_asked_about(bench: Bench, old: Any) -> None:
    bench.policy(rules(auto(4)))
    bench.did(service.start, bench.draft(1))
    undo = old()
    bench.did(service.start, bench.draft(1))
    undo.undo()
    other = Bench(bench.engine)
    assert replayed(other, rules()).launches == 0


# The sums


SPAN = 8 * HOUR
EVENTS = st.lists(
    st.tuples(st.integers(0, 6), st.integers(0, 20), st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 9)),
    max_size=40,
)


@given(EVENTS)
def test_a_window_holds_what_a_look_at_everything_would_find(events: list[tuple[int, int, str, int, int]]) -> None:
    window, at = Window(SPAN), Instant.from_utc(2026, 1, 1)
    past: list[tuple[Instant, Instant, str, tuple[str, int], int]] = []
    for hours, later, subject, campaign, recipients in events:
        at += hours * HOUR
        key, starts_at = (str(campaign), 0), at + later * HOUR
        largest: dict[tuple[str, int], int] = {}
        for when, start, whose, other, count in past:
            beside = when > at - SPAN or starts_at - SPAN < start < starts_at + SPAN
            if beside and whose == subject and other != key:
                largest[other] = max(largest.get(other, 0), count)
        assert window.sum(subject, at, starts_at, key) == sum(largest.values())
        window.add(subject, at, starts_at, key, recipients)
        past.append((at, starts_at, subject, key, recipients))
    for subject in ("a", "b", "a", "b"):
        window.sum(subject, at + 30 * HOUR, at + 30 * HOUR, ("", 0))
    assert not any((window._entries, window._subjects))


def test_a_launch_whose_start_is_not_known_makes_every_later_sum_unknown() -> None:
    window, key = Window(SPAN), ("2", 0)
    window.add("a", NOW, None, ("1", 0), 5)
    assert window.sum("a", NOW, NOW, key) is None
    assert window.sum("a", NOW + 1_000 * HOUR, NOW + 1_000 * HOUR, key) is None
    assert window.sum("b", NOW, NOW, key) == 0


def test_beside_what_was_scheduled_before_an_unknown_start_is_not_known() -> None:
    window, key = Window(SPAN), ("2", 0)
    window.add("a", NOW, NOW + 20 * HOUR, ("1", 0), 5)
    assert window.sum("a", NOW + HOUR, None, key) == 5
    assert window.sum("a", NOW + 10 * HOUR, None, key) is None
    assert window.sum("a", NOW + 28 * HOUR, None, key) == 0


def test_a_launch_that_may_have_counted_makes_a_sum_unknown() -> None:
    def summed(window: Window, subject: str | None, hours: int) -> int | None:
        at = NOW + hours * HOUR
        return window.sum(subject, at, at, ("2", 0))

    window = Window(SPAN)
    window.add("a", NOW, NOW, ("1", 0), None)
    assert summed(window, "a", 7) is None
    assert summed(window, "b", 7) == 0
    assert summed(window, "a", 8) == 0
    window.add(None, NOW + 8 * HOUR, NOW + 9 * HOUR, ("3", 0), 5)
    assert summed(window, "b", 16) is None
    assert summed(window, "b", 17) == 0
    assert summed(window, None, 30) is None
