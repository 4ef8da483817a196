"""Seeded spherical soft k-means over all rows (Basu, Banerjee and Mooney, ICML 2002); it uses unlabelled rows, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet
from activeclust.pfn.basis import unit
from activeclust.pfn.rules.means import CosinesTo
from activeclust.pfn.rules.rule import Fitted, Rule

_STEPS = 10
_ANCHOR_WEIGHT = 0.3  # weight of all anchors together, as a share of all rows
_ROWS = 8192  # number of rows used


@dataclass(frozen=True)
class SoftMeans(Rule):
    """The cosine to the means after soft k-means in ``embedding``.

    It starts from the means of the anchors or, with ``seeds``, from the means of all rows under the joint labels of
    those rules, which come before it in the list.
    """

    embedding: str
    temperature: float = 0.1
    seeds: tuple[Rule, ...] = ()

    @property
    def sharpness(self) -> float:  # type: ignore[override]
        """The reciprocal temperature of the assignments."""
        return 1.0 / self.temperature

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Fit in ten steps over a random sample of the rows."""
        means = unit(anchors.sums(self.embedding))
        if self.seeds:
            sample = anchors.sample
            labels = torch.stack(
                [rule.log_probability(earlier[rule.name].at(sample).score) for rule in self.seeds]
            ).mean(0)
            means = unit(torch.softmax(labels, 0) @ sample.embedded(self.embedding) + means)
        # soft k-means has no cheap leave-one-out; CosinesTo uses that of its starting point
        return CosinesTo(self.embedding, soft_means(anchors, self.embedding, means, self.temperature))


def soft_means(anchors: AnchorSet, embedding: str, means: Tensor, temperature: float) -> Tensor:
    """(C, m) unit means after soft k-means that starts from ``means`` (C, m)."""
    E, at = anchors.basis.embedding[embedding][:_ROWS], anchors.basis.embedding[embedding][anchors.rows]
    inside = anchors.rows < len(E)
    weight = _ANCHOR_WEIGHT * len(E) / anchors.k
    for _ in range(_STEPS):
        # cosines: at most e^(1 / temperature), so no overflow
        P = torch.exp_((means / temperature) @ E.T)
        P /= P.sum(dim=0)
        correction = (1.0 + weight) * anchors.onehot.T
        correction[:, inside] -= P[:, anchors.rows[inside]]
        means = unit(P @ E + correction @ at)
    return means
