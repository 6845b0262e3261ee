"""A workspace to try the engine on; whatever a test did with it, the rows must tell a lawful story in the end."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from support.audit import audit
from support.engine import Bench


@pytest.fixture
def bench(engine: sa.Engine) -> Iterator[Bench]:
    bench = Bench(engine)
    yield bench
    with engine.connect() as connection:
        assert audit(connection) == []
