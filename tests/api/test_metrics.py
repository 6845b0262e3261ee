"""Figures for Prometheus: true, cheap, of few labels, and not for everybody."""

import asyncio
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Message
from whenever import TimeDelta

from gonogo.gate import Gate
from gonogo.store import standing
from gonogo.testing.fake_jobs import FakeJobs
from gonogo_api.metrics import Measured, Metrics, may_read
from support.engine import HOUR, NOW, Bench
from support.house import House
from support.server import Server

PRESENTED = "Bearer of more than sixteen"
Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def figures(text: str) -> Figures:
    """Every sample of a page, by its name and labels."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def page(server: Server, **headers: str) -> requests.Response:
    return requests.get(f"{server.base}/metrics", headers=headers, timeout=10)


def counted(found: Figures, **labels: str) -> float:
    return found.get(("gonogo_http_request_seconds_count", tuple(sorted(labels.items()))), 0.0)


# What it tells


def test_requests_are_counted_by_route_and_status_and_never_by_id(server: Server) -> None:
    house = House.of(server)
    campaign = house.draft()
    before = figures(page(server).text)
    house.campaign(campaign)
    house.campaign(campaign)
    assert house.client.get("/v1/campaigns/00000000-0000-4000-8000-000000000000").status_code == 404
    answer = page(server)
    after = figures(answer.text)

    def more(**labels: str) -> float:
        return counted(after, **labels) - counted(before, **labels)

    one = {"dialect": "leadlex", "method": "GET", "route": "/v1/campaigns/{campaign_id}"}
    assert (more(**one, status="200"), more(**one, status="404")) == (2, 1)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert campaign not in answer.text
    assert house.tenant.id not in answer.text


def test_whatever_a_client_makes_up_makes_no_new_label(server: Server) -> None:
    for path in ("/never/heard", "/v1/campaigns/x/y/z"):
        requests.get(f"{server.base}{path}", timeout=5)
    requests.request("PURGE", f"{server.base}/v1/campaigns", timeout=5)
    found = figures(page(server).text)
    values = {value for _, labels in found for _, value in labels}
    assert {"none", "other"} <= values
    assert not {value for value in values if re.search("never|PURGE|/x/", value)}


def test_an_error_of_ours_is_counted_as_one(strict: Server) -> None:
    house = House.of(strict)
    with strict.broken("ALTER TABLE gonogo_list RENAME TO gone", "ALTER TABLE gone RENAME TO gonogo_list"):
        assert house.client.get("/v1/campaigns").status_code == 500
    found = figures(page(strict).text)
    assert counted(found, dialect="leadlex", method="GET", route="/v1/campaigns", status="500") == 1


def test_the_process_and_the_executor_are_told_of(server: Server) -> None:
    found = figures(page(server).text)
    assert found["gonogo_database_up", ()] == 1
    assert 0 <= found["gonogo_executor_silence_seconds", ()] < 10
    assert found["process_cpu_seconds_total", ()] > 0


@pytest.fixture
def gate(engine: sa.Engine) -> Gate:
    return Gate(engine, jobs=FakeJobs())


def test_what_is_under_way_is_asked_of_the_database(engine: sa.Engine) -> None:
    bench = Bench(engine)
    bench.launched(start_at=NOW + HOUR)
    bench.launched()
    for _ in range(2):
        bench.claim(bench.running(), 1)
    bench.clock.move(TimeDelta(seconds=3))
    bench.claim(bench.running(), 1)
    bench.draft()
    bench.write("UPDATE gonogo_run SET wake_at = opened_at, waiting_for = 'window' WHERE begun_at IS NOT NULL")
    with engine.connect() as connection:
        found = standing.ask(connection, bench.clock.now() + TimeDelta(seconds=3))
    assert found.campaigns == {"scheduled": 1, "active": 1, "running": 3}
    assert found.waiting == {"window": 3}
    assert (found.leases, found.lapsed) == (1, 2)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_no_figure_is_found_by_looking_at_every_row(engine: sa.Engine) -> None:
    said: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *event: said.append(event[2]))
    with engine.connect() as connection:
        standing.ask(connection, NOW)
        asked = [each for each in said if each.startswith("SELECT") and "gonogo_executor" not in each]
        for statement in asked:
            values = ["2026"] * statement.count("?")
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", tuple(values)).all()
            assert all("INDEX" in row.detail or "TEMP B-TREE" in row.detail for row in plan), plan
    assert len(asked) == 5


def test_a_database_that_does_not_answer_is_a_figure_too(gate: Gate) -> None:
    with gate.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gonogo_lease RENAME TO gone")
    found = figures(read(Metrics(gate)))
    assert found["gonogo_database_up", ()] == 0
    assert ("gonogo_leases", (("lease", "alive"),)) not in found


def read(metrics: Metrics) -> str:
    request = Request({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})
    return bytes(metrics.shown(request, None).body).decode()


@pytest.mark.parametrize("backend", ["sqlite"])
def test_what_the_engine_says_it_did_is_counted_while_somebody_listens(gate: Gate) -> None:
    metrics, engine = Metrics(gate), logging.getLogger("gonogo.somewhere")
    before = logging.getLogger("gonogo").level
    with metrics.listener.listening():
        engine.info("approve", extra={"decided": "approve", "outcome": "active"})
        engine.info("approve", extra={"decided": "approve", "outcome": "refused"})
        engine.debug("a batch", extra={"settled": {"sent": 19, "rejected": 1}})
        engine.debug("a batch", extra={"settled": {"sent": 20}})
    engine.info("approve", extra={"decided": "approve", "outcome": "active"})
    found = figures(read(metrics))
    assert found["gonogo_decisions_total", (("event", "approve"), ("outcome", "active"))] == 1
    assert found["gonogo_decisions_total", (("event", "approve"), ("outcome", "refused"))] == 1
    assert found["gonogo_messages_settled_total", (("state", "sent"),)] == 39
    assert found["gonogo_messages_settled_total", (("state", "rejected"),)] == 1
    assert logging.getLogger("gonogo").level == before


@pytest.mark.parametrize("backend", ["sqlite"])
@pytest.mark.parametrize(("type_", "count"), [("text/event-stream; charset=utf-8", 0), ("text/plain", 1)])
def test_an_answer_that_goes_on_for_as_long_as_somebody_listens_is_not_timed(
    gate: Gate, type_: str, count: int
) -> None:
    metrics, answer = Metrics(gate), StreamingResponse(iter([b"data: {}"]), media_type=type_)
    app = Measured(answer, metrics=metrics, dialect="leadlex")

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_: Message) -> None:
        """The client takes it."""

    asyncio.run(app({"type": "http", "method": "GET", "asgi": {"spec_version": "2.4"}}, receive, send))
    found = figures(read(metrics))
    assert counted(found, dialect="leadlex", method="GET", route="none", status="200") == count


@pytest.mark.parametrize("backend", ["sqlite"])
def test_two_applications_of_a_process_count_for_themselves(gate: Gate) -> None:
    one, other = Metrics(gate), Metrics(gate)
    one.answered("burki", "GET", "/x", 200, 0.1)
    labels = {"dialect": "burki", "method": "GET", "route": "/x", "status": "200"}
    assert counted(figures(read(one)), **labels) == 1
    assert counted(figures(read(other)), **labels) == 0


# Who may read it


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose figures need a token."""
    folder: Path = tmp_path_factory.mktemp("guarded")
    server = Server(
        f"sqlite:///{folder}/gonogo.db",
        folder,
        {"GONOGO_METRICS_TOKEN": PRESENTED.removeprefix("Bearer ")},
        ("--no-worker",),
    )
    yield server.start()
    server.stop()


