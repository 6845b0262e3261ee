"""A database that was restored from an older backup is noticed: nothing goes out before a person looked at it."""

import logging
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from whenever import TimeDelta

from gonogo import checkpoint, database, service
from gonogo.actor import SCOPES, Actor, machine
from gonogo.checkpoint import MARGIN, Checkpoint, Watch
from gonogo.clock import SystemClock
from gonogo.errors import DatabaseUnusable
from gonogo.execution.channels import Message, Receipt
from gonogo.gate import Gate, Outside
from gonogo.models import Lease, table
from gonogo.store import positions
from gonogo.testing.fake_jobs import FakeJobs
from gonogo.tick import Tick
from support.engine import HELLO, HOUR, NOW, Bench, HandClock, Sink, people
from support.pgserver import Cluster

lease = table(Lease)


class Backups:
    """Copies of a database, as an operator makes them and puts them back while nobody is connected."""

    def __init__(self, url: str, cluster: Cluster | None) -> None:
        self.url, self.cluster = url, cluster
        self.name = str(sa.make_url(url).database)

    def take(self) -> None:
        if self.cluster:
            self.cluster.create(f"{self.name}_backup", self.name)
        else:
            shutil.copyfile(self.name, f"{self.name}.backup")

    def restore(self) -> None:
        if self.cluster:
            self.cluster.drop(self.name)
            self.cluster.create(self.name, f"{self.name}_backup")
        else:
            for rest in ("-wal", "-shm"):
                Path(self.name + rest).unlink(missing_ok=True)
            shutil.copyfile(f"{self.name}.backup", self.name)

    def forget(self) -> None:
        if self.cluster:
            self.cluster.execute(f'DROP DATABASE IF EXISTS "{self.name}_backup"')


@pytest.fixture
def backups(request: pytest.FixtureRequest, database_url: str, backend: str) -> Iterator[Backups]:
    made = Backups(database_url, request.getfixturevalue("postgresql") if backend == "postgresql" else None)
    yield made
    made.forget()


class Machine:
    """A process that executes, on a database, with a file outside of it."""

    def __init__(self, url: str, path: Path | None) -> None:
        self.sink = Told()
        self.gate = Gate.open(url, channels={"email": self.sink}, outside=Outside(path))

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.gate.close()

    def launch(self, workspace: str, name: str, count: int = 3, **draft: object) -> str:
        by = actor(workspace)
        with self.gate.engine.begin() as connection:
            campaign = self.gate.create(connection, name=name, content=HELLO, by=by, **draft).case.id
            contacts = [{**each, "email": f"{name}-{each['email']}"} for each in people(count)]
            self.gate.add_contacts(connection, campaign, contacts, by=by)
            outcome = self.gate.start(connection, campaign, by=by)
        assert not outcome.blockers
        return campaign

    def states(self) -> dict[str, tuple[str, str | None]]:
        statement = (
            "SELECT c.name, c.state, r.paused_reason FROM gonogo_campaign c"
            " JOIN gonogo_run r ON r.campaign_id = c.id AND r.number = c.run"
        )
        with self.gate.engine.connect() as connection:
            return {name: (state, reason) for name, state, reason in connection.execute(sa.text(statement))}


class Told(Sink):
    """A channel that tells when a message came, from many threads."""

    def __init__(self) -> None:
        super().__init__()
        self.awaited: dict[str, threading.Event] = {}
        self.lock = threading.Lock()

    def send(self, message: Message) -> Receipt:
        with self.lock:
            receipt = super().send(message)
        self.waits_for(message.address).set()
        return receipt

    def waits_for(self, address: str) -> threading.Event:
        return self.awaited.setdefault(address, threading.Event())


def actor(workspace: str) -> Actor:
    return Actor(workspace, "ada", "ada", frozenset(SCOPES), is_member=True)


def position(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(sa.select(lease.c.turn).where(lease.c.token == positions.CLOCK)).scalar() or 0)


@dataclass(frozen=True)
class Lost:
    """What stood in a database when its backup was made."""

    workspace: str
    running: str


