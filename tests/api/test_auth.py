"""Keys: who they let in, and what is kept of them."""

from collections.abc import Callable
from typing import TypeVar

import pytest
import sqlalchemy as sa
from whenever import Instant, TimeDelta

from gonogo import models, workspaces
from gonogo.actor import SCOPES, Actor, machine
from gonogo.call import Call
from gonogo.clock import SystemClock
from gonogo.errors import Invalid
from gonogo.models import DIALECTS, Base, table
from gonogo.testing.fake_jobs import FakeJobs
from gonogo_api.auth import PREFIXES, Visitor, bearer, identify, issue
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

    def issue(self, *scopes: str, dialect: str = "leadlex", member: str | None = None) -> tuple[str, str]:
        wanted = scopes or SCOPES
        return self.do(
            lambda call: issue(call, PEPPER, workspace=self.workspace, dialect=dialect, scopes=wanted, member=member)
        )

    def member(self) -> str:
        return self.do(lambda call: workspaces.add_member(call, "ann@acme.example", scopes=("lexi",)))

    def show(self, key: str, *, pepper: bytes = PEPPER, later: TimeDelta = TimeDelta(hours=0)) -> Visitor | None:
        with self.engine.begin() as connection:
            return identify(connection, pepper, key, Instant.now() + later)

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
