"""Selections: choose candidates by their scores, or by the geometry of the pool.

No selection builds an n x n matrix. Those that compare rows with rows use at most :data:`MAX_CANDIDATES` candidates and
:data:`MAX_REFERENCES` reference rows, drawn at random if there are more: they maximise a mean over the pool, and a mean
over 3,000 random rows is within 2 % of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.strategy.scores import WIDTH, closeness, kernel_between
from activeclust.strategy.state import PoolState

#: Maximum number of candidates and of reference rows that are compared with each other (float32: 96 MB).
MAX_CANDIDATES, MAX_REFERENCES = 8_000, 3_000

#: Share of the total weight of the rows to be covered.
HEAVY = 0.99


def top_rows(scores: np.ndarray, candidates: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """The ``n`` candidates with the highest scores, ties broken at random.

    Parameters
    ----------
    scores : ndarray (p,)
        One score per candidate, in the order of ``candidates``.
    candidates : ndarray (p,) of int
    n : int
        How many; all candidates if there are fewer.
    rng : numpy.random.Generator

    Raises
    ------
    InvalidInput
        If there is not one score per candidate.

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


def sample_rows(rows: np.ndarray, limit: int, rng: np.random.Generator) -> np.ndarray:
    """``rows`` if there are at most ``limit``, else ``limit`` of them drawn by ``rng``; ascending."""
    rows = np.asarray(rows)
    return rows if len(rows) <= limit else np.sort(rng.choice(rows, size=limit, replace=False))


def heavy_rows(weights: np.ndarray) -> np.ndarray:
    """The fewest rows with 99 % of the total of ``weights``, ascending; late in a run these are few.

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
    """The first ``n`` distinct candidates among ``picks``; if there are fewer, others are drawn by ``rng``.

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
    """High-scoring candidates that are not close to each other.

    Greedy: after each pick, the other scores are multiplied by ``1 - k(x, pick)``, k being the coverage
    kernel on the diffusion view, so that a row close to a picked one, or to a pending one, is left for a later batch.

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
    left = left - min(0.0, left.min(initial=0.0)) + 1e-12  # even with scores of 0 the picks are spread out
    points = state.views["diffusion"][order]
    left *= 1.0 - closeness(points, state.views["diffusion"][state.pending])
    picks: list[int] = []
    for _ in range(min(n, len(order))):
        best = int(left.argmax())  # `order` is shuffled among equal scores, so the first one is random
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
    """The ``n`` candidates that, with the anchors and the pending rows, cover most of the weighted pool; greedy.

    Maximises ``F(S) = sum_i w_i max_{a in S} k(x_i, x_a)`` with ``k(x, x') = exp(-|x - x'|^2 / (2 width))``
    on the diffusion view, where that is ``exp((cos(x, x') - 1) / width)``. F is monotone and submodular, so greedy
    is within ``1 - 1/e`` of the best.

    Parameters
    ----------
    state : PoolState
    n : int
    rng : numpy.random.Generator
    weights : ndarray (n_rows,), optional
        Weight of covering each row; all 1 by default.
    width : float
        Width of the kernel.
    points : ndarray (n_rows, m), optional
        Used instead of the diffusion view.

    Returns
    -------
    ndarray (min(n, p),) of int
    """
    points = state.views["diffusion"] if points is None else points
    rows = sample_rows(state.candidates, MAX_CANDIDATES, rng)
    worth = np.ones(state.n_rows, np.float32) if weights is None else np.asarray(weights, np.float32)
    refs = sample_rows(heavy_rows(worth), MAX_REFERENCES, rng)
    worth = worth[refs]
    covered = closeness(points[refs], points[state.covered], width)
    rows = rows[rng.permutation(len(rows))]  # equal gains: the first in a random order wins
    kernel = kernel_between(points[rows], points[refs], width)
    gain = np.empty(len(rows), np.float32)
    room = np.empty((min(len(rows), 250), len(refs)), np.float32)
    for start in range(0, len(rows), 250):  # in parts, since the difference is as large as the kernel
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
    """The row with the largest gain. Gains only decrease: it need only exceed the others' old gains."""
    while True:
        best = int(gain.argmax())
        fresh = float(np.maximum(kernel[best] - covered, 0.0) @ worth)
        if fresh >= gain[best] - 1e-6 * abs(gain[best]):
            return best
        gain[best] = fresh


def open_regions(state: PoolState, n: int, rng: np.random.Generator) -> list[tuple[np.ndarray, np.ndarray]]:
    """``n`` regions of the pool without an anchor or a pending row, the largest first: (shuffled candidates, centre).

    k-means on ``state``'s diffusion view into ``len(covered) + n`` regions (at most 500, as in TypiClust:
    more regions would be very small and slow to compute). ``rng`` draws the start and shuffles.
    """
    centers, region = kmeans(state.views["diffusion"], min(len(state.covered) + n, 500), rng)
    is_open = np.ones(len(centers), bool)
    is_open[region[state.covered]] = False
    size = np.bincount(region, minlength=len(centers)) + rng.random(len(centers))  # ties at random
    of_candidates = region[state.candidates]
    fresh = [r for r in np.argsort(-size) if is_open[r] and (of_candidates == r).any()]
    members = {r: rng.permutation(state.candidates[of_candidates == r]) for r in fresh[:n]}
    return [(members[r], centers[r]) for r in fresh[:n]]


def kmeans(points: np.ndarray, k: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """k-means centres (k, m) of ``points`` (n, m), and the number of the nearest centre of each row (n,).

    The centres are fitted on at most :data:`MAX_CANDIDATES` rows drawn by ``rng``; ``k`` is at most their number. If
    rows are equal, some regions may be empty.
    """
    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    points = np.asarray(points, np.float32)
    if len(points) == 0:
        return np.empty((0, points.shape[1]), np.float32), np.empty(0, int)
    rows = sample_rows(np.arange(len(points)), MAX_CANDIDATES, rng)
    model = KMeans(min(k, len(rows)), n_init=1, random_state=int(rng.integers(2**31)), max_iter=50)
    with warnings.catch_warnings(), threadpool_limits(1):  # one thread: sums always in one order
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer distinct rows than regions are allowed
        model.fit(points[rows])
        return model.cluster_centers_, model.predict(points)
