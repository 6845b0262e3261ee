"""A key that knocks too often is told when to come again, in its dialect's words, whichever process it meets."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa
from limits.strategies import FixedWindowRateLimiter

from gonogo_api.rates import Limiter, PostgresStorage
from support.errors import DIALECTS, campaigns, says_no
from support.server import Client, Server, Tenant

LIMIT = 5
SHOWN = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that lets each key knock five times a minute."""
    folder = tmp_path_factory.mktemp("strict")
    server = Server(f"sqlite:///{folder}/gonogo.db", folder, {"GONOGO_RATE_LIMIT": f"{LIMIT}/minute"})
    yield server.start()
    server.stop()


def ask(tenant: Tenant, client: Client, times: int) -> list[requests.Response]:
    return [client.get(campaigns(tenant)) for _ in range(times)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_one_knock_too_many_is_refused_and_told_when_to_come_again(strict: Server, dialect: str) -> None:
    tenant = strict.workspace(dialect)
    client, other = tenant.client(), tenant.client()
    *before, last = ask(tenant, client, LIMIT + 1)
    assert [answer.status_code for answer in before] == [200] * LIMIT
    assert last.status_code == 429
    says_no(last, dialect)
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert ask(tenant, other, 1)[0].status_code == 200  # each key has a window of its own


def test_the_house_shows_what_is_left_on_every_answer_and_nobody_else_does(strict: Server) -> None:
    tenant = strict.workspace("leadlex")
    answers = ask(tenant, tenant.client(), LIMIT + 2)
    left = [int(answer.headers["X-RateLimit-Remaining"]) for answer in answers]
    assert left == [4, 3, 2, 1, 0, 0, 0]
    for answer in answers:
        assert answer.headers["X-RateLimit-Limit"] == str(LIMIT)
        assert 0 < int(answer.headers["X-RateLimit-Reset"]) - time.time() <= 61
    assert answers[-1].json() == {
        "error": {"code": "rate_limited", "message": f"Rate limit exceeded: {LIMIT} requests"}
    }
    foreign = strict.workspace("burki")
    for answer in ask(foreign, foreign.client(), LIMIT + 1):
        assert not set(SHOWN) & set(answer.headers)


def test_who_has_no_good_key_is_told_so_however_often(strict: Server) -> None:
    tenant = strict.workspace("leadlex")
    answers = ask(tenant, Client(strict.base, "wbk_nobody_knows"), LIMIT + 2)
    assert {answer.status_code for answer in answers} == {401}


def test_nothing_is_counted_where_the_limit_is_off(tmp_path: Path) -> None:
    server = Server(f"sqlite:///{tmp_path}/gonogo.db", tmp_path, {"GONOGO_RATE_LIMIT": "0"}).start()
    tenant = server.workspace()
    [answer] = ask(tenant, tenant.client(), 1)
    server.stop()
    assert not set(SHOWN) & set(answer.headers)


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_two_processes_on_one_database_count_together(engine: sa.Engine) -> None:
    limiters = [Limiter(f"{LIMIT}/minute", engine) for _ in range(2)]
    told = [limiters[turn % 2].hit("key") for turn in range(LIMIT + 2)]
    assert [each.remaining for each in told] == [4, 3, 2, 1, 0, 0, 0]
    assert [each.exceeded for each in told] == [False] * LIMIT + [True] * 2
    assert len({each.resets_at for each in told}) == 1
    assert not limiters[0].hit("another").exceeded


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_window_that_is_over_counts_no_more(engine: sa.Engine) -> None:
    limiter = Limiter(f"{LIMIT}/minute", engine)
    for _ in range(LIMIT + 1):
        spent = limiter.hit("key")
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE gonogo_rate SET until = until - 61")
    assert limiter.storage.get(limiter.item.key_for("key")) == 0
    fresh = limiter.hit("key")
    assert (spent.exceeded, fresh.exceeded, fresh.remaining) == (True, False, LIMIT - 1)
    assert fresh.resets_at > time.time()


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_storage_keeps_what_the_library_asks_of_it(engine: sa.Engine) -> None:
    storage, item = PostgresStorage(engine), Limiter("2/minute", engine).item
    strategy = FixedWindowRateLimiter(storage)
    assert storage.check()
    assert strategy.test(item, "key")
    assert [strategy.hit(item, "key") for _ in range(3)] == [True, True, False]
    assert not strategy.test(item, "key")
    window = FixedWindowRateLimiter(PostgresStorage(engine)).get_window_stats(item, "key")
    assert (window.remaining, 0 < window.reset_time - time.time() <= 60) == (0, True)
    strategy.clear(item, "key")
    assert strategy.hit(item, "key")
    assert storage.reset() == 1
    assert storage.get(item.key_for("key")) == 0


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_the_counters_are_not_written_ahead(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        kept = connection.exec_driver_sql("SELECT relpersistence FROM pg_class WHERE relname = 'gonogo_rate'")
        assert kept.scalar_one() == "u"
