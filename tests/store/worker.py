"""A process that forks others, which write into a store until they are done or killed.

Run as ``python worker.py`` and told what to do line by line on stdin; everything slow is imported once.
Lines going out: ``pid N`` for a new child, ``ack N`` after answer N was acknowledged, ``exit N`` with a
child's exit status, ``error CLASS MESSAGE``.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from pathlib import Path

import sqlalchemy.dialects.sqlite  # noqa: F401

from activeclust.errors import RoundTaken, RunExists
from activeclust.store import open_store
from activeclust.store.base import Run
from activeclust.store.records import Event, Kind, Round, RunSpec

N_ROWS = 1000


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())  # one write: what is in the pipe survives a kill


def answer(number: int) -> Event:
    """Answer ``number`` of the stream: labels, relabels and skips, each recognisable."""
    client_id = f"answer {number}"
    if number % 7 == 3:
        return Event(Kind.SKIP, row=number % N_ROWS, annotator="eva", client_id=client_id)
    return Event(
        Kind.LABEL, row=number * 3 % N_ROWS, cluster=number % 11, annotator="bob", client_id=client_id
    )


def enter(path: str, name: str) -> Run:
    store = open_store(path)
    try:
        return store.create_run(RunSpec(name, "entropy", 0, N_ROWS, "h", "m"))
    except RunExists:
        return store.open_run(name)


def stream(path: str, first: str) -> None:
    run = enter(path, "stream")
    for number in range(int(first), 10**9):
        run.append(answer(number))
        say(f"ack {number}")


def crowd(path: str, who: str, start: str) -> None:
    """Open one new file at the same moment as all the others, and answer four rows of one run."""
    time.sleep(max(0.0, float(start) - time.time()))
    run = enter(path, "crowd")
    for _ in range(4):
        (row,) = run.lease(range(N_ROWS), 1, who, 60)
        run.append(Event(Kind.LABEL, row=row, cluster=who, annotator=who))
        add_round(run, row)
        say(f"ack {row}")


def add_round(run: Run, row: int) -> None:
    """Write a round of the lowest index that nobody has."""
    while True:
        try:
            return run.add_round(Round(len(run.rounds()), 0, {}, (row,)))
        except RoundTaken:
            pass


def fill(path: str, limit: str) -> None:
    """Answer until the disk takes no more: no file may grow beyond ``limit`` bytes."""
    run = enter(path, "fill")
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
    for number in range(10**9):
        run.append(Event(Kind.LABEL, row=number % N_ROWS, cluster=f"{number:01000}"))
        say(f"ack {number}")


def unprivileged(path: str) -> None:
    """Answer as somebody who may not write there; root becomes nobody."""
    if os.getuid() == 0:
        os.setgid(65534)
        os.setuid(65534)
    enter(path, "mine").append(Event(Kind.LABEL, row=1, cluster="cat"))


def main() -> None:
    jobs = {job.__name__: job for job in (stream, crowd, fill, unprivileged)}
    children = 0
    for line in sys.stdin:
        job, *arguments = line.rstrip("\n").split("\t")
        if job == "wait":
            while children:
                _, status = os.wait()
                children -= 1
                say(f"exit {os.waitstatus_to_exitcode(status)}")
            say("waited")
            continue
        pid = os.fork()
        if pid == 0:
            try:
                jobs[job](*arguments)
            except Exception as error:
                say(f"error {type(error).__name__} {error}")
                os._exit(1)
            os._exit(0)
        children += 1
        say(f"pid {pid}")


if __name__ == "__main__":
    # a first store of its own, so that the children find SQLAlchemy's caches warm
    Path(sys.argv[1]).mkdir()
    warm = enter(f"{sys.argv[1]}/warm.db", "warm")
    warm.append(answer(1))
    warm._store.close()
    say("ready")
    main()
