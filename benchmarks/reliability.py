"""What happens to answers when things go wrong: ``python benchmarks/reliability.py [--attempts 60] [--kills 34]``.

A database of known content is damaged and read again: by one random bit, by a random cut, by a page of random
bytes, by statements that another program might run. Every reading is one of three: as it was written, refused with
an error, or *wrong*, which must not happen. Then `db check` and `db repair` are tried on it.

Commands are killed at random moments, and given again.

Writes reliability.csv: one line for each kind of damage and each command, with the number of attempts and what came
of them. The tests run the same with few attempts.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import io
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
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from activeclust import ActiveLoop, LabelOracle, PFNClusterer
from activeclust.datasets import load
from activeclust.errors import ActiveClustError, StoreUnavailable
from activeclust.identities import RowIds
from activeclust.loop.resume import open_run
from activeclust.store import open_store
from activeclust.store.export import import_run
from activeclust.store.records import Event, Kind, Round, RunSpec
from activeclust.store.sql.backup import backup_database
from activeclust.store.sql.check import check
from activeclust.store.sql.repair import repair
from activeclust.store.sql.upgrade import upgrade

ROWS = 400
COLUMNS = (
    "kind", "attempts", "as written", "refused", "wrong", "found by check", "mended", "answers lost", "had ended",
)  # fmt: skip
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
        sound = False
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
    if report.lost == report.gone == 0 and found["answers"] == truth["answers"]:
        return
    told = report.in_part or len(found["events"]) + report.lost + report.gone >= len(truth["events"])
    if not told:
        yield "wrong"  # it has not said that so many are missing
    kept = {(a.row, a.annotator, a.kind, a.cluster) for a in found["answers"]}
    yield from (
        "answers lost" for a in truth["answers"] if (a.row, a.annotator, a.kind, a.cluster) not in kept
    )


# ---------------------------------------------------------------- kills


@dataclass(frozen=True)
class Killed:
    """What there is before a command, the command, and whether all is right once it was killed and given again."""

    begin: Callable[[Path, Path], object]
    command: Callable[[Path, Path], object]
    right: Callable[[Path, Path], bool]


def killed(command: str, attempts: int, folder: Path, seed: int = 0) -> Counter[str]:
    """Kill a command ``attempts`` times at random moments and give it again."""
    sound = folder / "sound.db"
    if not sound.exists():
        make(sound)
    counts, draw = Counter({"attempts": attempts}), random.Random(f"{command} {seed}")
    given = COMMANDS[command]
    whole = _seconds(given, sound, folder)
    for _ in range(attempts):
        place = Path(tempfile.mkdtemp(dir=folder))
        path = place / "answers.db"
        given.begin(sound, path)
        if not _run_and_kill(lambda: given.command(sound, path), draw.uniform(0, whole)):  # noqa: B023 (it runs before the next)
            counts["had ended"] += 1
        try:
            given.command(sound, path)
            left = [file.name for file in place.iterdir() if file.name.startswith(".")]
            counts["as written" if given.right(sound, path) and not left else "wrong"] += 1
        except ActiveClustError as error:
            print(f"{command}: {error}", file=sys.stderr)
            counts["refused"] += 1
        shutil.rmtree(place)
    return counts


def _seconds(given: Killed, sound: Path, folder: Path) -> float:
    """How long the command takes where nobody kills it, and all that is imported late has been."""
    for name in ("first.db", "answers.db"):
        place = Path(tempfile.mkdtemp(dir=folder))
        given.begin(sound, place / name)
        if name == "first.db":
            given.command(sound, place / name)
            shutil.rmtree(place)
    began = time.monotonic()
    pid = _start(lambda: given.command(sound, place / "answers.db"))
    os.waitpid(pid, 0)
    shutil.rmtree(place)
    return time.monotonic() - began


def _start(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def _run_and_kill(work: Callable[[], object], seconds: float) -> bool:
    """Whether it was killed before its end."""
    pid = _start(work)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


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
    try:
        backup_database(sound, path)
    except StoreUnavailable:  # the first one was complete when it was killed
        if not path.exists():
            raise


def _as_sound(sound: Path, path: Path) -> bool:
    return check(path).ok and read(path)["answers"] == read(sound)["answers"]


def _copy(sound: Path, path: Path) -> None:
    shutil.copy(sound, path)


def _command(*arguments: str, answers: str = "") -> None:
    """A command of the command line, with what a person types into a pipe."""
    from activeclust.cli import main

    stdin, sys.stdin = sys.stdin, io.StringIO(answers)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as said:
            main(list(arguments))
    except SystemExit as ended:
        if ended.code:
            raise ActiveClustError(said.getvalue()) from None
    finally:
        sys.stdin = stdin


def _export_csv(_: Path, path: Path) -> None:
    _command("export", "--db", str(path), "--name", "mine", "-o", str(path.with_suffix(".csv")))


def _older_export(sound: Path, path: Path) -> None:
    _copy(sound, path)
    path.with_suffix(".csv").write_text("an older export")


def _all_exported(sound: Path, path: Path) -> bool:
    _export_csv(sound, sound)
    same = path.with_suffix(".csv").read_bytes() == sound.with_suffix(".csv").read_bytes()
    return same and _as_sound(sound, path)


def _nobody_answers(sound: Path, path: Path) -> None:
    _copy(sound, path)
    with contextlib.closing(open_store(path)) as store:
        store.open_run("mine").release("eva")


def _changed(sound: Path, path: Path) -> None:
    """The rows were sorted, and the last of them are gone; unless that is known already."""
    with contextlib.closing(open_store(path)) as store:
        run = store.open_run("mine")
        ids = RowIds("id", tuple(f"row {i}" for i in reversed(range(ROWS - 9))))
        spec = replace(run.spec, n_rows=ROWS - 9, data_hash="sorted", row_ids=ids)
        open_run(store, spec, resume=True, strict=False)


def _carried(sound: Path, path: Path) -> bool:
    with contextlib.closing(open_store(path)) as store:
        names = [info.spec.name for info in store.runs()]
        if len(names) != 2 or not names[0].startswith("mine until") or names[1] != "mine":
            return False
        before, now = (list(store.open_run(name).answers()) for name in names)
    there = [replace(item, row=ROWS - 10 - item.row) for item in before if item.row < ROWS - 9]
    return check(path).ok and now == there and before == read(sound)["answers"]


def _few_rows(_: Path, path: Path) -> None:
    draw = random.Random(0)
    lines = [f"{draw.gauss(9 * (i % 3), 1)},{draw.gauss(0, 1)},{'abc'[i % 3]}" for i in range(45)]
    path.with_name("rows.csv").write_text("x,y,label\n" + "\n".join(lines) + "\n")


def _annotate(_: Path, path: Path) -> None:
    rows = str(path.with_name("rows.csv"))
    options = ["--db", str(path), "--ui", "terminal", "--budget", "9", "--seed", "0", "--device", "cpu"]
    # the column of labels is left out: a person answers, the same to every question
    _command("annotate", rows, *options, "--drop", "label", answers="n cat\n" + "c\n" * 40)


def _annotated(_: Path, path: Path) -> bool:
    with contextlib.closing(open_store(path)) as store:
        run = store.open_run("rows")
        return check(path).ok and len(run.anchors()) == 9 == len(run.events())


def _loop(_: Path, path: Path) -> None:
    rows = path.with_name("rows.csv")
    with contextlib.closing(open_store(path)) as store:
        data = load(rows, label_column="label")
        loop = ActiveLoop(
            data.X, LabelOracle(data.y), store=store, name="loop", resume="auto", random_state=0,
            clusterer=PFNClusterer(device="cpu", cache=False),
        )  # fmt: skip
        loop.run(9)


def _looped(_: Path, path: Path) -> bool:
    whole = path.with_name("whole.db")
    _loop(whole, whole)
    found = []
    for place in (path, whole):
        with contextlib.closing(open_store(place)) as store:
            run = store.open_run("loop")
            found.append(([(item.row, item.cluster) for item in run.events()], run.rounds()))
    return check(path).ok and found[0] == found[1]


#: what there is before, the command, and whether all is right after it was given twice
COMMANDS = {
    "import": Killed(_export, _import, _as_sound),
    "export": Killed(_older_export, _export_csv, _all_exported),
    "db upgrade": Killed(_older, lambda sound, path: upgrade(path), lambda sound, path: check(path).ok),
    "db check": Killed(_copy, lambda sound, path: check(path), _as_sound),
    "db repair": Killed(_damage, lambda sound, path: repair(path), _as_sound),
    "db backup": Killed(lambda sound, path: None, _backup, _as_sound),
    "--changed": Killed(_nobody_answers, _changed, _carried),
    "annotate": Killed(_few_rows, _annotate, _annotated),
    "loop": Killed(_few_rows, _loop, _looped),
}


def main() -> None:
    """Damage, kill, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=60, help="of each kind of damage")
    parser.add_argument("--kills", type=int, default=34, help="of each command")
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    jobs: list[tuple[str, Callable[[Path], Counter[str]]]] = [
        *((kind, lambda folder, kind=kind: damaged(kind, given.attempts, folder)) for kind in DAMAGES),  # type: ignore[misc]
        *(
            (f"{name}, killed", lambda folder, name=name: killed(name, given.kills, folder))
            for name in COMMANDS
        ),  # type: ignore[misc]
    ]
    with (
        (given.out / "reliability.csv").open("w", newline="") as file,
        tempfile.TemporaryDirectory() as folder,
    ):
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for name, job in jobs:
            counts = job(Path(folder))
            line = [name, *(counts[column] for column in COLUMNS[1:])]
            print(dict(zip(COLUMNS, line, strict=True)), flush=True)
            table.writerow(line)
            file.flush()


if __name__ == "__main__":
    main()
