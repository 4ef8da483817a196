"""Posteriors from a trained network: weights from the package, any number of rows, in chunks.

The anchors and a fixed sample of rows are encoded once; every other row is then computed independently, so chunks do
not change the result, and memory does not grow with the number of rows.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.basis import Basis
from activeclust.pfn.batches import batch_at_anchors, batch_of, numbers_per_row
from activeclust.pfn.chunks import in_chunks
from activeclust.pfn.columns import ColumnCache
from activeclust.pfn.evidence import Evidence
from activeclust.pfn.experts import ExpertEvidence, Weigh, Weighed, opinions, weighted
from activeclust.pfn.hypothetical import posteriors
from activeclust.pfn.model import PFN, Batch, Config, Context
from activeclust.pfn.weights_file import WeightsFile
from activeclust.views.views import Views

WEIGHTS = Path(__file__).parent / "weights" / "pfn.safetensors"
CONTEXT_ROWS = 256
_CHUNK_ELEMENTS = (
    4_000_000  # maximum size of a chunk: rows x (clusters x pair features + anchors x bias features)
)
_KEPT = 0.7  # share of the coordinates that a resampled pass sees


@dataclass(frozen=True)
class Network:
    """Weights in memory.

    Attributes
    ----------
    model : PFN
        In evaluation mode.
    card : dict
        The model card.
    hash : str
        First 16 hexadecimal digits of the weight file's BLAKE2b hash.
    """

    model: PFN
    card: dict
    hash: str


@functools.lru_cache(maxsize=4)
def load_network(path: str | Path = WEIGHTS, device: str = "cpu") -> Network:
    """The network at ``path``, read once per process and device.

    Raises
    ------
    WeightsError
        If the file or its card is missing, or is of another network.
    """
    file = WeightsFile.read(path, "pretrain")
    model = file.into(lambda config: PFN(Config(**config)), "network")
    return Network(model.to(device), file.card, file.hash)


@dataclass
class Posterior:
    """The network's posterior for every distinct row.

    Attributes
    ----------
    known : ndarray (n, C)
        Probability of each cluster given that the row is of a known one; rows sum to 1.
    new : ndarray (n,)
        Probability of none of the known clusters.
    experts : Weighed, optional
        The experts behind it, if they were weighted.
    """

    known: np.ndarray
    new: np.ndarray
    experts: Weighed | None = None


class Session:
    """One data set on one device. Safe to share between threads: a posterior depends only on its arguments.

    Parameters
    ----------
    views : Views
    network : Network
    device : torch.device
    """

    def __init__(self, views: Views, network: Network, device: torch.device) -> None:
        self.views, self.network, self.device = views, network, device
        self.basis = Basis(views, device)
        self._columns = ColumnCache(self.basis)

    def posterior(self, rows: np.ndarray, codes: np.ndarray, weigh: Weigh | None = None) -> Posterior:
        """The posterior given that ``rows`` (k,) are of clusters ``codes`` (k,), k > 0.

        With ``weigh``, also the experts, with the weights that it returns.
        """
        with torch.inference_mode():
            return self._posterior(self.evidence(rows, codes), weigh)

    def attention(self, rows: np.ndarray, codes: np.ndarray, at: np.ndarray) -> np.ndarray:
        """(b, k) share of each anchor in the last attention of the distinct rows ``at``; rows sum to 1.

        Of more than 768 anchors only 768 take part, see :class:`activeclust.pfn.anchor_set.AnchorSet`.
        """
        with torch.inference_mode():
            evidence = self.evidence(rows, codes)
            context = self._encode(evidence)
            batch = batch_of(evidence, self._tensor(at))
            shares = np.zeros((len(at), evidence.k))
            mass = self.network.model.attention(context, batch)[0].double().cpu().numpy()
            shares[:, evidence.anchors.centres.cpu().numpy()] = mass
            return shares

    def resample(
        self, rows: np.ndarray, codes: np.ndarray, times: int, rng: np.random.Generator,
        weigh: Weigh | None = None,
    ) -> list[Posterior]:  # fmt: skip
        """Posteriors from ``times`` passes that each see a random part of the views' coordinates."""
        passes = []
        for _ in range(times):
            thinned = self.basis.thinned(_KEPT, rng)
            with torch.inference_mode():
                evidence = Evidence(thinned, self._tensor(rows), self._tensor(codes))
                passes.append(self._posterior(evidence, weigh))
        return passes

    def hypothetical(
        self, rows: np.ndarray, codes: np.ndarray, tried: np.ndarray, answers: np.ndarray, at: np.ndarray,
        weighs: Sequence[Weigh] | None = None,
    ) -> tuple[np.ndarray, list[Weighed | None]]:  # fmt: skip
        """Posteriors at the rows ``at`` (m,), as if ``tried[h]`` had been answered too.

        A hypothetical answer is one more anchor in the context, so all of them go through the network as
        one batch. ``answers[h]`` is a code up to C; C is a new cluster.

        Returns
        -------
        probabilities : ndarray (H, m, C + 2)
            The C clusters, the new cluster (0 if there is none), none of these.
        experts : list of H Weighed
            With the weights of each of ``weighs``; of None without.
        """
        with torch.inference_mode():
            contexts = [
                self.evidence(np.append(rows, row), np.append(codes, code))
                for row, code in zip(tried, answers, strict=True)
            ]
            samples = [self._sample(evidence) for evidence in contexts]
            return posteriors(
                self.network.model, contexts, samples, self._tensor(at), int(codes.max()) + 1, weighs
            )

    def _tensor(self, numbers: np.ndarray) -> Tensor:
        return torch.as_tensor(np.asarray(numbers, dtype=np.int64), device=self.device)

    def evidence(self, rows: np.ndarray, codes: np.ndarray) -> Evidence:
        """The network's input for distinct ``rows`` (k,) of clusters ``codes`` (k,)."""
        return Evidence(self.basis, self._tensor(rows), self._tensor(codes), self._columns.at)

    def experts(self, rows: np.ndarray, codes: np.ndarray, at: np.ndarray) -> ExpertEvidence:
        """What the experts say of the distinct rows ``at``, given that ``rows`` (k,) are of clusters ``codes`` (k,)."""
        with torch.inference_mode():
            evidence, shown = self.evidence(rows, codes), self._tensor(at)
            context = self._encode(evidence)
            return self._told(evidence, context, shown, batch_of(evidence, shown))

    def _told(self, evidence: Evidence, context: Context, rows: Tensor, batch: Batch) -> ExpertEvidence:
        """What the experts say of ``rows``, which are those of ``batch``, and of the anchors."""
        decode = self.network.model.decode
        anchors = decode(context, batch_at_anchors(evidence))[0]
        return ExpertEvidence.of(evidence, rows, batch.pair[0], decode(context, batch)[0], anchors)

    def _posterior(self, evidence: Evidence, weigh: Weigh | None) -> Posterior:
        sample = self._sample(evidence)
        batch = batch_of(evidence, sample)
        context = self.network.model.encode(batch)
        if weigh is None:
            return divided(self._decode(evidence, context))
        told = self._told(evidence, context, sample, batch)
        weights = weigh(told)
        sums = np.empty((evidence.anchors.basis.n, evidence.C, weights.shape[1]), dtype=np.float32)
        out = self._decode(evidence, context, weights.to(self.device), sums)
        return divided(out, Weighed(told, weights, sums))

    def _encode(self, evidence: Evidence) -> Context:
        return self.network.model.encode(batch_of(evidence, self._sample(evidence)))

    def _sample(self, evidence: Evidence) -> Tensor:
        """The context rows in addition to the anchors."""
        # views hold rows in a random order: the first ones are a random sample, the same however the rows
        # are permuted (activeclust.views.order). Anchors have tokens of their own.
        sample = torch.arange(min(CONTEXT_ROWS + evidence.k, evidence.anchors.basis.n), device=self.device)
        return sample[~torch.isin(sample, evidence.anchors.rows)][:CONTEXT_ROWS]

    def _decode(
        self, evidence: Evidence, context: Context, weights: Tensor | None = None,
        sums: np.ndarray | None = None,
    ) -> np.ndarray:  # fmt: skip
        """(n, C + 1) probabilities in float64; the experts' sums by ``weights`` are written into ``sums``."""
        chunk = max(64, _CHUNK_ELEMENTS // numbers_per_row(evidence.C, evidence.anchors.m))

        def serve(start: int, end: int) -> np.ndarray:
            batch = batch_of(evidence, slice(start, end))
            log_posterior = self.network.model.decode(context, batch)[0]
            if weights is not None and sums is not None:
                sums[start:end] = weighted(opinions(batch.pair[0], log_posterior), weights).cpu().numpy()
            return log_posterior.double().exp().cpu().numpy()

        return in_chunks(evidence.anchors.basis.n, chunk, serve)


def divided(out: np.ndarray, experts: Weighed | None = None) -> Posterior:
    """Probabilities (n, C + 1) of the clusters and of none of them, as a posterior."""
    new, known = out[:, -1].clip(0, 1), out[:, :-1]
    total = known.sum(1, keepdims=True)
    known = np.where(total > 1e-12, known / np.maximum(total, 1e-12), 1.0 / known.shape[1])
    return Posterior(known, new, experts)
