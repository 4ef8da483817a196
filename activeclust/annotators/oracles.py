"""Oracles: annotators that know all labels, for experiments."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from activeclust.annotators.query import SKIP, Answer, Cluster, Query
from activeclust.errors import InvalidInput
from activeclust.labels import labels_of


class LabelOracle:
    """Answers with the true label.

    Parameters
    ----------
    labels : sequence of str, int or None, length n
        A row whose label is missing is skipped: it costs no budget and is not asked about again.

    Raises
    ------
    InvalidInput
        If no row has a label.

    Examples
    --------
    >>> oracle = LabelOracle(["cat", "dog", None])
    >>> oracle(Query(1, None, (), 1.0, ())), oracle(Query(2, None, (), 1.0, ()))
    ('dog', <Signal.SKIP: 'skip'>)
    """

    def __init__(self, labels: Sequence[Cluster | None] | np.ndarray) -> None:
        self.labels: list[Cluster | None] = labels_of(labels, "The oracle's labels").tolist()
        if self.labels and all(cluster is None for cluster in self.labels):
            raise InvalidInput("The oracle has no label for any row; an oracle answers with labels.")

    def __call__(self, query: Query) -> Answer:
        if query.row >= len(self.labels):
            raise InvalidInput(
                f"The oracle holds {len(self.labels)} labels and was asked about row {query.row}: "
                "labels and rows must be of one length."
            )
        cluster = self.labels[query.row]
        return SKIP if cluster is None else cluster


class NoisyOracle(LabelOracle):
    """Answers a share of the rows with a wrong label, the same rows for the same seed.

    Whether a row is answered wrongly depends only on the seed and the row, not on the order of the questions, so that
    strategies are compared under the same errors.

    Parameters
    ----------
    labels : sequence of str or int, length n
    error_rate : float in [0, 1]
        Share of rows answered with another label, drawn uniformly from the others.
    random_state : int

    Examples
    --------
    >>> oracle = NoisyOracle([0, 1] * 50, error_rate=0.2, random_state=0)
    >>> sum(oracle.labels[i] != i % 2 for i in range(100)) < 40
    True
    """

    def __init__(self, labels, *, error_rate: float, random_state: int = 0) -> None:
        if not 0 <= error_rate <= 1:
            raise InvalidInput(f"error_rate is a share between 0 and 1, got {error_rate!r}.")
        super().__init__(labels)
        rng = np.random.default_rng(random_state)
        names = [name for name in dict.fromkeys(self.labels) if name is not None]
        wrong = rng.random(len(self.labels)) < error_rate
        if len(names) > 1:
            for row in np.flatnonzero(wrong):
                if self.labels[row] is None:
                    continue
                others = [name for name in names if name != self.labels[row]]
                self.labels[row] = others[rng.integers(len(others))]
        self.error_rate, self.random_state = error_rate, random_state
