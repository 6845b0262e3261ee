"""What the tests of the engine share: a workspace to try it on, and a scene to attack it in.

Making a database takes longer than most tests. So each worker keeps one of each kind for all benches, emptied before
every test, and one for the scene, in which whatever is done is rolled back. Whatever a test did with its bench, the
rows must tell a lawful story in the end.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from gonogo import database
from gonogo.models import Base
from support.audit import audit
from support.engine import Bench
from support.scene import Scene

_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "main")
_EMPTY = ";".join(f"DELETE FROM {name}" for name in Base.metadata.tables if name != "gonogo_move")

Kept = Callable[[str], sa.Engine]  # by backend


def _keep(request: pytest.FixtureRequest, folder: Path) -> Iterator[Kept]:
    """Migrated databases that last for the whole session, made when they are first asked for."""
    made: dict[str, sa.Engine] = {}

    def url(backend: str) -> str:
        template = request.getfixturevalue(f"{backend}_template")
        if backend == "postgresql":
            return str(request.getfixturevalue("postgresql").create(f"{folder.name}_{_WORKER}", template))
        return f"sqlite:///{shutil.copyfile(template, folder / 'kept.db')}"

    def engine(backend: str) -> sa.Engine:
        if backend not in made:
            made[backend] = database.connect(url(backend))
        return made[backend]

    yield engine
    for known in made.values():
        known.dispose()  # the server itself is gone by now, and its databases with it


@pytest.fixture(scope="session")
def benches(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    yield from _keep(request, tmp_path_factory.mktemp("benches"))


@pytest.fixture(scope="session")
def scenes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Scene]]:
    made: dict[str, Scene] = {}

    def scene(backend: str) -> Scene:
        if backend not in made:
            made[backend] = Scene(engine(backend))
        return made[backend]

    kept = _keep(request, tmp_path_factory.mktemp("scenes"))
    engine = next(kept)
    yield scene
    next(kept, None)


@pytest.fixture
def emptied(request: pytest.FixtureRequest, benches: Kept, backend: str) -> sa.Engine:
    """A migrated database without a row, not to be tampered with: the next test gets it as well."""
    engine = benches(backend)
    if backend == "postgresql":
        with engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL lock_timeout = '5s'")
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")  # no trigger is asked
            connection.exec_driver_sql(_EMPTY)
    else:
        engine.dispose()
        path = Path(str(engine.url.database))
        for rest in ("-wal", "-shm"):
            path.with_name(path.name + rest).unlink(missing_ok=True)
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
    return engine.execution_options()  # what listens to it ends with the test


@pytest.fixture
def bench(emptied: sa.Engine) -> Iterator[Bench]:
    bench = Bench(emptied)
    yield bench
    with emptied.connect() as connection:
        assert audit(connection) == []


@pytest.fixture
def scene(request: pytest.FixtureRequest, scenes: Callable[[str], Scene]) -> Scene:
    """The scene on the database that the test names."""
    return scenes(request.param)
