"""Poisson learning: K_xA (Y - mean Y) of a graph's Green function (Calder, Cook, Thorpe and Slepcev, ICML 2020)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, LeaveOneOutRelations, Relations
from activeclust.pfn.kernels import KERNELS
from activeclust.pfn.rules.rule import Fitted, Rule, RuleScores


@dataclass(frozen=True)
class Poisson(Rule):
    """Poisson learning with the kernel ``kernel``; scores are in units of their root mean square at the anchors."""

    kernel: str
    sharpness = 2.0

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Nothing to solve: the kernel is the Green function already."""
        onehot = anchors.onehot[anchors.centres]
        sources = (onehot - onehot.mean(0)) / anchors.m
        at_anchors = sources.T @ KERNELS[self.kernel].between(anchors, anchors.centre_rows).T
        return _Poisson(self.kernel, sources / at_anchors.square().mean().sqrt().clamp_min(1e-6))


@dataclass
class _Poisson(Fitted):
    kernel: str
    sources: Tensor  # (m, C)

    def at(self, relations: Relations) -> RuleScores:
        score = self.sources.T @ relations.kernel(self.kernel).T
        return RuleScores(score, score.clamp(-4, 4) / 2)

    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        return self.at(relations)  # an anchor's own column is hidden there
