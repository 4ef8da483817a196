"""Clusters without a single answer: the network's own none-of-these mass finds them one by one.

A typical row becomes the first anchor; the most confidently new among the typical rows the next; until
nothing is new. The number of clusters is how many there were.
"""

from __future__ import annotations

import numpy as np

from activeclust.pfn.inference import Posterior, Session

MAX_CLUSTERS = 200
NEW_ENOUGH = 0.5


def discover(session: Session, max_clusters: int = MAX_CLUSTERS) -> tuple[np.ndarray, Posterior]:
    """Anchors that the network chose itself, one a cluster, and the posterior they give.

    Parameters
    ----------
    session : Session
    max_clusters : int
        Where the search ends at the latest.

    Returns
    -------
    rows : ndarray (C,) of int
        One distinct row a cluster.
    posterior : Posterior
    """
    views = session.views
    typical = _typicality(views.density, views.neighbors)
    rows = [int(np.argmax(typical))]
    rank = np.argsort(np.argsort(typical)) / max(len(typical) - 1, 1)
    while True:
        posterior = session.posterior(np.array(rows), np.arange(len(rows)))
        if len(rows) >= min(max_clusters, views.n_rows - 1):
            break
        score = posterior.new * (0.5 + 0.5 * rank)
        score[rows] = -1.0
        best = int(np.argmax(score))
        if posterior.new[best] < NEW_ENOUGH:
            break
        rows.append(best)
    return np.array(rows), posterior


def _typicality(density: np.ndarray, neighbors: np.ndarray) -> np.ndarray:
    """Density averaged over a row and its ten nearest: an outlier beside a dense spot is not typical."""
    return (density + density[neighbors[:, :10]].sum(axis=1)) / (1 + min(10, neighbors.shape[1]))
