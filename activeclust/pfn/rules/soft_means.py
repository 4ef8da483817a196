"""Seeded spherical soft k-means over all rows (Basu, Banerjee and Mooney, ICML 2002): what unlabelled rows add."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, Look, OwnHidden
from activeclust.pfn.basis import unit
from activeclust.pfn.rules.means import cosines, cosines_without_own
from activeclust.pfn.rules.rule import Fitted, Rule, Said

_STEPS = 10
_ANCHOR_WEIGHT = 0.3  # all anchors together weigh this share of all rows
_ROWS = 8192  # rows that are looked at


@dataclass(frozen=True)
class SoftMeans(Rule):
    """The cosine to the means after soft k-means in ``embedding``.

    It begins at the means of the anchors or, where there are ``seeds``, of all rows as those rules, which come before
    it in the list, label them together.
    """

    embedding: str
    temperature: float = 0.1
    seeds: tuple[Rule, ...] = ()

    @property
    def sharpness(self) -> float:  # type: ignore[override]
        """One over the temperature of the assignments."""
        return 1.0 / self.temperature

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Ten steps over a random sample of the rows."""
        means = unit(anchors.sums(self.embedding))
        if self.seeds:
            sample = anchors.sample
            labels = torch.stack(
                [rule.log_probability(earlier[rule.name].at(sample).score) for rule in self.seeds]
            ).mean(0)
            means = unit(torch.softmax(labels, 0) @ sample.embedded(self.embedding) + means)
        return _SoftMeans(self.embedding, soft_means(anchors, self.embedding, means, self.temperature))


@dataclass
class _SoftMeans(Fitted):
    embedding: str
    means: Tensor  # (C, m)

    def at(self, look: Look) -> Said:
        return cosines(self.means @ look.embedded(self.embedding).T)

    def without_own(self, look: OwnHidden) -> Said:
        # soft k-means has no cheap leave-one-out; its start stands for it
        return cosines(cosines_without_own(look.anchors, self.embedding))


def soft_means(anchors: AnchorSet, embedding: str, means: Tensor, temperature: float) -> Tensor:
    """(C, m) unit means after soft k-means from ``means`` (C, m) on."""
    E, at = anchors.basis.embedding[embedding][:_ROWS], anchors.basis.embedding[embedding][anchors.rows]
    inside = anchors.rows < len(E)
    weight = _ANCHOR_WEIGHT * len(E) / anchors.k
    for _ in range(_STEPS):
        # cosines: at most e^(1 / temperature), no maximum to take off
        P = torch.exp_((means / temperature) @ E.T)
        P /= P.sum(dim=0)
        correction = (1.0 + weight) * anchors.onehot.T
        correction[:, inside] -= P[:, anchors.rows[inside]]
        means = unit(P @ E + correction @ at)
    return means
