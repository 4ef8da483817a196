"""Conversion of views to plain arrays and back for the cache on disk, and their cache key."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from activeclust.views import extension, identity, neighbors, order, projection, spectrum, views
from activeclust.views.extension import Extension
from activeclust.views.identity import content_hash
from activeclust.views.projection import Projection
from activeclust.views.views import Graph, Views

_ARRAYS = ("first", "inverse", "pca", "sphere", "neighbors", "scale")
_GRAPHS = ("graph", "refined", "sharp", "angle")


def key_of(X: np.ndarray, landmarks: int | None) -> str:
    """The cache key: made from the rows, the number of landmarks, and the code that computes views.

    Examples
    --------
    >>> key_of(np.eye(2), None) == key_of(np.eye(2), None) != key_of(np.eye(2), 1)
    True
    """
    return f"views-{content_hash(X)}-{landmarks or 'all'}-{code_hash()}"


@functools.cache
def code_hash() -> str:
    """A hash of the code that computes views, for the keys of what depends on them."""
    # changed code gives other keys, so no version number has to be increased by hand
    modules = (extension, identity, neighbors, order, projection, spectrum, views)
    files = [str(module.__file__) for module in modules]
    return hashlib.blake2b(b"".join(Path(file).read_bytes() for file in files), digest_size=4).hexdigest()


def pack(seen: Views) -> dict[str, np.ndarray]:
    """Views as named arrays."""
    arrays = {name: getattr(seen, name) for name in _ARRAYS}
    arrays |= {"data_hash": np.array(seen.data_hash), "recall": np.array(seen.recall)}
    for field in fields(Projection):
        arrays[f"projection.{field.name}"] = np.asarray(getattr(seen.projection, field.name))
    for name in _GRAPHS:
        graph: Graph = getattr(seen, name)
        for part in ("degree", "eigenvalues", "eigenvectors"):
            arrays[f"{name}.{part}"] = getattr(graph, part)
        for part in ("data", "indices", "indptr"):
            arrays[f"{name}.adjacency.{part}"] = getattr(graph.adjacency, part)
    if seen.extension is not None:
        for field in fields(Extension):
            arrays[f"extension.{field.name}"] = getattr(seen.extension, field.name)
    return arrays


def unpack(arrays) -> Views:
    """The views that :func:`pack` converted."""

    def graph(name: str) -> Graph:
        parts = tuple(arrays[f"{name}.adjacency.{part}"] for part in ("data", "indices", "indptr"))
        n = len(parts[2]) - 1
        values = (arrays[f"{name}.{part}"] for part in ("degree", "eigenvalues", "eigenvectors"))
        return Graph(sp.csr_array(parts, shape=(n, n)), *values)

    projection = Projection(
        float(arrays["projection.unit"]),
        arrays["projection.centre"],
        float(arrays["projection.size"]),
        arrays["projection.components"],
        float(arrays["projection.rms"]),
    )
    extension = None
    if "extension.rows" in arrays:
        extension = Extension(*(arrays[f"extension.{field.name}"] for field in fields(Extension)))
    parts: dict[str, Any] = {name: arrays[name] for name in _ARRAYS} | {name: graph(name) for name in _GRAPHS}
    return Views(
        **parts,
        projection=projection,
        data_hash=str(arrays["data_hash"]),
        recall=float(arrays["recall"]),
        extension=extension,
    )
