"""A query strategy of one's own is a function; a file in ``strategies/`` makes it a name."""

from __future__ import annotations

import numpy as np

from activeclust import ActiveLoop, LabelOracle, PoolState
from activeclust.datasets import load
from activeclust.strategy import top_rows


def dense_and_doubtful(state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
    """Rows in dense places whose cluster is unclear: density times one minus the highest probability."""
    doubt = 1 - state.full_posterior[:, :-1].max(axis=1, initial=0.0)
    score = doubt * state.density
    return top_rows(score[state.candidates], state.candidates, n, rng)


digits = load("digits")
X, y = digits.X[:300], digits.y[:300]
for strategy in ("random", "entropy", dense_and_doubtful):
    loop = ActiveLoop(X, LabelOracle(y), strategy=strategy, batch_size=5, random_state=0, labels_true=y)
    history = loop.run(budget=20)
    name = strategy if isinstance(strategy, str) else strategy.__name__
    print(f"{name:>20}: accuracy {history.last['accuracy']:.3f} with 20 answers")
