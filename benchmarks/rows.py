"""What a benchmark measures on: rows with their true clusters, and collections of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass
class Rows:
    """One data set; rows of cluster ``noise`` are clustered but not scored."""

    name: str
    X: np.ndarray
    y: np.ndarray
    noise: int = -1
    group: str = ""

    @property
    def scored(self) -> np.ndarray:
        """The rows that count."""
        return np.flatnonzero(self.y != self.noise)


@dataclass(frozen=True)
class Collection:
    """Data sets by name, each read when its turn comes.

    Examples
    --------
    >>> both = Collection(("a", "b"), lambda name: Rows(name, np.zeros((2, 2)), np.zeros(2, dtype=int)))
    >>> len(both), [rows.name for rows in both.only("b")]
    (2, ['b'])
    """

    names: Sequence[str]
    load: Callable[[str], Rows]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Rows]:
        return (self.load(name) for name in self.names)

    def only(self, *names: str) -> Collection:
        """Those of these names, in the collection's order."""
        missing = set(names) - set(self.names)
        if missing:
            raise SystemExit(
                f"No such data set: {', '.join(sorted(missing))}; there are {', '.join(self.names)}."
            )
        return Collection([name for name in self.names if name in names], self.load)


def sample_of(rows: Rows, most: int, seed: int) -> Rows:
    """``most`` random rows, all of them where there are fewer."""
    if len(rows.y) <= most:
        return rows
    at = np.random.default_rng(seed).choice(len(rows.y), most, replace=False)
    return Rows(rows.name, rows.X[at], rows.y[at], rows.noise, rows.group)
