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
import csv
import tempfile
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from damage import DAMAGES, damaged
from killed_commands import COMMANDS
from kills import killed

COLUMNS = (
    "kind", "attempts", "as written", "refused", "wrong", "found by check", "mended", "answers lost", "had ended",
)  # fmt: skip


def main() -> None:
    """Damage, kill, print and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attempts", type=int, default=60, help="of each kind of damage")
    parser.add_argument("--kills", type=int, default=34, help="of each command")
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    jobs: dict[str, Callable[[Path], Counter[str]]] = {
        **{kind: partial(damaged, kind, given.attempts) for kind in DAMAGES},
        **{
            f"{name}, killed": partial(killed, name, command, given.kills)
            for name, command in COMMANDS.items()
        },
    }
    with (
        (given.out / "reliability.csv").open("w", newline="") as file,
        tempfile.TemporaryDirectory() as folder,
    ):
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for name, job in jobs.items():
            counts = job(Path(folder))
            line = [name, *(counts[column] for column in COLUMNS[1:])]
            print(dict(zip(COLUMNS, line, strict=True)), flush=True)
            table.writerow(line)
            file.flush()


if __name__ == "__main__":
    main()
