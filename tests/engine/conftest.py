"""What the tests of the engine share: a workspace to try it on, and a scene to attack it in.

Whatever a test did with its bench, the rows must tell a lawful story in the end.
"""

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from gonogo import database
from support.audit import audit
from support.engine import Bench
from support.scene import Scene


@pytest.fixture
def bench(engine: sa.Engine) -> Iterator[Bench]:
    bench = Bench(engine)
    yield bench
    with engine.connect() as connection:
        assert audit(connection) == []


@pytest.fixture(scope="session")
def scenes(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Scene]]:
    """One scene on each database, for all attacks: each is rolled back."""
    name = f"scene_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    made: dict[str, Scene] = {}

    def make(backend: str) -> str:
        template = request.getfixturevalue(f"{backend}_template")
        if backend == "postgresql":
            return str(request.getfixturevalue("postgresql").create(name, template))
        return f"sqlite:///{shutil.copyfile(template, tmp_path_factory.mktemp('scene') / 'scene.db')}"

    def scene(backend: str) -> Scene:
        if backend not in made:
            made[backend] = Scene(database.connect(make(backend)))
        return made[backend]

    yield scene
    for known in made.values():
        known.engine.dispose()  # the server itself is gone by now, and its databases with it


@pytest.fixture
def scene(request: pytest.FixtureRequest, scenes: Callable[[str], Scene]) -> Scene:
    """The scene on the database that the test names."""
    return scenes(request.param)
