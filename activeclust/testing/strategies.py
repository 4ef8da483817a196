"""The contract tests of query strategies, as a class to subclass for your own strategy.

Examples
--------
In a test module::

    class TestMine(StrategyContract):
        @pytest.fixture(params=["entropy", my_function])
        def strategy(self, request):
            return activeclust.strategies.get(request.param)
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence

import numpy as np

from activeclust.strategy.state import PoolState, Strategy


def make_state(
    n_rows: int = 60,
    anchors: Sequence[int] = (3, 31, 50),
    n_clusters: int = 3,
    *,
    seed: int = 0,
    skipped: Sequence[int] = (),
    distinct: int | None = None,
) -> PoolState:
    """A pool of ``n_clusters`` Gaussian blobs with a small real model: softmax over the nearest anchors.

    Row i belongs to blob ``i % n_clusters``, and so do the answers of the anchors. All arrays are read-only, so that a
    strategy that writes into its inputs raises an error.

    Parameters
    ----------
    n_rows : int
    anchors : sequence of int
        Answered rows.
    n_clusters : int
        Number of blobs.
    seed : int
    skipped : sequence of int
        Rows that are neither answered nor candidates.
    distinct : int, optional
        Number of different rows; the others are copies of these.

    Examples
    --------
    >>> state = make_state(n_rows=10, anchors=(0, 1), n_clusters=2)
    >>> state.posterior.shape, len(state.candidates)
    ((10, 2), 8)
    """
    rng = np.random.default_rng(seed)
    blob = np.arange(n_rows) % n_clusters
    pca = (3 * rng.normal(size=(n_clusters, 6))[blob] + rng.normal(size=(n_rows, 6))).astype(np.float32)
    if distinct is not None:
        pca = pca[np.arange(n_rows) % distinct]
    unit = pca / np.linalg.norm(pca, axis=1, keepdims=True)
    rows = np.asarray(anchors, dtype=np.intp)
    _, codes = np.unique(blob[rows], return_inverse=True)
    neighbors, density = _neighbors(pca)

    def refit(more: np.ndarray, more_codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _posterior(unit, np.append(rows, more), np.append(codes, more_codes))

    def resample(times: int, generator: np.random.Generator) -> np.ndarray:
        keep = [generator.random(unit.shape[1]) < 0.6 for _ in range(times)]
        return np.stack([_posterior(unit * k, rows, codes)[0] for k in keep])

    posterior, new = _posterior(unit, rows, codes)
    candidates = np.setdiff1d(np.arange(n_rows), np.append(rows, np.asarray(skipped, dtype=int)))
    for array in (posterior, new, pca, unit, neighbors, density, rows, codes, candidates):
        array.flags.writeable = False
    views = {"pca": pca, "diffusion": unit}
    return PoolState(
        posterior, new, views, neighbors, density, rows, codes, candidates, refit=refit, resample=resample
    )


def _posterior(points: np.ndarray, rows: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n, k = len(points), int(codes.max(initial=-1)) + 1
    if k == 0:
        return np.empty((n, 0)), np.ones(n)
    cosine = points @ points[rows].T
    score = np.stack([cosine[:, codes == c].max(axis=1) for c in range(k)], axis=1)
    p = np.exp(4.0 * score)
    return p / p.sum(axis=1, keepdims=True), np.clip((1.0 - score.max(axis=1)) / 2.0, 0.0, 1.0)


def _neighbors(points: np.ndarray, q: int = 5) -> tuple[np.ndarray, np.ndarray]:
    n = len(points)
    if n > 2000:  # in the contract's large pool the neighbours do not matter
        return np.add.outer(np.arange(n), np.arange(1, q + 1)) % n, np.linspace(0.5, 1.5, n)
    distance = np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=2))
    np.fill_diagonal(distance, np.inf)
    order = np.argsort(distance, axis=1, kind="stable")[:, : min(q, n - 1)]
    near = np.take_along_axis(distance, order, axis=1)
    density = 1.0 / (near.mean(axis=1) + 1e-3) if n > 1 else np.ones(1)
    return order, density / density.mean()


class StrategyContract:
    """The contract tests: subclass it and write the fixture ``strategy`` (see the module's example)."""

    @staticmethod
    def ask(strategy: Strategy, state: PoolState, n: int, seed: int = 0) -> list[int]:
        """The ``n`` rows chosen in ``state`` with ``seed``, after the checks that hold for every strategy."""
        rows = np.asarray(strategy(state, n, np.random.default_rng(seed)))
        assert rows.ndim == 1, f"expected one row number per pick, got an array of shape {rows.shape}"
        assert np.issubdtype(rows.dtype, np.integer), f"row numbers are integers, got {rows.dtype}"
        picked = rows.tolist()
        assert len(picked) == min(n, len(state.candidates))
        assert len(set(picked)) == len(picked), "a row was asked twice in one batch"
        assert not set(picked) & set(state.anchors.tolist()), "an answered row was asked"
        assert set(picked) <= set(state.candidates.tolist()), "a row that is not a candidate was asked"
        return picked

    def test_only_candidates_each_once(self, strategy):
        state = make_state(skipped=(0, 1, 2))
        for n in (1, 2, 7, 54):
            self.ask(strategy, state, n)

    def test_never_more_than_the_pool_holds(self, strategy):
        assert len(self.ask(strategy, make_state(), 500)) == 57

    def test_one_seed_one_answer(self, strategy):
        state = make_state()
        assert self.ask(strategy, state, 5, seed=7) == self.ask(strategy, state, 5, seed=7)

    def test_global_random_state_neither_read_nor_moved(self, strategy):
        state = make_state()
        np.random.seed(1)  # noqa: NPY002 - the legacy state is what must stay as it is
        first = self.ask(strategy, state, 3)
        np.random.seed(2)  # noqa: NPY002
        before = str(np.random.get_state())  # noqa: NPY002
        assert self.ask(strategy, state, 3) == first
        assert str(np.random.get_state()) == before  # noqa: NPY002

    def test_inputs_stay_as_they_are(self, strategy):
        state = make_state()  # arrays are read-only, and no attribute may be replaced either
        arrays = (state.posterior, state.new_cluster_proba, *state.views.values(), state.candidates)
        before = [a.copy() for a in arrays]
        self.ask(strategy, state, 5)
        assert all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))

    def test_ties_are_broken_at_random(self, strategy):
        state = make_state(n_rows=40, anchors=(0,), distinct=1)  # 39 equal rows
        assert len({self.ask(strategy, state, 1, seed)[0] for seed in range(40)}) >= 10

    def test_no_anchor(self, strategy):
        self.ask(strategy, make_state(anchors=()), 5)

    def test_one_cluster(self, strategy):
        self.ask(strategy, make_state(anchors=(0, 1), n_clusters=1), 5)

    def test_more_clusters_than_anchors_would_suggest(self, strategy):
        self.ask(strategy, make_state(n_rows=60, anchors=tuple(range(30)), n_clusters=30), 5)

    def test_duplicates(self, strategy):
        for distinct in (1, 2, 5):
            self.ask(strategy, make_state(distinct=distinct), 20)

    def test_pool_of_one(self, strategy):
        assert self.ask(strategy, make_state(n_rows=4, anchors=(0, 1, 2)), 5) == [3]
        assert self.ask(strategy, make_state(n_rows=1, anchors=(), n_clusters=1), 1) == [0]

    def test_empty_pool(self, strategy):
        assert self.ask(strategy, make_state(n_rows=3, anchors=(0, 1, 2)), 5) == []

    def test_batches_are_spread(self, strategy):
        # five different rows with twelve copies each: a batch of five must not be five copies of one
        batches = [self.ask(strategy, make_state(anchors=(), distinct=5), 5, seed) for seed in range(5)]
        assert max(len({row % 5 for row in batch}) for batch in batches) >= 3

    def test_memory_is_far_from_n_squared(self, strategy):
        n = 20_000
        state = make_state(n_rows=n, anchors=range(0, 3000, 100))
        tracemalloc.start()
        try:
            self.ask(strategy, state, 5)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < n * n * 2, f"{peak / 1e6:.0f} MB: half a float32 matrix of n x n"
