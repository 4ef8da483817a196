"""Damage to a database: what is read of it afterwards, and what `db check` and `db repair` make of it."""

from __future__ import annotations

import random
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from known_answers import make, read

from activeclust.errors import ActiveClustError
from activeclust.store.sql.check import check
from activeclust.store.sql.repair import repair

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
