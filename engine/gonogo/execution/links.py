"""Links in messages that lead back here: to unsubscribe with one click (RFC 8058)."""

import hashlib
import hmac
import re
from dataclasses import dataclass

#: A run, a step and a position, as message ids have them, and the MAC over them.
_TOKEN = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,4})\.([0-9]{1,9})\.([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class Links:
    """Where the server is reached from outside, and the secret that keeps links from being guessed."""

    base_url: str
    secret: bytes

    def unsubscribe(self, run_id: str, step: int, position: int) -> str:
        """The address that unsubscribes whoever this message is for."""
        named = f"{run_id}.{step}.{position}"
        return f"{self.base_url.rstrip('/')}/u/{named}.{self._mac(named)}"

    def read(self, token: str) -> tuple[str, int, int] | None:
        """(run, step, position) of a token that this server made; None for any other."""
        found = _TOKEN.fullmatch(token)
        if found is None:
            return None
        run_id, step, position, mac = found.groups()
        if not hmac.compare_digest(mac, self._mac(f"{run_id}.{step}.{position}")):
            return None
        return run_id, int(step), int(position)

    def headers(self, url: str) -> tuple[tuple[str, str], ...]:
        """What tells a mail program of it."""
        return (("List-Unsubscribe", f"<{url}>"), ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))

    def _mac(self, named: str) -> str:
        return hmac.new(self.secret, b"unsubscribe." + named.encode(), hashlib.sha256).hexdigest()[:32]
