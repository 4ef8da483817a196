"""What a query strategy is: a pure function of a pool state, a number and a random generator.

A strategy sees a :class:`PoolState` and returns the rows to ask about next. Three layers, as in modAL:
a *score* per row, the *model call* that gives what the score needs (the posterior, already in the
state), and a *selection* (:func:`top_rows`, :func:`diverse_rows`, :func:`cover`, :func:`open_regions`).
The registry is :mod:`activeclust.strategies`.

No selection builds an n x n matrix. Those that compare rows with rows look at no more than
:data:`MAX_CANDIDATES` candidates and :data:`MAX_REFERENCES` reference rows, drawn at random where there are
more: what they maximise is a mean over the pool, and a mean over 3,000 random rows is within 2 % of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from activeclust.errors import InvalidInput

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
    refit, hypothetical, resample : callables or None
        Further model calls, see :data:`Refit`, :data:`Hypothetical` and :data:`Resample`; None where the
        model offers none.
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
    """``strategy(state, n, rng)`` gives ``min(n, len(state.candidates))`` distinct candidates."""

    def __call__(self, state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray: ...


def one_by_one(refit: Refit, n_clusters: int) -> Hypothetical:
    """A :data:`Hypothetical` for a model of ``n_clusters`` that offers :data:`Refit` alone: one call each.

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

    Raises
    ------
    InvalidInput
        Where there is not one score per candidate.

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


#: The most candidates and reference rows that are compared with one another (float32: 96 MB).
MAX_CANDIDATES, MAX_REFERENCES = 8_000, 3_000

#: Share of the weight that the rows to be covered hold together.
HEAVY = 0.99

#: Width of the coverage kernel ``exp((cos - 1) / width)`` on the diffusion view.
WIDTH = 0.5


def entropy_of(posterior: np.ndarray) -> np.ndarray:
    """(n,) entropies, in nats, of the probabilities ``posterior`` (n, C).

    Examples
    --------
    >>> entropy_of(np.array([[1.0, 0.0], [0.5, 0.5]])).round(3).tolist()
    [0.0, 0.693]
    """
    p = np.asarray(posterior, dtype=float)
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(axis=1) + 0.0


def margin_of(posterior: np.ndarray) -> np.ndarray:
    """(n,) differences between the two highest of ``posterior`` (n, C); 1 where there is one column.

    Examples
    --------
    >>> margin_of(np.array([[0.7, 0.2, 0.1]])).round(3).tolist()
    [0.5]
    """
    p = np.asarray(posterior, dtype=float)
    if p.shape[1] < 2:
        return np.ones(len(p))
    top = np.partition(p, -2, axis=1)[:, -2:]
    return top[:, 1] - top[:, 0]


def uncertainty_of(full_posterior: np.ndarray) -> np.ndarray:
    """(n,) ``1 - margin`` of ``full_posterior`` (n, C + 1); all 1 before the first answer."""
    if full_posterior.shape[1] < 2:
        return np.ones(len(full_posterior))
    return 1.0 - margin_of(full_posterior)


def sample_rows(rows: np.ndarray, limit: int, rng: np.random.Generator) -> np.ndarray:
    """``rows`` where there are at most ``limit``, else ``limit`` of them drawn by ``rng``; ascending."""
    rows = np.asarray(rows)
    return rows if len(rows) <= limit else np.sort(rng.choice(rows, size=limit, replace=False))


def heavy_rows(weights: np.ndarray) -> np.ndarray:
    """The fewest rows that hold 99 % of ``weights``, ascending: late in a run that is a small part of them.

    Examples
    --------
    >>> heavy_rows(np.array([0.004, 0.5, 0.001, 0.495])).tolist()
    [1, 3]
    """
    order = np.argsort(-np.asarray(weights), kind="stable")
    held = np.cumsum(np.asarray(weights, dtype=float)[order])
    if len(held) == 0 or held[-1] <= 0:
        return np.arange(len(held))
    return np.sort(order[: int(np.searchsorted(held, HEAVY * held[-1])) + 1])


