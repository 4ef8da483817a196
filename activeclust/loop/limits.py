"""When a run ends: a number of answers, and a rule over the rounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.loop.stopping import StopRule, parse_stop
from activeclust.validation import counted


@dataclass(frozen=True)
class Limits:
    """What ends a run.

    Attributes
    ----------
    budget : int or None
        Answers in all, those of a resumed run included; None for no limit.
    stop : callable or None
        A rule of :mod:`activeclust.loop.stopping`.
    """

    budget: int | None = None
    stop: StopRule | None = None

    @classmethod
    def of(cls, budget: Any, stop: str | StopRule | None, n_rows: int) -> Limits:
        """Limits for a pool of ``n_rows``; InvalidInput for a budget that is not a number or is larger than the pool.

        Examples
        --------
        >>> Limits.of(10, None, 60).left(4)
        6
        """
        budget = positive(budget, "budget")
        if budget > n_rows:
            raise InvalidInput(
                f"A budget of {counted(budget, 'answer')} is larger than the pool of {counted(n_rows, 'row')}."
            )
        return cls(budget, parse_stop(stop) if isinstance(stop, str) else stop)

    def left(self, answered: int) -> int | None:
        """Answers left after ``answered`` of them; None without a budget."""
        return None if self.budget is None else self.budget - answered


#: no budget, no stop rule
UNLIMITED = Limits()


def positive(value: Any, what: str) -> int:
    """``value`` as an int from 1 upward; InvalidInput for anything else."""
    if isinstance(value, (int, np.integer)) and not isinstance(value, bool) and value >= 1:
        return int(value)
    raise InvalidInput(f"{what} is an integer from 1 upward, got {value!r}.")
