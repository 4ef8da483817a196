"""A Gaussian per cluster in PCA coordinates, fitted to the soft labels of other rules.

One step of expectation maximisation from a rule's labels (Nigam et al., Machine Learning 39, 2000), three times; see
:mod:`activeclust.pfn.gaussians`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, LeaveOneOutRelations, Relations
from activeclust.pfn.gaussians import Gaussians, products
from activeclust.pfn.rules.rule import Fitted, Rule, RuleScores

_STEPS = 3


@dataclass(frozen=True)
class Ellipsoids(Rule):
    """Gaussians fitted to the mean log-probability of the rules ``seeds``, which come before it in the list."""

    seeds: tuple[Rule, ...]

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Three rounds over the basis' sample of rows; ``gain`` is the gain over a single Gaussian, per coordinate."""
        basis, m = anchors.basis, len(anchors.basis.products)
        # views hold rows in a random order: the first ones are a random sample
        sample = anchors.sample
        seed = torch.stack(
            [rule.log_probability(earlier[rule.name].at(sample).score) for rule in self.seeds]
        ).mean(0)[None]
        inside = anchors.rows < m
        own = anchors.onehot.T[None]
        beyond = products(basis.pca[anchors.rows[~inside]]), own[..., ~inside]
        P = torch.softmax(seed, 1)
        P[..., anchors.rows[inside]] = own[..., inside]
        for step in range(_STEPS):
            gaussians = Gaussians.fit(basis.products, P, beyond, basis.ridge)
            joint, _ = gaussians.log_density(basis.products)
            if step + 1 < _STEPS:
                P = torch.softmax(torch.add(seed, joint, alpha=1 / basis.temperature), 1)
                P[..., anchors.rows[inside]] = own[..., inside]
        gain = (torch.logsumexp(joint, 1).mean(1) - basis.single) / basis.coordinates
        return _Ellipsoids(gaussians, basis.temperature, gain.clamp(-3, 3)[0])


@dataclass
class _Ellipsoids(Fitted):
    gaussians: Gaussians
    temperature: float
    gain: Tensor

    def at(self, relations: Relations) -> RuleScores:
        return self._scores(*self.gaussians.log_density(relations.products))

    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        return self._scores(
            *self.gaussians.log_density_left_out(relations.products, relations.anchors.centre_codes)
        )

    def _scores(self, joint: Tensor, far: Tensor) -> RuleScores:
        return RuleScores(joint[0] / self.temperature, 1.0 - far[0].clamp(0, 16).sqrt())
