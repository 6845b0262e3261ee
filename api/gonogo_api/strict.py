"""Bodies, read strictly: JSON as one thing only, in UTF-8, and none without an end."""

import functools
import json
import math
from email.message import Message
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError

from gonogo_api.problems import JSON, Problem

UTF_8 = ("utf-8", "utf8", "us-ascii")


class StrictRequest(Request):
    """Reads JSON as one thing only: no repeated keys, no NUL, no half characters, no NaN, no endless bodies."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            limit = self.app.state.door.settings.body_limit
            chunks, size = [], 0
            async for chunk in self.stream():
                size += len(chunk)
                if size > limit:
                    raise Problem("too_large", f"The body is larger than {limit} bytes", "body")
                chunks.append(chunk)
            self._body = b"".join(chunks)
        return self._body

    async def json(self) -> Any:
        return read_json(await self.body())


def read_json(body: bytes) -> Any:
    """Strict JSON (RFC 8259, with I-JSON's limits of RFC 7493). Raises RequestValidationError."""
    try:
        text = body.decode("utf-8")
        value = json.loads(text, **_STRICTLY)
        if "\\u" in text or "\x00" in text:
            _no_odd_text(value)
    except (ValueError, RecursionError) as error:
        found = {"type": "json_invalid", "loc": ("body",), "msg": _why(error), "input": None}
        raise RequestValidationError([found]) from error
    return value


def _why(error: Exception) -> str:
    if isinstance(error, UnicodeError):
        return "it is not UTF-8"
    return "it is nested too deeply" if isinstance(error, RecursionError) else str(error)


def _no_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError("a number is too large")
    return number


def _short(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:  # Python reads no more digits, and says so in words that mean nothing to a client
        raise ValueError("a number is too long") from None


_STRICTLY: dict[str, Any] = {
    "object_pairs_hook": _no_repetition,
    "parse_constant": _no_constant,
    "parse_float": _finite,
    "parse_int": _short,
}


def _no_odd_text(value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("NUL is not allowed in a text")
        value.encode("utf-8")  # a lone surrogate raises
    elif isinstance(value, dict):
        for key, inner in value.items():
            _no_odd_text(key)
            _no_odd_text(inner)
    elif isinstance(value, list):
        for inner in value:
            _no_odd_text(inner)


def content_type(request: Request) -> str:
    """What a body says it is, in lower case and without parameters; JSON where it says nothing."""
    return request.headers.get("content-type", JSON).partition(";")[0].strip().lower()


def charset(request: Request) -> str:
    """The charset that a body says it is in; UTF-8 where it says nothing."""
    return _charset(request.headers.get("content-type", JSON))


@functools.lru_cache
def _charset(content_type: str) -> str:
    said = Message()
    said["Content-Type"] = content_type
    found = said.get_param("charset", "utf-8")
    return found.lower() if isinstance(found, str) else ""  # a name in the form of RFC 2231, which HTTP does not have
