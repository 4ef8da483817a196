"""Evidence as batches of the network: one context, or several padded to one size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import torch
from torch import Tensor

from activeclust.pfn.basis import Where
from activeclust.pfn.evidence import Rules
from activeclust.pfn.model import Batch


def batch_of(rules: Rules, rows: Where) -> Batch:
    """What the rules say at ``rows`` and at their anchors, as a batch of one."""
    pair, row, bias = rules.at(rows)
    anchor_pair, anchor_row, anchor_bias = rules.at_anchors()
    ones = torch.ones(1, max(rules.C, rules.k), dtype=torch.bool, device=pair.device)
    return Batch(
        pair[None], row[None], bias[None], anchor_pair[None], anchor_row[None], anchor_bias[None],
        rules.codes[None], rules.task[None], ones[:, : rules.C], ones[:, : rules.k],
    )  # fmt: skip


def stacked(batches: Sequence[Batch], n_clusters: int) -> Batch:
    """Batches of one, alike but for their clusters, as one batch padded to ``n_clusters``."""
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
