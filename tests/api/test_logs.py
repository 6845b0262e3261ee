"""What a process tells about itself: lines that machines read, that say whose they are, and nothing about people."""

import contextvars
import io
import json
import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from opentelemetry import trace

from gonogo_api import logs
from gonogo_api.writing import GroupCommit
from support.house import House
from support.server import Server

log = logging.getLogger("gonogo.somewhere")
KEY = f"wbk_{'a' * 16}_{'b' * 46}"


class Terminal(io.StringIO):
    """Where somebody looks on."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def untouched() -> Iterator[None]:
    """The loggers of the process are put back as they were."""
    root, names = logging.getLogger(), ("", *logs.OURS)
    handlers, levels = root.handlers, [logging.getLogger(name).level for name in names]
    yield
    root.handlers = handlers
    for name, level in zip(names, levels, strict=True):
        logging.getLogger(name).setLevel(level)


Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written(untouched: None) -> Lines:
    """Configures, and answers the lines that were written since."""
    stream = io.StringIO()
    logs.configure("info", stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def request(**more: object) -> dict[str, Any]:
    """A request as the application sees it once its route is known."""
    actor = SimpleNamespace(workspace="w-1")
    return {
        "request_id": "r-1",
        "app": SimpleNamespace(state=SimpleNamespace(dialect="burki")),
        "visitor": SimpleNamespace(actor=actor),
        "path_params": {"campaign_id": "c-1"},
        **more,
    }


# Lines


def test_a_line_is_one_json_object_with_the_ids_that_the_engine_gave(written: Lines) -> None:
    log.warning("%s\nsays", "one", extra={"workspace": "w", "campaign": "c", "run": "r"})
    [line] = written()
    assert (line["event"], line["level"], line["logger"]) == ("one\nsays", "warning", "gonogo.somewhere")
    assert (line["workspace"], line["campaign"], line["run"]) == ("w", "c", "r")
    assert line["timestamp"].endswith("Z")


def test_ours_are_told_from_a_level_on_and_others_from_a_warning_on(written: Lines) -> None:
    for logger in (log, logging.getLogger("gonogo_api.x"), logging.getLogger("uvicorn.error"), logging.getLogger("x")):
        logger.debug("debug")
        logger.info("info")
        logger.error("error")
    told = [(line["logger"].partition(".")[0], line["event"]) for line in written()]
    assert told == [
        *(("gonogo", said) for said in ("info", "error")),
        *(("gonogo_api", said) for said in ("info", "error")),
        *((name, "error") for name in ("uvicorn", "x")),
    ]


def test_who_listens_to_more_makes_no_more_lines(written: Lines) -> None:
    logging.getLogger("gonogo").setLevel(logging.DEBUG)
    log.debug("a batch")
    assert written() == []


@pytest.mark.usefixtures("untouched")
def test_where_somebody_looks_on_the_lines_are_for_people() -> None:
    terminal = Terminal()
    logs.configure("warning", terminal)
    log.info("quiet")
    log.warning("loud", extra={"run": "r-1"})
    assert "loud" in terminal.getvalue()
    assert "r-1" in terminal.getvalue()
    assert "quiet" not in terminal.getvalue()
    assert not terminal.getvalue().startswith("{")


# Whose


def test_a_line_says_which_request_it_is_about_also_in_another_thread(written: Lines) -> None:
    with logs.during(request()), ThreadPoolExecutor(1) as pool:
        context = contextvars.copy_context()
        pool.submit(context.run, log.error, "here").result()
    log.error("there")
    here, there = written()
    assert {name: here[name] for name in ("request_id", "dialect", "workspace", "campaign")} == {
        "request_id": "r-1",
        "dialect": "burki",
        "workspace": "w-1",
        "campaign": "c-1",
    }
    assert not {"request_id", "workspace", "campaign"} & set(there)


def test_what_the_line_itself_says_counts_more_than_the_request(written: Lines) -> None:
    with logs.during(request()):
        log.error("here", extra={"campaign": "c-2"})
    assert written()[0]["campaign"] == "c-2"


def test_a_path_that_is_no_id_is_not_repeated(written: Lines) -> None:
    with logs.during(request(path_params={"campaign_id": "ann smith", "address": "x"}, visitor=None)):
        log.error("here")
    assert not {"campaign", "address", "workspace"} & set(written()[0])


@pytest.mark.parametrize("backend", ["sqlite"])
def test_work_that_shares_a_commit_still_logs_as_its_own_request(engine: sa.Engine, written: Lines) -> None:
    group, busy, free = GroupCommit(engine), threading.Event(), threading.Event()

    def first(_: sa.Connection) -> None:
        busy.set()
        assert free.wait(10)

    def one(number: int) -> None:
        with logs.during(request(request_id=f"r-{number}")):
            group.run(lambda _: log.info("%d", number))

    with ThreadPoolExecutor(5) as threads:
        threads.submit(group.run, first)
        assert busy.wait(10)
        begun = [threads.submit(one, number) for number in range(4)]
        while len(group._waiting) < 4:
            threading.Event().wait(0.001)
        free.set()
        for each in begun:
            each.result()
    assert sorted((line["event"], line["request_id"]) for line in written()) == [(str(n), f"r-{n}") for n in range(4)]


def test_a_line_within_a_trace_carries_its_ids(written: Lines) -> None:
    context = trace.SpanContext(trace_id=0xABC, span_id=0xDEF, is_remote=False)
    with trace.use_span(trace.NonRecordingSpan(context)):
        log.error("here")
    [line] = written()
    assert (line["trace_id"], line["span_id"]) == (f"{0xABC:032x}", f"{0xDEF:016x}")


# What must not stand in it


def test_addresses_and_secrets_are_struck_out_wherever_they_stand(written: Lines) -> None:
    log.error("to <ann.smith+x@example.com>, key %s", KEY, extra={"why": "550 bob@example.com unknown"})
    log.error("on postgresql://gonogo:topsecret@db/x; <run.0.1@gonogo> stays")
    text = json.dumps(written())
    for secret in ("ann", "bob", "b" * 46, "topsecret"):
        assert secret not in text
    assert "<run.0.1@gonogo> stays" in text
    assert f"wbk_{'a' * 16}_..." in text


def test_an_exception_tells_where_and_what_but_not_the_values_of_its_statement(written: Lines) -> None:
    who = "Ann" + " Smith"  # the lines of the source are told, too
    refused = sa.exc.IntegrityError("INSERT INTO x", {"name": who}, Exception(f"duplicate key\nDETAIL: ({who})"))
    try:
        try:
            raise refused
        except sa.exc.IntegrityError as error:
            raise RuntimeError(f"it broke\nfor {who}") from error
    except RuntimeError:
        log.exception("failed")
    [line] = written()
    assert who not in json.dumps(line)
    assert line["exception"].splitlines()[-1] == "builtins.RuntimeError: it broke"
    assert "sqlalchemy.exc.IntegrityError: duplicate key\n" in line["exception"]
    assert "test_logs.py" in line["exception"]


def test_a_server_writes_nothing_but_such_lines(strict: Server) -> None:
    house = House.of(strict)
    with strict.broken("ALTER TABLE gonogo_list RENAME TO gone", "ALTER TABLE gone RENAME TO gonogo_list"):
        answer = house.client.get("/v1/campaigns")
        assert answer.status_code == 500
    lines = [json.loads(line) for line in strict.log.splitlines()]
    assert lines[0]["event"].startswith(f"gonogo serves {strict.base} on ")
    [failed] = [line for line in lines if line.get("request_id") == answer.headers["X-Request-Id"]]
    assert (failed["dialect"], failed["workspace"]) == ("leadlex", house.tenant.id)
    assert "no such table" in failed["exception"]
    assert house.domain not in strict.log