def drafted(url: str, path: Path) -> Lost:
    """Campaigns in every state that goes out by itself, in two workspaces, and one that a person stopped."""
    tomorrow = SystemClock().now() + TimeDelta(hours=24)
    with Machine(url, path) as machine_:
        with machine_.gate.engine.begin() as connection:
            acme, other = (machine_.gate.create_workspace(connection, name) for name in ("Acme", "Other"))
        machine_.launch(acme, "active")
        machine_.launch(other, "others")
        machine_.launch(acme, "scheduled", start_at=tomorrow)
        running, stopped = machine_.launch(acme, "running"), machine_.launch(acme, "stopped")
        with machine_.gate.engine.begin() as connection:
            call = machine_.gate.call(connection, machine(acme))
            service.begin(call, running, service.hold(call, running).permit_id)
            machine_.gate.pause(connection, stopped, by=actor(acme))
    return Lost(acme, running)


def run_on(url: str, path: Path) -> int:
    """Execute until everything is out; the position that was kept."""
    with Machine(url, path) as machine_:
        sent = [machine_.sink.waits_for(f"{name}-p2@example.com") for name in ("active", "others")]
        machine_.gate.start_work(every=0.02)
        assert all(each.wait(20) for each in sent)
    kept = Checkpoint(path).position()
    assert kept >= 1
    return kept


