"""A database of known content, and everything that can be read of it."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import asdict
from pathlib import Path
from typing import Any

from activeclust.identities import RowIds
from activeclust.store import open_store
from activeclust.store.records import Event, Kind, Round, RunSpec

ROWS = 400


def make(path: Path) -> None:
    """A run of about 300 events: labels of two people, relabels, skips, renames, undo, rounds."""
    store = open_store(path)
    ids = RowIds("id", tuple(f"row {i}" for i in range(ROWS)))
    run = store.create_run(RunSpec("mine", "entropy", 3, ROWS, "hash", "model", source="a.csv", row_ids=ids))
    draw = random.Random(1)
    names: list[Any] = ["cat", "dog", 1, "1", "é" * 40]
    for _ in range(14):
        run.extend([_answer(row, draw, names) for row in draw.sample(range(ROWS), 20)])
    run.append(Event(Kind.RENAME, cluster="cat", new_cluster="lion"))
    run.append(Event(Kind.MERGE, cluster="dog", new_cluster="lion"))
    for target in (3, 40, run.last_seq):
        run.append(Event(Kind.UNDO, target=target, annotator="eva"))
    run.extend(_answer(row, draw, names) for row in range(20))
    for index in range(4):
        run.add_round(
            Round(index, index * 20, {"accuracy": 0.5 + index / 10, "kappa": None}, (index, 9), index * 20)
        )
    run.lease(range(ROWS), 3, "eva", 600)
    store.close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = DELETE")  # all of it in one file
    connection.close()


def _answer(row: int, draw: random.Random, names: list[Any]) -> Event:
    who = draw.choice(["eva", "bob"])
    if draw.random() < 0.05:
        return Event(Kind.SKIP, row=row, annotator=who)
    return Event(Kind.LABEL, row=row, cluster=draw.choice(names), annotator=who, details={"seconds": 1.5})


def read(path: Path) -> dict[str, Any]:
    """Everything that a person can be told of the run."""
    store = open_store(path, create=False)
    try:
        run = store.open_run("mine")
        return {
            "spec": asdict(run.spec),
            "listed": [asdict(info.spec) for info in store.runs()],
            "events": run.events(),
            "snapshot": run.snapshot(),
            "past": run.snapshot(at=200),
            "votes": run.votes(),
            "answers": list(run.answers()),
            "some": run.votes([3, 5, 7]),
            "rounds": run.rounds(),
            "found": run.find(seqs=[5, 7, 283]),
        }
    finally:
        store.close()
