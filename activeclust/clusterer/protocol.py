"""What the loop needs of a model, as typing protocols: any object that fulfils them can replace the estimator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np


@runtime_checkable
class PreparedRows(Protocol):
    """The result of ``prepare``: the geometry of n rows, computed once."""

    @property
    def n_rows(self) -> int:
        """Number of rows n."""

    @property
    def data_hash(self) -> str:
        """A hash of the rows; a run is resumed only with the same one."""

    @property
    def views(self) -> Mapping[str, np.ndarray]:
        """(n, m) arrays: at least ``"pca"``, centred coordinates, and ``"diffusion"``, rows of unit length."""

    @property
    def neighbors(self) -> np.ndarray:
        """(n, q) int: the nearest rows of each, nearest first."""

    @property
    def density(self) -> np.ndarray:
        """(n,) the reciprocal of the typical distance to the neighbours, mean 1."""


@runtime_checkable
class Clusterer(Protocol):
    """A model that gives posteriors over clusters from anchors.

    It may also have ``resample``, ``hypothetical``, ``zero_shot`` and ``unseen``, as
    :class:`activeclust.PFNClusterer` does; strategies and :meth:`activeclust.ActiveLoop.predict` raise an error if they
    need one that is missing. The loop copies a model with scikit-learn's ``get_params``, and sets its ``n_clusters`` if
    the run knows its classes.
    """

    @property
    def model_hash(self) -> str:
        """A hash of the model; a run is resumed only with the same one."""

    def prepare(self, X: np.ndarray) -> Any:
        """The geometry of ``X`` (n, d), a :class:`PreparedRows` that :meth:`posterior` understands."""

    def posterior(self, prepared: Any, rows: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(n, C) probability of each cluster given that the row is of one, and (n,) of none of them.

        Parameters
        ----------
        prepared : PreparedRows
            From this model's :meth:`prepare`.
        rows : ndarray (k,) of int
            The anchors; k may be 0, and then C is 0.
        codes : ndarray (k,) of int
            Their clusters, 0 to C - 1.
        """
