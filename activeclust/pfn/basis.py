"""The views as tensors, with the quantities of the rules that do not depend on anchors."""

from __future__ import annotations

import copy
import math
import warnings

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.gaussians import COORDINATES, Gaussians, products, ridge_of
from activeclust.pfn.groups import Groups
from activeclust.views.views import Graph, Views, green_coordinates, unit_rows

_CHEBYSHEV_STEPS = 8  # products with the graph, for the Green function beyond its leading eigenspace
_LOCAL_SHIFT = 1e-3
GRAPHS = ("refined", "graph", "sharp", "angle")
_FIT_ROWS = 4096  # number of rows that Gaussians are fitted to
_PICKED = (1, 2, 4, 9, 19, 39)  # indices of the eigenvalues in the network's input
N_SPECTRUM = len(GRAPHS) * len(_PICKED)

#: Rows by their numbers, or a slice, which needs no copy.
Where = Tensor | slice


class Basis:
    """The views as tensors on one device.

    Parameters
    ----------
    views : Views
    device : torch.device or str
    """

    def __init__(self, views: Views, device: torch.device | str = "cpu") -> None:
        def to(a: np.ndarray) -> Tensor:
            return torch.as_tensor(np.ascontiguousarray(a), dtype=torch.float32, device=device)

        self.n = views.n_rows
        self.device = torch.device(device)
        self.pca, self.scale = to(views.pca), to(views.scale)
        variance = self.pca.var(dim=0, correction=0)
        self.whitening = 1.0 / torch.sqrt(variance + 1e-3 * variance.mean() + 1e-12)
        white = self.pca * self.whitening
        self.white = white / white.square().sum(1).mean().sqrt().clamp_min(1e-12)
        self._fit_single()
        self.coordinates = min(COORDINATES, self.pca.shape[1])
        self.temperature = max(1.0, math.sqrt(self.coordinates) / 2)
        self.log_density = to(np.log(views.density + 1e-9))
        self.graphs = {name: TorchGraph(getattr(views, name), to) for name in GRAPHS}
        vectors = views.refined.eigenvectors
        self.embedding = {
            "refined24": to(unit_rows(vectors[:, :24])),
            "refined8": to(unit_rows(vectors[:, :8])),
            "green": to(green_coordinates(views.refined)),
            "graph24": to(unit_rows(views.graph.eigenvectors[:, :24])),
            "angle": to(green_coordinates(views.angle)),
            "sphere": to(views.sphere),
        }
        self.embedding["white_sphere"] = _whitened(self.embedding["sphere"])
        self.groups = Groups(self.embedding["green"], self.refined.times, self.refined.values)
        self.spectrum = torch.cat([_spectrum(getattr(views, name), to) for name in GRAPHS])

    @property
    def refined(self) -> TorchGraph:
        """The graph of groups, degrees and typical rows."""
        return self.graphs["refined"]

    def _fit_single(self) -> None:
        """The products of the rows that Gaussians are fitted to, and the share of a single Gaussian."""
        self.products = products(self.pca[:_FIT_ROWS])
        ones = torch.ones(1, 1, len(self.products), device=self.device)
        self.ridge = ridge_of(self.products)
        single, _ = Gaussians.fit(self.products, ones, ridge=self.ridge).log_density(self.products)
        self.single = float(single.mean())  # the baseline of the clusters' own Gaussians

    def products_at(self, rows: Where) -> Tensor:
        """The :func:`products` of the PCA coordinates at ``rows``; those of the first rows are stored."""
        if not isinstance(rows, slice):
            return products(self.pca[rows])
        old, rest = divided(rows, len(self.products))
        return (
            self.products[old] if rest is None else torch.cat([self.products[old], products(self.pca[rest])])
        )

    def thinned(self, keep: float, rng: np.random.Generator) -> Basis:
        """This basis with a random share ``keep`` of its eigenvectors and PCA coordinates."""
        thin = copy.copy(self)
        thin.graphs = {name: graph.thinned(keep, rng) for name, graph in self.graphs.items()}
        thin.embedding = {name: unit(E * _mask(E, keep, rng)) for name, E in self.embedding.items()}
        kept = _mask(self.pca, keep, rng)
        thin.pca, thin.white = self.pca * kept, self.white * kept
        thin._fit_single()
        return thin


