"""modAL in both directions: its query strategies in our loop, ours in its ``ActiveLearner``.

modAL 0.4.2.1 (installed as ``modAL-python``; the name ``modAL`` is another company's package) has faults that these
adapters avoid, each with a test in ``tests/integrations/test_modal.py``:

- ``teach`` and ``fit`` fail on scikit-learn 1.8 and newer: use :class:`Learner`;
- a strategy that returns bare indices is called twice, and two bare indices are misread as (indices,
  metrics): :func:`as_modal` always returns the pair, :func:`adapt` tells them apart;
- randomness is numpy's global state: it is seeded around the call and put back;
- answered rows stay in the pool: only candidates are handed over;
- ties go to the lowest row: rows are handed over in a random order;
- ranked batch may name its cold-start row twice: repeated rows are replaced by further ones;
- ``n_instances`` beyond the pool is an assertion error: it is cut to the pool;
- ``information_density`` builds n x n distances: at most :data:`MAX_POOL` rows are handed over.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput, UnknownName
from activeclust.integrations.modal_learner import Learner, as_modal
from activeclust.strategy.selections import sample_rows, take
from activeclust.strategy.state import PoolState, Strategy

__all__ = ["Learner", "PosteriorLearner", "adapt", "as_modal", "by_name", "names"]

#: Maximum number of rows given to a modAL strategy, drawn at random: its densities are n x n (200 MB at
#: 5,000).
MAX_POOL = 5_000

#: Number of passes in the committee of modAL's disagreement strategies.
COMMITTEE = 5

_STRATEGIES = {
    "uncertainty_sampling": "modAL.uncertainty",
    "margin_sampling": "modAL.uncertainty",
    "entropy_sampling": "modAL.uncertainty",
    "uncertainty_batch_sampling": "modAL.batch",
    "vote_entropy_sampling": "modAL.disagreement",
    "consensus_entropy_sampling": "modAL.disagreement",
    "max_disagreement_sampling": "modAL.disagreement",
}
_ALIASES = {"ranked_batch": "uncertainty_batch_sampling"}


def names() -> list[str]:
    """modAL's query strategies as :func:`activeclust.strategies.get` knows them.

    Left out: ``max_std_sampling`` (regression), Bayesian optimisation, multilabel and dropout (other
    tasks), ``expected_error`` (does not import on numpy 1.20 and newer; ``look_ahead`` is the same idea).

    Examples
    --------
    >>> "modal:margin_sampling" in names()
    True
    """
    return sorted(f"modal:{name}" for name in [*_STRATEGIES, *_ALIASES, "information_density"])


def by_name(name: str) -> Strategy:
    """The modAL strategy of that name, adapted (what ``modal:NAME`` means).

    ``information_density`` is modAL's documented product of entropy and density. Raises UnknownName where
    modAL has no such strategy.
    """
    plain = name.strip().replace("-", "_")
    plain = _ALIASES.get(plain, plain)
    if plain == "information_density":
        return adapt(_information_density, name="modal:information_density")
    if plain not in _STRATEGIES:
        raise UnknownName("strategy", f"modal:{name}", names())
    return adapt(getattr(importlib.import_module(_STRATEGIES[plain]), plain), name=f"modal:{plain}")


def adapt(query_strategy: Callable[..., Any], name: str | None = None) -> Strategy:
    """A modAL query strategy as one of ours.

    Parameters
    ----------
    query_strategy : callable
        ``f(learner, X_pool, n_instances=1) -> (indices, metrics)`` or bare indices; ``f(learner, X_pool)``,
        as ``modAL.utils.combination.make_query_strategy`` makes it, is called once per row. The learner is a
        :class:`PosteriorLearner`; ``X_pool`` is the "pca" view of the candidates, in a random order.
    name : str, optional
        For run records; ``"modal:"`` and the function's name by default.

    Examples
    --------
    >>> from modAL.uncertainty import margin_sampling
    >>> from activeclust.testing.strategies import make_state
    >>> len(adapt(margin_sampling)(make_state(), 3, np.random.default_rng(0)))
    3
    """
    return _Adapted(query_strategy, name or f"modal:{getattr(query_strategy, '__name__', 'strategy')}")


class _Adapted:
    def __init__(self, query_strategy: Callable[..., Any], name: str) -> None:
        self.query_strategy, self.name = query_strategy, name
        parameters = inspect.signature(query_strategy).parameters
        self.takes_n = "n_instances" in parameters or any(
            p.kind is p.VAR_KEYWORD for p in parameters.values()
        )

    def __repr__(self) -> str:
        return f"<strategy {self.name}>"

    def __call__(self, state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
        rows = sample_rows(state.candidates, max(MAX_POOL, n), rng)
        rows = rows[rng.permutation(len(rows))]
        picks: list[int] = []
        wanted = min(n, len(rows))
        while len(picks) < wanted:
            left = rows[~np.isin(rows, picks)]
            picks += self._ask(state, left, wanted - len(picks), rng)
        return take(picks, state.candidates, n, rng)

    def _ask(self, state: PoolState, rows: np.ndarray, n: int, rng: np.random.Generator) -> list[int]:
        learner = PosteriorLearner(state, rows, rng)
        options = {"n_instances": n} if self.takes_n else {}
        with _global_seed(rng):
            answer = self.query_strategy(learner, learner.X_pool, **options)
        index = _indices(answer, self.name)
        if len(index) == 0 or index.min() < 0 or index.max() >= len(rows):
            raise InvalidInput(
                f"{self.name} was asked for {n} of {len(rows)} rows and gave the indices {index.tolist()!r}; "
                "expected positions in the pool it was given."
            )
        return list(dict.fromkeys(rows[index].tolist()))[:n]


class PosteriorLearner:
    """What a modAL strategy sees of our model: ``predict_proba``, the training rows, and a committee.

    Parameters
    ----------
    state : PoolState
    rows : ndarray of int
        Rows that make up ``X_pool``.
    rng : numpy.random.Generator
        For the committee's passes.

    Attributes
    ----------
    X_pool : ndarray (p, a)
        The "pca" view of ``rows``.
    X_training, y_training : ndarray or None
        The "pca" view of the anchors and their codes; None before the first answer.
    classes_ : ndarray (C + 1,)
        Codes of the known clusters; the last one is *none of these*.
    """

    def __init__(self, state: PoolState, rows: np.ndarray, rng: np.random.Generator) -> None:
        self.state, self.rows, self.rng = state, rows, rng
        points = np.asarray(state.views["pca"], dtype=float)
        self.X_pool = points[rows]
        self.X_training = points[state.anchors] if len(state.anchors) else None
        self.y_training = state.anchor_codes.copy() if len(state.anchors) else None
        self.classes_ = np.arange(state.n_clusters + 1)
        self.estimator = self
        self.on_transformed = False

    def __len__(self) -> int:
        return len(self.learner_list)

    def __iter__(self) -> Iterator[_Member]:
        return iter(self.learner_list)

    @functools.cached_property
    def learner_list(self) -> list[_Member]:
        """The committee: one member per pass over a random part of the views."""
        if self.state.n_clusters == 0:
            return [_Member(self, self.state.full_posterior)] * COMMITTEE
        if self.state.resample is None:
            raise InvalidInput("A committee strategy needs a clusterer that offers resample(...).")
        new = self.state.new_cluster_proba[:, None]
        passes = self.state.resample(COMMITTEE, self.rng)
        return [_Member(self, np.hstack([known * (1.0 - new), new])) for known in passes]

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """(p, C + 1) probabilities of the rows of ``X``, the last column being *none of these*."""
        return self.state.full_posterior[self.rows_of(X)]

    def predict(self, X: np.ndarray) -> np.ndarray:
        """(p,) most probable class of the rows of ``X``."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def vote_proba(self, X: np.ndarray) -> np.ndarray:
        """(p, members, C + 1) probabilities of the rows ``X`` by each member."""
        return np.stack([member.predict_proba(X) for member in self], axis=1)

    def vote(self, X: np.ndarray) -> np.ndarray:
        """(p, members) class each member votes for at the rows ``X``."""
        return self.classes_[self.vote_proba(X).argmax(axis=2)]

    def transform_without_estimating(self, X: np.ndarray) -> np.ndarray:
        """``X``: there is no pipeline in front of the model."""
        return X

    def rows_of(self, X: np.ndarray) -> np.ndarray:
        """Row numbers of the rows of ``X``, which must be ``X_pool``; InvalidInput where they are not."""
        if X is self.X_pool or np.array_equal(X, self.X_pool):
            return self.rows
        raise InvalidInput(
            "The posterior is known for the rows of the pool that was handed over; the strategy asked about "
            f"other rows (shape {np.shape(X)}). Strategies that make up rows cannot be adapted."
        )


