"""The scores of compared strategies, and statistical conclusions from them.

Everything here follows the field's reporting: mean and interval per budget over paired seeds, area under
the budget curve, clusters found, paired differences corrected for their number, BADGE's penalty matrix.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.metrics import Interval, area_under_budget_curve, mean_interval, paired_difference
from activeclust.resources.output import write_text

if TYPE_CHECKING:
    from activeclust.compare.plan import Plan

SHARES = (0.8, 0.9, 0.95)
#: budgets shown in tables, those of the grid among them
SHOWN = (5, 10, 20, 50, 100, 200, 500, 1000)
LEVEL = 0.95

#: one mapping a round: ``budget`` and the metrics
Rounds = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Comparison:
    """Scores of S strategies over R repeats at m budgets.

    Attributes
    ----------
    dataset : str
    n_rows : int
    strategies : tuple of str, length S
    budgets : ndarray (m,) of int
    values : mapping of str to ndarray (S, R, m)
        Per metric (``accuracy``, ``v_measure``, ``ari``, ``clusters``, ...); NaN without a score.
    settings : mapping
        The plan, as plain values.
    """

    dataset: str
    n_rows: int
    strategies: tuple[str, ...]
    budgets: np.ndarray
    values: Mapping[str, np.ndarray]
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_runs(
        cls, plan: Plan, dataset: str, n_rows: int, runs: Mapping[tuple[str, int], Rounds]
    ) -> Comparison:
        """Align runs on the budgets 0, b, 2 b, ... (linear interpolation between the rounds of a run).

        Parameters
        ----------
        plan : Plan
        dataset : str
            Name of the data set.
        n_rows : int
        runs : mapping of (strategy, repeat) to records of its rounds
            Repeats that are not complete for every strategy are left out.

        Raises
        ------
        InvalidInput
            Where no repeat is complete for every strategy.
        """
        repeats = [r for r in range(plan.repeats) if all((s, r) in runs for s in plan.strategies)]
        if not repeats:
            raise InvalidInput("No repeat is complete for every strategy yet: there are no pairs to compare.")
        grid = np.unique([*range(0, plan.budget, plan.batch_size), plan.budget])
        some = runs[plan.strategies[0], repeats[0]]
        names = [n for n in dict.fromkeys(k for record in some for k in record) if n not in _NO_METRICS]
        values = {
            name: np.array(
                [[_on_grid(runs[s, r], name, grid) for r in repeats] for s in plan.strategies], dtype=float
            )
            for name in names
        }
        return cls(dataset, n_rows, plan.strategies, grid, values, plan.settings | {"repeats": len(repeats)})

    @property
    def repeats(self) -> int:
        """Number of paired repeats."""
        return next(iter(self.values.values())).shape[1]

    @property
    def reference(self) -> str:
        """The reference strategy: random if it is among the strategies, else the first one."""
        return "random" if "random" in self.strategies else self.strategies[0]

    @property
    def shown_budgets(self) -> list[int]:
        """Budgets for tables: round numbers on the grid, and the last one."""
        return sorted({b for b in SHOWN if b in self.budgets} | {int(self.budgets[-1])})

    def until(self, budget: int) -> Comparison:
        """The same runs up to a smaller budget of the grid; the beginning of a run equals a run of that budget.

        Parameters
        ----------
        budget : int

        Raises
        ------
        InvalidInput
            Where the budget is not on the grid.
        """
        if budget not in self.budgets[1:]:
            raise InvalidInput(f"Expected a budget out of {self.budgets[1:].tolist()}, got {budget!r}.")
        end = int(np.flatnonzero(self.budgets == budget)[0]) + 1
        values = {name: array[:, :, :end] for name, array in self.values.items()}
        settings = {**self.settings, "budget": int(budget)}
        return replace(self, budgets=self.budgets[:end], values=values, settings=settings)

    def scores(self, strategy: str, metric: str = "accuracy") -> np.ndarray:
        """(R, m) scores of one ``strategy`` by one ``metric``."""
        return self.values[metric][self.strategies.index(strategy)]

    def curve(self, strategy: str, metric: str = "accuracy") -> list[Interval | None]:
        """Mean ``metric`` of a ``strategy`` with its 95 % interval at every budget; None without a score."""
        return [_interval(column) for column in self.scores(strategy, metric).T]

    def areas(self, strategy: str, metric: str = "accuracy") -> np.ndarray:
        """(R,) areas under a ``strategy``'s curve of a ``metric``, divided by the budget's range."""
        return np.array([_area(self.budgets, row) for row in self.scores(strategy, metric)])

    def labels_needed(self, strategy: str, metric: str = "accuracy") -> dict[float, float | None]:
        """Median answers that ``strategy`` takes to 80, 90 and 95 % of the best final mean ``metric`` of all.

        The threshold is the same for all strategies: a share of a strategy's own final score would reward a low final
        score. None if less than half of the runs reach it.
        """
        final = np.nanmax(np.nanmean(self.values[metric][:, :, -1], axis=1))
        needed: dict[float, float | None] = {}
        for share in SHARES:
            reached = self.scores(strategy, metric) >= share * final
            first = np.where(reached.any(axis=1), self.budgets[reached.argmax(axis=1)], np.inf)
            median = float(np.median(first))
            needed[share] = median if np.isfinite(median) else None
        return needed

    def differences(self, metric: str = "accuracy") -> dict[str, dict[int | str, Interval]]:
        """Paired differences in ``metric`` to the reference at the shown budgets and in area, corrected.

        Bonferroni: with probability 95 % (at least) all of the intervals cover their difference.
        Empty with fewer than two repeats.
        """
        others = [s for s in self.strategies if s != self.reference]
        at = [int(np.flatnonzero(self.budgets == b)[0]) for b in self.shown_budgets]
        base = self.values[metric][self.strategies.index(self.reference)]
        at = [j for j in at if np.isfinite(self.values[metric][:, :, j]).all()]
        if self.repeats < 2 or not others or not at:
            return {}
        level = 1 - (1 - LEVEL) / (len(others) * (len(at) + 1))
        result: dict[str, dict[int | str, Interval]] = {}
        for strategy in others:
            mine = self.scores(strategy, metric)
            result[strategy] = {
                int(self.budgets[j]): paired_difference(mine[:, j], base[:, j], level) for j in at
            }
            area = paired_difference(self.areas(strategy, metric), self.areas(self.reference, metric), level)
            result[strategy]["area"] = area
        return result

    def penalties(self, metric: str = "accuracy") -> np.ndarray:
        """(S, S) BADGE penalties by ``metric``: the share of budgets where row beats column, p < 0.05.

        The budgets double from the first that all runs have a score at. The lower the mean of its column, the better
        the strategy (Ash et al., "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR 2020,
        section 4). Zeros with fewer than two repeats.
        """
        S, all_scores = len(self.strategies), self.values[metric]
        penalty = np.zeros((S, S))
        at = _doubling(self.budgets, np.isfinite(all_scores).all(axis=(0, 1)))
        if self.repeats < 2:
            return penalty
        for j in at:
            for a in range(S):
                for b in range(S):
                    d = all_scores[a, :, j] - all_scores[b, :, j]
                    if mean_interval(d, LEVEL).low > 0:
                        penalty[a, b] += 1.0 / len(at)
        return penalty

    def table(self, metric: str = "accuracy") -> list[dict[str, Any]]:
        """One dict per strategy, the largest area of ``metric`` first: area, scores, labels needed."""
        differences, penalty = self.differences(metric), self.penalties(metric)
        lines = []
        for i, strategy in enumerate(self.strategies):
            curve = self.curve(strategy, metric)
            at = {b: curve[int(np.flatnonzero(self.budgets == b)[0])] for b in self.shown_budgets}
            lines.append(
                {
                    "strategy": strategy,
                    "area": _interval(self.areas(strategy, metric)),
                    "at": at,
                    "labels_needed": self.labels_needed(strategy, metric),
                    "clusters": _mean_clusters(self, strategy),
                    "difference": differences.get(strategy, {}),
                    "penalty": float(penalty[:, i].mean()),
                }
            )
        return sorted(lines, key=lambda line: -(line["area"].mean if line["area"] else -np.inf))

    def to_json(self, path: str | os.PathLike[str] | None = None) -> str:
        """Scores and conclusions as JSON; written to a file if a path is given."""
        plain = {
            "dataset": self.dataset,
            "n_rows": self.n_rows,
            "settings": dict(self.settings),
            "strategies": list(self.strategies),
            "budgets": self.budgets.tolist(),
            "reference": self.reference,
            "table": self.table(),
            "penalties": self.penalties().tolist(),
            "values": {name: array.tolist() for name, array in self.values.items()},
        }
        text = json.dumps(_jsonable(plain), indent=1, allow_nan=False)
        if path is not None:
            write_text(path, text + "\n")
        return text

    @classmethod
    def from_json(cls, path: str | os.PathLike[str]) -> Comparison:
        """Read a comparison that :meth:`to_json` wrote to ``path``."""
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
        values = {name: np.array(array, dtype=float) for name, array in plain["values"].items()}
        return cls(
            plain["dataset"], plain["n_rows"], tuple(plain["strategies"]), np.array(plain["budgets"]), values,
            plain["settings"],
        )  # fmt: skip

    def to_csv(self, path: str | os.PathLike[str] | None = None) -> str:
        """One line per strategy, repeat and budget with all metrics; written to a file if a path is given."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["dataset", "strategy", "repeat", "budget", *self.values])
        for i, strategy in enumerate(self.strategies):
            for r in range(self.repeats):
                for j, budget in enumerate(self.budgets.tolist()):
                    scores = [array[i, r, j] for array in self.values.values()]
                    cells = ["" if np.isnan(x) else f"{x:.6g}" for x in scores]
                    writer.writerow([self.dataset, strategy, r, budget, *cells])
        if path is not None:
            write_text(path, out.getvalue())
        return out.getvalue()


