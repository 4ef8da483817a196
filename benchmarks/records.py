"""Records of a benchmark: kept line by line while it runs, a CSV with its origin at the top when it is done.

A run that was killed resumes: each record lies in `<name>.part.jsonl` at once, and a record that is there is not
measured again. The CSV's first lines start with ``#`` and tell the command, the weights and the seeds;
``pandas.read_csv(path, comment="#")`` reads the rest.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

FIGURES = Path(__file__).parents[1] / "docs" / "figures"
KEY = ("data", "anchors", "draw", "method")
DIGITS = 5


class Records:
    """The records of one benchmark, in the order in which they were measured.

    Parameters
    ----------
    path : Path
        The CSV that the records end in.
    weights : str
        Hash of the weights that are measured. Records of other weights that a killed run left are dropped.
    key : sequence of str
        The columns by which a record is known.
    fresh : bool
        Whether to throw away what a killed run left.
    """

    def __init__(self, path: Path, weights: str, key: Sequence[str] = KEY, fresh: bool = False) -> None:
        self.path, self.weights, self.key = path, weights, tuple(key)
        self.part = path.with_suffix(".part.jsonl")
        if fresh:
            self.part.unlink(missing_ok=True)
        self._records: dict[tuple, dict] = {}
        for record in _lines(self.part):
            if record.get("weights", weights) == weights:
                self._records[self._name(record)] = record
        self.resumed = len(self._records)

    def __contains__(self, name: tuple) -> bool:
        return name in self._records

    def add(self, records: Iterable[dict]) -> None:
        """Keep ``records``, in memory and on disk."""
        self.part.parent.mkdir(parents=True, exist_ok=True)
        with self.part.open("a") as file:
            for record in records:
                record = {name: _plain(value) for name, value in record.items()}
                self._records[self._name(record)] = record
                file.write(json.dumps(record) + "\n")

    def frame(self) -> pd.DataFrame:
        """All records."""
        return pd.DataFrame(list(self._records.values()))

    def finish(self, frame: pd.DataFrame, about: Sequence[str]) -> None:
        """Write ``frame`` as the CSV, below lines on its origin; what was kept in between goes."""
        write(self.path, frame, [f"weights: {self.weights}", *about])
        self.part.unlink(missing_ok=True)

    def _name(self, record: dict) -> tuple:
        return tuple(record[column] for column in self.key)


def write(path: Path, frame: pd.DataFrame, about: Sequence[str]) -> None:
    """``frame`` as a CSV whose first lines tell its origin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"command: {command()}", *about, f"made: {time.strftime('%Y-%m-%d')}, {_versions()}"]
    with path.open("w", newline="") as file:
        file.writelines(f"# {line}\n" for line in lines)
        frame.round(DIGITS).to_csv(file, index=False, lineterminator="\n")


def read(path: Path, needed: Sequence[str] = KEY) -> pd.DataFrame:
    """The records of a CSV of :func:`write`.

    Raises
    ------
    SystemExit
        Where there is none, or one without the columns ``needed``.
    """
    if not path.exists():
        raise SystemExit(
            f"There is no {path.name} yet: run the benchmark without --from-csv and --ours-again first."
        )
    frame = pd.read_csv(path, comment="#", dtype={"anchors": str})
    missing = [name for name in needed if name not in frame]
    if missing:
        raise SystemExit(
            f"{path.name} was made by an older benchmark: it has no {', '.join(missing)}. Run the benchmark again, "
            "without --from-csv and --ours-again."
        )
    return frame


def command() -> str:
    """The command that is running."""
    script = Path(sys.argv[0])
    return " ".join(
        ["python", f"benchmarks/{script.name}", *(_without_folders(word) for word in sys.argv[1:])]
    )


class Progress:
    """Lines on stderr: how much is done, and about how long the rest takes.

    Parameters
    ----------
    total : int
        Steps in all.
    """

    def __init__(self, total: int) -> None:
        self.total, self.done, self.measured = total, 0, 0
        self.began = time.perf_counter()

    def step(self, text: str, measured: bool = True) -> None:
        """One step more; ``measured`` is False where its records were there already."""
        self.done += 1
        self.measured += measured
        spent = time.perf_counter() - self.began
        left = spent / self.measured * (self.total - self.done) if self.measured else 0.0
        note = f"about {left / 60:.0f} min left" if left >= 90 else f"about {left:.0f} s left"
        print(f"{self.done}/{self.total} {text}: {note}", file=sys.stderr, flush=True)


def _without_folders(word: str) -> str:
    """Paths of a machine are no business of a record."""
    return Path(word).name if "/" in word else f"'{word}'" if " " in word or ";" in word else word


def _versions() -> str:
    return ", ".join(
        [
            f"Python {platform.python_version()}",
            *(f"{name} {version(name)}" for name in ("torch", "scikit-learn")),
        ]
    )


def _plain(value):
    return value.item() if isinstance(value, np.generic) else value


def _lines(path: Path) -> Iterable[dict]:
    if not path.exists():
        return
    for line in path.read_text().splitlines():
        try:
            yield json.loads(line)
        except json.JSONDecodeError:  # the line that was being written when the run was killed
            continue
