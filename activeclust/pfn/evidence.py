"""The network's input: the rules' scores of every row and cluster, and how reliable each rule is here.

Each rule is a known method in closed form (:mod:`activeclust.pfn.rules`); the network learns which rule to trust where.
In addition, *groups* of rows at a dozen numbers of groups show which parts of the data have no anchor
(:mod:`activeclust.pfn.groups`).

Everything is a function of inner products and distances, so it does not change when rows are permuted or features are
rotated, shifted or scaled, and it is equivariant to permutations of the clusters. For the anchors themselves every rule
is evaluated with that anchor left out.

Shapes: b rows, k anchors, m of them centres (see :class:`AnchorSet`), C clusters. In memory the order is (features, C,
b), as they are computed; the network receives views of shape (b, C, features).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, LeaveOneOutRelations, Relations
from activeclust.pfn.basis import N_SPECTRUM, Basis, Where
from activeclust.pfn.columns import Columns
from activeclust.pfn.groups import N_GROUP_ROW, N_GROUP_TASK
from activeclust.pfn.rules import FLOOR, RULES, Fitted, RuleScores
from activeclust.pfn.rules.ellipsoids import Ellipsoids
from activeclust.pfn.rules.interpolation import Interpolation

#: Names of the rules, in the order of the pair features.
RULE_NAMES = tuple(rule.name for rule in RULES)
_REACHING = tuple(rule.name for rule in RULES if isinstance(rule, Interpolation))
_DENSITIES = tuple(rule.name for rule in RULES if isinstance(rule, Ellipsoids))
_BIAS_KERNELS = ("refined_far", "graph", "sharp", "angle")
_BIAS_COSINES = ("refined24", "refined8", "green", "sphere")
_SAMPLE = 128  # number of rows on which the rules are compared
_WORST = -60.0  # log-likelihood less that of the likeliest rule

#: Names of the features, ``part:name``, in the order in which the network reads them.
PAIR_FEATURES = (
    *(f"bounded:{name}" for name in RULE_NAMES),
    *(f"probability:{name}" for name in RULE_NAMES),
    "share",
)
ROW_FEATURES = (
    *(f"reach:{name}" for name in _REACHING),
    "density",
    "graph:degree",
    "distance",
    "graph:nearest",
    *(f"bounded:{name}" for name in _DENSITIES),
    *(f"groups:group_share{i}" for i in range(N_GROUP_ROW)),
)
BIAS_FEATURES = (
    *(f"kernel:{name}" for name in _BIAS_KERNELS),
    *(f"cosine:{name}" for name in _BIAS_COSINES),
    "distance",
)
TASK_FEATURES = (
    *("size:rows", "size:anchors", "size:clusters", "size:anchors per cluster", "size:least share"),
    *(f"graph:spectrum{i}" for i in range(N_SPECTRUM)),
    *(f"left out:{name}" for name in RULE_NAMES),
    *(f"left out, log:{name}" for name in RULE_NAMES),
    *(f"told:{name}" for name in RULE_NAMES),
    *(f"likelihood:{name}" for name in RULE_NAMES),
    *(f"agreement:{name}" for name in RULE_NAMES),
    *(f"confidence:{name}" for name in RULE_NAMES),
    *(f"balance:{name}" for name in RULE_NAMES),
    *(f"gain:{name}" for name in _DENSITIES),
    *(f"groups:task{i}" for i in range(N_GROUP_TASK)),
)
#: The reliability features of each rule, as columns of the task features: (rules, features).
SPEAKS_FOR = tuple(
    tuple(
        TASK_FEATURES.index(f"{what}:{name}")
        for what in ("left out", "left out, log", "told", "likelihood", "agreement", "confidence", "balance")
    )
    for name in RULE_NAMES
)
N_PAIR, N_ROW, N_BIAS, N_TASK = (
    len(names) for names in (PAIR_FEATURES, ROW_FEATURES, BIAS_FEATURES, TASK_FEATURES)
)


class Features(NamedTuple):
    """The network's input for b rows."""

    pair: Tensor  # (b, C, N_PAIR)
    row: Tensor  # (b, N_ROW)
    bias: Tensor  # (b, m, N_BIAS)


