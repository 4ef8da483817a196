"""A prepared data set: its views, cached on disk, and checks of the memory that posteriors need."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.resources.cache import cached
from activeclust.resources.memory import available, require_memory
from activeclust.views.layout import check_installed, layout, method_hash
from activeclust.views.packing import key_of, pack, unpack
from activeclust.views.projection import row_parts
from activeclust.views.sizes import fitting_landmarks, posterior_bytes, views_bytes
from activeclust.views.views import Views, green_coordinates, make_views, unit_rows

CACHED_FROM = 5_000  #: rows; for fewer, computing the views takes no longer than reading them


@dataclass
class Prepared:
    """A prepared data set: its views, and the device state and candidate partitions that later posteriors reuse.

    Attributes
    ----------
    source : Views
        Of the distinct rows.
    cached : bool
        Whether what is computed from the rows is cached on disk.
    """

    source: Views
    cached: bool = False
    _session: Any = field(default=None, repr=False, compare=False)
    _searched: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def n_rows(self) -> int:
        """Number of given rows."""
        return len(self.source.inverse)

    @property
    def data_hash(self) -> str:
        """A hash of the rows."""
        return self.source.data_hash

    @cached_property
    def views(self) -> dict[str, np.ndarray]:
        """``"pca"`` (n, a), and ``"diffusion"`` (n, m) with rows of unit length."""
        source, others = self.source, self.source.extension
        diffusion = source.spread(green_coordinates(source.refined).astype(np.float32))
        if others is None:
            return {"pca": source.pca[source.inverse], "diffusion": diffusion}
        return {"pca": others.pca, "diffusion": unit_rows(diffusion)}

    @cached_property
    def neighbors(self) -> np.ndarray:
        """(n, q) nearest rows, as given row numbers, nearest first; copies of a row share theirs.

        With landmarks, the nearest landmarks.
        """
        source, others = self.source, self.source.extension
        if others is None:
            return source.first[source.neighbors][source.inverse]
        nearest = source.first[others.rows]
        nearest[source.first] = source.first[source.neighbors[:, : nearest.shape[1]]]
        return nearest

    @cached_property
    def density(self) -> np.ndarray:
        """(n,) one over the distance to the 7th neighbour, mean 1."""
        if self.source.extension is not None:
            return self.source.extension.density
        density = self.source.density[self.source.inverse]
        return density / density.mean()

    def layout(self) -> np.ndarray:
        """(n, 2) float32: positions of the rows on a map that preserves neighbours; takes minutes for 70,000 rows.

        Computed in a separate process at low priority and cached on disk; see :mod:`activeclust.views.layout`.

        Raises
        ------
        MissingDependency
            The extra ``map`` is not installed.
        """
        check_installed()
        rows = f"{self.data_hash}-{self.source.n_rows}"
        return cached(f"layout-{rows}-{method_hash()}", lambda: {"points": layout(self.source)})["points"]

    def with_copies(self, first: np.ndarray, inverse: np.ndarray, data_hash: str) -> Prepared:
        """The same distinct rows with other copies of them, in another order.

        Parameters
        ----------
        first, inverse : ndarray
            As :func:`activeclust.views.identity.distinct_rows` gives them of the rows.
        data_hash : str
            A name for them.
        """
        return Prepared(
            replace(self.source, first=first, inverse=inverse, data_hash=data_hash),
            self.cached,
            self._session,
            self._searched,
        )

    def __getstate__(self) -> dict:
        # tensors on a device are created again after unpickling
        return {"source": self.source, "cached": self.cached, "_session": None, "_searched": {}}

    def require_memory(self, anchors: int, clusters: int) -> None:
        """Raise :class:`NotEnoughMemory` where a posterior (k ``anchors``, C ``clusters``) would not fit."""
        graph = self.source.n_rows
        fewer = max(1_000, graph // 4)
        require_memory(
            posterior_bytes(self.n_rows, graph, anchors, clusters),
            f"The posteriors of {self.n_rows:,} rows and {clusters:,} clusters from {anchors:,} anchors",
            f"Take fewer rows with views of their own: --landmarks {fewer} (landmarks={fewer}).",
        )


def prepare(X: np.ndarray, landmarks: int | None = None, cache: bool = True) -> Prepared:
    """The views of ``X`` (n, d), read from the cache if they are in it.

    Parameters
    ----------
    X : ndarray (n, d) of float
    landmarks : int, optional
        How many rows have views of their own; see :func:`activeclust.views.views.make_views`.
    cache : bool
        Whether the views of 5,000 rows or more are cached on disk.

    Raises
    ------
    InvalidInput
        Where all rows are the same.
    NotEnoughMemory
        Where the views would not fit.
    """
    if landmarks is not None and landmarks < 2:
        raise InvalidInput(f"landmarks must be at least 2, got {landmarks!r}.")
    if all((X[part] == X[0]).all() for part in row_parts(*X.shape)):
        raise InvalidInput(
            f"All {len(X)} rows are identical: there is nothing to tell clusters apart by. "
            "Check that the features were read as meant."
        )

    def make() -> Views:
        _ask_for_views(len(X), X.shape[1], landmarks)
        return make_views(X, landmarks)

    if not cache or len(X) < CACHED_FROM:
        return Prepared(make())
    return Prepared(unpack(cached(key_of(X, landmarks), lambda: pack(make()))), cached=True)


def _ask_for_views(n: int, d: int, landmarks: int | None) -> None:
    fits = fitting_landmarks(n, d, available())
    remedy = (
        f"Compute them for {fits:,} rows and interpolate the others: --landmarks {fits} (landmarks={fits})."
        if fits
        else "Take fewer rows or columns, or a machine with more memory."
    )
    require_memory(views_bytes(n, d, landmarks), f"The views of {n:,} x {d:,}", remedy)
