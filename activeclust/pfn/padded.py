"""Batches padded to one size, and several joined.

On a graphics processor a step of training takes as long as its operations need to start: a step of 48 tasks took 0.27 s
in four batches of similar size, and 0.11 s in one (an H200, means over trainings). On a processor padding costs more
than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from activeclust.pfn.evidence import N_BIAS, N_PAIR, N_ROW, N_TASK
from activeclust.pfn.model import Batch

_MOST = 40_000_000  # pairs of rows, anchors and clusters in a batch: some 20 GB in training


def joined(parts: Sequence[tuple[Batch, Tensor]]) -> tuple[Batch, Tensor]:
    """Batches and their targets (B, q) as one batch with its targets; of *none of these* the target is the new C."""
    (q,) = {targets.shape[1] for _, targets in parts}
    sizes = [(len(targets), *_sizes(batch)) for batch, targets in parts]
    C, k = max(c for _, c, _ in sizes), max(m for _, _, m in sizes)
    whole = _blank(sum(b for b, _, _ in sizes), q, C, k, like=parts[0][0].row[:0])
    at = 0
    for (b, c, m), (batch, _) in zip(sizes, parts, strict=True):
        mine = slice(at, at + b)
        whole.pair[mine, :, :c], whole.row[mine], whole.bias[mine, :, :m] = batch.pair, batch.row, batch.bias
        whole.anchor_pair[mine, :m, :c], whole.anchor_row[mine, :m] = batch.anchor_pair, batch.anchor_row
        whole.anchor_bias[mine, :m, :m], whole.codes[mine, :m] = batch.anchor_bias, batch.codes
        whole.task[mine] = batch.task
        whole.cluster_mask[mine, :c], whole.anchor_mask[mine, :m] = batch.cluster_mask, batch.anchor_mask
        at += b
    return whole, torch.cat(
        [torch.where(targets == c, C, targets) for (_, c, _), (_, targets) in zip(sizes, parts, strict=True)]
    )


def as_few(parts: Sequence[tuple[Batch, Tensor]], most: int = _MOST) -> list[tuple[Batch, Tensor]]:
    """Neighbouring batches joined, up to ``most`` pairs each."""
    groups: list[list[tuple[Batch, Tensor]]] = []
    for part in parts:
        if groups and _pairs([*groups[-1], part]) <= most:
            groups[-1].append(part)
        else:
            groups.append([part])
    return [joined(group) for group in groups]


def _sizes(batch: Batch) -> tuple[int, int]:
    return batch.cluster_mask.shape[1], batch.anchor_mask.shape[1]


def _pairs(parts: Sequence[tuple[Batch, Tensor]]) -> int:
    """Of rows and anchors with clusters and anchors, once padded."""
    C, k = (max(sizes) for sizes in zip(*(_sizes(batch) for batch, _ in parts), strict=True))
    rows = sum(targets.numel() for _, targets in parts)
    return (rows + k * sum(len(targets) for _, targets in parts)) * (C + k)


def _blank(B: int, q: int, C: int, k: int, like: Tensor) -> Batch:
    """A batch of zeros without a cluster or an anchor, of the type and on the device of ``like``."""
    of_bool, of_int = like.bool(), like.long()
    return Batch(
        # the same memory order as a single task's features, see activeclust.pfn.evidence
        pair=like.new_zeros(N_PAIR, B, C, q).permute(1, 3, 2, 0),
        row=like.new_zeros(B, q, N_ROW), bias=like.new_zeros(B, q, k, N_BIAS),
        anchor_pair=like.new_zeros(B, k, C, N_PAIR), anchor_row=like.new_zeros(B, k, N_ROW),
        anchor_bias=like.new_zeros(B, k, k, N_BIAS), codes=of_int.new_zeros(B, k),
        task=like.new_zeros(B, N_TASK),
        cluster_mask=of_bool.new_zeros(B, C), anchor_mask=of_bool.new_zeros(B, k),
    )  # fmt: skip