class Evidence:
    """The rules, fitted to k anchors of C clusters; :meth:`at` evaluates them at rows.

    Parameters
    ----------
    basis : Basis
    rows : Tensor (k,) of int64
        The anchors, as distinct row numbers.
    codes : Tensor (k,) of int64
        Their clusters, 0 to C - 1, each with at least one anchor.
    columns_at : callable, optional
        Returns the kernels' columns at rows; computed here by default.

    Attributes
    ----------
    anchors : AnchorSet
    task : Tensor (N_TASK,)
        Features of the whole data set: sizes, spectra, groups, and the reliability of each rule: how often it is right
        about a left-out anchor, how likely all of them are given it, how far it agrees with the others on rows without
        answers, how confident it is there, and how evenly it divides them.
    """

    def __init__(
        self,
        basis: Basis,
        rows: Tensor,
        codes: Tensor,
        columns_at: Callable[[Tensor], Columns] | None = None,
    ) -> None:
        self.anchors = AnchorSet(basis, rows, codes, columns_at)
        self.fitted: dict[str, Fitted] = {}
        for rule in RULES:
            self.fitted[rule.name] = rule.fit(self.anchors, self.fitted)
        hidden = LeaveOneOutRelations(self.anchors)
        self._at_anchors = self._features(
            hidden, {name: fit.leave_one_out(hidden) for name, fit in self.fitted.items()}
        )
        self.task = self._task_features()

    @property
    def k(self) -> int:
        """Number of anchors."""
        return self.anchors.k

    @property
    def C(self) -> int:
        """Number of clusters."""
        return self.anchors.C

    def at(self, rows: Where) -> Features:
        """The evidence at ``rows``, which are not anchors."""
        relations = self.anchors.relations(rows)
        return self._features(relations, {name: fit.at(relations) for name, fit in self.fitted.items()})

    def at_anchors(self) -> Features:
        """The evidence at the m anchors that are centres, each with itself left out."""
        return self._at_anchors

    def _features(self, relations: Relations, scores: dict[str, RuleScores]) -> Features:
        anchors, basis = self.anchors, self.anchors.basis
        bounded = torch.stack([scores[name].bounded for name in RULE_NAMES])
        certain = torch.stack([rule.log_probability(scores[rule.name].score) for rule in RULES])
        share = torch.log(anchors.share * anchors.C).clamp(-3, 3)[:, None].expand(1, -1, bounded.shape[2])
        pair = torch.cat([bounded, certain, share]).permute(2, 1, 0)
        row = [
            *(scores[name].score.sum(0).clamp(-1, 2) for name in _REACHING),
            basis.log_density[relations.at].clamp(-3, 3),
            basis.refined.root_degree[relations.at].log().clamp(-3, 3),
            relations.relative.amin(1) / 5.0,
            relations.log_kernel("refined_far").amax(1) / 5.0,
            *(scores[name].bounded.amax(0) for name in _DENSITIES),
        ]
        bias = [
            *(relations.log_kernel(name) / 5.0 for name in _BIAS_KERNELS),
            *(relations.cosine(name) for name in _BIAS_COSINES),
            -relations.relative / 5.0,
        ]
        return Features(
            pair,
            torch.cat([torch.stack(row, 1), relations.group_share], 1),
            torch.stack(bias).permute(1, 2, 0),
        )

    def _task_features(self) -> Tensor:
        anchors, R = self.anchors, len(RULES)
        certain = self._at_anchors.pair[..., R : 2 * R]  # (m, C, rules) log-probabilities
        own = anchors.centre_codes[:, None, None].expand(-1, 1, R)
        left_out = certain.gather(1, own).squeeze(1)  # (m, rules)
        # if a cluster's only anchor is left out, no rule can be right
        alone = (anchors.share * anchors.k)[anchors.centre_codes] < 1.5
        right = (certain.argmax(1) == anchors.centre_codes[:, None]).float()[~alone]
        told = right.sum(0) / (len(right) + 1.0)
        # means differ little from rule to rule; the likelihood is a product over the anchors
        total = left_out[~alone].sum(0)
        likelihood = (total - total.amax()).clamp_min(_WORST) / 10
        n, k, C = float(anchors.basis.n), float(anchors.k), float(anchors.C)
        sizes = [
            math.log(n) / 10,
            math.log(k) / 6,
            math.log(C) / 4,
            math.log(k / C) / 4,
            float(anchors.share.min()) * C,
        ]
        gains = torch.stack([gain for fit in self.fitted.values() if (gain := fit.gain) is not None])
        size = torch.tensor(sizes, device=anchors.rows.device)
        return torch.cat(
            [
                *(size, anchors.basis.spectrum, left_out.exp().mean(0), left_out.mean(0) / -FLOOR, told),
                *(likelihood, self._consensus(), gains, anchors.groups.task),
            ]
        )

    def _consensus(self) -> Tensor:
        """(3 rules,) agreement with the mean of the rules, confidence and balance, on the first rows.

        With one anchor per cluster, leaving it out says nothing about a rule; these features do.
        """
        anchors = self.anchors
        relations = anchors.relations(slice(0, min(_SAMPLE, anchors.basis.n)))
        P = torch.stack(
            [rule.log_probability(self.fitted[rule.name].at(relations).score) for rule in RULES]
        ).exp()
        weight = torch.ones(P.shape[2], device=P.device)
        weight[anchors.rows[anchors.rows < len(weight)]] = 1e-3  # at an anchor the label is its answer
        weight = weight / weight.sum()
        mean = P.mean(0)
        agreement = (P * mean).sum(1) @ weight / ((mean * mean).sum(0) @ weight)
        confidence = P.amax(1) @ weight
        shares = P @ weight  # (rules, C)
        balance = -torch.xlogy(shares, shares).sum(1) / max(math.log(anchors.C), 1.0)
        return torch.cat([agreement, confidence, balance])