def take(picks: Sequence[int], candidates: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """The first ``n`` distinct candidates among ``picks``, filled up by ``rng`` where there are fewer.

    Examples
    --------
    >>> take([4, 4, 9], np.array([4, 5]), 2, np.random.default_rng(0)).tolist()
    [4, 5]
    """
    allowed = set(np.asarray(candidates).tolist())
    rows = [row for row in dict.fromkeys(int(p) for p in picks) if row in allowed][:n]
    missing = min(n, len(allowed)) - len(rows)
    if missing > 0:
        rest = np.setdiff1d(candidates, rows)
        rows += rng.choice(rest, size=missing, replace=False).tolist()
    return np.asarray(rows, dtype=np.intp)


def diverse_rows(scores: np.ndarray, state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """High-scoring candidates that are not the same place several times.

    Greedy: after each pick, the other scores are multiplied by ``1 - k(x, pick)``, k being the coverage
    kernel on the diffusion view, so that a row beside a picked one waits for another batch.

    Parameters
    ----------
    scores : ndarray (p,)
        One score per candidate, at least 0, in the order of ``state.candidates``.
    state : PoolState
    n : int
    rng : numpy.random.Generator

    Returns
    -------
    ndarray (min(n, p),) of int
    """
    order = top_rows(scores, state.candidates, max(20 * n, 200), rng)
    left = np.asarray(scores, dtype=float)[np.searchsorted(state.candidates, order)]
    left = left - min(0.0, left.min(initial=0.0)) + 1e-12  # all-zero scores still spread out
    points = state.views["diffusion"][order]
    picks: list[int] = []
    for _ in range(min(n, len(order))):
        best = int(left.argmax())  # `order` is shuffled among equals, so the first is a random one
        picks.append(int(order[best]))
        left *= 1.0 - kernel_between(points, points[best : best + 1])[:, 0]
        left[np.isin(order, picks)] = -1.0
    return take(picks, state.candidates, n, rng)


def cover(
    state: PoolState,
    n: int,
    rng: np.random.Generator,
    weights: np.ndarray | None = None,
    width: float = WIDTH,
    points: np.ndarray | None = None,
) -> np.ndarray:
    """The ``n`` candidates that, with the anchors, cover most of the weighted pool; greedy.

    Maximises ``F(S) = sum_i w_i max_{a in S} k(x_i, x_a)`` with ``k(x, x') = exp((cos(x, x') - 1) / width)``
    on the diffusion view. F is monotone and submodular, so greedy is within ``1 - 1/e`` of the best.

    Parameters
    ----------
    state : PoolState
    n : int
    rng : numpy.random.Generator
    weights : ndarray (n_rows,), optional
        What covering each row is worth; all 1 by default.
    width : float
        Width of the kernel.
    points : ndarray (n_rows, m), optional
        Unit rows in place of the diffusion view.

    Returns
    -------
    ndarray (min(n, p),) of int
    """
    points = state.views["diffusion"] if points is None else points
    rows = sample_rows(state.candidates, MAX_CANDIDATES, rng)
    worth = np.ones(state.n_rows, np.float32) if weights is None else np.asarray(weights, np.float32)
    refs = sample_rows(heavy_rows(worth), MAX_REFERENCES, rng)
    worth = worth[refs]
    covered = closeness(points[refs], points[state.anchors], width)
    rows = rows[rng.permutation(len(rows))]  # equal gains: the first in a random order wins
    kernel = kernel_between(points[rows], points[refs], width)
    gain = np.empty(len(rows), np.float32)
    room = np.empty((min(len(rows), 250), len(refs)), np.float32)
    for start in range(0, len(rows), 250):  # in parts: the difference is as large as the kernel
        part = kernel[start : start + 250]
        more = np.subtract(part, covered, out=room[: len(part)])
        gain[start : start + 250] = np.maximum(more, 0.0, out=more) @ worth
    picks: list[int] = []
    for _ in range(min(n, len(rows))):
        best = _best(gain, kernel, covered, worth)
        picks.append(best)
        gain[best] = -1.0
        covered = np.maximum(covered, kernel[best])
    return take(rows[picks].tolist(), state.candidates, n, rng)


def _best(gain: np.ndarray, kernel: np.ndarray, covered: np.ndarray, worth: np.ndarray) -> int:
    """The row that adds most. Gains only fall, so one that tops the others' old ones is the best."""
    while True:
        best = int(gain.argmax())
        fresh = float(np.maximum(kernel[best] - covered, 0.0) @ worth)
        if fresh >= gain[best] - 1e-6 * abs(gain[best]):
            return best
        gain[best] = fresh


def open_regions(state: PoolState, n: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """``n`` regions of the pool without an anchor, the largest first: (candidates shuffled, centre).

    k-means on ``state``'s diffusion view into ``len(anchors) + n`` regions (at most 500, as in TypiClust:
    beyond that regions are a handful of rows, and the cost is theirs). ``rng`` starts it and shuffles.
    """
    centers, region = kmeans(state.views["diffusion"], min(len(state.anchors) + n, 500), rng)
    is_open = np.ones(len(centers), bool)
    is_open[region[state.anchors]] = False
    size = np.bincount(region, minlength=len(centers)) + rng.random(len(centers))  # ties at random
    of_candidates = region[state.candidates]
    fresh = [r for r in np.argsort(-size) if is_open[r] and (of_candidates == r).any()]
    members = {r: rng.permutation(state.candidates[of_candidates == r]) for r in fresh[:n]}
    return [(members[r], centers[r]) for r in fresh[:n]]


def kmeans(points: np.ndarray, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """k-means centres (k, m) of ``points`` (n, m) and the number of the nearest one for each row (n,).

    The centres are fitted on at most :data:`MAX_CANDIDATES` rows drawn by ``rng``; ``k`` is cut to their
    number. Where rows are equal to one another some regions may stay empty.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    points = np.asarray(points, np.float32)
    if len(points) == 0:
        return np.empty((0, points.shape[1]), np.float32), np.empty(0, int)
    rows = sample_rows(np.arange(len(points)), MAX_CANDIDATES, rng)
    model = KMeans(min(k, len(rows)), n_init=1, random_state=int(rng.integers(2**31)), max_iter=50)
    with warnings.catch_warnings(), threadpool_limits(1):  # one thread: sums in one order, one result
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than regions is fine
        model.fit(points[rows])
        return model.cluster_centers_, model.predict(points)


def kernel_between(a: np.ndarray, b: np.ndarray, width: float = WIDTH) -> np.ndarray:
    """(p, q) coverage kernel ``exp((cos - 1) / width)`` of unit rows ``a`` (p, m) and ``b`` (q, m)."""
    kernel = np.asarray(a, np.float32) @ np.asarray(b, np.float32).T
    np.minimum(kernel, 1.0, out=kernel)  # in place: new memory for each step takes longer than the step
    kernel -= 1.0
    kernel /= np.float32(width)
    return np.exp(kernel, out=kernel)


def closeness(points: np.ndarray, others: np.ndarray, width: float = WIDTH) -> np.ndarray:
    """(n,) kernel of that ``width`` from ``points`` to the nearest of ``others``, 0 where there are none."""
    nearest = np.zeros(len(points), np.float32)
    for start in range(0, len(others), 256):  # in parts: thousands of anchors beside 70,000 rows
        part = kernel_between(points, others[start : start + 256], width)
        nearest = np.maximum(nearest, part.max(axis=1))
    return nearest
