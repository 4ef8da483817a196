"""A run of 1,000,000 events: ``python benchmarks/million.py [--postgres URL]``.

Makes the run in an SQLite file (half an hour on a busy machine; ``--keep FILE`` keeps it for the next time), and copies
it into PostgreSQL where a URL is given. Every measurement runs in a process of its own, so that its peak memory is
its own; seconds are by the clock, those of the processor stand beside them.

Writes million.csv: one line for each measurement.
"""

from __future__ import annotations

import argparse
import csv
import io
import itertools
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import sqlalchemy as sa

from activeclust.loop.anchors import Anchors
from activeclust.store import open_store
from activeclust.store.base import Run
from activeclust.store.export import FORMATS, export_run
from activeclust.store.records import Event, Kind, Round, RunSpec
from activeclust.store.sql.schema import metadata

EVENTS, ROWS, CLUSTERS, PEOPLE, ROUNDS = 1_000_000, 600_000, 397, 10, 5_000
COLUMNS = ("database", "measurement", "seconds", "cpu_seconds", "peak_mb")


# ---------------------------------------------------------------- the run


def make(path: Path, events: int) -> None:
    """Labels, relabels and skips by ten people, on 600,000 rows; and 5,000 rounds."""
    rng, details = (
        np.random.default_rng(0),
        {"seconds": 1.5, "suggestions": [["cluster 1", 0.7], ["cluster 2", 0.2]]},
    )
    rows = rng.integers(0, ROWS, events).tolist()
    skipped = (rng.random(events) < 0.05).tolist()
    store = open_store(path)
    run = store.create_run(RunSpec("big", "entropy", 0, 1_000_000, "h", "m"))
    said = iter(
        Event(Kind.SKIP, row=row, annotator=f"person {row % PEOPLE}")
        if skip
        else Event(
            Kind.LABEL,
            row=row,
            cluster=f"cluster {row % CLUSTERS}",
            annotator=f"person {row % PEOPLE}",
            details=details,
        )
        for row, skip in zip(rows, skipped, strict=True)
    )
    while some := list(itertools.islice(said, 20_000)):
        run.extend(some)
    add_rounds(run)
    store.close()


def add_rounds(run: Run) -> None:
    """5,000 rounds of 20 questions, the last of them at the end of the log."""
    rng, last = np.random.default_rng(1), run.last_seq
    for index in range(ROUNDS):
        metrics = {f"metric {i}": float(value) for i, value in enumerate(rng.random(8))}
        asked = tuple(rng.integers(0, ROWS, 20).tolist())
        run.add_round(Round(index, 20 * index, metrics, asked, max(last - ROUNDS, 0) + index + 1))


def copy_to(url: str, path: Path) -> None:
    """The same tables in PostgreSQL."""
    open_store(url).close()  # makes them
    engine = sa.create_engine(sa.make_url(url).set(drivername="postgresql+psycopg"))
    source = sqlite3.connect(path)
    with engine.begin() as connection, connection.connection.cursor() as cursor:
        for table in metadata.sorted_tables:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            with cursor.copy(f'COPY "{table.name}" ({names}) FROM STDIN') as copy:
                for line in source.execute(f'SELECT {names} FROM "{table.name}"'):
                    copy.write_row(line)
        connection.exec_driver_sql("SET TIME ZONE 'UTC'")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")
    engine.dispose()
    source.close()


# ---------------------------------------------------------------- measurements


def open_it(run: Run) -> None:
    """What a loop and a page read before the first question."""
    anchors, rounds = Anchors(run), run.rounds()
    assert len(anchors) > 0 and len(rounds) == ROUNDS


def look_back(run: Run) -> None:
    """And, for the agreement with the last round, what was known then."""
    open_it(run)
    assert len(Anchors(run, run.rounds()[-1].last_seq)) > 0


def rename(run: Run) -> None:
    """A cluster of about 1,500 rows."""
    run.append(Event(Kind.RENAME, cluster="cluster 5", new_cluster="renamed"))


def merge(run: Run) -> None:
    """Two such clusters."""
    run.append(Event(Kind.MERGE, cluster="cluster 7", new_cluster="cluster 8"))


def undo(run: Run) -> None:
    """The last event on a cluster is taken back."""
    (last,) = run.recent(1)
    assert last.kind in (Kind.RENAME, Kind.MERGE)
    run.append(Event(Kind.UNDO, target=last.seq))


def page_of_log(run: Run) -> None:
    """What the page's panel of answers reads."""
    found = run.recent(101)
    run.find(targets=[event.seq for event in found if event.seq is not None])
    run.votes([event.row for event in found if event.row is not None])


def checks(run: Run) -> None:
    """What the page reads for a budget: rows that checks have asked about."""
    run.find(noted="check")


def answer(run: Run) -> None:
    """One durable answer; the rows are beyond those of the run."""
    run.append(Event(Kind.LABEL, row=700_000 + time.time_ns() % 100_000, cluster="new", annotator="eva"))


class Nowhere(io.RawIOBase):
    """A file that keeps nothing."""

    def writable(self) -> bool:
        """Always."""
        return True

    def write(self, data: Any) -> int:
        """Counts."""
        return len(data)


MEASUREMENTS: dict[str, Callable[[Run], None]] = {
    "open: anchors and 5,000 rounds": open_it,
    "an answer": answer,
    "the page's newest 100 events": page_of_log,
    "rows of checks": checks,
    "rename": rename,
    "open after a rename, with the last round's anchors": look_back,
    "undo of the rename": undo,
    "merge": merge,
    "open after a merge, with the last round's anchors": look_back,
    "undo of the merge": undo,
    **{f"export, {form}": lambda run, form=form: export_run(run, form, Nowhere()) for form in FORMATS},
}


def one(name: str, url: str) -> None:
    """Measure in this process, and print the seconds and the peak."""
    store = open_store(url)
    store.open_run("big").last_seq  # what is imported late is  # noqa: B018
    store.close()
    before = psutil.Process().memory_info().rss
    began, busy = time.perf_counter(), time.process_time()
    store = open_store(url)
    run = store.open_run("big")
    opened = time.perf_counter()
    MEASUREMENTS[name](run)
    ended = time.perf_counter()
    start = began if name.startswith("open") else opened  # others are done in a run that is open
    found = {
        "seconds": round(ended - start, 4),
        "cpu_seconds": round(time.process_time() - busy, 4),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "imports_mb": round(before / 2**20),
    }
    store.close()
    print(json.dumps(found))


def measure(database: str, url: str, only: str) -> Iterator[dict[str, Any]]:
    """One line for each measurement."""
    for name in MEASUREMENTS:
        if only in name:
            command = [sys.executable, __file__, "--one", name, "--url", url]
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            line = {"database": database, "measurement": name, **json.loads(told)}
            print(line, flush=True)
            yield {column: line[column] for column in COLUMNS}


def main() -> None:
    """Make, measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--keep", type=Path, metavar="FILE", help="where the run is, or is kept")
    parser.add_argument("--postgres", metavar="URL", help="an empty PostgreSQL database to measure too")
    parser.add_argument("--only", default="", metavar="WORDS", help="measurements whose name holds this")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        one(given.one, given.url)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = given.keep or Path(folder) / "million.db"
        if not path.exists():
            make(path, given.events)
        lines = []
        if given.postgres:
            copy_to(given.postgres, path)
        lines += measure("SQLite", f"sqlite:///{path}", given.only)
        if given.postgres:
            lines += measure("PostgreSQL", given.postgres, given.only)
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "million.csv").open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(lines)


if __name__ == "__main__":
    main()
