"""Posteriors for rows that a fitted model has never seen, from what little of it they need."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from activeclust.views.extension import spread, weigh
from activeclust.views.neighbors import Neighbors
from activeclust.views.projection import Projection
from activeclust.views.views import N_NEIGHBORS


@dataclass
class Predictor:
    """A fitted model, small enough to be sent to other machines: L landmarks, C clusters.

    A row's posterior is the weighted mean of those of the landmarks near it. Each row is served on its own:
    the result does not depend on which rows come with it.

    Attributes
    ----------
    projection : Projection
        From features to PCA coordinates.
    pca : ndarray (L, a)
        The landmarks.
    scale : ndarray (L,)
        Distance of each to its 7th neighbour.
    posterior : ndarray (L, C + 1)
        Of each cluster, given that the row is of one of them; in the last column, of none of them.
    classes : ndarray (C,)
    """

    projection: Projection
    pca: np.ndarray
    scale: np.ndarray
    posterior: np.ndarray
    classes: np.ndarray

    @cached_property
    def index(self) -> Neighbors:
        """Finds the landmarks nearest to any points."""
        return Neighbors(self.pca)

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "index"}

    def full(self, X: np.ndarray) -> np.ndarray:
        """(n, C + 1) for rows ``X`` (n, d), in the columns of ``posterior``."""
        k = min(N_NEIGHBORS, len(self.pca))
        near, weights, _ = weigh(self.index, self.scale, self.projection(X), k, "posterior")
        return spread(self.posterior, near, weights)
