"""Posteriors under many hypothetical answers at once: contexts that differ in one anchor, as one batch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from activeclust.pfn.batches import batch_of, numbers_per_row, stacked
from activeclust.pfn.evidence import Evidence
from activeclust.pfn.model import PFN

# maximum size of a batch: hypotheses x rows x (clusters x pair features + anchors x bias features)
_ELEMENTS = 8_000_000


def posteriors(
    model: PFN, contexts: Sequence[Evidence], samples: Sequence[Tensor], at: Tensor, n_clusters: int
) -> np.ndarray:
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

    Returns
    -------
    ndarray (H, m, n_clusters + 2)
        The known clusters, the new cluster of the answer (0 if it is of a known one), none of these.
    """
    out = np.zeros((len(contexts), len(at), n_clusters + 2))
    cost = len(at) * numbers_per_row(n_clusters + 1, contexts[0].anchors.m)
    size = max(1, _ELEMENTS // cost)
    for group in _alike(samples):
        for start in range(0, len(group), size):
            part = group[start : start + size]
            context = model.encode(stacked([batch_of(contexts[h], samples[h]) for h in part], n_clusters + 1))
            queries = stacked([batch_of(contexts[h], at) for h in part], n_clusters + 1)
            out[part] = model.decode(context, queries).double().exp().cpu().numpy()
    opened = np.array([n_clusters < evidence.C for evidence in contexts])
    out[~opened, :, n_clusters] = 0.0  # padding has a small probability, not 0
    return out


def _alike(samples: Sequence[Tensor]) -> list[list[int]]:
    """Numbers of the contexts with equally many rows; nearly always all."""
    groups: dict[int, list[int]] = {}
    for h, sample in enumerate(samples):
        groups.setdefault(len(sample), []).append(h)
    return list(groups.values())
