"""One `gonogo serve` per database and test process, until the tests of this folder are done: an idle one polls.

Every test makes workspaces of its own.
"""

from collections.abc import Iterator

import pytest

from support.server import LIMIT, Server


@pytest.fixture(scope="package")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("sqlite-server")
    server = Server(f"sqlite:///{folder}/gonogo.db", folder)
    yield server.start()
    server.stop()


@pytest.fixture(scope="package")
def postgresql_server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("postgresql-server")
    cluster = request.getfixturevalue("postgresql")
    name = f"server_{folder.parent.name}_{folder.name}".replace("-", "_")
    server = Server(cluster.create(name), folder)
    yield server.start()
    server.stop()
    cluster.drop(name)


@pytest.fixture
def server(request: pytest.FixtureRequest, backend: str) -> Server:
    """A running server, on both databases in turn."""
    found: Server = request.getfixturevalue(f"{backend}_server")
    return found


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that limits keys, on a database that tests break."""
    folder = tmp_path_factory.mktemp("strict")
    server = Server(f"sqlite:///{folder}/gonogo.db", folder, {"GONOGO_RATE_LIMIT": f"{LIMIT}/minute"})
    yield server.start()
    server.stop()
