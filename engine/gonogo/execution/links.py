"""Links in messages that lead back here: to unsubscribe with one click (RFC 8058), and to show whose an address is."""

import hashlib
import hmac
import re
from dataclasses import dataclass

from whenever import Instant, TimeDelta

#: A run, a step and a position, as message ids have them, and the MAC over them.
_TOKEN = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,4})\.([0-9]{1,9})\.([0-9a-f]{32})")
#: A member, the second in which the mail was made, and the MAC over them and the address.
_PROOF = re.compile(r"([0-9a-f-]{36})\.([0-9]{1,11})\.([0-9a-f]{32})")
#: For how long a link shows whose an address is.
PROOF_LASTS = TimeDelta(hours=7 * 24)


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
        return _mac(self.secret, f"unsubscribe.{named}")


@dataclass(frozen=True, slots=True)
class Proof:
    """What a link says that was sent to a member: not to be believed before `Proofs.holds`."""

    member_id: str
    second: int
    mac: str


@dataclass(frozen=True, slots=True)
class Proofs:
    """Links that only whoever reads a member's mail has; each shows it for one address."""

    base_url: str
    secret: bytes

    def link(self, member_id: str, address_key: str, now: Instant) -> str:
        """The address of the page that shows it."""
        second = now.timestamp()
        mac = self._mac(member_id, second, address_key)
        return f"{self.base_url.rstrip('/')}/m/{member_id}.{second}.{mac}"

    @staticmethod
    def read(token: str) -> Proof | None:
        """What a token says; None for what is none."""
        found = _PROOF.fullmatch(token)
        return None if found is None else Proof(found[1], int(found[2]), found[3])

    def holds(self, proof: Proof, address_key: str, now: Instant) -> bool:
        """This server sent it to this very address, and not too long ago."""
        mac = self._mac(proof.member_id, proof.second, address_key)
        is_fresh = now.timestamp() - proof.second < PROOF_LASTS.total("seconds")
        return hmac.compare_digest(proof.mac, mac) and is_fresh

    def _mac(self, member_id: str, second: int, address_key: str) -> str:
        return _mac(self.secret, f"{member_id}.{second}.{address_key}")


def _mac(secret: bytes, said: str) -> str:
    return hmac.new(secret, said.encode(), hashlib.sha256).hexdigest()[:32]
