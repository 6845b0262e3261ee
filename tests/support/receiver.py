"""A receiver of webhooks for tests, on this machine alone: a real HTTP server that keeps what it hears."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked, with the names of its headers in small letters."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    def signed_with(self, secret: str) -> bool:
        """By the letter of the specification, and with nothing of ours."""
        key = base64.b64decode(secret.removeprefix("whsec_"))
        content = f"{self.id}.{self.headers['webhook-timestamp']}.".encode() + self.body
        mac = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
        return f"v1,{mac}" in self.headers["webhook-signature"].split(" ")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer, given once `when` is set."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    when: threading.Event | None = None
    raw: bytes | None = None  # said in the place of an answer; then it breaks off
    drips: bytes | None = None  # said byte after byte, for as long as somebody listens


@dataclass
class Receiver:
    """Hears everything. `answers` says what is answered; None breaks off without a word."""

    answers: Callable[[Request], Reply | None] = lambda _: Reply()
    requests: list[Request] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)  # that TLS clients asked for
    together: int = 0  # the most requests that were there at the same moment
    port: int = 0
    tls: bool = False
    present: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopped: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}/hook"

    def script(self, *replies: Reply | None) -> None:
        """Answer with these, one after the other, and with a plain yes from then on."""
        waiting = iter(replies)
        self.answers = lambda _: next(waiting, Reply())

    @property
    def ids(self) -> list[str]:
        return [each.id for each in self.requests]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        request = Request("POST", self.path, {name.lower(): value for name, value in self.headers.items()}, body)
        receiver = self.server.receiver
        with receiver.lock:
            receiver.requests.append(request)
            receiver.present += 1
            receiver.together = max(receiver.together, receiver.present)
            reply = receiver.answers(request)
        try:
            self._answer(reply)
        finally:
            self.close_connection = True
            with receiver.lock:
                receiver.present -= 1

    def _answer(self, reply: Reply | None) -> None:
        if reply is None:
            return
        if reply.when is not None:
            reply.when.wait(20)
        with suppress(OSError):
            if reply.raw is not None:
                self.wfile.write(reply.raw)
                return
            if reply.drips is not None:
                self._drip(reply.drips)
                return
            self.send_response(reply.status)
            for name, value in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(reply.body)

    def _drip(self, text: bytes) -> None:
        for byte in text:
            self.wfile.write(bytes([byte]))
            if self.server.receiver.stopped.wait(0.05):
                return

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    receiver: Receiver
    context: ssl.SSLContext | None = None

    def finish_request(self, request: Any, client_address: Any) -> None:
        if self.context is None:
            super().finish_request(request, client_address)
            return
        with suppress(OSError), self.context.wrap_socket(request, server_side=True) as secured:
            super().finish_request(secured, client_address)

    def shutdown_request(self, request: Any) -> None:
        with suppress(OSError):
            request.shutdown(socket.SHUT_WR)
        request.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away."""


@contextmanager
def receiver(*, tls: ssl.SSLContext | None = None, port: int = 0) -> Iterator[Receiver]:
    """A receiver on a port that is free, or on the one given; with `tls` it speaks that."""
    found = Receiver(tls=tls is not None)
    server = _Server(("127.0.0.1", port), _Handler)
    server.receiver, server.context, found.port = found, tls, server.server_address[1]
    if tls is not None:
        tls.sni_callback = lambda _, name, __: found.names.append(name)
    serving = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    serving.start()
    try:
        yield found
    finally:
        found.stopped.set()
        server.shutdown()
        server.server_close()
        serving.join(5)
