"""One POST to an address that others chose: signed (Standard Webhooks 1.0.0), to a public address alone, and bounded.

The host is looked up once, and the connection goes to just the address that was judged: a name that answers otherwise
the next time leads nowhere else. No redirect is followed. What is told of a failure names host and port, never the
path, in which secrets like to stand.
"""

import base64
import binascii
import hashlib
import hmac
import ipaddress
import math
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cache
from http.client import HTTPException
from urllib.parse import SplitResult, urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError
from urllib3.response import BaseHTTPResponse
from whenever import Instant

#: How much of an answer is read, in bytes, and how much of that is told to people, in characters.
READ, TOLD = 64 * 1024, 200
PREFIX = "whsec_"
_BROKEN = (OSError, HTTPException, HTTPError)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
#: Networks that Python's own judgement lets pass, or has let pass: deprecated, translated locally, for documents.
_NOT_PUBLIC = tuple(map(ipaddress.ip_network, ("::/96", "64:ff9b:1::/48", "fec0::/10", "3fff::/20", "5f00::/16")))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class NotPosted(Exception):
    """Nothing of the request went out. The message says why."""


class Unanswered(Exception):
    """The request went out, at least in part, and there is no answer: nobody can tell what became of it."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the receiver said; `retry_after` in seconds, where it names a time."""

    status: int
    retry_after: float | None = None
    body: bytes = b""

    def __str__(self) -> str:
        """The status, and the beginning of what was said, for people."""
        text = "".join(each if each.isprintable() else " " for each in self.body.decode("utf-8", "replace"))
        return f"{self.status} {text[:TOLD]}".strip()


@dataclass(frozen=True, slots=True)
class Target:
    """An address taken apart. Raises ValueError, which tells nothing of it, where it can't be used."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> "Target":
        """`http://host[:port]/path?query` or `https://...`, in ASCII, without a user or a password."""
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise ValueError("expected an address in printable ASCII, without spaces")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError("expected http://host[:port]/path, or https://...") from error
        if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
            raise ValueError("expected http://host[:port]/path, or https://...")
        if "@" in parts.netloc:
            raise ValueError("expected an address without a user and a password")
        return cls(parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80), _path(parts))

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


@cache  # reading the machine's certificates takes long, and every gate has a poster
def _system_trust() -> ssl.SSLContext:
    return ssl.create_default_context()


@dataclass(frozen=True, slots=True)
class Poster:
    """How requests go out: within `timeout` seconds as a whole, to public addresses unless private ones are allowed."""

    timeout: float = 10.0
    private_allowed: bool = False
    trusted: ssl.SSLContext = field(default_factory=_system_trust, repr=False)

    def post(self, url: str, body: bytes, *, message_id: str, secret: str, now: Instant) -> Answer:
        """Hand over a JSON document. Raises NotPosted, Unanswered, and ValueError for a secret that is none."""
        try:
            target = Target.parse(url)
        except ValueError as error:
            raise NotPosted(f"The address can't be used: {error}") from error
        headers = {
            "Host": str(target),
            "Content-Type": "application/json",
            "User-Agent": "gonogo",
            "Connection": "close",
            **signed(body, message_id=message_id, secret=secret, now=now),
        }
        deadline = time.monotonic() + self.timeout
        connection = self._connected(target, self._addresses(target), deadline)
        try:
            return _exchanged(connection, target, body, headers, deadline, now)
        finally:
            connection.close()

    def _addresses(self, target: Target) -> list[str]:
        """Where the host is; one address that is not allowed spoils them all. Raises NotPosted."""
        try:
            found = socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise NotPosted(f"The host {target.host} can't be found: {_reason(error)}") from error
        addresses = list(dict.fromkeys(str(where[0]) for *_, where in found))
        if not self.private_allowed and not all(map(is_public, addresses)):
            raise NotPosted(f"The host {target.host} has an address that is not public.")
        return addresses

    def _connected(self, target: Target, addresses: Sequence[str], deadline: float) -> HTTPConnection:
        """A connection to the first address that takes one. Raises NotPosted."""
        failure: Exception = TimeoutError("timed out")
        for address in addresses:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            connection = self._connection(target, address, left)
            try:
                connection.connect()
            except _BROKEN as error:
                connection.close()
                failure = error
            else:
                return connection
        raise NotPosted(f"{target} can't be reached: {_reason(failure)}") from failure

    def _connection(self, target: Target, address: str, timeout: float) -> HTTPConnection:
        if target.scheme == "http":
            return HTTPConnection(address, target.port, timeout=timeout)
        return HTTPSConnection(
            address, target.port, timeout=timeout, ssl_context=self.trusted, server_hostname=target.host
        )


def new_secret(random: bytes) -> str:
    """A signing secret as it is told to people, of 24 to 64 random bytes."""
    return PREFIX + base64.b64encode(random).decode()


def signed(body: bytes, *, message_id: str, secret: str, now: Instant) -> dict[str, str]:
    """The headers by which a receiver knows who speaks. Several secrets, between spaces, all sign: while a receiver
    changes from an old one to a new one, either is good. Raises ValueError for a secret that is none."""
    if "." in message_id:
        raise ValueError("a message id has no full stop: it would make the signed text ambiguous")
    timestamp = str(now.timestamp())
    content = f"{message_id}.{timestamp}.".encode() + body
    macs = (hmac.digest(key_of(each), content, hashlib.sha256) for each in secret.split())
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs),
    }


def key_of(secret: str) -> bytes:
    """The bytes that `whsec_...` stands for. Raises ValueError, which does not tell the secret."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not (secret.startswith(PREFIX) and 24 <= len(key) <= 64):  # noqa: PLR2004 - the specification's limits
        raise ValueError(f"expected {PREFIX} and 24 to 64 bytes in base64")
    return key


