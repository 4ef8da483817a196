"""Evidence as batches of the network: one context, or several padded to one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import torch
from torch import Tensor

from activeclust.pfn.basis import Where
from activeclust.pfn.evidence import N_BIAS, N_PAIR, Evidence
from activeclust.pfn.model import Batch


def numbers_per_row(clusters: int, anchors: int) -> int:
    """Size of the evidence of one row in numbers, to choose a chunk that fits into memory.

    Examples
    --------
    >>> numbers_per_row(10, 100) > numbers_per_row(2, 100)
    True
    """
    return clusters * (N_PAIR + 1) + anchors * (N_BIAS + 4)


def batch_of(evidence: Evidence, rows: Where) -> Batch:
    """The evidence at ``rows`` and at the anchors, as a batch of one."""
    pair, row, bias = evidence.at(rows)
    anchor_pair, anchor_row, anchor_bias = evidence.at_anchors()
    C, k = evidence.C, evidence.anchors.m
    ones = torch.ones(1, max(C, k), dtype=torch.bool, device=pair.device)
    return Batch(
        pair[None], row[None], bias[None], anchor_pair[None], anchor_row[None], anchor_bias[None],
        evidence.anchors.centre_codes[None], evidence.task[None], ones[:, :C], ones[:, :k],
    )  # fmt: skip


def batch_at_anchors(evidence: Evidence) -> Batch:
    """The evidence at the anchors as if they were rows without an answer, as a batch of one."""
    anchors = batch_of(evidence, slice(0, 1))
    return replace(anchors, pair=anchors.anchor_pair, row=anchors.anchor_row, bias=anchors.anchor_bias)


def stacked(batches: Sequence[Batch], n_clusters: int) -> Batch:
    """Batches of one, equal in size except for the number of clusters, as one batch padded to ``n_clusters``."""
    parts: dict[str, Tensor] = {}
    for name in (field.name for field in fields(Batch)):
        dim = {"pair": 2, "anchor_pair": 2, "cluster_mask": 1}.get(name)
        tensors = [getattr(batch, name) for batch in batches]
        if dim is not None:
            tensors = [_padded(tensor, dim, n_clusters) for tensor in tensors]
        parts[name] = torch.cat(tensors)
    return Batch(**parts)


def _padded(tensor: Tensor, dim: int, size: int) -> Tensor:
    missing = size - tensor.shape[dim]
    if missing == 0:
        return tensor
    shape = [*tensor.shape[:dim], missing, *tensor.shape[dim + 1 :]]
    return torch.cat([tensor, tensor.new_zeros(shape)], dim)
