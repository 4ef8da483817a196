"""Candidate partitions that a test writes down."""

import numpy as np
import torch

from activeclust.zeroshot.consensus.candidates import Candidates


def made(*labels, probability=None):
    """Candidates with the given labels (n,) each."""
    stacked = torch.as_tensor(np.stack(labels, axis=1).astype(np.int16))
    n, P = stacked.shape
    rows = torch.arange(n)
    even = torch.full((P,), 1 / P) if probability is None else torch.as_tensor(probability).float()
    return Candidates(
        stacked,
        rows,
        rows,
        stacked.amax(0).long() + 1,
        even,
        torch.full((P,), 0.5),
        torch.full((P,), 0.5),
        0.0,
    )


def tensors(*arrays):
    return [torch.as_tensor(np.asarray(a)) for a in arrays]