def is_public(text: str) -> bool:
    """Whether an address is one of the public internet, as is the IPv4 address that an IPv6 one may carry."""
    address: Address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            carried = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
        if carried is not None:
            return is_public(str(carried))
    odd = address.is_multicast or address.is_reserved or any(address in network for network in _NOT_PUBLIC)
    return address.is_global and not odd


def _path(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _exchanged(
    connection: HTTPConnection, target: Target, body: bytes, headers: dict[str, str], deadline: float, now: Instant
) -> Answer:
    """What the receiver says to the request. Raises Unanswered, also for the time that has run out."""
    with _ended_at(connection, deadline) as ended:
        try:
            connection.request("POST", target.path, body, headers, preload_content=False)
            response = connection.getresponse()
        except _BROKEN as error:
            why = "timed out" if ended.is_set() else _reason(error)
            raise Unanswered(f"{target} did not answer: {why}") from error
        with response:
            said = b""
            with suppress(*_BROKEN):  # the status counts, whatever becomes of the rest
                said = response.read(READ, decode_content=False)
            return Answer(response.status, _retry_after(response, now), said)


@contextmanager
def _ended_at(connection: HTTPConnection, deadline: float) -> Iterator[threading.Event]:
    """Break the connection off at the deadline: a time limit of a socket begins again with every byte."""
    ended, over = connection.sock, threading.Event()
    connection.timeout = max(deadline - time.monotonic(), 0.001)

    def end() -> None:
        over.set()
        with suppress(OSError):
            socket.socket.shutdown(ended, socket.SHUT_RDWR)

    timer = threading.Timer(connection.timeout, end)
    timer.daemon = True
    timer.start()
    try:
        yield over
    finally:
        timer.cancel()
        timer.join()


def _retry_after(response: BaseHTTPResponse, now: Instant) -> float | None:
    """RFC 9110: seconds, or a date. None for what can't be understood."""
    said = response.headers.get("Retry-After", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        at = parsedate_to_datetime(said).timestamp()
    except (ValueError, OverflowError):
        return None
    return max(at - now.timestamp(), 0.0) if math.isfinite(at) else None


def _reason(error: Exception) -> str:
    """What went wrong, without the address, which a library's own words might repeat."""
    cause: BaseException = error
    while isinstance(cause, HTTPError) and cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, TimeoutError):
        return "timed out"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f"the certificate is not good: {cause.verify_message}"
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return type(cause).__name__
