"""The anchors of one posterior, and the quantities that relate rows to them.

:class:`AnchorSet` holds what every rule needs of the anchors; :class:`Relations` holds distances, kernels and the like
between some rows and the anchors, each computed when first read; :class:`LeaveOneOutRelations` is the same for the
anchors themselves, each with itself left out. These objects belong to one posterior: nothing is shared between calls.

With more than :data:`MOST_CENTRES` anchors, kernels are computed to that many of them, the *centres*; the others still
count wherever a sum over anchors suffices (means, ellipsoids, groups, and the labels that kernels interpolate).

Shapes: n rows, b of them evaluated, k anchors, m centres, C clusters.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import torch
from torch import Tensor

from activeclust.pfn.basis import Basis, Where, divided
from activeclust.pfn.columns import Columns
from activeclust.pfn.gaussians import products
from activeclust.pfn.kernels import KERNELS
from activeclust.views.sizes import MOST_KERNELS

MOST_CENTRES = MOST_KERNELS
_FLOOR = 1e-5  # lower bound of a kernel's values before the logarithm
_FAR = 10.0  # the logarithm of relative distance that means "no such anchor"


class AnchorSet:
    """k anchors of C clusters on one data set.

    Parameters
    ----------
    basis : Basis
    rows : Tensor (k,) of int64
        Distinct row numbers.
    codes : Tensor (k,) of int64
        Their clusters, 0 to C - 1, each with at least one anchor.
    columns_at : callable, optional
        Returns the kernels' columns at rows (m,); computed here by default.

    Attributes
    ----------
    centres : Tensor (m,) of int64
        The anchors that kernels are computed to, as positions in ``rows``: all, or equally many of each cluster.
    """

    def __init__(
        self,
        basis: Basis,
        rows: Tensor,
        codes: Tensor,
        columns_at: Callable[[Tensor], Columns] | None = None,
    ) -> None:
        self.basis, self.rows, self.codes = basis, rows, codes
        self.k, self.C = len(rows), int(codes.max()) + 1
        self.centres = _centres(rows, codes)
        self.m = len(self.centres)
        self.centre_rows, self.centre_codes = rows[self.centres], codes[self.centres]
        self.columns = (
            Columns.computed(basis, self.centre_rows) if columns_at is None else columns_at(self.centre_rows)
        )
        self.onehot = torch.nn.functional.one_hot(codes, self.C).float()
        self.share = self.onehot.mean(0)
        self.own = torch.eye(self.m, dtype=torch.bool, device=rows.device)
        # no Relations are kept here: they refer to this object, and what refers to itself stays in memory for a while
        self._of_sample: dict[str, Tensor] = {}
        self.groups = basis.groups.with_anchors(rows, self.onehot)
        sample = torch.linspace(0, basis.n - 1, min(basis.n, 512), device=rows.device).long()
        # squared widths of the Gaussian kernels: the median row's squared distance to its nearest anchor
        nearest = self.squared_distance(sample).amin(1)
        self.bandwidth: Tensor = nearest.median() + basis.scale.square().median()
        self.white_bandwidth: Tensor = self.white_distance(sample).amin(1).median() + 1e-6
        self.relevance = self._relevance()
        self.relevant_bandwidth: Tensor = self.relevant_distance(sample).amin(1).median() + 1e-6

    @property
    def sample(self) -> Relations:
        """The rows that Gaussians are fitted to: the first ones, which are a random sample."""
        return Relations(self, slice(0, len(self.basis.products)), self._of_sample)

    def relations(self, at: Where) -> Relations:
        """The quantities of the rows ``at``; the sample's kernels are not computed again."""
        return Relations(self, at)

    def kernel(self, name: str, at: Where) -> Tensor:
        """(b, m) values of a kernel between the rows ``at`` and the centres."""
        stored = self._of_sample.get(name)
        if stored is None or not isinstance(at, slice):
            return KERNELS[name].between(self, at)
        old, rest = divided(at, len(stored))
        if rest is None:
            return stored[old]
        return torch.cat([stored[old], KERNELS[name].between(self, rest)])

    def squared_distance(self, at: Where) -> Tensor:
        """(b, m) squared distances in PCA coordinates."""
        return torch.cdist(self.basis.pca[at], self.basis.pca[self.centre_rows]).square()

    def white_distance(self, at: Where) -> Tensor:
        """(b, m) squared distances in whitened PCA coordinates."""
        X, scale = self.basis.pca, self.basis.whitening
        return torch.cdist(X[at] * scale, X[self.centre_rows] * scale).square()

    def relevant_distance(self, at: Where) -> Tensor:
        """(b, m) squared distances in whitened coordinates, each weighted by its relevance."""
        X = self.basis.white
        return torch.cdist(X[at] * self.relevance, X[self.centre_rows] * self.relevance).square()

    def _relevance(self) -> Tensor:
        """(a,) square root of the share of each whitened coordinate's variance that lies between the clusters.

        The variance within the clusters is pooled with ``2 C`` pseudo-anchors of the total variance, since few anchors
        estimate it badly.
        """
        X = self.basis.white[self.rows]
        count = self.onehot.sum(0)[:, None]
        means = self.onehot.T @ X / count
        within = (X - means[self.codes]).square().sum(0)
        whole = (X - X.mean(0)).square().sum(0)
        degrees = self.k - self.C
        # per degree of freedom; with one anchor per cluster none are left
        between = (whole - within) / max(self.C - 1, 1)
        inside = (within + whole * (2 * self.C / self.k)) / max(degrees + 2 * self.C, 1)
        ratio = (between / inside.clamp_min(1e-9)).clamp(0.05, 20.0)
        return (ratio / ratio.mean()).sqrt() if degrees > 0 else torch.ones_like(ratio)

    def sums(self, embedding: str) -> Tensor:
        """(C, m) sums of each cluster's anchors in an embedding."""
        return self.onehot.T @ self.basis.embedding[embedding][self.rows]

    def nearest(self, K: Tensor) -> Tensor:
        """(C, b) largest entry of K (b, m) among each cluster's centres."""
        out = torch.full((len(K), self.C), -30.0, device=K.device)
        return out.scatter_reduce(1, self.centre_codes.expand(len(K), -1), K, reduce="amax").T


