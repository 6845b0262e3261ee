"""A look ahead, where time has gone by: it says what a start would meet at that moment."""

import pytest
from whenever import TimeDelta

from gonogo import reading, service
from gonogo.reading import Launchability
from support.engine import Bench, asking, snapshot


def ahead(bench: Bench, campaign: str) -> Launchability:
    with bench.call() as call:
        return reading.launchability(call, campaign)


def test_a_campaign_whose_task_has_lapsed_can_be_started_again(bench: Bench) -> None:
    case = bench.asked(policy=asking(expires_after="PT1H"))
    assert [blocker.code for blocker in ahead(bench, case.id).blockers] == ["approval_pending"]
    bench.clock.move(TimeDelta(hours=2))
    before = snapshot(bench.engine)

    found = ahead(bench, case.id)

    assert found.blockers == ()
    assert found.ruling is not None
    assert found.ruling.rule == "everything"
    assert snapshot(bench.engine) == before
    assert bench.did(service.start, case.id).state == "pending_approval"


@pytest.mark.parametrize("hours", [-1, 3])
def test_a_start_time_blocks_once_it_has_passed(bench: Bench, hours: int) -> None:
    campaign = bench.draft(start_at=bench.clock.now() + TimeDelta(hours=2))
    bench.clock.move(TimeDelta(hours=hours))

    found = ahead(bench, campaign)

    expected = ["start_in_past"] if hours > 2 else []
    assert [blocker.code for blocker in found.blockers] == expected
    assert [blocker.code for blocker in bench.do(service.start, campaign).blockers] == expected
