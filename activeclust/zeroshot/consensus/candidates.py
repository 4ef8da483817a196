"""The candidate partitions of a data set, as the consensus reads them.

They are those of :mod:`activeclust.zeroshot.search`, computed once per data set and independent of answers. Anchors
then say which of them are likely: :meth:`Candidates.likely`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from activeclust.views.views import Views, green_coordinates
from activeclust.zeroshot.search import Search

LIKELY = 32  #: number of candidates that take part in a posterior
PSEUDO = 0.1  #: anchors of every cluster that a part is taken to have in addition to its own
_TEMPER = 0.5  # exponent of the probability of a candidate before any answer
_CHUNK_ELEMENTS = 20_000_000


@dataclass(frozen=True)
class Candidates:
    """P partitions of n distinct rows. A *part* is a cluster of a candidate.

    Attributes
    ----------
    labels : Tensor (m, P) of int16
        The part of each sampled row, 0 to K - 1 in each candidate.
    rows : Tensor (m,) of int64
        The sampled rows; averages over a part are taken over these.
    nearest : Tensor (n,) of int64
        For every row the place in ``rows`` of the nearest sampled one, whose parts it shares.
    counts : Tensor (P,) of int64
        Number of parts K.
    probability : Tensor (P,)
        That a candidate is the best of them, before any answer.
    expected : Tensor (P,)
        Its expected adjusted Rand index with the truth, before any answer.
    agreement : Tensor (P,)
        Its mean adjusted Rand index with the other candidates, weighted by their probability.
    single : float
        Probability that there is only one cluster.
    """

    labels: Tensor
    rows: Tensor
    nearest: Tensor
    counts: Tensor
    probability: Tensor
    expected: Tensor
    agreement: Tensor
    single: float

    @classmethod
    def of(cls, search: Search) -> Candidates | None:
        """The candidates with more than one part; None if there are none."""
        several = search.found[1:]
        if not several:
            return None
        labels = np.stack([partition.labels for partition in several], axis=1).astype(np.int16)
        weight = search.probability / search.probability.sum()
        return cls(
            torch.as_tensor(labels),
            torch.as_tensor(search.sample.rows),
            torch.as_tensor(_nearest_sampled(search.sample.whole, search.sample.rows)),
            torch.as_tensor([partition.K for partition in several]),
            torch.as_tensor(search.probability[1:]).float(),
            torch.as_tensor(search.expected[1:]).float(),
            torch.as_tensor((search.description.agreement @ weight)[1:]).float(),
            float(search.probability[0]),
        )

    def pack(self) -> dict[str, np.ndarray]:
        """As named arrays."""
        return {field.name: np.asarray(getattr(self, field.name)) for field in fields(self)}

    @classmethod
    def unpack(cls, arrays: Mapping[str, np.ndarray]) -> Candidates:
        """The candidates that :meth:`pack` converted; other arrays are left out."""
        given = {field.name: arrays[field.name] for field in fields(cls)}
        single = float(given.pop("single"))
        return cls(**{name: torch.as_tensor(array) for name, array in given.items()}, single=single)

    def likely(self, rows: Tensor, codes: Tensor, most: int = LIKELY) -> Candidates:
        """The ``most`` candidates that are likeliest given that ``rows`` (k,) are of clusters ``codes`` (k,)."""
        log_likelihood = left_out(self, rows, codes)[0].sum(0)
        score = _TEMPER * self.probability.clamp_min(1e-6).log() + log_likelihood
        at = torch.argsort(-score, stable=True)[:most].sort().values
        chosen = {
            name: getattr(self, name)[at] for name in ("counts", "probability", "expected", "agreement")
        }
        return replace(self, labels=self.labels[:, at], **chosen)

    @property
    def start(self) -> Tensor:
        """(P,) number of the first part of each candidate, when the parts of all are numbered consecutively."""
        return self.counts.cumsum(0) - self.counts

    @property
    def of_part(self) -> Tensor:
        """(G,) the candidate of each part."""
        return torch.repeat_interleave(torch.arange(len(self.counts)), self.counts)

    def parts(self, rows: Tensor | slice) -> Tensor:
        """(b, P) the parts of ``rows``, numbered over all candidates."""
        return self.labels[self.nearest[rows]] + self.start


def anchors_of_parts(candidates: Candidates, rows: Tensor, codes: Tensor) -> Tensor:
    """(G, C) number of anchors of each cluster in each part."""
    C = int(codes.max()) + 1
    cells = (candidates.parts(rows) * C + codes[:, None]).reshape(-1)
    flat = torch.bincount(cells, minlength=int(candidates.counts.sum()) * C)
    return flat.view(-1, C).float()


def left_out(candidates: Candidates, rows: Tensor, codes: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """How well the other anchors of its part predict each anchor.

    Returns
    -------
    log_likelihood : Tensor (k, P)
        Log-probability of the anchor's cluster relative to chance; 0 for the only anchor of a part.
    company : Tensor (k, P) of bool
        Whether there are others.
    right : Tensor (k, P) of bool
        Whether at least half of the others are of the anchor's cluster.
    """
    N = anchors_of_parts(candidates, rows, codes)
    C, parts = N.shape[1], candidates.parts(rows)
    own, others = N[parts, codes[:, None]] - 1, N.sum(1)[parts] - 1
    log_likelihood = ((own + PSEUDO) / (others + PSEUDO * C)).log() + np.log(C)
    company = others > 0
    return log_likelihood, company, company & (own >= 0.5 * others)


def _nearest_sampled(whole: Views, rows: np.ndarray) -> np.ndarray:
    """(n,) for each row of ``whole``, the place in ``rows`` (m,) of the nearest one in diffusion coordinates."""
    if len(rows) == whole.n_rows:
        return np.argsort(rows)
    points = green_coordinates(whole.refined)
    sampled = np.ascontiguousarray(points[rows].T)
    squared = (sampled**2).sum(axis=0)
    nearest = np.empty(whole.n_rows, dtype=np.int64)
    chunk = max(1, _CHUNK_ELEMENTS // len(rows))
    for start in range(0, whole.n_rows, chunk):
        part = slice(start, start + chunk)
        nearest[part] = (squared - 2 * points[part] @ sampled).argmin(axis=1)
    nearest[rows] = np.arange(len(rows))
    return nearest
