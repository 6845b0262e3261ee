"""What every test may ask for: a real database of its own, empty or migrated, on SQLite and on PostgreSQL.

One PostgreSQL server serves the whole run: under `pytest -n` the controller starts it and the workers get its address
through the environment. The schema is made once per worker, in a template that each test's database is copied from.
"""

import itertools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gonogo import database
from gonogo.migrations import migrate
from support.pgserver import Cluster, PgServer

_FOLDER = "GONOGO_TEST_POSTGRESQL"  # where the controller's server listens
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
_server = pytest.StashKey[PgServer]()
_numbers = itertools.count()


def pytest_configure(config: pytest.Config) -> None:
    if getattr(config.option, "numprocesses", None) and not hasattr(config, "workerinput"):
        config.stash[_server] = PgServer().start()
        os.environ[_FOLDER] = str(config.stash[_server].folder)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _server in config.stash:
        config.stash[_server].stop()
        del os.environ[_FOLDER]


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """The server of this run."""
    if _FOLDER in os.environ:
        yield Cluster(Path(os.environ[_FOLDER]))
        return
    with PgServer() as server:
        yield server.cluster


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "template.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgresql_template(postgresql: Cluster) -> str:
    name = f"template_{_WORKER}"
    _migrate(postgresql.create(name))
    return name


def _migrate(url: str) -> None:
    engine = database.connect(url)
    migrate(engine)
    engine.dispose()  # nobody may be connected to a template, and SQLite's write-ahead log is folded in


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    """Every test that asks for a database runs on both."""
    return str(request.param)


@pytest.fixture
def new_database(request: pytest.FixtureRequest, tmp_path: Path, backend: str) -> Iterator[Callable[[bool], str]]:
    """Makes databases, migrated or blank, and drops them in the end. Answers their URLs."""
    made: list[str] = []

    def sqlite(migrated: bool) -> str:
        path = tmp_path / f"{next(_numbers)}.db"
        if migrated:
            shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        return f"sqlite:///{path}"

    def postgresql(migrated: bool) -> str:
        cluster: Cluster = request.getfixturevalue("postgresql")
        made.append(f"test_{_WORKER}_{next(_numbers)}")
        if migrated:
            return cluster.create(made[-1], request.getfixturevalue("postgresql_template"))
        return cluster.create(made[-1])

    yield sqlite if backend == "sqlite" else postgresql
    for name in made:
        request.getfixturevalue("postgresql").drop(name)


@pytest.fixture
def blank_url(new_database: Callable[[bool], str]) -> str:
    """A database without a table."""
    return new_database(False)


@pytest.fixture
def database_url(new_database: Callable[[bool], str]) -> str:
    """A migrated database without a row."""
    return new_database(True)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = database.connect(database_url)
    yield engine
    engine.dispose()
