"""Groups of rows before any answer, coarse to fine: which of them have no anchor yet?

Whether a row is in a cluster *not seen so far* does not follow from the distances to the anchors alone; the number of
clusters matters, too. So the rows are grouped by soft k-means in diffusion coordinates at a dozen fixed numbers of
groups, once per data set, and each grouping has measures of quality: the share of the graph inside its groups, how
sharp the groups are, and the eigengap (von Luxburg, Statistics and Computing 17, 2007). With anchors, the features of a
row say for every number of groups whether its group has an anchor, and how well groups and answered clusters agree; the
network learns which number to trust.

Nothing is drawn at random here: the first centres are chosen greedily among the first rows, a random sample that
depends only on the shape of the data (:mod:`activeclust.views.order`).

Shapes: n rows, m coordinates, k anchors, C clusters, G numbers of groups, T groups of all of them together.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

NUMBERS = (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 28, 40)
N_GROUP_ROW = len(NUMBERS)  # number of features of a row
N_GROUP_TASK = 6 * len(NUMBERS)  # number of features of a task

_CANDIDATES = 512  # number of rows that the first centres are chosen from
_ROWS = 2048  # number of rows that the centres are fitted to
_STEPS = 5
_TEMPERATURE = 0.1


class Groups:
    """The groupings of one data set.

    Parameters
    ----------
    E : Tensor (n, m)
        Unit rows: diffusion coordinates.
    times : callable
        The product of the adjacency of the graph whose share inside the groups is measured with (n, k) numbers.
    eigenvalues : Tensor
        Its leading ones, descending.

    Attributes
    ----------
    centres : Tensor (T, m)
        Unit rows, grouping after grouping.
    quality : Tensor (3 G,)
        For each number: log of the graph's share between groups, sharpness, eigengap.
    """

    def __init__(self, E: Tensor, times: Callable[[Tensor], Tensor], eigenvalues: Tensor) -> None:
        self.E = E
        first = _greedy(E[:_CANDIDATES], max(NUMBERS))
        sizes = [min(number, len(first)) for number in NUMBERS]
        self.centres = torch.cat([_soft_means(E[:_ROWS], first[:size]) for size in sizes])
        of = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes)).to(E.device)
        self.blocks = torch.nn.functional.one_hot(of, len(sizes)).float().T  # (G, T)
        self.quality = self._quality(times, eigenvalues, sizes)

    def _quality(self, times: Callable[[Tensor], Tensor], eigenvalues: Tensor, sizes: list[int]) -> Tensor:
        whole = times(self.E.new_ones(len(self.E), 1)).sum()
        inside, sharp = [], []
        for centres in self.centres.split(sizes):  # one number after another: at most 40 columns at a time
            P = _closeness(centres, self.E).T.contiguous()
            P /= P.sum(1, keepdim=True)
            inside.append((P * times(P)).sum() / whole)
            sharp.append(P[:_ROWS].amax(1).mean())
        between = (1.0 - torch.stack(inside)).clamp(1e-3, 1).log() / 5
        gaps = 1.0 - eigenvalues + 1e-3
        at = torch.tensor(sizes, device=gaps.device).clamp_max(len(gaps) - 1)
        eigengap = (gaps[at] / gaps[at - 1]).log().clamp(-3, 3) / 3
        return torch.cat([between, torch.stack(sharp), eigengap])

    def _shares(self, E: Tensor) -> Tensor:
        """(T, b) soft assignments of unit rows E (b, m), which sum to 1 over the groups of each number."""
        closeness = _closeness(self.centres, E)
        return closeness / (self.blocks.T @ (self.blocks @ closeness))

    def with_anchors(self, rows: Tensor, onehot: Tensor) -> Anchored:
        """The groups with the anchors ``rows`` (k,) of clusters ``onehot`` (k, C)."""
        return Anchored(self, self._shares(self.E[rows]), onehot)


class Anchored:
    """Groups, some of which have anchors.

    Attributes
    ----------
    task : Tensor (N_GROUP_TASK,)
        The groupings' quality; for each number of groups, the share of rows whose group has no anchor, the share of
        anchors whose group belongs to their cluster, and the number of groups with anchors per cluster.
    """

    def __init__(self, groups: Groups, shares: Tensor, onehot: Tensor) -> None:
        self.groups, self._shares = groups, shares
        blocks = groups.blocks
        held = shares.amax(1)  # (T,)
        self._weights = torch.cat([blocks * held, blocks])
        clusters = shares @ onehot  # (T, C)
        major = clusters / clusters.sum(1, keepdim=True).clamp_min(1e-6)
        agreement = blocks @ (shares * (major @ onehot.T)).mean(1)
        per_cluster = torch.log((blocks @ held).clamp_min(1e-3) / onehot.shape[1]).clamp(-3, 3) / 3
        without = 1.0 - self.at(groups.E[:_ROWS]).mean(0)
        self.task = torch.cat([groups.quality, without, agreement, per_cluster])

    def at(self, E: Tensor) -> Tensor:
        """(b, G): the share of each of the unit rows E (b, m) that is in groups with an anchor."""
        held, whole = (self._weights @ _closeness(self.groups.centres, E)).chunk(2)
        return (held / whole).T

    def at_anchors(self) -> Tensor:
        """(k, G) the same at the anchors, each with itself left out."""
        first = self._shares.topk(min(2, self._shares.shape[1]), dim=1)
        others = first.values[:, :1].expand_as(self._shares).clone()
        top = torch.arange(self._shares.shape[1], device=others.device) == first.indices[:, :1]
        others[top] = first.values[:, 1] if first.values.shape[1] > 1 else 0.0
        return (self.groups.blocks @ (self._shares * others)).T


def _closeness(centres: Tensor, E: Tensor) -> Tensor:
    """(T, b) weights of rows E (b, m) in the groups, before they are made to sum to 1."""
    return torch.exp_((centres / _TEMPERATURE) @ E.T)  # cosines: at most e^10


def _greedy(E: Tensor, most: int) -> Tensor:
    """(most, m) rows of E, each chosen nearest to the rows that are far from those chosen before."""
    distance = (1.0 - E @ E.T).clamp_min(0)
    nearest = torch.full((len(E),), 2.0, device=E.device)
    chosen = []
    for _ in range(min(most, len(E))):
        best = torch.minimum(nearest, distance).sum(1).argmin()
        chosen.append(best)
        nearest = torch.minimum(nearest, distance[best])
    return E[torch.stack(chosen)]


def _soft_means(E: Tensor, centres: Tensor) -> Tensor:
    for _ in range(_STEPS):
        P = _closeness(centres, E)
        P /= P.sum(0)
        means = P @ E
        centres = means / means.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return centres
