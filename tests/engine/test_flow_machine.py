"""The walk of `gonogo.testing.FlowMachine` through the real service, on both databases, beside the oracle."""

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from gonogo import proposal
from gonogo.campaign import CAMPAIGN
from gonogo.testing import flow_machine
from support.keeper import ServiceKeeper, arrangeable, new_workspace, possible

CALM = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=15,
    stateful_step_count=30,
    phases=[Phase.generate],  # to shrink, and to explain, takes minutes on a database
    suppress_health_check=list(HealthCheck),
)


def test_the_service_decides_as_the_table_does(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposal, "REVIEWED_AT_ONCE", 20_000)  # put back afterwards, for the keeper moves it
    workspace = new_workspace(engine)
    walk = flow_machine(arrangeable(), lambda: ServiceKeeper(engine, workspace), possible=possible)
    run_state_machine_as_test(walk, settings=CALM)
    passed = {event for _, event, to in walk.seen if to is not None}
    refused = {event for _, event, to in walk.seen if to is None}
    assert passed == set(CAMPAIGN.events)
    assert refused == set(CAMPAIGN.events)
