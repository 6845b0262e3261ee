"""What the server is told through the environment: GONOGO_*."""

import os
import re
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import limits
import sqlalchemy as sa
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict
from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url
from whenever import TimeDelta

from gonogo.errors import DatabaseUnusable
from gonogo.execution.posting import Target, key_of
from gonogo.execution.smtp import Relay
from gonogo.models import DIALECTS

#: A name or an address of a host, as it stands in URLs.
_HOST = re.compile(r"[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]")


class Settings(BaseSettings):
    """Settings of one process. Every one has a GONOGO_ variable of its name."""

    model_config = SettingsConfigDict(env_prefix="GONOGO_", arbitrary_types_allowed=True)

    database_url: str = "sqlite:///gonogo.db"
    smtp_url: str | None = None  #: the relay that e-mail is handed to: smtp://[user:password@]host[:port], or smtps://
    smtp_connections: int = Field(default=4, ge=1, le=100)  #: to the relay, side by side
    webhook_url: str | None = None  #: where messages of the channel webhook are POSTed to
    webhook_secret: str | None = None  #: signs them: whsec_ and base64
    allow_private_webhooks: bool = False  #: whether webhooks may lead to addresses that are not public
    public_url: str | None = None  #: where this server is reached from outside: links in messages lead there
    maildir: Path = Path("gonogo-mail")  #: where e-mail goes while no relay is set up
    claim_batch: int = Field(default=20, ge=1, le=1000)
    body_limit: int = Field(default=1_048_576, ge=1024)  #: bytes of a JSON body
    rate_limit: str = "1200/minute"  #: requests of one key; 0 is off
    hosts: dict[str, str] = {}  #: Host header -> dialect
    pepper: str | None = None  #: keys the MACs of API keys; made beside an SQLite file, required otherwise
    late_start: str = "PT1H"
    checkpoint_file: Path | None = None  #: outside the database: a database behind it was restored from a backup
    metrics_token: str | None = Field(default=None, min_length=16)  #: who presents it may read /metrics
    log_level: Literal["debug", "info", "warning", "error", "critical"] = "info"
    executor_silence: float = 30.0  #: seconds without life after which a foreign dialect calls the executor down
    sonarly_bound: int = Field(default=10_000, ge=1)  #: leads of a Sonarly start ("a bounded campaign")
    leadterra_gated: Literal["draft", "refuse"] = "draft"  #: what Leadterra says to a start that awaits approval

    @property
    def late(self) -> TimeDelta:
        """How much lateness of a start time is forgiven."""
        return TimeDelta.parse_iso(self.late_start)

    def check(self) -> "Settings":
        """Raise ValueError, in one line, for values that say nothing, or only make sense together."""
        checks: dict[str, Callable[[], None]] = {
            "HOSTS": self._check_hosts,
            "SMTP_URL": self._check_relay,
            "WEBHOOK_URL": self._check_webhook,
            "PUBLIC_URL": self._check_public_url,
            "RATE_LIMIT": self._check_rate,
            "LATE_START": self._check_late,
        }
        for variable, check in checks.items():
            try:
                check()
            except ValueError as error:
                raise ValueError(f"GONOGO_{variable}: {error}") from None
        return self

    def _check_hosts(self) -> None:
        for host in self.hosts:
            if not host or set(host) & set(":/ "):
                raise ValueError(f"expected names of hosts without port and path, found {host!r}")
        unknown = sorted(set(self.hosts.values()) - set(DIALECTS))
        if unknown:
            raise ValueError(f"expected dialects {', '.join(DIALECTS)}, found {', '.join(unknown)}")

    def _check_relay(self) -> None:
        if self.smtp_url:
            Relay.parse(self.smtp_url)

    def _check_webhook(self) -> None:
        if bool(self.webhook_url) != bool(self.webhook_secret):
            raise ValueError("expected with GONOGO_WEBHOOK_SECRET, or neither")
        if self.webhook_url and self.webhook_secret:
            Target.parse(self.webhook_url)
            key_of(self.webhook_secret)

    def _check_public_url(self) -> None:
        if self.public_url and not _leads_to_a_server(self.public_url):
            raise ValueError(
                "expected http:// or https:// and a host in ASCII, perhaps with a port and a path, and nothing else"
            )

    def _check_rate(self) -> None:
        try:
            if self.rate_limit != "0":
                limits.parse(self.rate_limit)
        except ValueError:
            raise ValueError(f"expected a rate such as 1200/minute, or 0, found {self.rate_limit!r}") from None

    def _check_late(self) -> None:
        try:
            TimeDelta.parse_iso(self.late_start)
        except ValueError:
            raise ValueError(f"expected a duration such as PT1H, found {self.late_start!r}") from None

    def pepper_bytes(self) -> bytes:
        """The secret that keys' MACs are made with. Raises DatabaseUnusable where there is none."""
        self.check_pepper()
        if self.pepper:
            return self.pepper.encode()
        return _beside(Path(f"{sa.make_url(self.database_url).database}.pepper"))

    def check_pepper(self) -> None:
        """Raise DatabaseUnusable where there is no pepper and no file to make one beside; writes nothing."""
        if not self.pepper and not self.database_url.startswith("sqlite"):
            raise DatabaseUnusable("set GONOGO_PEPPER to a long random text: the keys' MACs are made with it")


def _leads_to_a_server(url: str) -> bool:
    """It is an address of HTTP without user, query and fragment, and nothing in it would have to be escaped."""
    try:
        parts = parse_url(url)
    except LocationParseError:
        return False
    is_plain = parts.url.lower() == url.lower() and (parts.auth, parts.query, parts.fragment) == (None, None, None)
    return (
        is_plain and parts.scheme in ("http", "https") and bool(_HOST.fullmatch(parts.host or "")) and parts.port != 0
    )


def _beside(path: Path) -> bytes:
    """The content of a file of 32 random bytes in hex, made whole or not at all, readable by its owner only."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):  # another process was faster: its pepper counts
            os.link(draft, path)
        draft.unlink()
    pepper = path.read_bytes()
    if len(pepper) != 64:  # noqa: PLR2004
        raise DatabaseUnusable(f"{path} does not hold a pepper: restore it, or set GONOGO_PEPPER")
    return pepper
