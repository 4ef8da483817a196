r"""Hot paths under pytest-benchmark, so that a slowdown shows: views, posterior, strategies, ask to tell.

    pip install pytest-benchmark
    OMP_NUM_THREADS=1 pytest benchmarks/test_hot_paths.py --benchmark-autosave
    OMP_NUM_THREADS=1 pytest benchmarks/test_hot_paths.py --benchmark-compare \
        --benchmark-compare-fail=median:25%

The second command fails where a path has become a quarter slower than in the last saved run.
"""

from __future__ import annotations

import numpy as np
import pytest

from activeclust import ActiveLoop, LabelOracle, PFNClusterer, strategies
from activeclust.datasets import load
from activeclust.views.views import make_views

pytest.importorskip("pytest_benchmark")
N = 1500


@pytest.fixture(scope="module")
def digits():
    data = load("digits")
    return data.X[:N], data.y[:N]


@pytest.fixture(scope="module")
def model(digits):
    clusterer = PFNClusterer(device="cpu", random_state=0, cache=False)
    return clusterer, clusterer.prepare(digits[0])


def answered(y: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(0).choice(N, size=k, replace=False)
    return rows, np.unique(y[rows], return_inverse=True)[1]


def test_views(benchmark, digits):
    benchmark.pedantic(make_views, (digits[0],), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("k", [10, 100, 400])
def test_posterior(benchmark, model, digits, k):
    clusterer, ready = model
    rows, codes = answered(digits[1], k)
    benchmark.pedantic(clusterer.posterior, (ready, rows, codes), rounds=5, warmup_rounds=1)


@pytest.mark.parametrize("name", [name for name in strategies.names() if ":" not in name])
def test_strategy(benchmark, digits, name):
    X, y = digits
    loop = ActiveLoop(X, None, strategy=name, clusterer=PFNClusterer(device="cpu"), random_state=0)
    for row in answered(y, 30)[0]:
        loop.tell(int(row), int(y[row]))
    state, choose = loop.state, strategies.get(name)
    benchmark.pedantic(lambda: choose(state, 5, np.random.default_rng(0)), rounds=3, warmup_rounds=1)


def test_ask_to_tell(benchmark, digits, tmp_path):
    """One question and its answer, the posterior and the durable write between them."""
    X, y = digits
    loop = ActiveLoop(
        X, LabelOracle(y), strategy="entropy", clusterer=PFNClusterer(device="cpu"), name="bench",
        store=tmp_path / "bench.db", random_state=0,
    )  # fmt: skip
    loop.run(20)

    def turn() -> None:
        query = loop.ask()[0]
        loop.tell(query, int(y[query.row]))

    benchmark.pedantic(turn, rounds=10, warmup_rounds=1)
