"""A database that does not answer is told in the dialect's own words."""

from pathlib import Path

import requests

from support.pgserver import PgServer
from support.server import Server


def test_a_database_that_went_away_is_an_internal_error_in_the_dialect(tmp_path: Path) -> None:
    with PgServer() as postgresql:
        server = Server(postgresql.cluster.create("gone"), tmp_path).start()
        try:
            client = server.workspace("burki").client()
            assert client.get("/api/v1/campaigns").status_code == 200
            postgresql.stop()
            ready = requests.get(f"{server.base}/readyz", timeout=30)
            assert (ready.status_code, ready.json()) == (503, {"database": "unreachable", "executor": "unknown"})
            answer = client.get("/api/v1/campaigns")
            assert (answer.status_code, answer.json()["success"]) == (500, False)
            assert isinstance(answer.json()["detail"], str)
            mounted = requests.get(f"{server.base}/leadlex/v1/campaigns", headers=_bearer(client.key), timeout=30)
            assert (mounted.status_code, mounted.json()["error"]["code"]) == (500, "internal_error")
            assert "psycopg" not in mounted.text
            assert mounted.headers["X-Request-Id"] in server.log
        finally:
            assert server.process is not None
            server.process.kill()  # to drain without a database takes long
            server.stop()


def _bearer(key: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}
