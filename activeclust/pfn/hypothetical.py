"""Posteriors under many hypothetical answers at once: contexts that differ in one anchor, as one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.batches import batch_at_anchors, batch_of, numbers_per_row, stacked
from activeclust.pfn.evidence import Evidence
from activeclust.pfn.experts import ExpertEvidence, Weigh, Weighed, opinions, weighted
from activeclust.pfn.model import PFN

# maximum size of a batch: hypotheses x rows x (clusters x pair features + anchors x bias features)
_ELEMENTS = 8_000_000


def posteriors(
    model: PFN, contexts: Sequence[Evidence], samples: Sequence[Tensor], at: Tensor, n_clusters: int,
    weighs: Sequence[Weigh] | None = None,
) -> tuple[np.ndarray, list[Weighed | None]]:  # fmt: skip
    """Probabilities at the same rows under each context.

    Parameters
    ----------
    model : PFN
    contexts : sequence of Evidence, length H
        Each with as many anchors as the others; of ``n_clusters`` clusters or one more.
    samples : sequence of Tensor, length H
        The context rows of each, see ``Session._sample``.
    at : Tensor (m,) of int64
    n_clusters : int
    weighs : sequence of callables, length H, optional
        Return weights of the experts in each context.

    Returns
    -------
    probabilities : ndarray (H, m, n_clusters + 2)
        The known clusters, the new cluster of the answer (0 if it is of a known one), none of these.
    experts : list of H Weighed
        With the weights of each of ``weighs``; of None without.
    """
    out = np.zeros((len(contexts), len(at), n_clusters + 2))
    experts: list[Weighed | None] = [None] * len(contexts)
    cost = len(at) * numbers_per_row(n_clusters + 1, contexts[0].anchors.m)
    size = max(1, _ELEMENTS // cost)
    for group in _alike(samples):
        for start in range(0, len(group), size):
            part = group[start : start + size]
            shown = [batch_of(contexts[h], samples[h]) for h in part]
            asked = [batch_of(contexts[h], at) for h in part]
            context = model.encode(stacked(shown, n_clusters + 1))
            log_posterior = model.decode(context, stacked(asked, n_clusters + 1))
            out[part] = log_posterior.double().exp().cpu().numpy()
            if weighs is None:
                continue
            anchors = [batch_at_anchors(contexts[h]) for h in part]
            of_rows, of_anchors = (
                model.decode(context, stacked(b, n_clusters + 1)) for b in (shown, anchors)
            )
            for i, h in enumerate(part):
                evidence, C = contexts[h], contexts[h].C
                own = shown[i].pair[0], _cut(of_rows[i], C), _cut(of_anchors[i], C)
                told = ExpertEvidence.of(evidence, samples[h], *own)
                said = opinions(asked[i].pair[0], _cut(log_posterior[i], C))
                weights = weighs[h](told)
                experts[h] = Weighed(told, weights, weighted(said, weights.to(said.device)).cpu().numpy())
    opened = np.array([n_clusters < evidence.C for evidence in contexts])
    out[~opened, :, n_clusters] = 0.0  # padding has a small probability, not 0
    return out, experts


def _cut(log_posterior: Tensor, clusters: int) -> Tensor:
    """(m, clusters + 1) without the padding, from (m, C + 1)."""
    return torch.cat([log_posterior[:, :clusters], log_posterior[:, -1:]], 1)


def _alike(samples: Sequence[Tensor]) -> list[list[int]]:
    """Numbers of the contexts with equally many rows; nearly always all."""
    groups: dict[int, list[int]] = {}
    for h, sample in enumerate(samples):
        groups.setdefault(len(sample), []).append(h)
    return list(groups.values())
