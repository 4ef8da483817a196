"""What a query strategy is: a pure function of a pool state, a number and a random generator.

A strategy sees a :class:`PoolState` and returns the rows to ask about next. Three layers, as in modAL:
a *score* per row, the *model call* that gives what the score needs (the posterior, already in the
state), and a *selection* (:func:`top_rows`, :func:`diverse_rows`). The registry is
:mod:`activeclust.strategies`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from activeclust.errors import InvalidInput

#: ``refit(rows, codes) -> (posterior, new_cluster_proba)``: the posterior as if ``rows`` had been answered
#: ``codes`` too. Codes up to ``n_clusters`` are allowed; ``n_clusters`` itself opens a new cluster.
Refit = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

#: ``resample(times, rng) -> (times, n, C)``: posteriors from passes that each see a random part of the
#: views' coordinates, for strategies that measure disagreement.
Resample = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class PoolState:
    """All a strategy may look at. Arrays are read-only; n rows, C known clusters, k anchors.

    Attributes
    ----------
    posterior : ndarray (n, C)
        Probability of each known cluster *given that the row belongs to a known one*; rows sum to 1.
        ``C`` is 0 before the first answer.
    new_cluster_proba : ndarray (n,)
        Probability that the row belongs to none of the known clusters; all 1 before the first answer.
    views : mapping of str to ndarray (n, m)
        ``"pca"``: centred coordinates of total RMS 1; ``"diffusion"``: unit-length rows, so that the
        dot product of two rows is the cosine of their angle.
    neighbors : ndarray (n, q) of int
        Each row's nearest rows, nearest first, itself left out.
    density : ndarray (n,)
        One over the typical distance to the neighbours, scaled to mean 1.
    anchors : ndarray (k,) of int
        Rows answered so far, in the order of the answers.
    anchor_codes : ndarray (k,) of int
        Their clusters, as column numbers of ``posterior``.
    candidates : ndarray (p,) of int
        Rows that may be asked about: unanswered, not skipped, not leased to somebody else; ascending.
    refit, resample : callables or None
        Further model calls, see :data:`Refit` and :data:`Resample`; None where the model offers none.
    """

    posterior: np.ndarray
    new_cluster_proba: np.ndarray
    views: Mapping[str, np.ndarray]
    neighbors: np.ndarray
    density: np.ndarray
    anchors: np.ndarray
    anchor_codes: np.ndarray
    candidates: np.ndarray
    refit: Refit | None = field(default=None, compare=False)
    resample: Resample | None = field(default=None, compare=False)

    @property
    def n_rows(self) -> int:
        """Number of rows in the pool, answered ones included."""
        return len(self.new_cluster_proba)

    @property
    def n_clusters(self) -> int:
        """Number of clusters that have an anchor."""
        return self.posterior.shape[1]

    @property
    def full_posterior(self) -> np.ndarray:
        """(n, C + 1) probabilities, the last column being *none of the clusters seen so far*."""
        new = self.new_cluster_proba[:, None]
        return np.hstack([self.posterior * (1.0 - new), new])


@runtime_checkable
class Strategy(Protocol):
    """A query strategy: ``strategy(state, n, rng)`` gives ``min(n, len(state.candidates))`` distinct candidates."""

    def __call__(self, state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray: ...


def top_rows(scores: np.ndarray, candidates: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """The ``n`` candidates with the highest scores, ties broken at random.

    Parameters
    ----------
    scores : ndarray (p,)
        One score per candidate, in the order of ``candidates``.
    candidates : ndarray (p,) of int
    n : int
        How many; fewer come back where there are fewer candidates.
    rng : numpy.random.Generator

    Examples
    --------
    >>> top_rows(np.array([.1, .9, .5]), np.array([7, 8, 9]), 2, np.random.default_rng(0)).tolist()
    [8, 9]
    """
    if len(scores) != len(candidates):
        raise InvalidInput(
            f"Expected one score per candidate ({len(candidates)}), got {len(scores)}: "
            "score state.candidates, not all rows."
        )
    order = np.lexsort((rng.random(len(scores)), -np.asarray(scores, dtype=float)))
    return np.asarray(candidates)[order[:n]]