class _Member:
    """One member of the committee."""

    def __init__(self, learner: PosteriorLearner, posterior: np.ndarray) -> None:
        self.learner, self.posterior, self.classes_ = learner, posterior, learner.classes_

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        return self.posterior[self.learner.rows_of(X)]

    def predict(self, X: np.ndarray) -> np.ndarray:
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _information_density(learner: Any, X: np.ndarray, n_instances: int = 1) -> tuple[np.ndarray, np.ndarray]:
    from modAL.density import information_density
    from modAL.uncertainty import classifier_entropy
    from modAL.utils.selection import multi_argmax

    return multi_argmax(classifier_entropy(learner, X) * information_density(X), n_instances)


def _indices(answer: Any, name: str) -> np.ndarray:
    """Indices out of a pair (indices, metrics) or bare ones; two bare integers are two rows."""
    if isinstance(answer, tuple) and len(answer) == 2 and np.ndim(answer[0]) == 1:
        answer = answer[0]
    index = np.atleast_1d(np.asarray(answer))
    if index.ndim != 1 or not np.issubdtype(index.dtype, np.integer):
        raise InvalidInput(f"{name} returned {answer!r}; expected row positions, or (positions, metrics).")
    return index


@contextlib.contextmanager
def _global_seed(rng: np.random.Generator) -> Iterator[None]:
    """numpy's global random state, seeded from ``rng``, and restored afterwards."""
    before = np.random.get_state()  # noqa: NPY002 - modAL draws from the legacy state
    np.random.seed(int(rng.integers(2**32)))  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(before)  # noqa: NPY002
