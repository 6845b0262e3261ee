"""Keys: who they let in, and what is kept of them."""

import base64
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any, TypeVar

import pytest
import sqlalchemy as sa
from sqlalchemy import event
from starlette.routing import BaseRoute
from whenever import Instant, TimeDelta

from gonogo import database, models, workspaces
from gonogo.actor import SCOPES, Actor, machine
from gonogo.call import Call
from gonogo.clock import SystemClock
from gonogo.errors import Invalid, NotFound
from gonogo.gate import Gate
from gonogo.models import DIALECTS, Base, table
from gonogo.store import workspaces as store
from gonogo.testing.fake_jobs import FakeJobs
from gonogo_api.app import APPS
from gonogo_api.auth import PREFIXES, Visitor, bearer, identify, issue, revoke, rotate, told, well_formed
from gonogo_api.door import Door
from gonogo_api.routes import StrictRoute, _scopes
from gonogo_api.settings import Settings
from support.engine import HandClock
from support.house import House, refusal
from support.server import Client, Server

PEPPER = b"a pepper"
T = TypeVar("T")


class Office:
    """A workspace, and the desk where its keys are made and shown."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.workspace = self.do(lambda call: workspaces.create(call, "Acme"))

    def do(self, what: Callable[[Call], T]) -> T:
        with self.engine.begin() as connection:
            by: Actor = machine(getattr(self, "workspace", ""))
            return what(Call(connection, by, SystemClock().now(), FakeJobs()))

    def issue(self, *scopes: str, dialect: str = "leadlex", **more: Any) -> tuple[str, str]:
        wanted = scopes or SCOPES
        return self.do(
            lambda call: issue(call, PEPPER, workspace=self.workspace, dialect=dialect, scopes=wanted, **more)
        )

    def rotate(self, key_id: str) -> tuple[str, str]:
        return self.do(lambda call: rotate(call, PEPPER, key_id))

    def revoke(self, key_id: str) -> Instant:
        return self.do(lambda call: revoke(call, key_id))

    def told(self, key_id: str) -> dict[str, Any]:
        return next(row for row in self.do(told) if row["id"] == key_id)

    def member(self) -> str:
        return self.do(lambda call: workspaces.add_member(call, "ann@acme.example", scopes=("lexi",)))

    def show(self, key: str, *, pepper: bytes = PEPPER, later: TimeDelta = TimeDelta(hours=0)) -> Visitor | None:
        with self.engine.begin() as connection:
            found = identify(connection, pepper, key, Instant.now() + later)
        return found if found and found.alive else None

    def change(self, model: type[Base], row: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.update(table(model)).where(table(model).c.id == row).values(**values))


@pytest.fixture
def office(engine: sa.Engine) -> Office:
    return Office(engine)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_key_lets_in_who_it_was_made_for(office: Office, dialect: str) -> None:
    key, key_id = office.issue("lexi", "campaigns:read", dialect=dialect)

    visitor = office.show(key)

    assert key.startswith(f"{PREFIXES[dialect]}_{key_id}_")
    assert visitor is not None
    assert visitor.dialect == dialect
    assert visitor.actor == Actor(office.workspace, key_id, key_id, frozenset({"lexi", "campaigns:read"}))


def test_a_key_of_a_member_acts_for_the_member(office: Office) -> None:
    member = office.member()
    visitors = [office.show(office.issue("lexi", member=member)[0]) for _ in range(2)]
    assert [visitor and (visitor.actor.person, visitor.actor.is_member) for visitor in visitors] == [(member, True)] * 2
    assert visitors[0] != visitors[1]


def test_of_a_key_only_a_mac_is_kept(office: Office) -> None:
    key, key_id = office.issue()
    secret = key.rpartition("_")[2]
    with office.engine.connect() as connection:
        stored = [
            repr(tuple(row)) for each in Base.metadata.tables.values() for row in connection.execute(each.select())
        ]
    assert any(key_id in row for row in stored)
    assert not any(secret in row for row in stored)
    assert office.show(key, pepper=b"another pepper") is None


def test_what_is_not_exactly_the_key_lets_nobody_in(office: Office) -> None:
    (key, key_id), (other, _) = office.issue(), office.issue()
    secret = key.rpartition("_")[2]
    assert office.show(key) is not None
    for wrong in (
        "", "_", "__", "wbk", "wbk__", key_id, secret, f"{key_id}_{secret}", f"_{key_id}_{secret}",
        key[:-1], f"{key}x", f"{key} ", key.upper(), f"sk_live_{key_id}_{secret}", f"wbk_{key_id}_",
        f"wbk_{key_id}_{other.rpartition('_')[2]}", f"wbk_x{key_id}_{secret}", f"wbk_{key_id}_{secret}é", f"x{key}",
    ):  # fmt: skip
        assert office.show(wrong) is None, wrong


def test_a_key_that_expired_or_was_revoked_lets_nobody_in(office: Office) -> None:
    key, key_id = office.issue()
    office.change(models.Key, key_id, expires_at=Instant.now() + TimeDelta(hours=1))
    assert office.show(key) is not None
    assert office.show(key, later=TimeDelta(hours=2)) is None
    office.change(models.Key, key_id, expires_at=None, revoked_at=Instant.now())
    assert office.show(key) is None


def test_a_key_is_made_to_end(office: Office) -> None:
    now = SystemClock().now()
    key, key_id = office.issue(expires_at=now + TimeDelta(hours=1))
    assert office.show(key) is not None
    assert office.show(key, later=TimeDelta(hours=1)) is None
    assert office.told(key_id)["expires_at"] == (now + TimeDelta(hours=1)).format_iso()
    with pytest.raises(Invalid, match="expires_at: expected a time to come"):
        office.do(
            lambda call: issue(
                call, PEPPER, workspace=office.workspace, dialect="burki", scopes=["lexi"], expires_at=call.now
            )
        )


def test_a_key_ends_with_its_member(office: Office) -> None:
    member = office.member()
    (key, _), (robot, _) = office.issue("lexi", member=member), office.issue("lexi")
    office.change(models.Member, member, removed_at=Instant.now())
    assert office.show(key) is None
    assert office.show(robot) is not None


@pytest.mark.parametrize(
    ("dialect", "scopes", "path"),
    [("klingon", ("lexi",), "dialect"), ("leadlex", ("everything",), "scopes"), ("leadlex", (), "scopes")],
)
def test_a_key_is_not_made_of_what_there_is_not(
    office: Office, dialect: str, scopes: tuple[str, ...], path: str
) -> None:
    with pytest.raises(Invalid) as refused:
        office.do(lambda call: issue(call, PEPPER, workspace=office.workspace, dialect=dialect, scopes=scopes))
    assert [mistake.path for mistake in refused.value.mistakes] == [path]


# The checksum


def test_the_checksum_of_a_key_is_what_is_documented() -> None:
    body = f"wbk_{'a' * 16}_{'a' * 40}"
    checksum = base64.b32encode(zlib.crc32(body.encode()).to_bytes(4, "big")).decode().lower()[:6]
    assert checksum == "p3y3qf"
    assert well_formed(body + checksum)
    assert not well_formed(body)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_scanner_can_tell_a_key(office: Office, dialect: str) -> None:
    key, _ = office.issue(dialect=dialect)
    assert re.fullmatch(r"(wbk|sk_live|bk_live|bav_live)_[a-z2-7]{16}_[a-z2-7]{46}", key)
    assert well_formed(key)


def test_a_mistyped_key_is_told_without_the_database(office: Office, door: Door) -> None:
    key, _ = office.issue()
    mistyped = [f"{key[:at]}{'x' if key[at] != 'x' else 'y'}{key[at + 1 :]}" for at in range(len(key))]
    wrongs = (*mistyped, key[:-1], key[1:], "", "x")
    with asked(door.glances) as statements:
        assert [door.who(f"Bearer {wrong}") for wrong in wrongs] == [None] * len(wrongs)
        assert statements == []
    assert [office.show(wrong) for wrong in wrongs] == [None] * len(wrongs)
    assert door.who(f"Bearer {key}") is not None


def test_a_right_checksum_is_no_key(office: Office) -> None:
    key, key_id = office.issue()
    body = f"wbk_{key_id}_{'a' * 40}"
    forged = body + base64.b32encode(zlib.crc32(body.encode()).to_bytes(4, "big")).decode().lower()[:6]
    assert well_formed(forged)
    assert office.show(forged) is None
    assert office.show(key) is not None


# Their end


def test_a_revoked_key_lets_nobody_in_and_stays_revoked_since_then(office: Office) -> None:
    (key, key_id), (other, _) = office.issue(), office.issue()
    since = office.revoke(key_id)
    assert office.show(key) is None
    assert office.show(other) is not None
    assert office.revoke(key_id) == since
    assert office.told(key_id)["revoked_at"] == since.format_iso()


def test_a_new_key_takes_the_place_of_an_old_one(office: Office) -> None:
    until = SystemClock().now() + TimeDelta(hours=1)
    member = office.member()
    old, old_id = office.issue("lexi", "campaigns:read", dialect="burki", member=member, expires_at=until)

    new, new_id = office.rotate(old_id)

    assert office.show(old) is None
    visitor = office.show(new)
    assert visitor is not None
    assert visitor.actor == Actor(office.workspace, new_id, member, frozenset({"lexi", "campaigns:read"}), True)
    assert visitor.dialect == "burki"
    assert office.told(new_id)["expires_at"] == until.format_iso()
    assert office.show(new, later=TimeDelta(hours=1)) is None


def test_an_old_key_stays_where_the_new_one_does_not_come_about(office: Office) -> None:
    key, key_id = office.issue()

    def fail(call: Call) -> None:
        rotate(call, PEPPER, key_id)
        raise ArithmeticError

    with pytest.raises(ArithmeticError):
        office.do(fail)
    assert office.show(key) is not None
    assert len(office.do(told)) == 1


def test_a_key_that_ended_does_not_come_back_as_another(office: Office) -> None:
    member = office.member()
    (_, revoked), (_, expired), (_, left) = office.issue(), office.issue(), office.issue("lexi", member=member)
    office.revoke(revoked)
    office.change(models.Key, expired, expires_at=Instant.now())
    office.change(models.Member, member, removed_at=Instant.now())
    for key_id in (revoked, expired, left):
        with pytest.raises(Invalid, match="it has ended already"):
            office.rotate(key_id)
    assert len(office.do(told)) == 3


def test_of_several_who_rotate_a_key_at_once_one_gets_a_new_one(office: Office) -> None:
    _, key_id = office.issue()
    start = Barrier(4)

    def attempt(_: int) -> bool:
        start.wait(10)
        try:
            office.rotate(key_id)
        except Invalid:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(attempt, range(4))) == [False, False, False, True]
    assert len(office.do(told)) == 2


@pytest.mark.parametrize("end", [Office.revoke, Office.rotate])
def test_a_key_of_another_workspace_is_not_there(office: Office, end: Callable[[Office, str], object]) -> None:
    neighbour = Office(office.engine)
    key, key_id = neighbour.issue()
    for wanted in (key_id, key, "a" * 16, "", "a\x00", "%"):
        with pytest.raises(NotFound):
            end(office, wanted)
    assert neighbour.show(key) is not None
    assert office.do(told) == []


# Their use


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def door(office: Office, clock: HandClock) -> Iterator[Door]:
    made = Door(Gate(office.engine, jobs=FakeJobs(), clock=clock), Settings(), PEPPER)
    yield made
    made.close()


@contextmanager
def asked(engine: sa.Engine) -> Iterator[list[str]]:
    """What the database is told meanwhile."""
    statements: list[str] = []

    def listen(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", listen)
    yield statements
    event.remove(engine, "before_cursor_execute", listen)


def test_the_use_of_a_key_is_kept_to_the_minute(office: Office, door: Door, clock: HandClock) -> None:
    key, key_id = office.issue()
    noted = []
    assert office.told(key_id)["used_at"] is None
    for seconds in (0, 1, 58, 1, 59):
        clock.move(TimeDelta(seconds=seconds))
        with asked(door.glances) as statements:
            assert door.who(f"Bearer {key}") is not None
        wrote = any(statement.startswith("UPDATE") for statement in statements)
        noted.append((wrote, office.told(key_id)["used_at"]))
    first, later = (HandClock().at + TimeDelta(seconds=seconds) for seconds in (0, 60))
    marks = [(True, first), (False, first), (False, first), (True, later), (False, later)]
    assert noted == [(wrote, at.format_iso()) for wrote, at in marks]


def test_a_bad_key_is_not_in_use(office: Office, door: Door) -> None:
    key, key_id = office.issue()
    office.revoke(key_id)
    ended = door.who(f"Bearer {key}")
    assert ended is not None
    assert not ended.alive
    assert office.told(key_id)["used_at"] is None


def test_of_several_that_saw_the_same_use_one_writes_the_next(office: Office) -> None:
    _, key_id = office.issue()
    now = SystemClock().now()
    first, second, third = (now + TimeDelta(seconds=each) for each in range(3))
    for before, at, kept in ((None, first, first), (None, second, first), (first, third, third)):
        with office.engine.begin() as connection:
            store.note_use(connection, key_id, before, at)
        assert office.told(key_id)["used_at"] == kept.format_iso()


def test_a_busy_database_lets_in_at_once_and_is_told_of_the_use_later(
    office: Office, door: Door, backend: str, caplog: pytest.LogCaptureFixture
) -> None:
    key, key_id = office.issue()
    began = time.monotonic()
    with office.engine.begin() as busy:
        busy.execute(sa.update(table(models.Key)).where(table(models.Key).c.id == key_id).values(scopes=["lexi"]))
        assert door.who(f"Bearer {key}") is not None
    assert time.monotonic() - began < database.BUSY_TIMEOUT / 2000
    assert office.told(key_id)["used_at"] is None
    assert [f"{key_id} was not noted" in said for said in caplog.messages] == ([True] if backend == "sqlite" else [])

    assert door.who(f"Bearer {key}") is not None
    assert office.told(key_id)["used_at"] is not None
    if backend == "sqlite":
        with office.engine.connect() as one, office.engine.connect() as two:
            raw = [each.connection.dbapi_connection for each in (one, two)]
            waits = [each.execute("PRAGMA busy_timeout").fetchone()[0] for each in raw if each is not None]
        assert waits == [database.BUSY_TIMEOUT] * 2


@pytest.mark.parametrize("backend", ["postgresql"], indirect=True)
def test_a_key_is_looked_up_again_where_its_connection_was_lost(office: Office, door: Door) -> None:
    key, _ = office.issue()
    assert door.who(f"Bearer {key}") is not None
    with office.engine.connect() as connection:
        others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        assert connection.execute(sa.text(f"SELECT pg_terminate_backend(pid, 5000) {others}")).scalars().all()
    assert door.who(f"Bearer {key}") is not None


# Who may what


#: What anybody may read.
PUBLIC = ("/openapi.json",)


def leaves(routes: Sequence[BaseRoute]) -> Iterator[Any]:
    """The routes behind included routers, however deep."""
    for route in routes:
        router = getattr(route, "original_router", None)
        yield from leaves(router.routes) if router is not None else [route]


#: Streams of events: no document describes them, and no body is read.
STREAMS = {"/v1/campaigns/{campaign_id}/progress"}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_route_says_what_it_takes_to_be_let_in(door: Door, dialect: str) -> None:
    app = APPS[dialect](door)
    routes = [route for route in leaves(app.routes) if route.path_format not in PUBLIC]
    assert {route.path_format for route in routes} - STREAMS == set(app.openapi()["paths"])
    known = set(SCOPES)
    strict = [each for each in routes if isinstance(each, StrictRoute) or each.path_format in STREAMS]
    open_ = [each.path_format for each in routes if each not in strict or not needed(each) <= known]
    assert open_ == []


def needed(route: StrictRoute) -> set[str]:
    """The scopes that a route declares; what there is not, if it declares none."""
    return set(_scopes(route.dependant)) or {"nothing"}


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None), ("", None), ("Bearer", None), ("Bearer ", None), ("Bearer   ", None), ("Basic abc", None),
        ("wbk_a_b", None), ("Bearer wbk_a_b", "wbk_a_b"), ("bearer wbk_a_b", "wbk_a_b"), ("BEARER  x ", "x"),
    ],
)  # fmt: skip
def test_a_key_stands_behind_the_word_bearer(header: str | None, key: str | None) -> None:
    assert bearer(header) == key


def test_a_key_that_ends_while_a_client_uses_it_stops_working(server: Server) -> None:
    house = House.of(server)
    key = str(house.client.key)
    assert house.client.get("/v1/campaigns").status_code == 200
    assert server.engine is not None
    with server.engine.begin() as connection:
        keys = table(models.Key)
        connection.execute(sa.update(keys).where(keys.c.id == key.split("_")[1]).values(revoked_at=Instant.now()))
    assert refusal(house.client.get("/v1/campaigns")) == (401, "invalid_key", [])


def test_a_header_of_another_kind_is_no_key(server: Server) -> None:
    key = House.of(server).client.key
    for header in (f"Basic {key}", str(key), f"Token {key}"):
        answer = Client(server.base, None, {"Authorization": header}).get("/v1/campaigns")
        assert refusal(answer) == (401, "invalid_key", []), header
    lower = Client(server.base, None, {"Authorization": f"bearer {key}"}).get("/v1/campaigns")
    assert lower.status_code == 200
