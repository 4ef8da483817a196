"""Audit of labels: an unbiased estimate of their accuracy from random rows.

The accuracy that the posterior expects can be wrong, and the rows that a strategy asks about are a biased sample.
:func:`audit` asks about random rows; :func:`estimate` turns the counts into an accuracy with its interval.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from activeclust.annotators.query import SKIP, STOP, UNDO, UNSURE, Query, check_answer
from activeclust.errors import InvalidInput
from activeclust.labels import label as label_of
from activeclust.loop.active_loop import ActiveLoop

__all__ = ["Audit", "audit", "estimate"]


@dataclass(frozen=True)
class Audit:
    """An accuracy estimated from rows drawn at random.

    Attributes
    ----------
    accuracy, low, high : float
        Share of all rows whose label is right, with its interval.
    level : float
        Confidence level of the interval.
    asked, right : int
        Rows asked about that got an answer, and those among them whose label was right.
    rows : int
        Rows in the pool.
    answered : int
        Rows that were answered before; their labels are the answers, and count as right.
    """

    accuracy: float
    low: float
    high: float
    level: float
    asked: int
    right: int
    rows: int
    answered: int

    def __str__(self) -> str:
        return (
            f"accuracy {self.accuracy:.1%}, {self.level:.0%} interval {self.low:.1%} to {self.high:.1%} "
            f"({self.right} of {self.asked} random rows right)"
        )


def estimate(right: int, asked: int, rows: int, answered: int = 0, level: float = 0.95) -> Audit:
    """Accuracy over all rows, from random rows out of the unanswered ones.

    Wilson's interval of confidence ``level`` for the unanswered rows; the answered ones are right by definition. Raises
    InvalidInput for impossible counts.

    Examples
    --------
    >>> audit = estimate(right=47, asked=50, rows=1000, answered=100)
    >>> round(audit.accuracy, 3), round(audit.low, 3), round(audit.high, 3)
    (0.946, 0.854, 0.981)
    """
    if not 0 <= right <= asked or asked < 1 or not 0 <= answered < rows:
        raise InvalidInput(
            f"An estimate needs 0 <= right <= asked and one or more asked, got {right} of {asked} "
            f"({answered} of {rows} rows answered before)."
        )
    from scipy.stats import binomtest

    interval = binomtest(right, asked).proportion_ci(level, method="wilson")
    share = (rows - answered) / rows
    mean, low, high = (float(1.0 - share + share * p) for p in (right / asked, interval.low, interval.high))
    return Audit(mean, low, high, level, asked, right, rows, answered)


def audit(
    loop: ActiveLoop,
    n: int = 50,
    *,
    random_state: int | np.random.Generator | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Ask about ``n`` unanswered rows drawn at random, and estimate the accuracy of the labels from them.

    The labels judged are those before the audit. The model's suggestions are not shown, since they would bias the
    answers. The answers are stored like any others (their ``details`` hold ``audit`` and the label judged), so no
    answer is wasted; SKIP and UNSURE leave a row out of the estimate, and UNDO asks the last row again.

    Parameters
    ----------
    loop : ActiveLoop
        With an annotator and at least one answer.
    n : int
        Number of rows; at most all unanswered ones.
    random_state : int or numpy.random.Generator, optional
    progress : callable, optional
        ``progress(answered, n)``

    Raises
    ------
    InvalidInput
        If there are no labels to judge, no annotator to ask, or no answers were given.

    Examples
    --------
    >>> from activeclust import ActiveLoop, LabelOracle
    >>> from activeclust.datasets.loading import load
    >>> digits = load("digits")
    >>> loop = ActiveLoop(digits.X[:300], LabelOracle(digits.y[:300]), random_state=0)
    >>> _ = loop.run(30)
    >>> result = audit(loop, 20, random_state=0)
    >>> result.asked, result.low < result.accuracy <= result.high
    (20, True)
    """
    if loop.annotator is None or not loop.anchors:
        raise InvalidInput("An audit needs a loop with an annotator and at least one answer to judge.")
    labels, answered = loop.labels.copy(), len(loop.anchors)
    rng = np.random.default_rng(random_state)
    open_rows = loop.state.candidates
    rows = rng.choice(open_rows, size=min(n, len(open_rows)), replace=False)
    judged: list[bool | None] = []  # of rows[:len(judged)]; None where there was no answer
    while len(judged) < len(rows):
        row = int(rows[len(judged)])
        query = Query(row, loop.items[row], (), 0.0, loop.clusters, len(rows) - len(judged))
        answer = check_answer(loop.annotator(query), row)
        if answer is STOP:
            break
        if answer is UNDO:
            if judged:
                loop.undo()
                judged.pop()
            continue
        label = label_of(labels[row])
        loop.tell(query, answer, details={"audit": True, "judged": label})
        known = answer not in (SKIP, UNSURE)
        judged.append(bool(answer == label and type(answer) is type(label)) if known else None)
        if progress is not None:
            progress(len(judged), len(rows))
    asked, right = sum(j is not None for j in judged), sum(j is True for j in judged)
    if asked == 0:
        raise InvalidInput("No row was answered, so there is nothing to estimate the accuracy from.")
    return estimate(right, asked, len(labels), answered)
