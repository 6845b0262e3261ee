"""What the tests of the engine share: a workspace to try it on, and a scene to attack it in.

Whatever a test did with its bench, the rows must tell a lawful story in the end.
"""

import os
import shutil
from collections.abc import Iterator

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


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def scene(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One for all attacks of a module: each is rolled back."""
    name = f"scene_{os.environ.get('PYTEST_XDIST_WORKER', 'main')}"
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("scene") / f"{name}.db"
        shutil.copyfile(request.getfixturevalue("sqlite_template"), path)
        engine = database.connect(f"sqlite:///{path}")
    else:
        cluster, template = request.getfixturevalue("postgresql"), request.getfixturevalue("postgresql_template")
        engine = database.connect(cluster.create(name, template))
    yield Scene(engine)
    engine.dispose()
    if request.param == "postgresql":
        cluster.drop(name)
