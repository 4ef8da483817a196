"""Posteriors at prepared rows: the network's, combined with candidate partitions; equal rows share their answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from activeclust.clusterer.anchors import distinct_anchors, shared_by_copies
from activeclust.clusterer.known import KnownClusters
from activeclust.clusterer.prepared import Prepared

if TYPE_CHECKING:
    from activeclust.pfn.inference import Session
    from activeclust.zeroshot.consensus.candidates import Candidates
    from activeclust.zeroshot.consensus.combine import Combination
    from activeclust.zeroshot.consensus.network import Consensus


@dataclass(frozen=True)
class Posteriors:
    """The network's posteriors for the rows of one data set.

    Attributes
    ----------
    prepared : Prepared
    session : Session
        The network on the views of ``prepared``.
    known : KnownClusters
        Prior knowledge of the clusters.
    consensus : Consensus or None
        Combines the network's posteriors with ``candidates``; None for the network alone.
    candidates : Candidates or None
    """

    prepared: Prepared
    session: Session
    known: KnownClusters
    consensus: Consensus | None = None
    candidates: Candidates | None = None

    def at_distinct_rows(
        self, rows: np.ndarray, codes: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(m, C) and (m,) at the m distinct rows, from anchors (k,) whose answers have ``weights`` (k,), k > 0."""
        C = int(codes.max()) + 1
        at, label = distinct_anchors(self.prepared, rows, codes)
        self.prepared.require_memory(len(at), C)
        both = self._combination(at, label)
        out = (
            both.combined(self.session.posterior(at, label, both.weigh))
            if both
            else self.session.posterior(at, label)
        )
        # answers of weight w change the prior of their cluster like w times as many answers (Saerens, Latinne and
        # Decaestecker, Neural Computation 14, 2002)
        known = out.known * (np.bincount(codes, weights) / np.bincount(codes))
        known /= known.sum(axis=1, keepdims=True)
        known, new = shared_by_copies(self.prepared, rows, codes, weights, known, out.new)
        return known, self.known.new(new, C)

    def resampled(
        self, rows: np.ndarray, codes: np.ndarray, times: int, rng: np.random.Generator
    ) -> np.ndarray:
        """(times, n, C) from passes that each see a random part of the views' coordinates."""
        at, label = distinct_anchors(self.prepared, rows, codes)
        both = self._combination(at, label)
        passes = self.session.resample(at, label, times, rng, both.weigh if both else None)
        if both:
            passes = [both.combined(p) for p in passes]
        ones = np.ones(len(rows))
        shared = (shared_by_copies(self.prepared, rows, codes, ones, p.known, p.new)[0] for p in passes)
        return np.stack([self.prepared.source.spread(known) for known in shared])

    def hypothetical(
        self, rows: np.ndarray, codes: np.ndarray, tried: np.ndarray, answers: np.ndarray, at: np.ndarray
    ) -> np.ndarray:
        """(H, m, C + 2) at the rows ``at`` (m,), had each of ``tried`` (H,) been given the cluster in ``answers``.

        A consensus needs the posterior of the candidates' sample, too, for each hypothesis.
        """
        inverse = self.prepared.source.inverse
        at_rows, label = distinct_anchors(self.prepared, rows, codes)
        tried, at = inverse[tried], inverse[at]
        out = self._hypothetical(at_rows, label, tried, answers, at)
        # a hypothetical answer, too, applies to all copies of its row
        certain = np.eye(out.shape[2])
        given = np.full(len(self.prepared.source.first), -1)
        given[at_rows] = label
        known = given[at]
        out[:, known >= 0] = certain[known[known >= 0]]
        h, m = np.nonzero(tried[:, None] == at)
        out[h, m] = certain[answers[h]]
        return self.known.hypothetical(out, answers)

    def _combination(self, at: np.ndarray, label: np.ndarray) -> Combination | None:
        from activeclust.zeroshot.consensus.combine import Combination

        if self.consensus is None or self.candidates is None:
            return None
        return Combination.of(self.consensus, self.candidates, at, label)

    def _hypothetical(
        self, rows: np.ndarray, codes: np.ndarray, tried: np.ndarray, answers: np.ndarray, at: np.ndarray
    ) -> np.ndarray:
        """As :meth:`hypothetical`, of distinct rows."""
        if self.consensus is None or self.candidates is None:
            return self.session.hypothetical(rows, codes, tried, answers, at)[0]
        from activeclust.pfn.inference import divided
        from activeclust.zeroshot.consensus.combine import Combination

        more = [
            (np.append(rows, row), np.append(codes, code)) for row, code in zip(tried, answers, strict=True)
        ]
        each = [Combination.of(self.consensus, self.candidates, *anchors) for anchors in more]
        places = np.union1d(at, self.candidates.rows.numpy())
        weighs = [combination.weigh for combination in each]
        out, experts = self.session.hypothetical(rows, codes, tried, answers, places, weighs)
        shown = np.searchsorted(places, at)
        combined = np.zeros((len(tried), len(at), out.shape[2]))
        for h, combination in enumerate(each):
            C = int(more[h][1].max()) + 1
            before = divided(np.concatenate([out[h, :, :C], out[h, :, -1:]], axis=1), experts[h])
            after = combination.combined(before, places)
            combined[h, :, :C] = (after.known * (1 - after.new[:, None]))[shown]
            combined[h, :, -1] = after.new[shown]
        return combined

    def attention(self, rows: np.ndarray, codes: np.ndarray, row: int) -> list[tuple[int, float]]:
        """The places in ``rows`` of the distinct anchors, with their shares of the attention of ``row``.

        Of equal anchors with equal answers only the first is listed; the largest share comes first.
        """
        inverse = self.prepared.source.inverse
        at, label = distinct_anchors(self.prepared, rows, codes)
        share = self.session.attention(at, label, inverse[[row]])[0]
        pairs = zip(inverse[rows][::-1].tolist(), codes[::-1].tolist(), strict=True)
        first = {pair: len(rows) - 1 - i for i, pair in enumerate(pairs)}
        order = np.argsort(-share, kind="stable")
        return [(first[int(at[i]), int(label[i])], float(share[i])) for i in order]
