"""How fast the store is: ``python benchmarks/store.py [--out docs/figures] [--postgres URL]``.

Measured on an SQLite file in the current folder's file system (every answer waits for the disk) and, where
a URL is given, on PostgreSQL::

    ACTIVECLUST_POSTGRES_FSYNC=on ACTIVECLUST_POSTGRES_DIR=/tmp/bench .ci/postgres

starts a server that waits for the disk as well. Writes store.csv: one line a measurement with the number of
repetitions, the median, 90th and 99th percentile of the time it took, and this process's median processor
time, which says what a busy machine adds; all in milliseconds.
"""

from __future__ import annotations

import argparse
import csv
import os
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from activeclust.loop.anchors import Anchors
from activeclust.store import open_store
from activeclust.store.base import Run
from activeclust.store.records import Event, Kind, Round, RunSpec

N_EVENTS = 100_000
METRICS = ("accuracy", "v_measure", "ari", "nmi", "ece", "expected_accuracy", "agreement", "expected_gain")
COLUMNS = ("database", "measurement", "repetitions", "median_ms", "p90_ms", "p99_ms", "cpu_median_ms")
ANSWER_LIMIT, OPEN_LIMIT = 5.0, 1000.0  # milliseconds


def timed(work: Callable[[int], object], times: int) -> np.ndarray:
    """(times, 2) milliseconds of each call: by the clock, and of the processor."""
    taken = []
    for i in range(times):
        start, busy = time.perf_counter(), time.process_time()
        work(i)
        taken.append(((time.perf_counter() - start) * 1e3, (time.process_time() - busy) * 1e3))
    return np.array(taken)


def disk(folder: Path) -> np.ndarray:
    """What the disk alone takes to make 4 KiB durable: no answer can be faster."""
    with (folder / "probe").open("wb") as file:

        def write(_: int) -> None:
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())

        return timed(write, 300)


def fill(run: Run) -> None:
    """100,000 events on 60,000 rows by ten people, labels, relabels, skips; and a round for every 20."""
    rng = np.random.default_rng(0)
    details = {"seconds": 1.5, "suggestions": [["cluster 1", 0.7], ["cluster 2", 0.2]]}
    events = []
    for row, chance in zip(rng.integers(0, 60_000, N_EVENTS).tolist(), rng.random(N_EVENTS), strict=True):
        who, name = f"person {row % 10}", f"cluster {row % 37}"
        if chance < 0.05:
            events.append(Event(Kind.SKIP, row=row, annotator=who))
        else:
            events.append(Event(Kind.LABEL, row=row, cluster=name, annotator=who, details=details))
    for start in range(0, N_EVENTS, 5_000):
        run.extend(events[start : start + 5_000])


def add_rounds(run: Run) -> None:
    """A round for every 20 events, with the metrics and questions that the loop records."""
    rng = np.random.default_rng(1)
    for index in range(N_EVENTS // 20):
        metrics = {name: float(rng.random()) for name in METRICS} | {"clusters": 37}
        asked = tuple(rng.integers(0, 60_000, 20).tolist())
        run.add_round(Round(index, 20 * index, metrics, asked, 20 * index))


def measure(url: str) -> Iterator[tuple[str, np.ndarray]]:
    """Each measurement with its times."""
    store = open_store(url)
    small = store.create_run(RunSpec("small", "entropy", 0, 1_000_000, "h", "m"))
    small.append(Event(Kind.LABEL, row=0, cluster="warm"))

    def answer(run: Run) -> Callable[[int], object]:
        return lambda i: run.append(Event(Kind.LABEL, row=70_000 + i, cluster=f"c {i % 10}", annotator="eva"))

    yield "answer, new run", timed(answer(small), 1000)
    big = store.create_run(RunSpec("big", "entropy", 0, 1_000_000, "h2", "m"))
    yield "write 100,000 events in batches of 5,000", timed(lambda _: fill(big), 1)
    yield "write 5,000 rounds, one by one", timed(lambda _: add_rounds(big), 1)
    yield "answer, run of 100,000 events", timed(answer(big), 1000)
    yield (
        "undo, run of 100,000 events",
        timed(
            lambda i: big.append(Event(Kind.UNDO, target=(big.last_undoable() or big.events()[0]).seq)), 100
        ),
    )
    yield "lease 5 of 1,000,000 rows", timed(lambda i: big.lease(range(1_000_000), 5, f"p{i}", 600), 50)
    yield (
        "rename a cluster of 1,600 rows",
        timed(
            lambda i: big.append(
                Event(Kind.RENAME, cluster=f"cluster {i + 20}", new_cluster=f"renamed {i}", annotator="eva")
            ),
            5,
        ),
    )
    store.close()

    def open_run(_: int) -> None:  # what a loop and a page read before the first question
        fresh = open_store(url)
        run = fresh.open_run("big")
        answers, rounds = Anchors(run), run.rounds()
        assert len(answers) > 40_000 and len(rounds) == N_EVENTS // 20
        fresh.close()

    def open_past(_: int) -> None:  # and, for the agreement with the last round, what it knew
        fresh = open_store(url)
        assert len(Anchors(fresh.open_run("big"), N_EVENTS - 20)) > 40_000
        fresh.close()

    def read_log(_: int) -> None:
        fresh = open_store(url)
        assert len(fresh.open_run("big").events()) >= N_EVENTS
        fresh.close()

    yield "open a run of 100,000 events: anchors, 5,000 rounds", timed(open_run, 10)
    yield "the same run as it was 1,000 events ago", timed(open_past, 10)
    yield "read the whole log of 100,000 events", timed(read_log, 5)


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    parser.add_argument("--postgres", help="URL of a PostgreSQL database to measure too")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    lines = []
    with tempfile.TemporaryDirectory(dir=".") as folder:
        path = Path(folder) / "answers.db"
        lines.append(_line("disk", "4 KiB written and synced", disk(Path(folder))))
        lines += [_line("SQLite", name, times) for name, times in measure(f"sqlite:///{path}")]
        if given.postgres:
            url = _own_schema(given.postgres)
            lines += [_line("PostgreSQL", name, times) for name, times in measure(url)]
        print(f"The SQLite file of 102,000 events has {path.stat().st_size / 2**20:.1f} MiB.")
    with (given.out / "store.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(
            ["database", "measurement", "repetitions", "median_ms", "p90_ms", "p99_ms", "cpu_median_ms"]
        )
        writer.writerows(lines)
    for place, name, _, median, *_ in lines:
        limit = ANSWER_LIMIT if name.startswith("answer") else OPEN_LIMIT if name.startswith("open") else None
        if limit is not None:
            verdict = "holds" if float(median) <= limit else "does not hold"
            print(f"{place}, {name}: at most {limit:g} ms {verdict}")


def _line(place: str, name: str, times: np.ndarray) -> list[str]:
    middle, high, highest = (f"{value:.2f}" for value in np.percentile(times[:, 0], [50, 90, 99]))
    busy = f"{np.median(times[:, 1]):.2f}"
    print(
        f"{place:<11} {name:<52} median {middle:>9} ms   90 % {high:>9}   99 % {highest:>9}   cpu {busy:>9}"
    )
    return [place, name, str(len(times)), middle, high, highest, busy]


def _own_schema(server: str) -> str:
    url = sa.make_url(server).set(drivername="postgresql+psycopg")
    name = f"bench_{uuid.uuid4().hex[:8]}"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema(name))
    engine.dispose()
    return url.update_query_dict({"options": f"-c search_path={name}"}).render_as_string(hide_password=False)


if __name__ == "__main__":
    main()
