"""What the anchors and the posterior say about candidate partitions, as the input of the consensus network.

Numbers for each candidate (how likely it was before any answer, how well its parts agree with the anchors and with the
posterior), for each of its parts (the anchors and the mean posterior in it), and for the task. None depends on the
order of rows, candidates, parts or clusters.

Shapes: n rows, m of them averaged over, k anchors, C clusters, P candidates, G parts of all candidates.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from activeclust.zeroshot.consensus.candidates import PSEUDO, Candidates, anchors_of_parts, left_out

N_CANDIDATE, N_PART, N_TASK = 18, 13, 9
_FLOOR = 1e-4  # lower bound of a mean probability before the logarithm


@dataclass
class Support:
    """The input of the consensus network for one task.

    Attributes
    ----------
    candidate : Tensor (P, N_CANDIDATE)
    part : Tensor (G, N_PART)
    task : Tensor (N_TASK,)
    before : Tensor (P, 2)
        Log-probability of each candidate before any answer, and log-likelihood of the anchors given it.
    of_part : Tensor (G,) of int64
        The candidate of each part.
    anchors : Tensor (G, C)
        Log-share of each cluster among the anchors of a part; uniform in a part without anchors.
    mean : Tensor (G, C)
        Log-mean of the posterior in a part.
    covered : Tensor (G,)
        1 for parts with an anchor, 0 for others.
    """

    candidate: Tensor
    part: Tensor
    task: Tensor
    before: Tensor
    of_part: Tensor
    anchors: Tensor
    mean: Tensor
    covered: Tensor


def support(candidates: Candidates, rows: Tensor, codes: Tensor, known: Tensor, new: Tensor) -> Support:
    """The support of each candidate and each of its parts.

    Parameters
    ----------
    candidates : Candidates
    rows, codes : Tensor (k,) of int64
        The anchors and their clusters, 0 to C - 1, each with at least one anchor.
    known : Tensor (m, C)
        Posterior of the rows ``candidates.rows``; rows sum to 1.
    new : Tensor (m,)
        Their probability of none of the clusters.
    """
    C, P, G = known.shape[1], len(candidates.counts), int(candidates.counts.sum())
    of_part, parts = candidates.of_part, candidates.parts(candidates.rows)
    m = len(parts)
    size = torch.bincount(parts.reshape(-1), minlength=G).float()
    share = size / m
    both = torch.cat([known, new[:, None]], 1)
    total = torch.zeros(G, C + 1)
    for column in range(P):
        total.index_add_(0, parts[:, column], both)
    mean, mean_new = (total / size.clamp_min(1.0)[:, None]).split([C, 1], dim=1)
    mean_new = mean_new.squeeze(1)
    N = anchors_of_parts(candidates, rows, codes)
    count = N.sum(1)
    log_share = ((N + PSEUDO) / (count + PSEUDO * C)[:, None]).log()
    covered = (count > 0).float()
    log_likelihood, company, right = left_out(candidates, rows, codes)
    together = company.float().sum(0)

    def over_parts(values: Tensor) -> Tensor:
        return torch.zeros(P).index_add_(0, of_part, values)

    scale = math.log(max(C, 1.5))
    overall = known.mean(0)
    entropy = float(-torch.xlogy(overall, overall).sum())
    within = -torch.xlogy(mean, mean).sum(1)
    information = entropy - over_parts(share * within)
    parts_entropy = -over_parts(torch.xlogy(share, share))
    k, K = len(rows), candidates.counts.float()
    task = torch.tensor(
        [
            math.log(k) / 5, math.log(C) / 3, math.log(k / C) / 3, math.log(m) / 7, candidates.single,
            entropy / scale, float(-torch.xlogy(known, known).sum(1).mean()) / scale, float(new.mean()),
            float(known.amax(1).mean()),
        ]
    )  # fmt: skip
    log_probability = candidates.probability.clamp_min(1e-6).log()
    expected = candidates.expected.clamp(1e-3, 1 - 1e-3)
    candidate = torch.stack(
        [
            log_probability / 5 + 1, candidates.probability / candidates.probability.amax().clamp_min(1e-12),
            torch.logit(expected) / 3, expected, candidates.agreement,
            K.log() / 4, (K / C).log() / 3,
            log_likelihood.mean(0) / scale, log_likelihood.sum(0) / together.clamp_min(1) / scale,
            together / k, right.float().sum(0) / together.clamp_min(1),
            over_parts(share * covered), over_parts(covered) / K,
            over_parts(share * mean.amax(1)), information / max(entropy, 0.05),
            information / parts_entropy.clamp_min(0.05),
            over_parts(share * covered * mean_new), over_parts(share * (1 - covered) * mean_new),
        ],
        dim=1,
    )  # fmt: skip
    anchor_share = log_share.exp()
    most = N.amax(1) / count.clamp_min(1)
    part = torch.stack(
        [
            torch.log1p(count) / 2, covered, anchor_share.amax(1), -(anchor_share * log_share).sum(1) / scale,
            share.clamp_min(1e-6).log() / 4, (share * K[of_part]).clamp_min(1e-6).log() / 2,
            mean.amax(1), within / scale, mean_new,
            ((anchor_share * (log_share - mean.clamp_min(_FLOOR).log())).sum(1) / scale).clamp(-3, 3),
            (mean * anchor_share).sum(1), most, (1 - most) * covered,
        ],
        dim=1,
    )  # fmt: skip
    before = torch.stack([log_probability, log_likelihood.sum(0).clamp(-30, 30)], dim=1)
    return Support(candidate, part, task, before, of_part, log_share, mean.clamp_min(_FLOOR).log(), covered)
