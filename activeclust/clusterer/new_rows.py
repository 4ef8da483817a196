"""Prediction of rows that were not fitted, shared by the clusterer and the classifier."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from activeclust.clusterer.predictor import Predictor
from activeclust.clusterer.rows import numbers_of
from activeclust.clusterer.settings import under_own_settings


class PredictsNewRows(BaseEstimator):
    """An estimator with ``classes_`` and ``predictor_`` that predicts every row on its own."""

    classes_: np.ndarray

    @property
    def predictor_(self) -> Predictor:
        """What the prediction of new rows needs of this model; it can be sent to other machines."""
        raise NotImplementedError

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def predict(self, X) -> np.ndarray:
        """(n,) the most probable of ``classes_`` for each row of ``X`` (n, n_features), fitted or not."""
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    @under_own_settings
    def predict_proba(self, X) -> np.ndarray:
        """(n, n_classes) probabilities of ``classes_`` for the rows of ``X`` (n, n_features); rows sum to 1.

        They are those of the fitted rows near it. How many neighbours take part is learned from the fitted rows, each
        left out in turn (:mod:`activeclust.clusterer.predictor`). A row that equals a fitted one has that one's
        probabilities. Each row is predicted on its own, whichever rows come with it.
        """
        check_is_fitted(self)
        return self.predictor_.full(numbers_of(self, X, fitting=False))[:, :-1]
