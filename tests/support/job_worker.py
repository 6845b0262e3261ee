"""A process that runs jobs: `python job_worker.py URL finish|hang`. Says on stdout what it does, a line each."""

import logging
import sys
import threading

from gonogo import database
from gonogo.jobs_dbos import DbosJobs


def main(url: str, manner: str) -> None:
    jobs = DbosJobs(database.connect(url), heartbeat=0.1, dead_after=0.5)

    def work(what: str) -> None:
        say(f"begin {what}")
        if manner == "hang":
            threading.Event().wait()
        say(f"end {what}")

    jobs.handle("work", work)
    jobs.start()
    say("ready")
    sys.stdin.read()  # until the test closes it
    jobs.stop()
    say("stopped")


def say(what: str) -> None:
    print(what, flush=True)


if __name__ == "__main__":
    logging.basicConfig(format="%(message)s")  # to stderr, where the test reads it
    main(*sys.argv[1:])
