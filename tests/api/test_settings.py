"""What the environment says, and how it is refused: in one line, with the variable's name."""

from pathlib import Path

import pytest
from whenever import TimeDelta

from gonogo.errors import DatabaseUnusable
from gonogo_api.commands.common import settings_for
from gonogo_api.settings import Settings


def test_every_setting_has_a_variable_and_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Settings().check()
    assert (plain.database_url, plain.maildir) == ("sqlite:///gonogo.db", Path("gonogo-mail"))
    assert (plain.claim_batch, plain.body_limit, plain.late, plain.hosts) == (20, 1_048_576, TimeDelta(hours=1), {})

    for name, value in {
        "DATABASE_URL": "postgresql:///x",
        "MAILDIR": "/mails",
        "CLAIM_BATCH": "5",
        "BODY_LIMIT": "2048",
        "HOSTS": '{"api.burki.example": "burki"}',
        "PEPPER": "hot",
        "LATE_START": "PT5M",
        "LEADTERRA_GATED": "refuse",
        "CHECKPOINT_FILE": "/elsewhere/position.json",
        "METRICS_TOKEN": "sixteen letters!",
        "LOG_LEVEL": "debug",
        "SOMETHING_ELSE": "ignored",
    }.items():
        monkeypatch.setenv(f"GONOGO_{name}", value)
    told = Settings().check()
    assert (told.database_url, told.maildir, told.claim_batch) == ("postgresql:///x", Path("/mails"), 5)
    assert (told.body_limit, told.late, told.hosts) == (2048, TimeDelta(minutes=5), {"api.burki.example": "burki"})
    assert told.pepper_bytes() == b"hot"
    assert (plain.leadterra_gated, told.leadterra_gated) == ("draft", "refuse")
    assert (plain.checkpoint_file, plain.metrics_token, plain.log_level) == (None, None, "info")
    assert told.checkpoint_file == Path("/elsewhere/position.json")
    assert (told.metrics_token, told.log_level) == ("sixteen letters!", "debug")


def test_every_setting_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "serving.md").read_text()
    documented = {line.split("`")[1] for line in page.splitlines() if line.startswith("| `GONOGO_")}
    assert documented == {f"GONOGO_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CLAIM_BATCH", "0"),
        ("CLAIM_BATCH", "many"),
        ("BODY_LIMIT", "-1"),
        ("HOSTS", "api.burki.example"),
        ("HOSTS", '{"api.burki.example": "klingon"}'),
        ("HOSTS", '["burki"]'),
        ("HOSTS", '{"api.burki.example:443": "burki"}'),
        ("HOSTS", '{"": "burki"}'),
        ("WEBHOOK_URL", "https://hook.example/a"),
        ("PUBLIC_URL", "not a url"),
        ("PUBLIC_URL", "go.example"),
        ("PUBLIC_URL", "//go.example"),
        ("PUBLIC_URL", "ftp://go.example"),
        ("PUBLIC_URL", "javascript:alert(1)"),
        ("PUBLIC_URL", "https://"),
        ("PUBLIC_URL", "https:///go"),
        ("PUBLIC_URL", "https://:443"),
        ("PUBLIC_URL", "https://müll.example"),
        ("PUBLIC_URL", "https://go.example/müll"),
        ("PUBLIC_URL", "https://go<example"),
        ("PUBLIC_URL", "https://[fe80::1%25eth0]"),
        ("PUBLIC_URL", "https://go.example:0"),
        ("PUBLIC_URL", "https://go.example:http"),
        ("PUBLIC_URL", "https://go.example:99999"),
        ("PUBLIC_URL", "https://go.example/a b"),
        ("PUBLIC_URL", "https://go.example\\@x.example"),
        ("PUBLIC_URL", "https://go.example/?a=1"),
        ("PUBLIC_URL", "https://go.example?"),
        ("PUBLIC_URL", "https://go.example/#a"),
        ("PUBLIC_URL", "https://go.example#"),
        ("PUBLIC_URL", "https://ada:secret@go.example"),
        ("PUBLIC_URL", "https://@go.example"),
        ("PUBLIC_URL", " https://go.example"),
        ("PUBLIC_URL", "https://go.example\n"),
        ("PUBLIC_URL", 'https://go.example/">'),
        ("LATE_START", "an hour"),
        ("LEADTERRA_GATED", "never"),
        ("LEADTERRA_GATED", ""),
        ("METRICS_TOKEN", "short"),
        ("LOG_LEVEL", "loud"),
    ],
)
def test_a_wrong_value_is_one_line_that_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"GONOGO_{name}", value)
    with pytest.raises(ValueError, match=f"^GONOGO_{name}: [^\n]+$"):
        settings_for(None)


@pytest.mark.parametrize(
    "url",
    [
        "https://go.example", "https://go.example/", "http://localhost:8000", "HTTPS://GO.example:8443/a/b~c/",
        "http://127.0.0.1:80", "http://[::1]:8000/go", "https://xn--mll-hoa.example/a%20b", "http://gonogo_1:8000",
    ],
)  # fmt: skip
def test_links_may_lead_to_any_server_with_or_without_port_and_path(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("GONOGO_PUBLIC_URL", url)
    assert settings_for(None).public_url == url


def test_a_public_url_that_is_none_is_told_with_what_was_expected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_PUBLIC_URL", "https://ada:secret@go.example")
    with pytest.raises(ValueError, match="expected http") as told:
        settings_for(None)
    assert str(told.value) == (
        "GONOGO_PUBLIC_URL: expected http:// or https:// and a host in ASCII, perhaps with a port and a path,"
        " and nothing else"
    )


def test_the_command_line_outdoes_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GONOGO_DATABASE_URL", "sqlite:///environment.db")
    assert settings_for("sqlite:///told.db").database_url == "sqlite:///told.db"
    assert settings_for(None).database_url == "sqlite:///environment.db"


def test_a_pepper_is_made_once_beside_an_sqlite_file_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/gonogo.db")
    pepper = settings.pepper_bytes()
    file = tmp_path / "gonogo.db.pepper"
    assert len(bytes.fromhex(pepper.decode())) == 32
    assert file.stat().st_mode & 0o777 == 0o600
    assert file.read_bytes() == pepper == settings.pepper_bytes()
    assert Settings(database_url=f"sqlite:///{tmp_path}/other.db").pepper_bytes() != pepper


def test_an_empty_pepper_file_is_no_pepper(tmp_path: Path) -> None:
    """One that a crash left half made would be known to everybody."""
    (tmp_path / "gonogo.db.pepper").write_bytes(b"")
    with pytest.raises(DatabaseUnusable):
        Settings(database_url=f"sqlite:///{tmp_path}/gonogo.db").pepper_bytes()


def test_a_database_without_a_file_needs_a_pepper_that_is_told() -> None:
    with pytest.raises(DatabaseUnusable, match="GONOGO_PEPPER"):
        Settings(database_url="postgresql:///x").pepper_bytes()
