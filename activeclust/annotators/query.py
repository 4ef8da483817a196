"""Queries and answers: an annotator maps a :class:`Query` to a cluster name or a signal.

An annotator is any callable ``Query -> answer``. An answer is a cluster name (a non-empty ``str``, or an
``int``; 1 and "1" are different clusters; a new name makes a new cluster) or one of the signals
:data:`SKIP`, :data:`UNSURE`, :data:`UNDO`, :data:`STOP`. Raising ``StopIteration`` is STOP too.

An annotator may be a coroutine function; one marked with :func:`batch` gets all questions of a round at once.
"""

from __future__ import annotations

import enum
import numbers
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from activeclust.errors import InvalidInput
from activeclust.labels import label

Cluster = str | int

SUGGESTIONS = 9  #: maximum number of clusters that a query suggests, one key each


class Signal(enum.Enum):
    """Answers that are not a cluster."""

    SKIP = "skip"  #: do not ask about this row again
    UNSURE = "unsure"  #: seen, but not decided; not asked again, recorded separately from SKIP
    UNDO = "undo"  #: take the last answer back and ask that row again
    STOP = "stop"  #: end the run; all answers are kept


SKIP, UNSURE, UNDO, STOP = Signal.SKIP, Signal.UNSURE, Signal.UNDO, Signal.STOP

Answer = Cluster | Signal


@dataclass(frozen=True)
class Query:
    """One question: to which cluster does this row belong?

    Attributes
    ----------
    row : int
        Row number in the pool, from 0.
    item : object
        What is shown to a person (an element of ``items``, or the row of features).
    suggestions : tuple of (cluster, float)
        The most probable clusters in descending order, with their probabilities; together with
        ``new_cluster_probability`` they sum to at most 1.
    new_cluster_probability : float
        Probability that the row belongs to none of the clusters seen so far.
    clusters : tuple of clusters
        All clusters so far, in the order in which they were first named, then the other classes that the run knows.
    budget_left : int or None
        Answers left, this one included; None without a budget.
    examples : tuple of (item, cluster)
        The nearest answered rows, nearest first: at most three of each cluster, and 24 in all.
    """

    row: int
    item: Any
    suggestions: tuple[tuple[Cluster, float], ...]
    new_cluster_probability: float
    clusters: tuple[Cluster, ...]
    budget_left: int | None = None
    examples: tuple[tuple[Any, Cluster], ...] = ()

    def _repr_html_(self) -> str:
        """A small table, for notebooks."""
        from activeclust.annotators.card import card_html

        return card_html(
            self.row, self.item, self.suggestions, self.new_cluster_probability, self.budget_left
        )


Annotator = Callable[[Query], Answer]


def check_answer(answer: Any, row: int) -> Answer:
    """The answer in its stored form; :class:`InvalidInput` for anything else.

    Examples
    --------
    >>> import numpy as np
    >>> check_answer(np.int64(3), row=0), check_answer("cat", row=0)
    (3, 'cat')
    """
    if isinstance(answer, Signal):
        return answer
    # stricter than a label in a column: an answer of 1.0, True or bytes is a mistake of the annotator
    if isinstance(answer, (str, numbers.Integral)) and not isinstance(answer, bool):
        cluster = label(answer)
        if cluster is not None:
            return cluster
    raise InvalidInput(
        f"The answer for row {row} was {answer!r} ({type(answer).__name__}); expected a cluster name "
        "(a non-empty string or an integer) or SKIP, UNSURE, UNDO or STOP."
    )


def batch(annotator: Callable[[list[Query]], Sequence[Answer]]) -> Callable[[list[Query]], Sequence[Answer]]:
    """Mark an annotator that answers all questions of a round at once: ``[Query, ...] -> [answer, ...]``.

    Answers count in the order of the questions; those after a STOP are ignored. A dict from row number to answer is
    accepted too.

    Examples
    --------
    >>> @batch
    ... def ask(queries):
    ...     return ["even" if query.row % 2 == 0 else "odd" for query in queries]
    >>> ask.answers_batches
    True
    """
    annotator.answers_batches = True  # type: ignore[attr-defined]
    return annotator
