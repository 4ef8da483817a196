"""A posterior of the network, combined with the candidate partitions of its rows and with the experts behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.experts import ExpertEvidence
from activeclust.pfn.inference import Posterior
from activeclust.zeroshot.consensus.candidates import Candidates
from activeclust.zeroshot.consensus.experts import ExpertSupport, expert_support
from activeclust.zeroshot.consensus.network import Consensus
from activeclust.zeroshot.consensus.support import support

_LEAST = 1e-7  # lower bound of a probability before the logarithm
_MOST = 1 - 1e-4  # upper bound of the probability of none of the clusters
_CHUNK_ELEMENTS = 4_000_000  # maximum size of a chunk: rows x (clusters + candidates)


@dataclass(frozen=True)
class Combination:
    """The anchors of one posterior, and the candidate partitions that are likely given them.

    Attributes
    ----------
    network : Consensus
    likely : Candidates
    rows, codes : Tensor (k,) of int64
        The anchors and their clusters, 0 to C - 1, each with at least one anchor.
    """

    network: Consensus
    likely: Candidates
    rows: Tensor
    codes: Tensor

    @classmethod
    def of(
        cls, network: Consensus, candidates: Candidates, rows: np.ndarray, codes: np.ndarray
    ) -> Combination:
        """From anchors ``rows`` (k,) of clusters ``codes`` (k,); ``candidates`` are of all n distinct rows."""
        at, label = torch.as_tensor(rows), torch.as_tensor(codes)
        return cls(network, candidates.likely(at, label), at, label)

    def weigh(self, told: ExpertEvidence) -> Tensor:
        """(E, 2 M) weights of the experts for :meth:`activeclust.pfn.inference.Session.posterior`."""
        with torch.inference_mode():
            return self.network.expert_weights(self._experts(told))

    def _experts(self, told: ExpertEvidence) -> ExpertSupport:
        return expert_support(self.likely, self.rows, self.codes, told)

    def combined(self, posterior: Posterior, places: np.ndarray | None = None) -> Posterior:
        """The posterior given the anchors, the candidate partitions and the experts.

        Parameters
        ----------
        posterior : Posterior
            Given the anchors alone, with the experts by the weights of :meth:`weigh`; of the n distinct rows, or of
            ``places``.
        places : ndarray (m,) of int, optional
            Ascending distinct rows, among them all of ``candidates.rows``.
        """
        assert posterior.experts is not None
        with torch.inference_mode():
            known, new = torch.as_tensor(posterior.known).float(), torch.as_tensor(posterior.new).float()
            sums, weights = torch.as_tensor(posterior.experts.sums), posterior.experts.weights
            whole = torch.arange(len(known)) if places is None else torch.as_tensor(places)
            sampled = torch.searchsorted(whole, self.likely.rows)
            told = support(self.likely, self.rows, self.codes, known[sampled], new[sampled])
            each = self.network.given(told, self._experts(posterior.experts.told), weights)
            chunk = max(64, _CHUNK_ELEMENTS // (known.shape[1] + len(self.likely.counts)))
            out = []
            for start in range(0, len(known), chunk):
                at = slice(start, start + chunk)
                before = log_of(known[at]), logit_of(new[at]), sums[at]
                out.append(self.network(each, self.likely.parts(whole[at]), *before))
            log_known = torch.cat([o[0] for o in out]).double()
            logit = torch.cat([o[1] for o in out]).double()
        return Posterior(torch.softmax(log_known, 1).numpy(), torch.sigmoid(logit).numpy())


def log_of(known: Tensor) -> Tensor:
    """Logarithms of probabilities (b, C), as the network reads them."""
    return torch.log_softmax(known.clamp_min(_LEAST).log(), 1)


def logit_of(new: Tensor) -> Tensor:
    """Logits of probabilities (b,), as the network reads them."""
    return torch.logit(new.clamp(_LEAST, _MOST))