_NO_METRICS = {"round", "budget", "asked"}


def _on_grid(rounds: Sequence[Mapping[str, Any]], name: str, grid: np.ndarray) -> np.ndarray:
    points = [(record["budget"], record[name]) for record in rounds if record.get(name) is not None]
    if not points:
        return np.full(len(grid), np.nan)
    x, y = np.array(points, dtype=float).T
    return np.where(grid < x[0], np.nan, np.interp(grid, x, y))


def _interval(values: np.ndarray) -> Interval | None:
    if not np.isfinite(values).all():
        return None
    if len(values) < 2:
        return Interval(float(values[0]), float("nan"), float("nan"), LEVEL, 1)
    return mean_interval(values, LEVEL)


def _area(budgets: np.ndarray, scores: np.ndarray) -> float:
    area = area_under_budget_curve(budgets.tolist(), [None if np.isnan(s) else float(s) for s in scores])
    return float("nan") if area is None else area


def _doubling(budgets: np.ndarray, scored: np.ndarray) -> list[int]:
    first = budgets[scored & (budgets > 0)]
    if len(first) == 0:
        return []
    wanted = first[0] * 2.0 ** np.arange(32)
    return [j for j in range(len(budgets)) if scored[j] and budgets[j] in wanted]


def _mean_clusters(comparison: Comparison, strategy: str) -> dict[int, float]:
    if "clusters" not in comparison.values:
        return {}
    mean = comparison.scores(strategy, "clusters").mean(axis=0)
    return {b: float(mean[int(np.flatnonzero(comparison.budgets == b)[0])]) for b in comparison.shown_budgets}


def _jsonable(value: Any) -> Any:
    if isinstance(value, Interval):
        return _jsonable({"mean": value.mean, "low": value.low, "high": value.high, "level": value.level})
    if isinstance(value, Mapping):
        return {str(k): _jsonable(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(v) for v in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if np.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
