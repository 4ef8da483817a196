"""A posterior of the network, combined with the candidate partitions of its rows."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.inference import Posterior
from activeclust.zeroshot.consensus.candidates import Candidates
from activeclust.zeroshot.consensus.network import Consensus
from activeclust.zeroshot.consensus.support import support

_LEAST = 1e-7  # lower bound of a probability before the logarithm
_MOST = 1 - 1e-4  # upper bound of the probability of none of the clusters
_CHUNK_ELEMENTS = 4_000_000  # maximum size of a chunk: rows x (clusters + candidates)


def combined(
    network: Consensus, candidates: Candidates, rows: np.ndarray, codes: np.ndarray, posterior: Posterior,
    places: np.ndarray | None = None,
) -> Posterior:  # fmt: skip
    """The posterior given the anchors and the candidate partitions.

    Parameters
    ----------
    network : Consensus
    candidates : Candidates
        Of all n distinct rows.
    rows, codes : ndarray (k,) of int
        The anchors and their clusters, 0 to C - 1, each with at least one anchor.
    posterior : Posterior
        Given the anchors alone; of the n distinct rows, or of ``places``.
    places : ndarray (m,) of int, optional
        Ascending distinct rows, among them all of ``candidates.rows``.
    """
    with torch.inference_mode():
        at, label = torch.as_tensor(rows), torch.as_tensor(codes)
        likely = candidates.likely(at, label)
        known = torch.as_tensor(posterior.known).float()
        new = torch.as_tensor(posterior.new).float()
        whole = torch.arange(len(known)) if places is None else torch.as_tensor(places)
        sampled = torch.searchsorted(whole, likely.rows)
        told = support(likely, at, label, known[sampled], new[sampled])
        tables = network.tables(told)
        chunk = max(64, _CHUNK_ELEMENTS // (known.shape[1] + len(likely.counts)))
        parts = [slice(start, start + chunk) for start in range(0, len(known), chunk)]
        out = [
            network(tables, told.task, likely.parts(whole[part]), log_of(known[part]), logit_of(new[part]))
            for part in parts
        ]
        log_known = torch.cat([o[0] for o in out]).double()
        logit = torch.cat([o[1] for o in out]).double()
    return Posterior(torch.softmax(log_known, 1).numpy(), torch.sigmoid(logit).numpy())


def log_of(known: Tensor) -> Tensor:
    """Logarithms of probabilities (b, C), as the network reads them."""
    return torch.log_softmax(known.clamp_min(_LEAST).log(), 1)


def logit_of(new: Tensor) -> Tensor:
    """Logits of probabilities (b,), as the network reads them."""
    return torch.logit(new.clamp(_LEAST, _MOST))
