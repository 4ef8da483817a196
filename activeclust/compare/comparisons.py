"""Comparisons on several data sets: means over the sets, and intervals over the sets."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from activeclust.compare.comparison import LEVEL, SHOWN, Comparison
from activeclust.errors import InvalidInput
from activeclust.metrics import Interval, mean_interval, paired_difference
from activeclust.resources.output import write_text

EACH = (1, 2, 5, 10, 20, 50)  #: answers for each cluster that tables show


@dataclass(frozen=True)
class Comparisons:
    """One comparison per data set.

    Attributes
    ----------
    sets : tuple of Comparison
        All of the same strategies.
    at : mapping of str to tuple of int
        The budgets that tables show by name (``"5 each"``, ``"50"``), one number per set.
    """

    sets: tuple[Comparison, ...]
    at: Mapping[str, tuple[int, ...]]

    @classmethod
    def of(cls, sets: Sequence[Comparison], budget: int | str) -> Comparisons:
        """Combine comparisons of several data sets.

        Parameters
        ----------
        sets : sequence of Comparison
        budget : int or str
            What they were made with, such as 50 or ``"5 each"``.

        Raises
        ------
        InvalidInput
            Where the strategies are not the same.
        """
        if len({part.strategies for part in sets}) != 1:
            raise InvalidInput("Expected comparisons of the same strategies on every data set.")
        finals = tuple(int(part.budgets[-1]) for part in sets)
        if isinstance(budget, str):
            each = int(budget.split()[0])
            wanted = {
                f"{e} each": tuple(final // each * e for final in finals) for e in (*EACH, each) if e <= each
            }
        else:
            wanted = {str(b): (b,) * len(sets) for b in (*SHOWN, budget) if b <= budget}
        grid = [set(part.budgets.tolist()) for part in sets]
        at = {
            name: budgets
            for name, budgets in wanted.items()
            if all(b in there for b, there in zip(budgets, grid, strict=True))
        }
        return cls(tuple(sets), at)

    @property
    def strategies(self) -> tuple[str, ...]:
        """The compared strategies."""
        return self.sets[0].strategies

    def scores(self, strategy: str, at: str, metric: str = "accuracy") -> np.ndarray:
        """(sets,) mean ``metric`` of a ``strategy`` over the repeats, at the budget ``at``.

        Raises
        ------
        InvalidInput
            Where :attr:`at` has no such budget.
        """
        if at not in self.at:
            raise InvalidInput(f"Expected a budget out of {list(self.at)}, got {at!r}.")
        columns = [
            int(np.flatnonzero(part.budgets == b)[0]) for part, b in zip(self.sets, self.at[at], strict=True)
        ]
        return np.array(
            [part.scores(strategy, metric)[:, j].mean() for part, j in zip(self.sets, columns, strict=True)]
        )

    def mean(self, strategy: str, at: str, metric: str = "accuracy") -> Interval:
        """Mean of ``scores(strategy, at, metric)`` with its 95 % interval over two data sets or more."""
        return mean_interval(self.scores(strategy, at, metric), LEVEL)

    def difference(self, strategy: str, other: str, at: str, metric: str = "accuracy") -> Interval:
        """``metric`` of ``strategy`` less that of ``other`` at ``at``: mean, 95 % interval over the data sets."""
        return paired_difference(self.scores(strategy, at, metric), self.scores(other, at, metric), LEVEL)

    def table(self, metric: str = "accuracy") -> list[dict[str, Any]]:
        """One dict per strategy: its name, and by budget the mean ``metric`` over the sets."""
        return [
            {"strategy": s} | {at: float(self.scores(s, at, metric).mean()) for at in self.at}
            for s in self.strategies
        ]

    def to_markdown(self, metric: str = "accuracy") -> str:
        """The table of ``metric`` in Markdown; from two sets, half a 95 % interval over the sets behind a mean."""
        lines = [["strategy", *self.at], ["---", *["--:"] * len(self.at)]]
        for s in self.strategies:
            cells = []
            for at in self.at:
                scores = self.scores(s, at, metric)
                cell = f"{scores.mean():.3f}"
                if len(scores) > 1:
                    interval = mean_interval(scores, LEVEL)
                    cell += f" ±{(interval.high - interval.low) / 2:.3f}"
                cells.append(cell)
            lines.append([s, *cells])
        return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """The lines of :meth:`Comparison.to_csv` of all sets; written to a file if a path is given."""
        out = io.StringIO()
        for i, part in enumerate(self.sets):
            lines = list(csv.reader(io.StringIO(part.to_csv())))
            csv.writer(out, lineterminator="\n").writerows(lines[bool(i) :])
        if path is not None:
            write_text(path, out.getvalue())
        return out.getvalue()
