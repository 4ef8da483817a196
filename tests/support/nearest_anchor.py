"""A clusterer of a few lines, for tests of the loop alone."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PreparedRows:
    """What a clusterer's ``prepare`` gives, without a graph."""

    X: np.ndarray
    views: dict[str, np.ndarray]
    neighbors: np.ndarray
    density: np.ndarray
    data_hash: str

    @property
    def n_rows(self) -> int:
        return len(self.X)


class NearestAnchor:
    """A clusterer of a few lines for tests of the loop alone: softmax over the nearest anchor's distance.

    It answers the loop's questions for real (its posterior depends on every anchor), in microseconds.
    """

    def __init__(self, model_hash: str = "nearest-anchor") -> None:
        self.model_hash = model_hash
        self.calls = 0

    def prepare(self, X) -> PreparedRows:
        centred = X - X.mean(axis=0)
        centred /= np.sqrt((centred**2).sum(axis=1).mean())
        unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
        distance = np.linalg.norm(centred[:, None] - centred[None], axis=2)
        neighbors = np.argsort(distance + np.eye(len(X)) * 1e9, axis=1)[:, : min(10, len(X) - 1)]
        density = 1 / (np.take_along_axis(distance, neighbors, axis=1).mean(axis=1) + 1e-9)
        return PreparedRows(
            X=centred,
            views={"pca": centred, "diffusion": unit},
            neighbors=neighbors,
            density=density / density.mean(),
            data_hash=hashlib.sha256(np.ascontiguousarray(X).tobytes()).hexdigest(),
        )

    def posterior(self, prepared, rows, codes):
        self.calls += 1
        n = prepared.n_rows
        if len(rows) == 0:
            return np.zeros((n, 0)), np.ones(n)
        distance = np.linalg.norm(prepared.X[:, None] - prepared.X[rows][None], axis=2)
        nearest = np.full((n, codes.max() + 1), np.inf)
        for column, code in enumerate(codes):
            nearest[:, code] = np.minimum(nearest[:, code], distance[:, column])
        weight = np.exp(-4 * nearest)
        return weight / weight.sum(axis=1, keepdims=True), 1 - np.exp(-nearest.min(axis=1))
