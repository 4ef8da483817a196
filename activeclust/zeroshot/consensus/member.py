"""A network that combines a posterior with candidate partitions and with the experts behind it.

A partition says of a row what the anchors in its part say. Two sums over the candidates use that: a product of experts,
each candidate raised to a power that depends on the candidate and the part, and a mixture of experts, which averages
over the candidates by how likely they are given the rows and the anchors. The powers, the weights, and how far both
change the posterior of a row are computed by small networks from :mod:`activeclust.zeroshot.consensus.support`.
Combining classifiers with partitions of the same rows is known as consensus between classification and clustering (C3E:
Acharya, Hruschka, Ghosh and Acharyya, Multiple Classifier Systems 2011); there the weights are set by hand.

The rules, which the posterior network reads, and that network are combined in the same two ways, weighted by how likely
the left-out anchors are given each (:mod:`activeclust.zeroshot.consensus.experts`).

Shapes: b rows, C clusters, P candidates, G parts of all candidates, E experts.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from activeclust.pfn.experts import EXPERTS
from activeclust.zeroshot.consensus.experts import N_EXPERT, N_SIZE, N_SKILL, ExpertSupport, skill
from activeclust.zeroshot.consensus.support import N_CANDIDATE, N_PART, N_TASK, Support

_N_ROW = 23
_NAMED = 8  # length of the learned vector of an expert
_BEGIN = -2.0  # before softplus: the powers with which training begins are small
#: the logit of none of the clusters rises by at most this: a part without anchors may be a cluster of its own, or one
#: of several parts of a cluster that has an anchor, and partitions cannot tell
_MOST_RISE = 0.5
_LIMIT = 3.0  # largest logarithm of a factor
_STANDARD = 5.0  # features are clipped to this many standard deviations


class Member(nn.Module):
    """Combines a posterior with candidate partitions and with experts.

    Parameters
    ----------
    width : int
        Of the hidden layers.
    """

    candidate_mean: Tensor
    candidate_spread: Tensor
    part_mean: Tensor
    part_spread: Tensor
    expert_mean: Tensor
    expert_spread: Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        for name, size in (("candidate", N_CANDIDATE + N_TASK), ("part", N_PART), ("expert", N_EXPERT)):
            self.register_buffer(f"{name}_mean", torch.zeros(size))
            self.register_buffer(f"{name}_spread", torch.ones(size))
        self.candidate = _hidden(N_CANDIDATE + N_TASK, width)
        self.weight = _zero(nn.Linear(width, 2))  # of a candidate in the product and in the mixture
        self.before = nn.Parameter(torch.tensor([[0.5, 0.5], [0.5, 1.0]]))
        self.part = _layers(N_PART + width, width, 3)
        self.names = nn.Parameter(0.1 * torch.randn(len(EXPERTS), _NAMED))  # a learned vector per expert
        self.expert = _hidden(2 * N_EXPERT + _NAMED + N_SIZE, width)
        self.expert_weight = _zero(nn.Linear(width, 2))  # of an expert in the product and in the mixture
        self.expert_before = nn.Parameter(torch.tensor([0.3, 0.3]))
        self.row = _layers(N_TASK + N_SKILL + _N_ROW, width, 7)

    def tables(self, support: Support) -> Tensor:
        """(G, 2 C + 2) what each part says: log-score of each cluster and of none of them, share of each, whether
        it is covered; each times the weight of its candidate, so that a row's sum over its parts is the result."""
        features = torch.cat([support.candidate, support.task.expand(len(support.candidate), -1)], 1)
        z = self.candidate(_standard(features, self.candidate_mean, self.candidate_spread))
        weight = (self.weight(z) + support.before @ self.before).softmax(0)[support.of_part]
        part = torch.cat([_standard(support.part, self.part_mean, self.part_spread), z[support.of_part]], 1)
        anchors, mean, new = self.part(part).split(1, dim=1)
        score = nn.functional.softplus(anchors + _BEGIN) * _centred(support.anchors)
        score = score + nn.functional.softplus(mean + _BEGIN) * _centred(support.mean)
        product = torch.cat([score, new], 1) * weight[:, :1]
        mixture = torch.cat([support.anchors.exp(), support.covered[:, None]], 1) * weight[:, 1:]
        return torch.cat([product, mixture], 1)

    def expert_weights(self, support: ExpertSupport) -> Tensor:
        """(E, 2) weights of the experts in the product and in the mixture; each column sums to 1."""
        own = _standard(support.features, self.expert_mean, self.expert_spread)
        mean = own.mean(0, keepdim=True).expand_as(own)
        features = torch.cat([own, mean, self.names, support.sizes.expand(len(own), -1)], 1)
        score = (
            self.expert_weight(self.expert(features)) + support.log_likelihood[:, None] * self.expert_before
        )
        return score.softmax(0)

    def about(self, support: Support, experts: ExpertSupport, weights: Tensor) -> Tensor:
        """(N_TASK + N_SKILL,) features of the task, with experts of ``weights`` (E, 2)."""
        return torch.cat([support.task, skill(experts, weights[:, 1])])

    def forward(
        self, tables: Tensor, task: Tensor, parts: Tensor, known: Tensor, new: Tensor, experts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What :meth:`activeclust.zeroshot.consensus.network.Consensus.forward` averages over its members.

        ``tables`` (G, 2 C + 2) and ``task`` (N_TASK + N_SKILL,) are from :meth:`tables` and :meth:`about`, ``experts``
        (b, C, 2) are sums with the weights of :meth:`expert_weights`; the others are as there.
        """
        C = known.shape[1]
        told = nn.functional.embedding_bag(parts, tables, mode="sum")
        product, other, share, covered = told.split([C, 1, C, 1], dim=1)
        mixture = _centred(share.clamp_min(1e-12).log())
        of_experts, expert_share = _centred(experts[..., 0]), experts[..., 1]
        row = torch.cat(
            [
                self._row_features(known, new, product, other, share, covered),
                self._expert_features(known, of_experts, expert_share, share),
            ],
            1,
        )
        factors = self.row(torch.cat([row, task.expand(len(row), -1)], 1))
        own, of_product, of_new = factors[:, :3].clamp(-_LIMIT, _LIMIT).exp().split(1, dim=1)
        shift = factors[:, 3:4]
        of_mixture, *of_expert = nn.functional.softplus(factors[:, 4:] + _BEGIN).split(1, dim=1)
        score = own * known + of_product * product + of_mixture * mixture
        score = (
            score + of_expert[0] * of_experts + of_expert[1] * _centred(expert_share.clamp_min(1e-12).log())
        )
        change = (of_new * other + shift).squeeze(1).clamp_max(_MOST_RISE)
        return torch.log_softmax(score, 1), new + change

    def _row_features(
        self, known: Tensor, new: Tensor, product: Tensor, other: Tensor, share: Tensor, covered: Tensor
    ) -> Tensor:
        C = known.shape[1]
        scale = math.log(max(C, 1.5))
        p, log_q = known.exp(), torch.log_softmax(product, 1)
        q = log_q.exp()
        top = p.topk(min(2, C), dim=1).values
        best = p.argmax(1, keepdim=True)
        columns = [
            top[:, :1], top[:, :1] - (top[:, 1:] if C > 1 else 0.0), -(p * known).sum(1, keepdim=True) / scale,
            new[:, None] / 4, q.amax(1, keepdim=True), -(q * log_q).sum(1, keepdim=True) / scale, q.gather(1, best),
            other, (p * q).sum(1, keepdim=True), (product.amax(1, keepdim=True) / 3).clamp(-3, 3),
            covered, share.amax(1, keepdim=True), share.gather(1, best), (p * share).sum(1, keepdim=True),
        ]  # fmt: skip
        return torch.cat(columns, 1)

    def _expert_features(
        self, known: Tensor, of_experts: Tensor, expert_share: Tensor, share: Tensor
    ) -> Tensor:
        p, log_q = known.exp(), torch.log_softmax(of_experts, 1)
        q, best = log_q.exp(), known.argmax(1, keepdim=True)
        columns = [
            q.amax(1, keepdim=True), q.gather(1, best), (p * q).sum(1, keepdim=True),
            -(q * log_q).sum(1, keepdim=True) / math.log(max(known.shape[1], 1.5)),
            expert_share.amax(1, keepdim=True), expert_share.gather(1, best), (p * expert_share).sum(1, keepdim=True),
            (expert_share * share).sum(1, keepdim=True), (q * share).sum(1, keepdim=True),
        ]  # fmt: skip
        return torch.cat(columns, 1)


def _hidden(inputs: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, width), nn.GELU())


def _layers(inputs: int, width: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(*_hidden(inputs, width), _zero(nn.Linear(width, outputs)))


def _zero(layer: nn.Linear) -> nn.Linear:
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _standard(features: Tensor, mean: Tensor, spread: Tensor) -> Tensor:
    return ((features - mean) / spread).clamp(-_STANDARD, _STANDARD)


def _centred(scores: Tensor) -> Tensor:
    return scores - scores.mean(1, keepdim=True)
