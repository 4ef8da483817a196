"""The result of a fit: anchors, and the posterior of the distinct rows given them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from activeclust.clusterer.posteriors import Posteriors
from activeclust.views.views import Views

if TYPE_CHECKING:
    from activeclust.zeroshot.discover import Discovery


@dataclass(frozen=True)
class Fit:
    """k anchors and C clusters on n rows, of which m are distinct.

    Attributes
    ----------
    rows, codes : ndarray (k,) of int
        The anchors and their clusters.
    answered : bool
        Whether the anchors were answered; otherwise they are typical rows of the clusters found.
    posterior : ndarray (m, C)
    new : ndarray (m,)
        Probability of none of the clusters.
    votes : ndarray (m,)
        Weight of each distinct row among the neighbours of a new row.
    """

    rows: np.ndarray
    codes: np.ndarray
    answered: bool
    posterior: np.ndarray
    new: np.ndarray
    votes: np.ndarray

    def at_all_rows(self, views: Views) -> tuple[np.ndarray, np.ndarray]:
        """(n, C) posterior and (n,) probability of none of the clusters; answered rows have their own cluster."""
        posterior, new = views.spread(self.posterior), views.spread(self.new)
        if self.answered:
            posterior[self.rows] = 0.0
            posterior[self.rows, self.codes] = 1.0
            new[self.rows] = 0.0
        return posterior, new


def fit_answers(posteriors: Posteriors, rows: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> Fit:
    """From ``rows`` (k,) with answers ``codes`` (k,) of ``weights`` (k,); a cluster may have no answer."""
    views = posteriors.prepared.source
    present, recoded = np.unique(codes, return_inverse=True)
    posterior, new = posteriors.known.widened(*posteriors.at_distinct_rows(rows, recoded, weights), present)
    votes = np.bincount(views.inverse[rows], weights, len(views.first))
    return Fit(rows, codes, True, posterior, new, np.where(votes > 0, votes, 1.0))


def fit_clusters(posteriors: Posteriors, found: Discovery) -> Fit:
    """From clusters ``found`` without answers."""
    first = posteriors.prepared.source.first
    posterior = found.posterior.known
    new = posteriors.known.new(found.posterior.new, posterior.shape[1])
    return Fit(first[found.rows], found.codes, False, posterior, new, np.ones(len(first)))
