"""What happens to answers when things go wrong: ``python benchmarks/reliability.py [--attempts 300]``.

A database of known content is damaged and read again: by one random bit, by a random cut, by a page of random
bytes, by statements that another program might run. Every reading is one of three: as it was written, refused with
an error, or *wrong*, which must not happen. Then `db check` and `db repair` are tried on it.

Commands are killed at random moments, and given again.

Writes reliability.csv: one line for each kind of damage and each command, with the number of attempts and what came
of them. The tests run the same with few attempts.
"""

from __future__ import annotations

import argparse
import csv
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from activeclust.errors import ActiveClustError
from activeclust.identities import RowIds
from activeclust.store import open_store
from activeclust.store.base import Event, Kind, Round, RunSpec
from activeclust.store.export import import_run
from activeclust.store.sql.backup import backup_database
from activeclust.store.sql.check import check
from activeclust.store.sql.repair import repair
from activeclust.store.sql.upgrade import upgrade

ROWS = 400
COLUMNS = ("kind", "attempts", "as written", "refused", "wrong", "found by check", "mended", "answers lost")
STATEMENTS = (  # damages that a person or another program can do
    """UPDATE activeclust_outcome SET cluster = '"cow"' WHERE "row" = 5""",
    """UPDATE activeclust_vote SET cluster = '"cow"' WHERE "row" = 5""",
    """UPDATE activeclust_event SET cluster = '"cow"' WHERE seq = 5""",
    """UPDATE activeclust_event SET at = '2001-01-01 00:00:00.000000' WHERE seq = 7""",
    """DELETE FROM activeclust_event WHERE seq = 17""",
    """DELETE FROM activeclust_event WHERE seq > 290""",
    """DELETE FROM activeclust_vote WHERE "row" = 6""",
    """DELETE FROM activeclust_outcome""",
    """DELETE FROM activeclust_round WHERE "index" = 1""",
    """UPDATE activeclust_round SET metrics = '{'""",
    """UPDATE activeclust_round SET metrics = '{"accuracy":0.99}'""",
    """UPDATE activeclust_run SET last_seq = 280""",
    """UPDATE activeclust_run SET seed = seed + 1""",
    """UPDATE activeclust_run SET options = '{'""",
    """UPDATE activeclust_annotator SET name = 'someone else' WHERE id = 1""",
    """UPDATE activeclust_lease SET "row" = -5 - "row" """,
    """DELETE FROM activeclust_dataset""",
    """DELETE FROM activeclust_row_ids""",
    """DROP INDEX activeclust_event_run_id_row""",
    """CREATE TRIGGER helpful AFTER INSERT ON activeclust_event BEGIN DELETE FROM activeclust_vote; END""",
)


# ---------------------------------------------------------------- a database of known content


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


# ---------------------------------------------------------------- damage


def flip(path: Path, draw: random.Random) -> None:
    """One bit becomes another."""
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def cut(path: Path, draw: random.Random) -> None:
    """The end is missing."""
    with path.open("rb+") as file:
        file.truncate(draw.randrange(1, path.stat().st_size))


