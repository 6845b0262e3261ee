"""What the log tells of a step: what was written, once it was."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gonogo import service
from gonogo.campaign import CAMPAIGN
from gonogo.errors import Conflict
from gonogo.machine import decide
from gonogo.proposal import facts_of
from gonogo.record import record
from support.engine import Bench

Told = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Iterator[Told]:
    """What the lines about steps say, since it was last asked."""

    def since() -> list[dict[str, Any]]:
        said = [vars(each) for each in caplog.records if each.name == "gonogo.record"]
        caplog.clear()
        return said

    with caplog.at_level(logging.INFO, "gonogo.record"):
        yield since


def test_a_start_is_told_with_the_run_that_it_opened(bench: Bench, told: Told) -> None:
    first = bench.asked()
    bench.did(service.withdraw, first.task_id)
    second = bench.did(service.start, first.id)
    assert first.run_id != second.run_id
    said = told()
    steps = [(each["decided"], each["run"]) for each in said if each["decided"] != "revise"]
    assert steps == [("start", first.run_id), ("withdraw", first.run_id), ("start", second.run_id)]
    assert {each["campaign"] for each in said} == {first.id}


def test_a_refusal_is_told_with_the_run_that_stands(bench: Bench, told: Told) -> None:
    case = bench.running()
    told()
    assert bench.do(service.resume, case.id).refused
    assert [(each["decided"], each["outcome"], each["run"]) for each in told()] == [("resume", "refused", case.run_id)]


def test_a_step_that_another_was_faster_than_is_not_told(bench: Bench, told: Told) -> None:
    stale = bench.running()
    bench.did(service.redispatch, stale.id)
    told()
    with pytest.raises(Conflict), bench.call() as call:
        record(call, stale, "pause", decide(CAMPAIGN, stale.state, "pause", facts_of(call, stale)))
    assert told() == []
