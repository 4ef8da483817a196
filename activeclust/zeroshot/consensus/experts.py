"""What the anchors and the candidate partitions say about the experts: the rules and the posterior network.

An expert is likely if it predicts the anchors that are left out: the product of these probabilities is its
pseudo-likelihood (Geisser and Eddy, JASA 74, 1979). With one anchor per cluster it says nothing; then an expert is
likely whose clusters coincide with those of likely partitions.

Shapes: q sampled rows, m centres, C clusters, E experts, P candidates, G parts of all candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from activeclust.pfn.experts import ExpertEvidence
from activeclust.zeroshot.consensus.candidates import PSEUDO, Candidates, anchors_of_parts, left_out

N_EXPERT, N_SIZE, N_SKILL = 17, 5, 7
_WORST = -60.0  # log-likelihood less that of the likeliest expert
_LEAST = 1e-4  # lower bound of a probability before the logarithm


@dataclass
class ExpertSupport:
    """The input of the consensus network about the experts.

    Attributes
    ----------
    features : Tensor (E, N_EXPERT)
    sizes : Tensor (N_SIZE,)
        Of the task.
    log_likelihood : Tensor (E,)
        Of the anchors, each left out, less that of the likeliest expert.
    left_out : Tensor (l, E)
        Log-probability of the cluster of each anchor that is not alone in its cluster, itself left out.
    clusters : int
        C.
    """

    features: Tensor
    sizes: Tensor
    log_likelihood: Tensor
    left_out: Tensor
    clusters: int


def expert_support(likely: Candidates, rows: Tensor, codes: Tensor, told: ExpertEvidence) -> ExpertSupport:
    """The support of each expert.

    Parameters
    ----------
    likely : Candidates
        From :meth:`Candidates.likely`.
    rows, codes : Tensor (k,) of int64
        The anchors and their clusters.
    told : ExpertEvidence
    """
    p = told.log_probability.float().exp()
    k, m, C = len(rows), len(likely.rows), p.shape[1]
    at_anchors = told.left_out.float()[~told.alone]
    # one row of chance where every anchor is alone
    shown = at_anchors if len(at_anchors) else p.new_full((1, p.shape[2]), -math.log(C))
    right = told.right[~told.alone].float()
    total = at_anchors.sum(0)
    relative = (total - total.amax()).clamp_min(_WORST)
    weight = (0.5 * likely.probability.clamp_min(1e-6).log() + _given(likely, rows, codes)).softmax(0)
    before = likely.probability / likely.probability.sum().clamp_min(1e-9)
    parts = likely.parts(told.rows)
    mixture = _mixture(likely, rows, codes, parts, weight)
    information = _normalised_information(likely, parts, p)  # (P, E)
    columns = [
        relative / 10,
        (shown.mean(0) + math.log(C)) / _scale(C),
        (right.sum(0) + 0.5) / (len(right) + 1),
        right.sum(0).log1p() / 3,
        *_agreement(p, mixture),
        *_agreement(p, p[..., -1]),  # with the network
        weight @ information,
        before @ information,
        information.amax(0),
        -torch.xlogy(p, p).sum(1).mean(0) / _scale(C),
        shown.exp().mean(0),
        shown.mean(0),
        *_shape(p),
    ]
    sizes = [math.log(k) / 5, math.log(C) / 3, math.log(k / C) / 3, math.log(m) / 7, likely.single]
    return ExpertSupport(torch.stack(columns, 1), torch.tensor(sizes), relative, at_anchors, C)


def skill(support: ExpertSupport, weights: Tensor) -> Tensor:
    """(N_SKILL,) how well a mixture of the experts, and the network alone, predict the left-out anchors.

    ``weights`` (E,) are those of the mixture.
    """
    trusted = weights[-1:]
    if not len(support.left_out):
        return torch.cat([torch.zeros(5), trusted, torch.zeros(1)])
    mixture, network = support.left_out.exp() @ weights, support.left_out[:, -1]
    numbers = [
        mixture.clamp_min(_LEAST).log().mean() / _scale(support.clusters) + 1, mixture.mean(),
        (mixture > 0.5).float().mean(), network.mean() / _scale(support.clusters) + 1, network.exp().mean(),
    ]  # fmt: skip
    count = torch.tensor([math.log(len(network) + 1) / 5])
    return torch.cat([torch.stack(numbers), trusted, count])


def _scale(C: int) -> float:
    """Largest entropy of C clusters."""
    return math.log(max(C, 1.5))


def _given(likely: Candidates, rows: Tensor, codes: Tensor) -> Tensor:
    """(P,) log-likelihood of the anchors given each candidate."""
    return left_out(likely, rows, codes)[0].sum(0).clamp(-30, 30)


def _mixture(likely: Candidates, rows: Tensor, codes: Tensor, parts: Tensor, weight: Tensor) -> Tensor:
    """(q, C) the share of each cluster among the anchors of a row's ``parts`` (q, P), by the candidates' weight."""
    N = anchors_of_parts(likely, rows, codes)
    share = (N + PSEUDO) / (N.sum(1, keepdim=True) + PSEUDO * N.shape[1])
    return torch.nn.functional.embedding_bag(parts, share * weight[likely.of_part][:, None], mode="sum")


def _agreement(p: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
    """Probability that experts (q, C, E) and ``other`` (q, C) agree: (E,) means of it and of its logarithm."""
    agree = (p * other[..., None]).sum(1)
    return agree.mean(0), agree.clamp_min(1e-3).log().mean(0) / 3


def _shape(p: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Confidence, balance, and agreement with the mean of the experts, (E,) each."""
    C = p.shape[1]
    overall, mean = p.mean(0), p.mean(2, keepdim=True)
    balance = -torch.xlogy(overall, overall).sum(0) / max(math.log(C), 1.0)
    agreement = (p * mean).sum(1).mean(0) / mean.square().sum(1).mean()
    return p.amax(1).mean(0), balance, agreement


def _normalised_information(likely: Candidates, parts: Tensor, p: Tensor) -> Tensor:
    """(P, E) normalised mutual information between candidates and experts, of probabilities ``p`` (q, C, E)."""
    q, C, E = p.shape
    P, G = parts.shape[1], int(likely.counts.sum())
    total = torch.zeros(G, C * E)
    flat = p.reshape(q, C * E)
    for column in range(P):
        total.index_add_(0, parts[:, column], flat)
    size = torch.bincount(parts.reshape(-1), minlength=G).float()
    mean = (total / size.clamp_min(1)[:, None]).view(G, C, E)
    share = size / q

    def over(values: Tensor) -> Tensor:
        return torch.zeros(P, *values.shape[1:]).index_add_(0, likely.of_part, values)

    within = over(-torch.xlogy(mean, mean).sum(1) * share[:, None])
    overall = p.mean(0)
    of_expert = -torch.xlogy(overall, overall).sum(0)
    of_candidate = over(-torch.xlogy(share, share))[:, None]
    return 2 * (of_expert - within).clamp_min(0) / (of_expert + of_candidate).clamp_min(0.05)
