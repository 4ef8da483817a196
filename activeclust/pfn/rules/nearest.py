"""The nearest anchor of each cluster, in three distances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, LeaveOneOutRelations, Relations
from activeclust.pfn.rules.rule import Fitted, Rule, RuleScores


@dataclass(frozen=True)
class NearestByCosine(Rule):
    """The largest cosine to an anchor of the cluster in ``embedding``."""

    embedding: str
    sharpness = 10.0

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Nothing to fit."""
        return _NearestByCosine(self.embedding)


@dataclass
class _NearestByCosine(Fitted):
    embedding: str

    def at(self, relations: Relations) -> RuleScores:
        return self._scores(relations.anchors.nearest(relations.cosine(self.embedding)))

    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        return self._scores(
            relations.anchors.nearest(
                relations.cosine(self.embedding).masked_fill(relations.anchors.own, -1.0)
            )
        )

    @staticmethod
    def _scores(score: Tensor) -> RuleScores:
        return RuleScores(score, score.clamp(-1, 1))


@dataclass(frozen=True)
class NearestByKernel(Rule):
    """The logarithm of the largest kernel value to an anchor of the cluster."""

    kernel: str

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Nothing to fit."""
        return _NearestByKernel(self.kernel)


@dataclass
class _NearestByKernel(Fitted):
    kernel: str

    def at(self, relations: Relations) -> RuleScores:
        return _logarithms(relations.anchors.nearest(relations.log_kernel(self.kernel)))

    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        return self.at(relations)  # an anchor's own column is hidden there


@dataclass(frozen=True)
class NearestByDistance(Rule):
    """Minus the log of the squared PCA distance to the nearest anchor, in units of both rows' scales."""

    sharpness = 2.0

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Nothing to fit."""
        return _NearestByDistance()


@dataclass
class _NearestByDistance(Fitted):
    def at(self, relations: Relations) -> RuleScores:
        return _logarithms(relations.anchors.nearest(-relations.relative))

    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        return self.at(relations)


def _logarithms(score: Tensor) -> RuleScores:
    return RuleScores(score, score.clamp(-14, 6) / 5)
