"""Our strategies in modAL's ``ActiveLearner``, and a learner that works with current scikit-learn."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

from activeclust import strategies
from activeclust.errors import InvalidInput, MissingDependency
from activeclust.strategy.state import PoolState, Refit, Resample
from activeclust.validation import check_rows

try:
    from modAL.models import ActiveLearner
except ImportError as error:
    raise MissingDependency(
        "modAL strategies need modAL: pip install modAL-python (not 'modAL', which is another package)."
    ) from error


class Learner(ActiveLearner):
    """modAL's ``ActiveLearner`` with ``fit`` and ``teach`` that work on scikit-learn 1.8 and newer.

    modAL calls scikit-learn with an argument, and pandas with a method, that have been removed. Everything else is
    modAL's.

    Parameters
    ----------
    estimator : scikit-learn classifier
    query_strategy : callable
        A modAL query strategy, or one of ours through :func:`as_modal`.
    X_training, y_training : array-like, optional
        The labelled rows.
    bootstrap_init, on_transformed : bool
    **fit_kwargs
        As in modAL.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.array([[0.0], [1.0], [0.1], [0.9], [0.5]])
    >>> learner = Learner(LogisticRegression(), X_training=X[:2], y_training=np.array([0, 1]))
    >>> learner.teach(X[2:4], np.array([0, 1]))
    >>> learner.predict(X).tolist()[:4], len(learner.X_training)
    ([0, 1, 0, 1], 4)
    """

    X_training: Any
    y_training: Any

    def _add_training_data(self, X: Any, y: Any) -> None:
        self._check(X, y)
        if self.X_training is None:
            self.X_training, self.y_training = X, y
        else:
            self.X_training = _stack(self.X_training, X)
            self.y_training = _stack(self.y_training, y)

    def fit(self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any) -> Learner:
        """Train on ``X`` (n, d), ``y`` (n,) only, without the rows taught before.

        ``bootstrap`` draws the rows with replacement; ``fit_kwargs`` go to the estimator.
        """
        self._check(X, y)
        self.X_training, self.y_training = X, y
        self._fit_to_known(bootstrap=bootstrap, **fit_kwargs)
        return self

    def teach(
        self, X: Any, y: Any, bootstrap: bool = False, only_new: bool = False, **fit_kwargs: Any
    ) -> None:
        """Add ``X``, ``y`` to the known rows and train on all of them (``only_new``: on the new ones only).

        ``bootstrap`` and ``fit_kwargs`` as in :meth:`fit`.
        """
        if only_new:
            self._check(X, y)
            self._fit_on_new(X, y, bootstrap=bootstrap, **fit_kwargs)
        else:
            self._add_training_data(X, y)
            self._fit_to_known(bootstrap=bootstrap, **fit_kwargs)

    def _check(self, X: Any, y: Any) -> None:
        from sklearn.utils import check_X_y

        check_X_y(
            X,
            y,
            accept_sparse=True,
            ensure_2d=False,
            allow_nd=True,
            multi_output=True,
            dtype=None,
            ensure_all_finite=self.force_all_finite,
        )


def _stack(known: Any, more: Any) -> Any:
    if hasattr(known, "iloc"):
        import pandas as pd

        return pd.concat([known, more])
    from modAL.utils.data import data_vstack

    return data_vstack((known, more))


def as_modal(
    strategy: str | Callable[..., Any], random_state: int | np.random.Generator = 0
) -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """One of our strategies as a modAL query strategy.

    Parameters
    ----------
    strategy : str or callable
        What :func:`activeclust.strategies.get` takes.
    random_state : int or numpy.random.Generator
        Used for all queries, one after another.

    Returns
    -------
    callable
        ``f(learner, X_pool, n_instances=1) -> (indices, uncertainty)``. The views are computed from the
        learner's training rows and the pool together, and kept as long as these stay the same rows.

    Notes
    -----
    The posterior is the learner's ``predict_proba``. A classifier knows nothing of *none of these*: that
    mass is 0 once it is fitted, so strategies that look for new clusters see none.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.random.default_rng(0).normal(size=(30, 2))
    >>> learner = Learner(LogisticRegression(), as_modal("auto"), X[:4], np.array([0, 1, 0, 1]))
    >>> index, rows = learner.query(X[4:], n_instances=3)
    >>> len(index), rows.shape
    (3, (3, 2))
    """
    chosen = strategies.get(strategy)
    rng = np.random.default_rng(random_state)
    views_of = _LastViews()

    def query_strategy(learner: Any, X: Any, n_instances: int = 1) -> tuple[np.ndarray, np.ndarray]:
        n_pool = X.shape[0] if hasattr(X, "shape") else len(X)
        if n_pool <= n_instances:  # all of them: there is nothing to choose, and a single row has no views
            return np.arange(n_pool), np.zeros(n_pool)
        state = _state_of(learner, X, views_of)
        rows = chosen(state, n_instances, rng)
        return rows - len(state.anchors), 1.0 - state.full_posterior[rows].max(axis=1)

    query_strategy.__name__ = strategies.name_of(strategy)
    return query_strategy


def _state_of(learner: Any, X_pool: Any, views_of: _LastViews) -> PoolState:
    """Training rows first, then the pool, whose rows are the candidates."""
    pool = _numbers(X_pool)
    known = pool[:0] if learner.X_training is None else _numbers(learner.X_training)
    X, k = check_rows(np.vstack([known, pool])), len(known)
    posterior, codes, new = np.empty((len(X), 0)), np.empty(0, dtype=np.intp), np.ones(len(X))
    refit: Refit | None = None
    resample: Resample | None = None
    if k:
        y, classes = np.asarray(learner.y_training), np.asarray(learner.estimator.classes_)
        # unchanged: the estimator may have been fitted on a data frame or a sparse matrix
        posterior = np.vstack([learner.predict_proba(learner.X_training), learner.predict_proba(X_pool)])
        codes, new = np.searchsorted(classes, y), np.zeros(len(X))
        refit = functools.partial(_refit, learner.estimator, X, y, classes)
        resample = functools.partial(_resample, learner.estimator, X, y, len(classes))
    views, neighbors, density = views_of(X)
    candidates = np.arange(k, len(X))
    for array in (posterior, new, codes, candidates):
        array.flags.writeable = False
    return PoolState(
        posterior, new, views, neighbors, density, np.arange(k), codes, candidates, refit, resample
    )


def _numbers(X: Any) -> np.ndarray:
    X = np.asarray(X.toarray() if hasattr(X, "toarray") else X)
    if X.dtype.kind not in "fiub":
        raise InvalidInput(f"Our strategies see rows of numbers; the pool holds {X.dtype}.")
    return X.reshape(len(X), -1)


def _refit(estimator: Any, X: np.ndarray, y: np.ndarray, classes: np.ndarray, rows, codes):
    """The posterior as if ``rows`` had been answered ``codes`` too; only known classes are possible here."""
    from sklearn.base import clone

    model = clone(estimator).fit(np.vstack([X[: len(y)], X[rows]]), np.append(y, classes[codes]))
    return model.predict_proba(X), np.zeros(len(X))


def _resample(estimator: Any, X: np.ndarray, y: np.ndarray, C: int, times: int, rng: np.random.Generator):
    """(times, n, C) posteriors of clones that each see half of the features (one at least)."""
    from sklearn.base import clone

    passes = np.empty((times, len(X), C))
    for t in range(times):
        part = rng.permutation(X.shape[1])[: max(1, X.shape[1] // 2)]
        passes[t] = clone(estimator).fit(X[: len(y), part], y).predict_proba(X[:, part])
    return passes


class _LastViews:
    """Views of the rows used last, in any order: teaching moves rows from the pool to the training rows."""

    def __init__(self) -> None:
        self.keys = np.empty(0, dtype=np.uint64)
        self.prepared: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None = None

    def __call__(self, X: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        digests = [hashlib.blake2b(row.tobytes(), digest_size=8).digest() for row in X]
        keys = np.array([int.from_bytes(d, "little") for d in digests], dtype=np.uint64)
        distinct, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        if self.prepared is None or not np.array_equal(distinct, self.keys):
            self.keys, self.prepared = distinct, self._prepare(X[first])
        pca, diffusion, neighbors, density = self.prepared
        views = {"pca": pca[inverse], "diffusion": diffusion[inverse]}
        return views, first[neighbors[inverse]], density[inverse]

    @staticmethod
    def _prepare(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        from activeclust.views.views import green_coordinates, make_views

        made = make_views(X)
        of = made.inverse
        representative = np.unique(of, return_index=True)[1]
        return (
            made.pca[of],
            green_coordinates(made.refined)[of].astype(np.float32),
            representative[made.neighbors[of]],
            made.density[of],
        )
