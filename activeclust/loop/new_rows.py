"""Probabilities of rows that are not in the loop, and arrays of cluster names of one type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.loop.posteriors import NamedPosterior
from activeclust.store.records import Cluster

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer, PreparedRows


def probabilities_of(
    X: np.ndarray, clusterer: Clusterer, prepared: PreparedRows, current: NamedPosterior
) -> np.ndarray:
    """(m, C) probability of each cluster at the rows ``X`` (m, d), given that the row is of one of them.

    Parameters
    ----------
    X : ndarray (m, d)
    clusterer, prepared
        The loop's model and rows.
    current : NamedPosterior
        The posterior at those rows.

    Raises
    ------
    InvalidInput
        For a clusterer without the method ``unseen``, and without any answer.
    """
    unseen = getattr(clusterer, "unseen", None)
    if unseen is None:
        raise InvalidInput(
            f"{type(clusterer).__name__} cannot predict new rows: it has no method unseen(prepared, X, "
            "posterior, new)."
        )
    C = current.posterior.shape[1]
    if C == 0:
        raise InvalidInput("No row is answered yet: there is no cluster to predict.")
    if len(X) == 0:
        return np.empty((0, C))
    known = unseen(prepared, X, current.posterior, current.new)[:, :-1]
    return known / np.maximum(known.sum(axis=1, keepdims=True), 1e-300)


def names_at(codes: np.ndarray, clusters: Sequence[Cluster]) -> np.ndarray:
    """(m,) the clusters' names at ``codes`` (m,): integers or texts if all names are, else objects.

    Examples
    --------
    >>> names_at(np.array([1, 0]), ["left", "right"]).tolist()
    ['right', 'left']
    """
    names = np.empty(len(clusters), dtype=object)
    names[:] = clusters
    return typed(names[codes], clusters)


def typed(names: np.ndarray, clusters: Sequence[Any]) -> np.ndarray:
    """An array of names (m,) as integers or as texts, if all ``clusters`` are."""
    kinds = {type(cluster) for cluster in clusters}
    return names.astype(kinds.pop()) if len(kinds) == 1 else names
