"""The input of query strategies. A strategy is a pure function of a pool state, a number and a random generator.

A strategy sees a :class:`PoolState` and returns the rows to ask about next. There are three layers, as in modAL: a
*score* per row (:mod:`activeclust.strategy.scores`), the *model call* that the score needs (the posterior is already in
the state), and a *selection* (:mod:`activeclust.strategy.selections`). The registry is :mod:`activeclust.strategies`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, runtime_checkable

import numpy as np

#: ``refit(rows, codes) -> (posterior, new_cluster_proba)``: the posterior as if ``rows`` had been answered
#: ``codes`` too. Codes up to ``n_clusters`` are allowed; ``n_clusters`` itself opens a new cluster.
Refit = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]

#: ``hypothetical(rows, codes, at) -> (H, m, C + 2)``: probabilities at ``at`` (m,) if ``rows[h]`` were
#: answered ``codes[h]``, each h on its own and all in one pass. Columns: the C clusters, the one that an
#: answer C opens (else 0), none of these.
Hypothetical = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

#: ``resample(times, rng) -> (times, n, C)``: posteriors from passes that each see a random part of the
#: views' coordinates, for strategies that measure disagreement.
Resample = Callable[[int, np.random.Generator], np.ndarray]

#: ``zero_shot() -> (n, C)``: the probability of each cluster that the model finds without any answer; rows sum to 1.
#: It takes seconds the first time.
ZeroShot = Callable[[], np.ndarray]


@dataclass(frozen=True)
class PoolState:
    """The input of a strategy. Arrays are read-only; n rows, C known clusters, k anchors.

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
        The reciprocal of the typical distance to the neighbours, scaled to mean 1.
    anchors : ndarray (k,) of int
        Rows answered so far, in the order of the answers.
    anchor_codes : ndarray (k,) of int
        Their clusters, as column numbers of ``posterior``.
    candidates : ndarray (p,) of int
        Rows that may be asked about: unanswered, not skipped, not leased to somebody else; ascending.
    pending : ndarray (h,) of int
        Rows that somebody is being asked about and that have no answer yet; they are not candidates. They count as
        covered: see :attr:`covered` and :meth:`with_pending`.
    refit, hypothetical, resample, zero_shot : callables or None
        Further model calls, see :data:`Refit`, :data:`Hypothetical`, :data:`Resample` and :data:`ZeroShot`; None if
        the model does not have them.
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
    hypothetical: Hypothetical | None = field(default=None, compare=False)
    zero_shot: ZeroShot | None = field(default=None, compare=False)
    pending: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @property
    def n_rows(self) -> int:
        """Number of rows in the pool, answered ones included."""
        return len(self.new_cluster_proba)

    @property
    def n_clusters(self) -> int:
        """Number of clusters that have an anchor."""
        return self.posterior.shape[1]

    @property
    def covered(self) -> np.ndarray:
        """(k + h,) int: the anchors and the pending rows; no further question is needed near them."""
        return np.concatenate([self.anchors, self.pending]) if len(self.pending) else self.anchors

    def with_pending(self, rows: Sequence[int] | np.ndarray) -> PoolState:
        """The state while ``rows`` (h,) are being asked about, for the choice of the questions after them.

        The rows are no longer candidates, and are treated as answered with their most probable cluster. If that is
        *none of these*, a row is covered but has no cluster. Only candidates can become pending; other rows are
        ignored.

        Examples
        --------
        >>> from activeclust.testing.strategies import make_state
        >>> state = make_state().with_pending([0, 3, 8])  # row 3 is an anchor
        >>> state.pending.tolist(), 8 in state.candidates, bool(state.full_posterior[8].max() == 1)
        ([0, 8], False, True)
        """
        pending = np.intersect1d(np.asarray(rows, dtype=np.int64), self.candidates)
        if len(pending) == 0:
            return self
        posterior, new = self.posterior, self.new_cluster_proba
        if self.n_clusters:
            posterior, new = posterior.copy(), new.copy()
            full = self.full_posterior[pending].argmax(axis=1)
            known = full < self.n_clusters
            posterior[pending[known]] = np.eye(self.n_clusters)[full[known]]
            new[pending[known]] = 0.0
        candidates = np.setdiff1d(self.candidates, pending)
        for array in (pending, posterior, new, candidates):
            array.flags.writeable = False
        return replace(
            self, pending=pending, posterior=posterior, new_cluster_proba=new, candidates=candidates
        )

    @property
    def full_posterior(self) -> np.ndarray:
        """(n, C + 1) probabilities, the last column being *none of the clusters seen so far*."""
        new = self.new_cluster_proba[:, None]
        return np.hstack([self.posterior * (1.0 - new), new])


@runtime_checkable
class Strategy(Protocol):
    """``strategy(state, n, rng)`` returns ``min(n, len(state.candidates))`` distinct candidates."""

    def __call__(self, state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray: ...


def one_by_one(refit: Refit, n_clusters: int) -> Hypothetical:
    """A :data:`Hypothetical` for a model of ``n_clusters`` that has only :data:`Refit`: one call per hypothesis.

    Examples
    --------
    >>> from activeclust.testing.strategies import make_state
    >>> state = make_state()
    >>> tried = one_by_one(state.refit, 3)(state.candidates[:2], np.array([0, 3]), np.arange(5))
    >>> tried.shape, bool((tried[0, :, 3] == 0).all()), bool((tried[1, :, 3] > 0).all())
    ((2, 5, 5), True, True)
    """

    def hypothetical(rows: np.ndarray, codes: np.ndarray, at: np.ndarray) -> np.ndarray:
        out = np.zeros((len(rows), len(at), n_clusters + 2))
        for h, (row, code) in enumerate(zip(rows, codes, strict=True)):
            posterior, new = refit(np.array([row]), np.array([code]))
            out[h, :, : posterior.shape[1]] = posterior[at] * (1.0 - new[at])[:, None]
            out[h, :, -1] = new[at]
        return out

    return hypothetical