@pytest.mark.parametrize(
    "headers", [{"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}, {"X-Real-Ip": "127.0.0.1"}]
)
def test_without_a_token_only_this_machine_may_read_it_and_not_through_a_proxy(
    sqlite_server: Server, headers: dict[str, str]
) -> None:
    refused = page(sqlite_server, **headers)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "forbidden")
    assert "gonogo_" not in refused.text


@pytest.mark.parametrize("said", [None, "Bearer", f"{PRESENTED}x", PRESENTED.removeprefix("Bearer "), "Bearer \u00e9"])
def test_with_a_token_nobody_may_read_it_without_presenting_it(guarded: Server, said: str | None) -> None:
    headers = {} if said is None else {"Authorization": said}
    assert page(guarded, **headers).status_code == 401


def test_with_a_token_whoever_presents_it_may(guarded: Server) -> None:
    answer = page(guarded, Authorization=PRESENTED, **{"X-Forwarded-For": "203.0.113.9"})
    assert answer.status_code == 200
    assert "gonogo_database_up 1.0" in answer.text


@pytest.mark.parametrize(
    ("host", "status"), [("127.0.0.1", 200), ("::1", 200), ("127.8.8.8", 200), ("10.0.0.1", 403), ("unknown", 403)]
)
def test_this_machine_is_known_by_its_loopback_address(host: str, status: int) -> None:
    assert may_read(Request({"type": "http", "headers": [], "client": (host, 1)}), None) == status
    assert may_read(Request({"type": "http", "headers": [], "client": None}), None) == 403
