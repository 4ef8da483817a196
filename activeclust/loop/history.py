"""The history of a run: one line per round, as a table, a file, or a figure."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from activeclust.metrics import area_under_budget_curve
from activeclust.resources.output import write_text
from activeclust.store.records import Round

if TYPE_CHECKING:
    import pandas as pd

#: why a run ended; None before its end
Ended = Literal["budget", "converged", "stop", "pool", "interrupted"] | None


class History(Sequence[Round]):
    """The rounds of a run, oldest first.

    Parameters
    ----------
    rounds : sequence of Round
    ended : {"budget", "converged", "stop", "pool", "interrupted"} or None
        Why the run ended: budget used up, a stop rule, the annotator said STOP, nothing left to ask, Ctrl-C.

    Examples
    --------
    >>> history = History([Round(0, 0, {"accuracy": None}), Round(1, 10, {"accuracy": 0.5})], "budget")
    >>> history.last["accuracy"], len(history)
    (0.5, 2)
    """

    def __init__(self, rounds: Sequence[Round], ended: Ended = None) -> None:
        self.rounds = tuple(rounds)
        self.ended = ended

    def __len__(self) -> int:
        return len(self.rounds)

    def __getitem__(self, index):
        return self.rounds[index]

    def __iter__(self) -> Iterator[Round]:
        return iter(self.rounds)

    def __repr__(self) -> str:
        budget = self.rounds[-1].budget if self.rounds else 0
        return f"History({len(self)} rounds, {budget} answers, ended={self.ended!r})"

    def _repr_html_(self) -> str:
        """The table and the curve as HTML, for notebooks."""
        from activeclust.loop.cards import history_html

        return history_html(self)

    @property
    def budget(self) -> list[int]:
        """Answered rows at each round."""
        return [record.budget for record in self.rounds]

    @property
    def last(self) -> dict[str, Any]:
        """Metrics of the last round; empty before the first."""
        return dict(self.rounds[-1].metrics) if self.rounds else {}

    @property
    def metric_names(self) -> list[str]:
        """Names of the metrics that any round has, in their order."""
        return list(dict.fromkeys(name for record in self.rounds for name in record.metrics))

    def metric(self, name: str) -> list[float | int | None]:
        """The metric ``name`` over the rounds, None for rounds without it."""
        return [record.metrics.get(name) for record in self.rounds]

    def area_under_curve(self, name: str = "accuracy") -> float | None:
        """Mean height of the metric ``name`` over the budget; see :mod:`activeclust.metrics`."""
        return area_under_budget_curve(self.budget, self.metric(name))

    def records(self) -> list[dict[str, Any]]:
        """One dict per round: round, budget, the metrics, and the rows asked next."""
        names = self.metric_names
        return [
            {"round": record.index, "budget": record.budget}
            | {name: record.metrics.get(name) for name in names}
            | {"asked": list(record.asked)}
            for record in self.rounds
        ]

    def to_frame(self) -> pd.DataFrame:
        """A DataFrame with the columns of :meth:`records`."""
        import pandas as pd

        columns = ["round", "budget", *self.metric_names, "asked"]
        return pd.DataFrame(self.records(), columns=columns)

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the rounds to ``path`` as CSV; the rows asked are separated by blanks."""
        frame = self.to_frame()
        frame["asked"] = frame["asked"].map(lambda rows: " ".join(map(str, rows)))
        write_text(path, frame.to_csv(index=False))

    def plot(self, path: str | os.PathLike[str] | None = None, *, title: str = ""):
        """Matplotlib's figure of the metrics over the budget, under ``title``; saved to ``path`` if given."""
        from activeclust.loop.report import plot_history

        return plot_history(self.rounds, path, title=title)