def scribble(path: Path, draw: random.Random) -> None:
    """A page holds random bytes."""
    content = bytearray(path.read_bytes())
    start = 4096 * draw.randrange(1, len(content) // 4096)
    content[start : start + 4096] = draw.randbytes(4096)
    path.write_bytes(content)


def swap(path: Path, draw: random.Random) -> None:
    """Two pages have changed places."""
    content = bytearray(path.read_bytes())
    a, b = (4096 * page for page in draw.sample(range(1, len(content) // 4096), 2))
    content[a : a + 4096], content[b : b + 4096] = content[b : b + 4096], content[a : a + 4096]
    path.write_bytes(content)


def state(path: Path, draw: random.Random) -> None:
    """Another program has run a statement."""
    connection = sqlite3.connect(path)
    connection.execute(draw.choice(STATEMENTS))
    connection.commit()
    connection.close()


DAMAGES = {
    "one bit": flip,
    "cut off": cut,
    "a random page": scribble,
    "two pages swapped": swap,
    "a statement": state,
}


def damaged(kind: str, attempts: int, folder: Path, seed: int = 0) -> Counter[str]:
    """Damage a database ``attempts`` times and count what comes of it."""
    sound = folder / "sound.db"
    if not sound.exists():
        make(sound)
    truth, counts = read(sound), Counter({"attempts": attempts})
    draw = random.Random(f"{kind} {seed}")
    for _ in range(attempts):
        place = Path(tempfile.mkdtemp(dir=folder))
        path = place / "answers.db"
        shutil.copy(sound, path)
        DAMAGES[kind](path, draw)
        told = _told(path, truth)
        counts[told] += 1
        counts.update(_mended(path, truth))
        shutil.rmtree(place)
    return counts


def _told(path: Path, truth: dict[str, Any]) -> str:
    try:
        found = read(path)
    except ActiveClustError:
        return "refused"
    return "as written" if found == truth else "wrong"


def _mended(path: Path, truth: dict[str, Any]) -> Iterator[str]:
    try:
        sound = check(path).ok
    except ActiveClustError:
        yield "found by check"
        return
    if sound:
        return
    yield "found by check"
    try:
        report = repair(path)
        found = read(path)
    except ActiveClustError:
        yield "not mended"
        return
    yield "mended"
    if report.lost == 0 and found["answers"] == truth["answers"]:
        return
    kept = {(a.row, a.annotator, a.kind, a.cluster) for a in found["answers"]}
    yield from (
        "answers lost" for a in truth["answers"] if (a.row, a.annotator, a.kind, a.cluster) not in kept
    )


# ---------------------------------------------------------------- kills


def killed(command: str, attempts: int, folder: Path, seed: int = 0) -> Counter[str]:
    """Kill a command ``attempts`` times at random moments and give it again."""
    sound = folder / "sound.db"
    if not sound.exists():
        make(sound)
    counts, draw = Counter({"attempts": attempts}), random.Random(f"{command} {seed}")
    begin, again, right = COMMANDS[command]
    for _ in range(attempts):
        place = Path(tempfile.mkdtemp(dir=folder))
        path = place / "answers.db"
        begin(sound, path)
        _run_and_kill(lambda: again(sound, path), draw.uniform(0, 0.12))  # noqa: B023 (it runs before the next)
        try:
            again(sound, path)
            counts["as written" if right(sound, path) else "wrong"] += 1
        except ActiveClustError as error:
            print(f"{command}: {error}", file=sys.stderr)
            counts["refused"] += 1
        shutil.rmtree(place)
    return counts


def _run_and_kill(work: Callable[[], object], seconds: float) -> None:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def _export(sound: Path, _: Path) -> None:
    from activeclust.store.export import export_run

    jsonl = sound.with_suffix(".jsonl")
    if not jsonl.exists():
        store = open_store(sound)
        with jsonl.open("wb") as file:
            export_run(store.open_run("mine"), "jsonl", file)
        store.close()


def _import(sound: Path, path: Path) -> None:
    store = open_store(path)
    with sound.with_suffix(".jsonl").open("rb") as file:
        import_run(store, "jsonl", file)
    store.close()


def _damage(sound: Path, path: Path) -> None:
    shutil.copy(sound, path)
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM activeclust_vote")
    connection.commit()
    connection.close()


def _older(_: Path, path: Path) -> None:
    fixtures = Path(__file__).parents[1] / "tests" / "fixtures" / "store"
    shutil.copy(fixtures / "schema-0001.db", path)


def _backup(sound: Path, path: Path) -> None:
    if not path.exists():
        backup_database(sound, path)


def _as_sound(sound: Path, path: Path) -> bool:
    return check(path).ok and read(path)["answers"] == read(sound)["answers"]


#: what there is before, the command, and whether all is right after it was given twice
COMMANDS: dict[str, tuple[Callable[..., object], Callable[..., object], Callable[..., bool]]] = {
    "import": (_export, _import, _as_sound),
    "db repair": (_damage, lambda sound, path: repair(path), _as_sound),
    "db backup": (lambda sound, path: None, _backup, _as_sound),
    "db upgrade": (_older, lambda sound, path: upgrade(path), lambda sound, path: check(path).ok),
}


def main() -> None:
    """Damage, kill, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=300)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    given = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        jobs = [(kind, damaged(kind, given.attempts, Path(folder))) for kind in DAMAGES]
        jobs += [(f"{name}, killed", killed(name, given.kills, Path(folder))) for name in COMMANDS]
        for name, counts in jobs:
            lines.append([name, *(counts[column] for column in COLUMNS[1:])])
            print(dict(zip(COLUMNS, lines[-1], strict=True)), flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "reliability.csv").open("w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *lines])


if __name__ == "__main__":
    main()
