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
    parts = _Parts.of(candidates, rows, codes, known, new)
    log_likelihood, company, right = left_out(candidates, rows, codes)
    log_probability = candidates.probability.clamp_min(1e-6).log()
    before = torch.stack([log_probability, log_likelihood.sum(0).clamp(-30, 30)], dim=1)
    return Support(
        _candidate_features(candidates, parts, known, log_likelihood, company.float(), right.float()),
        _part_features(candidates, parts),
        _task_features(candidates, len(rows), known, new),
        before,
        parts.candidate,
        parts.log_share,
        parts.mean.clamp_min(_FLOOR).log(),
        parts.covered,
    )


@dataclass
class _Parts:
    """What is in the G parts: m rows divided by each of the candidates."""

    candidate: Tensor  # (G,) of int64
    share: Tensor  # (G,) of the rows
    mean: Tensor  # (G, C) posterior
    mean_new: Tensor  # (G,)
    count: Tensor  # (G,) number of anchors
    most: Tensor  # (G,) share of the most frequent cluster among them; 0 without anchors
    log_share: Tensor  # (G, C) of each cluster among the anchors and the pseudo-anchors
    covered: Tensor  # (G,) 1 with an anchor, else 0

    @classmethod
    def of(cls, candidates: Candidates, rows: Tensor, codes: Tensor, known: Tensor, new: Tensor) -> _Parts:
        C, G = known.shape[1], int(candidates.counts.sum())
        parts = candidates.parts(candidates.rows)
        size = torch.bincount(parts.reshape(-1), minlength=G).float()
        both = torch.cat([known, new[:, None]], 1)
        total = torch.zeros(G, C + 1)
        for column in range(parts.shape[1]):
            total.index_add_(0, parts[:, column], both)
        mean, mean_new = (total / size.clamp_min(1.0)[:, None]).split([C, 1], dim=1)
        N = anchors_of_parts(candidates, rows, codes)
        count = N.sum(1)
        return cls(
            candidates.of_part,
            size / len(parts),
            mean,
            mean_new.squeeze(1),
            count,
            N.amax(1) / count.clamp_min(1),
            ((N + PSEUDO) / (count + PSEUDO * C)[:, None]).log(),
            (count > 0).float(),
        )

    @property
    def entropy(self) -> Tensor:
        """(G,) of the mean posterior."""
        return -torch.xlogy(self.mean, self.mean).sum(1)

    def over(self, values: Tensor, candidates: int) -> Tensor:
        """(candidates,) sums of the values (G,) of each candidate's parts."""
        return torch.zeros(candidates).index_add_(0, self.candidate, values)


def _scale(C: int) -> float:
    """Largest entropy of C clusters."""
    return math.log(max(C, 1.5))


def _overall_entropy(known: Tensor) -> float:
    overall = known.mean(0)
    return float(-torch.xlogy(overall, overall).sum())


def _task_features(candidates: Candidates, k: int, known: Tensor, new: Tensor) -> Tensor:
    m, C = known.shape
    numbers = [
        math.log(k) / 5, math.log(C) / 3, math.log(k / C) / 3, math.log(m) / 7, candidates.single,
        _overall_entropy(known) / _scale(C), float(-torch.xlogy(known, known).sum(1).mean()) / _scale(C),
        float(new.mean()), float(known.amax(1).mean()),
    ]  # fmt: skip
    return torch.tensor(numbers)


def _candidate_features(
    candidates: Candidates,
    parts: _Parts,
    known: Tensor,
    log_likelihood: Tensor,
    company: Tensor,
    right: Tensor,
) -> Tensor:
    k, P = log_likelihood.shape
    C, K = known.shape[1], candidates.counts.float()
    expected = candidates.expected.clamp(1e-3, 1 - 1e-3)
    entropy, together = _overall_entropy(known), company.sum(0)
    information = entropy - parts.over(parts.share * parts.entropy, P)
    parts_entropy = -parts.over(torch.xlogy(parts.share, parts.share), P)
    columns = [
        candidates.probability.clamp_min(1e-6).log() / 5 + 1,
        candidates.probability / candidates.probability.amax().clamp_min(1e-12),
        torch.logit(expected) / 3, expected, candidates.agreement,
        K.log() / 4, (K / C).log() / 3,
        log_likelihood.mean(0) / _scale(C), log_likelihood.sum(0) / together.clamp_min(1) / _scale(C),
        together / k, right.sum(0) / together.clamp_min(1),
        parts.over(parts.share * parts.covered, P), parts.over(parts.covered, P) / K,
        parts.over(parts.share * parts.mean.amax(1), P), information / max(entropy, 0.05),
        information / parts_entropy.clamp_min(0.05),
        parts.over(parts.share * parts.covered * parts.mean_new, P),
        parts.over(parts.share * (1 - parts.covered) * parts.mean_new, P),
    ]  # fmt: skip
    return torch.stack(columns, dim=1)


def _part_features(candidates: Candidates, parts: _Parts) -> Tensor:
    C = parts.mean.shape[1]
    anchors = parts.log_share.exp()
    apart = (anchors * (parts.log_share - parts.mean.clamp_min(_FLOOR).log())).sum(1) / _scale(C)
    columns = [
        torch.log1p(parts.count) / 2, parts.covered, anchors.amax(1),
        -(anchors * parts.log_share).sum(1) / _scale(C), parts.share.clamp_min(1e-6).log() / 4,
        (parts.share * candidates.counts.float()[parts.candidate]).clamp_min(1e-6).log() / 2,
        parts.mean.amax(1), parts.entropy / _scale(C), parts.mean_new, apart.clamp(-3, 3),
        (parts.mean * anchors).sum(1), parts.most, (1 - parts.most) * parts.covered,
    ]  # fmt: skip
    return torch.stack(columns, dim=1)