def _centres(rows: Tensor, codes: Tensor) -> Tensor:
    """(m,) positions of the centres in ``rows`` (k,), ascending.

    Rows are in a random order (:mod:`activeclust.views.order`): of each cluster the first ones are taken,
    independently of the order of the answers.
    """
    if len(rows) <= MOST_CENTRES:
        return torch.arange(len(rows), device=rows.device)
    by_row = rows.argsort()
    by_cluster = by_row[codes[by_row].argsort(stable=True)]
    count = codes.bincount()
    place = torch.arange(len(rows), device=rows.device) - (count.cumsum(0) - count)[codes[by_cluster]]
    return by_cluster[place.argsort(stable=True)][:MOST_CENTRES].sort().values


class Relations:
    """Quantities that relate the rows ``at`` to the anchors; ``kernels`` are those that are computed already."""

    def __init__(self, anchors: AnchorSet, at: Where, kernels: dict[str, Tensor] | None = None) -> None:
        self.anchors, self.at = anchors, at
        self._kernels = {} if kernels is None else kernels

    def kernel(self, name: str) -> Tensor:
        """(b, m) values of a kernel of :data:`activeclust.pfn.kernels.KERNELS`."""
        if name not in self._kernels:
            self._kernels[name] = self._kernel(name)
        return self._kernels[name]

    def _kernel(self, name: str) -> Tensor:
        return self.anchors.kernel(name, self.at)

    def log_kernel(self, name: str) -> Tensor:
        """(b, m) logarithm of a kernel, floored."""
        return self.kernel(name).clamp_min(_FLOOR).log()

    @cached_property
    def relative(self) -> Tensor:
        """(b, m) log of the squared PCA distance in units of both rows' scales."""
        scale = self.anchors.basis.scale
        squared = self.anchors.squared_distance(self.at)
        return torch.log(squared / (scale[self.at][:, None] * scale[self.anchors.centre_rows][None]) + 0.1)

    def embedded(self, name: str) -> Tensor:
        """(b, m) rows of an embedding."""
        return self.anchors.basis.embedding[name][self.at]

    def cosine(self, name: str) -> Tensor:
        """(b, m) cosines to the centres in an embedding."""
        return self.embedded(name) @ self.anchors.basis.embedding[name][self.anchors.centre_rows].T

    @cached_property
    def products(self) -> Tensor:
        """(b, f + a) products of PCA coordinates, see :mod:`activeclust.pfn.gaussians`."""
        return self.anchors.basis.products_at(self.at)

    @cached_property
    def group_share(self) -> Tensor:
        """(b, G) share of each row that is in groups with an anchor, see :mod:`activeclust.pfn.groups`."""
        return self.anchors.groups.at(self.anchors.basis.groups.E[self.at])


class LeaveOneOutRelations(Relations):
    """The same quantities between centres; each centre itself is left out."""

    def __init__(self, anchors: AnchorSet) -> None:
        super().__init__(anchors, anchors.centre_rows)

    def _kernel(self, name: str) -> Tensor:
        return super()._kernel(name).masked_fill(self.anchors.own, 0.0)

    @cached_property
    def relative(self) -> Tensor:
        """(m, m) as for any rows, with "no such anchor" on the diagonal."""
        return super().relative.masked_fill(self.anchors.own, _FAR)

    @cached_property
    def products(self) -> Tensor:
        """(m, f + a) as for any rows."""
        return products(self.anchors.basis.pca[self.anchors.centre_rows])

    @cached_property
    def group_share(self) -> Tensor:
        """(m, G) as for any rows, each centre itself left out."""
        return self.anchors.groups.at_anchors()[self.anchors.centres]
