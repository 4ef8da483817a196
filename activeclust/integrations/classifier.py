"""Any scikit-learn classifier as the model of a loop, for comparisons or for a classifier of your own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import clone

from activeclust.clusterer.estimator import PFNClusterer
from activeclust.clusterer.prepared import Prepared
from activeclust.errors import InvalidInput


@dataclass(frozen=True)
class PreparedFeatures:
    """Rows for a classifier, with the views that strategies use.

    Attributes
    ----------
    X : ndarray (n, d)
        What the classifier is fitted on.
    geometry : Prepared
        The views, from :class:`activeclust.PFNClusterer`.
    """

    X: np.ndarray
    geometry: Prepared

    @property
    def n_rows(self) -> int:
        """Number of rows n."""
        return len(self.X)

    @property
    def data_hash(self) -> str:
        """A hash of the rows."""
        return self.geometry.data_hash

    @property
    def views(self) -> Mapping[str, np.ndarray]:
        """See :class:`activeclust.clusterer.protocol.PreparedRows`."""
        return self.geometry.views

    @property
    def neighbors(self) -> np.ndarray:
        """(n, q) nearest rows."""
        return self.geometry.neighbors

    @property
    def density(self) -> np.ndarray:
        """(n,) density, mean 1."""
        return self.geometry.density


class Classifier:
    """A scikit-learn classifier instead of the prior-fitted network.

    It is fitted again after each round, on the answered rows. It has no *none of these*: that probability is 0 once
    there is an answer. Fulfils :class:`activeclust.clusterer.protocol.Clusterer`.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
        It is copied; ``LogisticRegression(max_iter=1000)``, or a pipeline.

    Raises
    ------
    InvalidInput
        Where it has no ``predict_proba``.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from activeclust import ActiveLoop, LabelOracle
    >>> from activeclust.datasets.loading import load
    >>> digits = load("digits")
    >>> model = Classifier(KNeighborsClassifier(n_neighbors=1))
    >>> loop = ActiveLoop(digits.X[:200], LabelOracle(digits.y[:200]), clusterer=model, random_state=0)
    >>> loop.run(budget=10).last["clusters"] >= 4
    True
    """

    def __init__(self, estimator: Any) -> None:
        if not hasattr(estimator, "predict_proba"):
            raise InvalidInput(
                f"Expected a classifier with predict_proba, got {estimator!r}; SVC needs probability=True, others "
                "sklearn.calibration.CalibratedClassifierCV."
            )
        self.estimator = estimator

    @property
    def model_hash(self) -> str:
        """From the estimator's class and settings."""
        return hashlib.blake2b(repr(self.estimator).encode(), digest_size=8).hexdigest()

    def prepare(self, X: np.ndarray) -> PreparedFeatures:
        """The rows ``X`` (n, d) with their views."""
        return PreparedFeatures(np.asarray(X), PFNClusterer().prepare(X))

    def posterior(
        self, prepared: PreparedFeatures, rows: np.ndarray, codes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(n, C) probabilities by the classifier fitted on ``rows`` (k,) of clusters ``codes`` (k,), and (n,) zeros.

        ``prepared`` is what :meth:`prepare` gave. Without a row: (n, 0) and ones. With one cluster only, that
        cluster has probability 1.
        """
        n, rows, codes = prepared.n_rows, np.asarray(rows), np.asarray(codes)
        if len(rows) == 0:
            return np.zeros((n, 0)), np.ones(n)
        found = np.unique(codes)
        if len(found) == 1:
            return np.ones((n, 1)), np.zeros(n)
        fitted = clone(self.estimator).fit(prepared.X[rows], codes)
        probability = np.asarray(fitted.predict_proba(prepared.X), dtype=float)
        return probability / probability.sum(axis=1, keepdims=True), np.zeros(n)
