"""Files that nobody would make on purpose, given to the imports: ``python tests/fuzz/fuzz_imports.py [--seconds 60]``.

Sound files are cut, doubled, mixed and filled with what has hurt programs before. Whatever comes, an import ends in a
run or in an error of ours. What ends otherwise is written into ``corpus/``, which the suite runs (``test_corpus.py``).
"""

from __future__ import annotations

import argparse
import hashlib
import io
import random
import time
import traceback
import warnings
from pathlib import Path

from activeclust.errors import ActiveClustError
from activeclust.store import open_store
from activeclust.store.export import FORMATS, export_run, import_run
from activeclust.store.records import Event, Kind, Round, RunSpec

CORPUS = Path(__file__).parent / "corpus"
HURTFUL = (
    b"9" * 5000, b"-1", b"2.7", "²".encode(), b"1e999", b"NaN", b"\\ud800", b"\xff\xfe", b"\0", b"[" * 3000,
    b'{"a":' * 3000, b"null", b"true", b"[]", b"{}", b'""', b"<script>", b"\x1b[31m", b"$x$", b"[/red]", b",", b";",
    b'"', b"\r", b"\n", b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"merge", b"undo", b"1_0",
)  # fmt: skip


def sound_files() -> dict[str, bytes]:
    """A run in every format."""
    run = open_store().create_run(
        RunSpec("mine", "entropy", 0, 40, "hash", "model", options={"annotators": 2}),
        [
            Event(Kind.LABEL, row=row, cluster=row % 3, annotator="eva", details={"seconds": 1.5})
            for row in range(9)
        ],
        [Round(0, 5, {"accuracy": 0.5}, (1, 2), 5)],
    )
    run.append(Event(Kind.RENAME, cluster=1, new_cluster="one"))
    run.append(Event(Kind.UNDO, target=3))
    made = {}
    for form in FORMATS:
        file = io.BytesIO()
        export_run(run, form, file)
        made[form] = file.getvalue()
    return made


def mutated(content: bytes, draw: random.Random) -> bytes:
    """The file with a few things wrong."""
    made = bytearray(content)
    for _ in range(draw.choice([1, 1, 2, 5])):
        start = draw.randrange(len(made) + 1)
        end = min(len(made), start + draw.choice([0, 1, 2, 5, 30]))
        new = draw.choice([draw.choice(HURTFUL), draw.randbytes(3), bytes(made[start:end]) * 2, b""])
        made[start:end] = new
    return bytes(made)


def attempt(form: str, content: bytes) -> None:
    """Import a file into a new store; only errors of ours may come of it, and of a run that came all can be told."""
    store = open_store()
    n_rows = None if form == "jsonl" else 40
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # an encoding that had to be guessed
            run, _ = import_run(store, form, io.BytesIO(content), name="mine", n_rows=n_rows)
    except ActiveClustError as error:
        str(error).encode()
        return
    for again in FORMATS:
        export_run(run, again, io.BytesIO())


def main() -> None:
    """Try until the time is over, and keep what fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    draw, files = random.Random(given.seed), sound_files()
    end, tried, failed = time.monotonic() + given.seconds, 0, 0
    while time.monotonic() < end:
        form = draw.choice(FORMATS)
        content = mutated(files[form], draw)
        tried += 1
        try:
            attempt(form, content)
        except Exception:
            failed += 1
            name = hashlib.sha256(content).hexdigest()[:12]
            (CORPUS / f"{name}.{form}").write_bytes(content)
            traceback.print_exc()
    print(f"{tried} files, {failed} failures")


if __name__ == "__main__":
    main()