def test_nothing_that_was_under_way_goes_out_of_a_restored_database_before_somebody_resumes_it(
    database_url: str, backups: Backups, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "position.json"
    lost = drafted(database_url, path)
    backups.take()
    kept = run_on(database_url, path)
    backups.restore()

    with Machine(database_url, path) as restored:
        assert position(restored.gate.engine) < kept
        restored.gate.start_work(every=0.02)
        assert restored.states() == {
            **dict.fromkeys(("active", "others", "scheduled", "running"), ("paused", "restored")),
            "stopped": ("paused", "person"),
        }
        assert "restored from an older backup" in caplog.text
        assert "4 campaigns were paused" in caplog.text
        assert position(restored.gate.engine) > kept

        # The jobs that the backup held are run before that of a new launch, and send nothing.
        done = restored.sink.waits_for("new-p2@example.com")
        restored.launch(lost.workspace, "new")
        assert done.wait(20)
        assert {address.partition("-")[0] for address in restored.sink.addresses} == {"new"}

        done = restored.sink.waits_for("running-p2@example.com")
        with restored.gate.engine.begin() as connection:
            assert not restored.gate.resume(connection, lost.running, by=actor(lost.workspace)).blockers
        assert done.wait(20)
        again = [address for address in restored.sink.addresses if address.startswith("running")]
        assert sorted(again) == [f"running-p{n}@example.com" for n in range(3)]


@pytest.fixture
def watch(bench: Bench, tmp_path: Path) -> Watch:
    return watching(bench, tmp_path / "position.json")


def watching(bench: Bench, path: Path) -> Watch:
    return Watch(bench.engine, bench.jobs, bench.clock, Checkpoint(path), late_start=HOUR)


def restore(bench: Bench, turn: int) -> None:
    """Set the position back, as a backup of that moment would."""
    bench.write("UPDATE gonogo_lease SET turn = :turn WHERE token = 'tick'", turn=turn)


def test_every_turn_of_the_clock_is_a_newer_position_whoever_takes_it(bench: Bench, watch: Watch) -> None:
    second = Tick(bench.engine, bench.jobs, bench.clock, late_start=HOUR)
    for clock, wanted in ((bench.tick, 1), (bench.tick, 2), (second, 2)):
        clock.once()
        assert watch.look() is False
        assert watch.checkpoint.position() == wanted
    bench.clock.move(HOUR)
    second.once()
    assert watch.look() is False
    assert watch.checkpoint.position() == 3


def test_a_restart_pauses_nothing(bench: Bench, watch: Watch) -> None:
    case = bench.running()
    for _ in range(3):
        bench.tick.once()
        watch.look()
    assert watching(bench, watch.checkpoint.path).look() is False
    assert bench.case(case.id).state == "running"


def test_a_backup_of_the_very_last_turn_but_one_is_noticed(bench: Bench, watch: Watch) -> None:
    case = bench.running()
    for _ in range(3):
        bench.tick.once()
    watch.look()
    restore(bench, 2)
    assert watch.look() is True
    assert (bench.case(case.id).state, bench.case(case.id).paused_reason) == ("paused", "restored")


def test_a_restore_is_noticed_once_also_by_processes_whose_files_are_a_little_ahead(
    bench: Bench, watch: Watch, tmp_path: Path
) -> None:
    other = watching(bench, tmp_path / "other.json")
    bench.tick.once()
    watch.checkpoint.keep(100)
    other.checkpoint.keep(100 + MARGIN)
    assert watch.look() is True
    case = bench.launched()
    assert other.look() is False
    assert watch.look() is False
    assert bench.case(case.id).state == "active"
    assert position(bench.engine) == 100 + MARGIN


def test_a_backup_from_before_the_first_turn_is_noticed_too(bench: Bench, watch: Watch) -> None:
    watch.checkpoint.keep(5)
    case = bench.launched()
    assert watch.look() is True
    assert bench.case(case.id).paused_reason == "restored"
    assert position(bench.engine) == 5 + MARGIN
    bench.clock.move(HOUR)
    bench.tick.once()
    assert position(bench.engine) == 6 + MARGIN


def test_many_campaigns_are_all_paused(bench: Bench, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "MOST", 2)
    cases = [bench.launched(1) for _ in range(3)] + [bench.launched(1, start_at=NOW + HOUR) for _ in range(2)]
    watch.checkpoint.keep(5)
    watch.look()
    assert {bench.case(case.id).paused_reason for case in cases} == {"restored"}


def test_who_dies_while_pausing_begins_again(bench: Bench, watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = sorted(bench.launched(1).id for _ in range(2))  # the order in which they are paused
    watch.checkpoint.keep(5)
    pause: Callable[..., object] = service.pause

    def dying(call: object, campaign: str, reason: str) -> object:
        if campaign == second:
            raise KeyboardInterrupt
        return pause(call, campaign, reason)

    monkeypatch.setattr(service, "pause", dying)
    with pytest.raises(KeyboardInterrupt):
        watch.look()
    monkeypatch.undo()
    assert [bench.case(campaign).state for campaign in (first, second)] == ["paused", "active"]
    assert watch.look() is True
    assert [bench.case(campaign).state for campaign in (first, second)] == ["paused", "paused"]


# The file


def test_the_file_never_goes_back_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    kept = Checkpoint(tmp_path / "position.json")
    for newer in (3, 7, 5, 7):
        kept.keep(newer)
    assert kept.position() == 7
    assert [each.name for each in tmp_path.iterdir()] == ["position.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b'{"position": "7"}', b'{"position": -1}', b"\xff", b"{}"])
def test_a_damaged_file_is_refused_in_one_line_that_tells_the_cure(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "position.json"
    path.write_bytes(content)
    with pytest.raises(DatabaseUnusable) as refused:
        Checkpoint(path)
    assert str(path) in str(refused.value)
    assert "put back a copy of it" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_can_not_be_read_or_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "folder", tmp_path / "nowhere" / "position.json"):
        with pytest.raises(DatabaseUnusable):
            Checkpoint(path)


@pytest.mark.parametrize("backend", ["sqlite"])
def test_a_gate_does_not_open_on_a_damaged_file_and_without_one_keeps_none(engine: sa.Engine, tmp_path: Path) -> None:
    path = tmp_path / "position.json"
    path.write_text("{")
    with pytest.raises(DatabaseUnusable):
        Gate(engine, jobs=FakeJobs(), outside=Outside(path))
    assert Gate(engine, jobs=FakeJobs(), clock=HandClock()).watch is None


@pytest.mark.parametrize("backend", ["sqlite"])
def test_without_a_file_nothing_is_said(database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    engine = database.connect(database_url)
    gate = Gate(engine, jobs=FakeJobs())
    caplog.set_level(logging.DEBUG, "gonogo.checkpoint")
    gate.start_work(every=0.01)
    gate.close()
    assert [each for each in caplog.records if each.name == "gonogo.checkpoint"] == []