def _whitened(E: Tensor) -> Tensor:
    """``E`` (n, m) with all columns scaled to equal size and rows to length 1: no direction dominates."""
    variance = E.var(dim=0, correction=0)
    return unit((E - E.mean(dim=0)) / torch.sqrt(variance + 1e-3 * variance.mean() + 1e-12))


def _mask(A: Tensor, keep: float, rng: np.random.Generator) -> Tensor:
    """(m,) zeros and ones, at least one of them 1."""
    kept = rng.random(A.shape[1]) < keep
    kept[rng.integers(A.shape[1])] = True
    return torch.as_tensor(kept, dtype=A.dtype, device=A.device)


class TorchGraph:
    def __init__(self, graph: Graph, to) -> None:
        self.values, self.vectors = to(graph.eigenvalues), to(graph.eigenvectors)
        self.root_degree = to(np.sqrt(graph.degree))
        # SciPy is five times as fast as torch for many columns, and computes each column independently
        self.adjacency = graph.adjacency if self.values.device.type == "cpu" else self._on_device(graph)

    def _on_device(self, graph: Graph) -> Tensor:
        S = graph.adjacency
        with warnings.catch_warnings():  # torch warns once that its CSR layout is in beta
            warnings.filterwarnings("ignore", message="Sparse CSR", category=UserWarning)
            return torch.sparse_csr_tensor(
                torch.as_tensor(S.indptr.astype(np.int32)),
                torch.as_tensor(S.indices.astype(np.int32)),
                torch.as_tensor(S.data),
                size=S.shape,
                device=self.values.device,
                check_invariants=False,
            )

    def thinned(self, keep: float, rng: np.random.Generator) -> TorchGraph:
        """This graph with a random share of its eigenvectors."""
        thin = copy.copy(self)
        thin.vectors = self.vectors * _mask(self.vectors, keep, rng)
        return thin

    def times(self, X: Tensor) -> Tensor:
        """The adjacency times X (n, k)."""
        if isinstance(self.adjacency, Tensor):
            return self.adjacency @ X
        return torch.from_numpy(self.adjacency @ X.numpy())

    def local_columns(self, rows: Tensor) -> Tensor:
        """(n, k) columns of (1 + shift - S)^-1 on the complement of the leading eigenspace.

        By Chebyshev iteration (Saad, Iterative methods for sparse linear systems, 2003, algorithm 12.1): the spectrum
        there lies between one minus the last known eigenvalue, and two.
        """
        low, high = 1.0 + _LOCAL_SHIFT - float(self.values[-1]), 2.0 + _LOCAL_SHIFT
        middle, half = (high + low) / 2, max((high - low) / 2, 1e-3)
        # column by column: the rounding of a matrix product depends on the number of columns
        residual = -torch.stack([self.vectors @ self.vectors[row] for row in rows], 1)
        residual[rows, torch.arange(len(rows), device=rows.device)] += 1.0
        sigma = middle / half
        rho = 1.0 / sigma
        change = residual / middle
        total = change.clone()
        for _ in range(_CHEBYSHEV_STEPS - 1):
            residual += self.times(change)
            residual.sub_(change, alpha=1.0 + _LOCAL_SHIFT)
            following = 1.0 / (2.0 * sigma - rho)
            change = change.mul_(following * rho).add_(residual, alpha=2.0 * following / half)
            rho = following
            total += change
        return total


def _spectrum(graph: Graph, to) -> Tensor:
    gaps = 1.0 - graph.eigenvalues.astype(np.float64)
    picked = [gaps[min(i, len(gaps) - 1)] for i in _PICKED]
    return to(np.log(np.maximum(picked, 0) + 1e-4) / 5.0)


def divided(rows: slice, m: int) -> tuple[slice, slice | None]:
    """The parts of a slice below and from row m on; None for an empty part."""
    old = slice(min(rows.start, m), min(rows.stop, m))
    return old, slice(max(rows.start, m), rows.stop) if rows.stop > m else None


def unit(A: Tensor) -> Tensor:
    """``A`` (..., m) with its last axis scaled to length 1."""
    return A / A.norm(dim=-1, keepdim=True).clamp_min(1e-6)
