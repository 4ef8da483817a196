"""Distance to the clusters' means: cosines in an embedding, squared distance in PCA coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, LeaveOneOutRelations, Relations
from activeclust.pfn.basis import unit
from activeclust.pfn.rules.rule import Fitted, Rule, RuleScores

_NO_MEAN = 30.0  # the squared distance to a cluster whose only anchor is left out


@dataclass(frozen=True)
class CosineToMeans(Rule):
    """The cosine to the mean of each cluster's anchors in the embedding ``embedding``."""

    embedding: str
    sharpness = 1 / 0.15

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Unit means of the anchors."""
        return CosinesTo(self.embedding, unit(anchors.sums(self.embedding)))


@dataclass
class CosinesTo(Fitted):
    """Cosines to ``means`` (C, m) in ``embedding``; an anchor is left out of the mean of its cluster's anchors."""

    embedding: str
    means: Tensor

    def at(self, relations: Relations) -> RuleScores:
        return _cosines(self.means @ relations.embedded(self.embedding).T)

    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        return _cosines(_cosines_left_out(relations.anchors, self.embedding))


def _cosines(score: Tensor) -> RuleScores:
    return RuleScores(score, score.clamp(-1, 1))


def _cosines_left_out(anchors: AnchorSet, embedding: str) -> Tensor:
    """(C, m) cosines of the centres to the cluster means, each left out of its own mean; 0 if no anchor is left."""
    E = anchors.basis.embedding[embedding][anchors.centre_rows]
    total = anchors.sums(embedding)[None] - anchors.onehot[anchors.centres][:, :, None] * E[:, None]
    norm = total.norm(dim=-1)
    cosine = (total * E[:, None]).sum(-1) / norm.clamp_min(1e-4)
    return torch.where(norm > 1e-4, cosine, torch.zeros_like(norm)).T


@dataclass(frozen=True)
class DistanceToMeans(Rule):
    """Minus the squared distance to the mean of each cluster's anchors in PCA coordinates."""

    sharpness = 0.5

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Means of the anchors."""
        return _DistanceToMeans(anchors.onehot.T @ anchors.basis.pca[anchors.rows])


@dataclass
class _DistanceToMeans(Fitted):
    sums: Tensor  # (C, a)

    def at(self, relations: Relations) -> RuleScores:
        anchors = relations.anchors
        centres = self.sums / (anchors.share * anchors.k)[:, None]
        return _distances(-torch.cdist(centres, anchors.basis.pca[relations.at]).square() / anchors.bandwidth)

    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        anchors = relations.anchors
        at = anchors.basis.pca[anchors.centre_rows]
        onehot = anchors.onehot[anchors.centres]
        count = (anchors.share * anchors.k)[None] - onehot
        centres = (self.sums[None] - onehot[:, :, None] * at[:, None]) / count.clamp_min(1.0)[..., None]
        squared = (at[:, None] - centres).square().sum(-1) / anchors.bandwidth
        return _distances(-torch.where(count > 0, squared, torch.full_like(squared, _NO_MEAN)).T)


def _distances(score: Tensor) -> RuleScores:
    return RuleScores(score, -(-score).clamp(0, 30).sqrt() / 3)
