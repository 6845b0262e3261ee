"""What a process tells about itself: one JSON object a line, or text that people read where they look on.

The engine logs through the standard library, with ids in `extra`; a request adds whose it is. Ids and figures only:
what an exception says is cut to its first line, and addresses and keys are struck out wherever they stand.
"""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TextIO

import structlog
from opentelemetry import trace
from sqlalchemy.exc import DBAPIError
from starlette.types import Scope

Event = MutableMapping[str, Any]

#: How much is told, by name.
LEVELS = ("debug", "info", "warning", "error", "critical")
OURS = ("gonogo", "gonogo_api")

_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:=/]+@(?!gonogo\b)[\w.-]+")  # not our own Message-IDs
_KEY = re.compile(r"\b((?:wbk|sk_live|bk_live|bav_live)_[a-z2-7]{16})_\w+")
_ID = re.compile(r"[\w-]{1,64}")
_request: ContextVar[Scope | None] = ContextVar("gonogo_request", default=None)


def configure(level: str = "info", stream: TextIO | None = None) -> None:
    """Send every logger's lines to stderr, or another stream: ours from that level on, others' from `warning` on."""
    out = stream or sys.stderr
    form: structlog.types.Processor = structlog.processors.JSONRenderer()
    if out.isatty():
        form = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.contextvars.merge_contextvars,
                of_request,
                of_trace,
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                stamp,
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, told, struck_out, form],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    handler.addFilter(_Enough(logging.getLevelNamesMapping()[level.upper()]))
    for name in OURS:
        logging.getLogger(name).setLevel(level.upper())


class _Enough(logging.Filter):
    """Lets through what is worth a line, also while somebody else listens to more."""

    def __init__(self, level: int) -> None:
        super().__init__()
        self.level = level

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= self.level


# Whose line it is


@contextmanager
def during(scope: Scope) -> Iterator[None]:
    """While a request is answered, in whichever thread: its lines say whose it is."""
    token = _request.set(scope)
    try:
        yield
    finally:
        _request.reset(token)


def of_request(_: object, __: str, event: Event) -> Event:
    """Adds what is known by now of the request that is being answered; what the line says itself counts more."""
    scope = _request.get()
    if scope is None:
        return event
    visitor = scope.get("visitor")
    known = {
        "request_id": scope.get("request_id"),
        "dialect": scope["app"].state.dialect if "app" in scope else None,
        "workspace": visitor.actor.workspace if visitor is not None else None,
        **{name.removesuffix("_id"): value for name, value in scope.get("path_params", {}).items() if name in _NAMED},
    }
    for name, value in known.items():
        if value is not None and _ID.fullmatch(str(value)):
            event.setdefault(name, str(value))
    return event


_NAMED = ("campaign_id", "task_id")


def of_trace(_: object, __: str, event: Event) -> Event:
    """Adds the ids of the OpenTelemetry span that the line is part of, where there is one."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = trace.format_trace_id(context.trace_id)
        event["span_id"] = trace.format_span_id(context.span_id)
    return event


# What must not stand in it


def told(_: object, __: str, event: Event) -> Event:
    """Puts an exception into words: where it came from, its kind, and the first line of what it says."""
    found = event.pop("exc_info", None)
    error = sys.exc_info()[1] if found is True else found[1] if isinstance(found, tuple) else found
    if isinstance(error, BaseException):
        event["exception"] = "\n".join(_told(error))
    return event


def _told(error: BaseException) -> Iterator[str]:
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None:
        yield from _told(cause)
    yield "".join(traceback.format_tb(error.__traceback__)).rstrip()
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip()  # without the values of a statement
    yield f"{type(error).__module__}.{type(error).__qualname__}: {said.partition(chr(10))[0]}"


def struck_out(_: object, __: str, event: Event) -> Event:
    """Strikes addresses and the secrets of keys out of all that is text."""
    for name, value in event.items():
        if isinstance(value, str) and ("@" in value or "_" in value):  # which ids, most of what is told, have not
            event[name] = _KEY.sub(r"\1_...", _ADDRESS.sub("[address]", value))
    return event
