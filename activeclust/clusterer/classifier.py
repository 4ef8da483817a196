"""PFNClassifier: the prior-fitted network as a scikit-learn classifier."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from activeclust.clusterer.estimator import PFNClusterer
from activeclust.clusterer.known import weights_of
from activeclust.clusterer.new_rows import PredictsNewRows
from activeclust.clusterer.predictor import Predictor
from activeclust.clusterer.rows import numbers_of
from activeclust.clusterer.settings import under_own_settings
from activeclust.errors import InvalidInput
from activeclust.labels import labels_of


class PFNClassifier(ClassifierMixin, PredictsNewRows):
    """Classify rows from a few labelled ones, and from any number without a label, by a prior-fitted transformer.

    The model of :class:`activeclust.PFNClusterer` for known classes: every row is of one of ``classes_``. Unlabelled
    rows take part in the fit, as in :mod:`sklearn.semi_supervised`. Pass them to :meth:`fit` with None as their label,
    or as ``pool`` if a library, such as modAL, fits on labelled rows only.

    Parameters
    ----------
    device : str, default="auto"
    weights : path or None
    random_state : int, RandomState, Generator or None
        Used by :meth:`suspect_labels` only.
    landmarks : int or None
    cache : bool, default=True
        These five are the parameters of :class:`activeclust.PFNClusterer`.
    classes : sequence of class names or None
        The names of all classes; None for those in ``y``. Classes without a labelled row share the probability of
        being none of the labelled classes equally.
    pool : array-like, DataFrame or sparse matrix (n_pool, n_features), or None
        Unlabelled rows that every :meth:`fit` includes.

    Attributes
    ----------
    classes_ : ndarray (n_classes,)
        Sorted.
    n_features_in_ : int
    preparation_ : Preparation or None
        How a table or a sparse matrix was encoded, see :meth:`activeclust.PFNClusterer.fit`.
    transduction_ : ndarray (n_samples,)
        The most probable class of each row given to :meth:`fit`; labelled rows keep theirs.
    clusterer_ : PFNClusterer
        The fitted model of all rows, those of ``pool`` first.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_iris(return_X_y=True)
    >>> bool(cross_val_score(PFNClassifier(device="cpu"), X, y).mean() > 0.95)
    True
    >>> few = PFNClassifier(device="cpu", pool=X).fit(X[[3, 70, 120]], y[[3, 70, 120]])
    >>> few.score(X, y) > 0.8
    True
    """

    def __init__(
        self,
        device: str = "auto",
        weights: str | Path | None = None,
        random_state=None,
        landmarks: int | None = None,
        cache: bool = True,
        classes: Sequence | None = None,
        pool=None,
    ):
        self.device = device
        self.weights = weights
        self.random_state = random_state
        self.landmarks = landmarks
        self.cache = cache
        self.classes = classes
        self.pool = pool

    @under_own_settings
    def fit(self, X, y, sample_weight=None) -> PFNClassifier:
        """Fit labelled and unlabelled rows.

        Parameters
        ----------
        X : array-like, DataFrame, sparse matrix, list of dicts or texts; n_samples rows
            As :meth:`activeclust.PFNClusterer.fit` takes it.
        y : array-like (n_samples,)
            The class of each row; None, NaN or blank for unlabelled rows. Unlike in the clusterer, -1 is a class.
        sample_weight : array-like (n_samples,) or None
            As in :meth:`activeclust.PFNClusterer.fit`.

        Raises
        ------
        InvalidInput
            If no row has a label, a label is not a name or an integer or not in ``classes``, or a weight is negative.
        """
        if y is None:
            raise InvalidInput("PFNClassifier requires y to be passed, but the target y is None.")
        X = numbers_of(self, _below(self.pool, X), fitting=True)
        given = _one_column(y)
        labels = labels_of(given, "y")
        weights = weights_of(sample_weight, len(labels))
        n_pool = 0 if self.pool is None else _length(self.pool)
        if len(X) != n_pool + len(labels):
            raise InvalidInput(
                f"y has {len(labels):,} entries for {len(X) - n_pool:,} rows; expected one per row."
            )
        known = {label for label, weight in zip(labels, weights, strict=True) if weight > 0} - {None}
        if not known:
            raise InvalidInput(
                "No row has a class, or the sample_weight of all that have one is zero; expected one row or more."
            )
        model = PFNClusterer(
            device=self.device, weights=self.weights, random_state=self.random_state, landmarks=self.landmarks,
            cache=self.cache, classes=list(known) if self.classes is None else self.classes,
        )  # fmt: skip
        model.take_views_of(getattr(self, "clusterer_", None))
        before = np.full(n_pool, None, dtype=object), np.ones(n_pool)
        self.clusterer_ = model.fit_labels(
            X, np.concatenate([before[0], labels]), np.concatenate([before[1], weights])
        )
        self.classes_ = _as_given(self.clusterer_.classes_, given)
        self.transduction_ = self.classes_[self.clusterer_.posterior_[n_pool:].argmax(axis=1)]
        return self

    @property
    def predictor_(self) -> Predictor:
        """What the prediction of new rows needs of this model; it can be sent to other machines."""
        check_is_fitted(self)
        return self.clusterer_.predictor_

    def suspect_labels(self, folds: int = 10) -> list[tuple[int, Any, float]]:
        """Labelled rows by how strongly the others contradict their labels, the most suspect first.

        Parameters
        ----------
        folds : int
            Number of groups; each group is compared with the posterior given the others.

        Returns
        -------
        list of (row, class, contradiction)
            The row's number in the ``X`` that was fitted; see :meth:`activeclust.PFNClusterer.suspect_anchors`.
        """
        check_is_fitted(self)
        n_pool = len(self.clusterer_.labels_) - len(self.transduction_)
        suspects = self.clusterer_.suspect_anchors(folds)
        return [(row - n_pool, name, contradiction) for row, name, contradiction in suspects]


def _one_column(y: Any) -> Any:
    """Labels as they were given, checked as scikit-learn checks those of a classifier."""
    if getattr(y, "ndim", 1) == 2 and y.shape[1] == 1:
        y = column_or_1d(y, warn=True)
    numbers = np.asarray(y)
    if numbers.dtype.kind == "f" and not np.isnan(numbers).any():
        assert_all_finite(numbers, input_name="y")
        check_classification_targets(numbers)
    return y


def _as_given(classes: np.ndarray, y: Any) -> np.ndarray:
    """Classes in the type of numbers in which they were given: booleans stay booleans."""
    given = np.asarray(y).dtype
    return classes.astype(given) if classes.dtype.kind == "i" and given.kind in "biuf" else classes


def _length(X: Any) -> int:
    return X.shape[0] if hasattr(X, "shape") else len(X)


def _below(pool: Any, X: Any) -> Any:
    """The rows of ``pool``, and below them those of ``X``, held as ``X`` is."""
    if pool is None:
        return X
    if hasattr(X, "iloc") and hasattr(pool, "iloc"):
        import pandas as pd

        return pd.concat([pool, X], ignore_index=True)
    if hasattr(X, "tocsr") or hasattr(pool, "tocsr"):
        import scipy.sparse as sp

        return sp.vstack([sp.csr_array(pool), sp.csr_array(X)]).tocsr()
    try:
        return np.concatenate([np.asarray(pool), np.asarray(X)])
    except ValueError as error:
        raise InvalidInput(f"pool and X hold rows of the same columns; {error}.") from error
