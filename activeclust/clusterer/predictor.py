"""Posteriors of rows that were not fitted, from a small part of the fitted model.

The posterior of an unseen row is a weighted sum of means over its nearest neighbours, from one neighbour up to sixteen.
The weights are learned from the fitted rows, each left out in turn (stacking: Wolpert, Neural Networks 5, 1992): with
few fitted rows or many small classes the nearest row decides; with many rows and overlapping posteriors more neighbours
count.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from activeclust.clusterer.settings import under_own_settings
from activeclust.views.extension import spread
from activeclust.views.neighbors import Neighbors
from activeclust.views.projection import Projection
from activeclust.views.views import Views

NEAREST = (1, 2, 4, 8, 16)  #: numbers of neighbours that are tried
_LEFT_OUT = 1024  # number of rows that are left out in turn: the first ones, which are a random sample
_TRUST = 3.0  # prior count of the nearest neighbour: as if it had predicted this many rows correctly
_EVEN = 0.02  # the same for each of the others
_STEPS = 50


@dataclass
class Predictor:
    """The part of a fitted model that predictions need, small enough to send to other machines: L landmarks, C
    clusters.

    Each row is predicted on its own: the result does not depend on which rows come with it.

    Attributes
    ----------
    projection : Projection
        From features to PCA coordinates.
    pca : ndarray (L, a)
        The landmarks.
    scale : ndarray (L,)
        Distance of each to its 7th neighbour; a row at a much smaller distance is the same row.
    posterior : ndarray (L, C + 1)
        Probability of each cluster, given that the row is of one of them; in the last column, of none of them.
    classes : ndarray (C,)
    votes : ndarray (L,)
        Weight of each landmark among the neighbours.
    shares : ndarray (len(NEAREST) + 1,)
        Weight of the mean over each number of neighbours; in the last entry, of the uniform distribution.
    """

    projection: Projection
    pca: np.ndarray
    scale: np.ndarray
    posterior: np.ndarray
    classes: np.ndarray
    votes: np.ndarray
    shares: np.ndarray

    @classmethod
    def fit(cls, views: Views, posterior: np.ndarray, classes: np.ndarray, votes: np.ndarray) -> Predictor:
        """From views of L rows, their ``posterior`` (L, C + 1), and their ``votes`` (L,)."""
        shares = _stacked(views, posterior, votes)
        return cls(views.projection, views.pca, views.scale, posterior, classes, votes, shares)

    @cached_property
    def index(self) -> Neighbors:
        """Finds the landmarks nearest to any points."""
        return Neighbors(self.pca)

    def __getstate__(self) -> dict:
        return {name: value for name, value in self.__dict__.items() if name != "index"}

    @under_own_settings
    def full(self, X: np.ndarray) -> np.ndarray:
        """(n, C + 1) for rows ``X`` (n, d), in the columns of ``posterior``; a fitted row has its own."""
        k = min(max(NEAREST), len(self.pca))
        near, distances = self.index.search(self.projection.pca(X), k, "posterior")
        weights = np.einsum("s,sij->ij", self.shares[:-1], _weights(distances, self.votes[near]))
        equal = distances <= 1e-5 * self.scale[near]
        known = equal.any(axis=1)
        weights[known] = equal[known] / equal[known].sum(axis=1, keepdims=True)
        out = spread(self.posterior, near, weights)
        out[~known] += self.shares[-1] * _even(self.posterior)
        return out


def _weights(distances: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """(len(NEAREST), m, k) weights of each row's neighbours, nearest first, in the mean over each number of them."""
    out = np.zeros((len(NEAREST), *distances.shape))
    squared = distances.astype(np.float64) ** 2
    for of, number in zip(out, NEAREST, strict=True):
        number = min(number, squared.shape[1])
        farthest = np.maximum(squared[:, number - 1 : number], 1e-30)
        of[:, :number] = np.exp(-2.0 * squared[:, :number] / farthest) * votes[:, :number]
        of /= of.sum(axis=1, keepdims=True)
    return out


def _even(posterior: np.ndarray) -> np.ndarray:
    """(C + 1,) the posterior of a row about which nothing is known."""
    C = posterior.shape[1] - 1
    return np.append(np.full(C, 1.0 / max(C, 1)), posterior[:, -1].mean())


def _stacked(views: Views, posterior: np.ndarray, votes: np.ndarray) -> np.ndarray:
    """Maximum-likelihood weights of the means and the uniform distribution, each row predicted from the others."""
    near = views.neighbors[:_LEFT_OUT, : max(NEAREST)]
    at, known = views.pca[: len(near)], posterior[:, :-1]
    distances = np.linalg.norm(at[:, None].astype(np.float64) - views.pca[near], axis=2)
    said = np.stack([spread(known, near, weights) for weights in _weights(distances, votes[near])])
    said = np.concatenate([said, np.broadcast_to(_even(posterior)[:-1], (1, *said.shape[1:]))])
    truth = known[: len(near)] * votes[: len(near), None]
    before = np.full(len(said), _EVEN)
    before[0] += _TRUST
    shares = before / before.sum()
    for _ in range(_STEPS):  # expectation maximisation: every step increases the likelihood
        of = shares[:, None, None] * said
        of /= np.maximum(of.sum(axis=0), 1e-12)
        shares = (of * truth).sum(axis=(1, 2)) + before
        shares /= shares.sum()
    return shares
