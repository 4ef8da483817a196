"""The commands that are killed: what there is before each, and whether all is right in the end."""

from __future__ import annotations

import contextlib
import io
import random
import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

from kills import Killed
from known_answers import ROWS, read

from activeclust import ActiveLoop, LabelOracle, PFNClusterer
from activeclust.datasets import load
from activeclust.errors import ActiveClustError, StoreUnavailable
from activeclust.identities import RowIds
from activeclust.loop.resume import open_run
from activeclust.store import open_store
from activeclust.store.export import import_run
from activeclust.store.sql.backup import backup_database
from activeclust.store.sql.check import check
from activeclust.store.sql.repair import repair
from activeclust.store.sql.upgrade import upgrade


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
