"""Kernels between rows and anchors: how close each row is to each anchor, in every geometry.

A kernel is an object with one method, ``between(anchors, at) -> (b, m)``. One that depends on the two rows alone is
:class:`Fixed`: its columns can be kept for later posteriors (:mod:`activeclust.pfn.columns`). Four families:

- :class:`Green`, the graph's Green function (1 + shift - S)^-1 with S the normalised adjacency: exact on its leading
eigenspace, beyond it by a few steps of a Chebyshev iteration. A small shift reaches far along the graph;
  shift -> 0 is Laplace learning (Zhu, Ghahramani and Lafferty, ICML 2003);
- :class:`Gaussian`, exp(-d^2 / 2 w) of the squared distance in a view, with a width computed from the anchors;
- :class:`Spherical`, exp((cos - 1) / w) of the angle in an embedding of unit rows;
- :class:`Linear`, inner products of whitened PCA coordinates.

Shapes: b rows, m centres (all anchors, or a part of them, see AnchorSet).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from activeclust.pfn.anchor_set import AnchorSet
    from activeclust.pfn.basis import Basis, Where


class Kernel(Protocol):
    """The interface of a kernel."""

    def between(self, anchors: AnchorSet, at: Where) -> Tensor:
        """(b, m) closeness of the rows ``at`` to the centres."""


class Fixed(ABC):
    """A kernel that depends on the two rows alone, not on the anchors of the posterior."""

    def between(self, anchors: AnchorSet, at: Where) -> Tensor:
        """(b, m) values; those of columns that are kept are not computed again."""
        if self in anchors.columns:
            return anchors.columns.at(self, at)
        return self._between(anchors, at)

    @abstractmethod
    def _between(self, anchors: AnchorSet, at: Where) -> Tensor:
        """(b, m) values by one product of matrices."""

    @abstractmethod
    def columns(self, basis: Basis, rows: Tensor, local: Mapping[str, Tensor]) -> Tensor:
        """(n, k) values between all rows and ``rows`` (k,), each column by a product of its own.

        ``local`` are the local parts (n, k) of every graph's kernels there.
        """


@dataclass(frozen=True)
class Green(Fixed):
    """The Green function of one of the basis' graphs.

    Attributes
    ----------
    graph : str
        A name in ``Basis.graphs``.
    shift : float
        The smaller, the farther the kernel reaches.
    """

    graph: str
    shift: float

    def _between(self, anchors: AnchorSet, at: Where) -> Tensor:
        """Entries of D^-1/2 (1 + shift - S)^-1 D^-1/2."""
        graph, rows = anchors.basis.graphs[self.graph], anchors.centre_rows
        weight = 1.0 / (1.0 - graph.values + self.shift)
        K = (graph.vectors[at] * weight) @ graph.vectors[rows].T
        # in place: allocating memory takes longer than the computation
        K += anchors.columns.at(self.graph, at)
        K /= graph.root_degree[at][:, None]
        K /= graph.root_degree[rows][None]
        return K

    def columns(self, basis: Basis, rows: Tensor, local: Mapping[str, Tensor]) -> Tensor:
        """As for any rows."""
        graph = basis.graphs[self.graph]
        K = _products(graph.vectors * (1.0 / (1.0 - graph.values + self.shift)), graph.vectors, rows)
        K += local[self.graph]
        K /= graph.root_degree[:, None]
        K /= graph.root_degree[rows][None]
        return K


@dataclass(frozen=True)
class Gaussian:
    """A Gaussian kernel on the squared distances returned by ``squared``, of the width returned by ``width``."""

    squared: Callable[[AnchorSet, Where], Tensor]
    width: Callable[[AnchorSet], Tensor]

    def between(self, anchors: AnchorSet, at: Where) -> Tensor:
        """(b, m) values, 1 at distance 0."""
        squared = self.squared(anchors, at)
        return squared.mul_(-0.5).div_(self.width(anchors)).exp_()


@dataclass(frozen=True)
class Spherical(Fixed):
    """The kernel exp((cos - 1) / width) on the unit rows of the embedding ``embedding``."""

    embedding: str
    width: float

    def _between(self, anchors: AnchorSet, at: Where) -> Tensor:
        """Values, 1 at angle 0."""
        E = anchors.basis.embedding[self.embedding]
        return torch.exp_((E[at] @ E[anchors.centre_rows].T - 1.0) / self.width)

    def columns(self, basis: Basis, rows: Tensor, local: Mapping[str, Tensor]) -> Tensor:
        """As for any rows."""
        E = basis.embedding[self.embedding]
        return torch.exp_((_products(E, E, rows) - 1.0) / self.width)


@dataclass(frozen=True)
class Linear(Fixed):
    """Inner products, plus one, of whitened PCA coordinates: interpolation with it is ridge regression."""

    def _between(self, anchors: AnchorSet, at: Where) -> Tensor:
        """Values; the mean of the diagonal is 2."""
        X = anchors.basis.white
        return X[at] @ X[anchors.centre_rows].T + 1.0

    def columns(self, basis: Basis, rows: Tensor, local: Mapping[str, Tensor]) -> Tensor:
        """As for any rows."""
        return _products(basis.white, basis.white, rows) + 1.0


def _products(A: Tensor, B: Tensor, rows: Tensor) -> Tensor:
    """(n, k) products of A (n, a) and the rows ``rows`` (k,) of B (n, a), column by column."""
    return torch.stack([A @ B[row] for row in rows.tolist()], 1)


KERNELS: dict[str, Kernel] = {
    "refined_near": Green("refined", 1e-3),
    "refined_far": Green("refined", 3e-2),
    "graph": Green("graph", 1e-2),
    "graph_chain": Green("graph", 1e-4),
    "pca": Gaussian(lambda anchors, at: anchors.squared_distance(at), lambda anchors: anchors.bandwidth),
    "white": Gaussian(
        lambda anchors, at: anchors.white_distance(at), lambda anchors: anchors.white_bandwidth
    ),
    "relevant": Gaussian(
        lambda anchors, at: anchors.relevant_distance(at), lambda anchors: anchors.relevant_bandwidth
    ),
    "linear": Linear(),
    "sharp": Green("sharp", 1e-3),
    "angle": Green("angle", 1e-2),
    "angle_near": Green("angle", 1e-3),
    "sphere": Spherical("sphere", 0.5),
    "white_sphere": Spherical("white_sphere", 0.2),
}
