"""What the page shows between two posteriors: made by the worker, read by requests, immutable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.loop.stopping import converged
from activeclust.store.records import Cluster

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop

OPEN, ANSWERED, ASIDE = range(3)  #: kinds of rows


@dataclass(frozen=True)
class Moved:
    """What answers changed: how many rows got another cluster, and the most frequent change."""

    rows: int
    before: Cluster
    after: Cluster


@dataclass(frozen=True)
class PageState:
    """The run according to one posterior; n rows, C clusters.

    Attributes
    ----------
    version : int
        Grows by one with every state.
    seq : int
        The last event that it knows of.
    clusters : tuple of length C
    posterior : ndarray (n, C)
        Given that the row belongs to a known cluster.
    new : ndarray (n,)
    codes : ndarray (n,) of int
        Each row's likeliest cluster, an answered row's own; -1 before any answer.
    confidence : ndarray (n,)
        Probability of that cluster, 1 for answered rows.
    kinds : ndarray (n,) of uint8
        ``OPEN``, ``ANSWERED``, or ``ASIDE``: skipped or unsure.
    answered : mapping of row to cluster
    order : tuple of int
        Rows to be asked about next, the first ones first.
    rounds : tuple of dict
        Metrics of the rounds, with ``budget``.
    converged : bool
        Whether the last answers no longer changed the partition.
    seconds : float
        What making it took, from reading the answers on.
    moved : Moved or None
        What the answers since the state before changed; None where nothing, or clusters got other names.
    """

    version: int
    seq: int
    clusters: tuple[Cluster, ...]
    posterior: np.ndarray
    new: np.ndarray
    codes: np.ndarray
    confidence: np.ndarray
    kinds: np.ndarray
    answered: Mapping[int, Cluster]
    order: tuple[int, ...]
    rounds: tuple[Mapping[str, Any], ...]
    converged: bool
    seconds: float
    moved: Moved | None = None

    @classmethod
    def of(
        cls, loop: ActiveLoop, version: int, seq: int, order: tuple[int, ...], seconds: float
    ) -> PageState:
        """The state of a loop after a round of metrics."""
        state = loop.state
        n = state.n_rows
        codes, confidence = np.full(n, -1), np.zeros(n)
        if state.n_clusters:
            codes = state.posterior.argmax(axis=1)
            confidence = state.posterior.max(axis=1) * (1 - state.new_cluster_proba)
            codes[state.anchors], confidence[state.anchors] = state.anchor_codes, 1.0
        kinds = np.full(n, ASIDE, dtype=np.uint8)
        kinds[state.candidates], kinds[state.anchors] = OPEN, ANSWERED
        rounds = tuple({**record.metrics, "budget": record.budget} for record in loop.history)
        return cls(
            version=version,
            seq=seq,
            clusters=loop.clusters,
            posterior=state.posterior,
            new=state.new_cluster_proba,
            codes=codes,
            confidence=confidence,
            kinds=kinds,
            answered=loop.anchors,
            order=order,
            rounds=rounds,
            converged=converged(rounds),
            seconds=seconds,
        )

    def moved_since(self, before: PageState) -> Moved | None:
        """What changed since an earlier state of the same rows."""
        if not set(before.clusters) <= set(self.clusters):
            return None
        code_of = {cluster: code for code, cluster in enumerate(self.clusters)}
        earlier = np.array([code_of[cluster] for cluster in before.clusters] + [-1])[before.codes]
        moved = (earlier >= 0) & (earlier != self.codes) & (self.kinds != ANSWERED)
        if not moved.any():
            return None
        pairs, counts = np.unique(np.stack([earlier[moved], self.codes[moved]]), axis=1, return_counts=True)
        was, now = pairs[:, counts.argmax()]
        return Moved(int(moved.sum()), self.clusters[was], self.clusters[now])

    def suggestions(self, row: int, limit: int) -> list[tuple[Cluster, float]]:
        """The likeliest clusters of a row, likeliest first."""
        mass = self.posterior[row] * (1 - self.new[row])
        best = np.argsort(-mass, kind="stable")[:limit]
        return [(self.clusters[code], float(mass[code])) for code in best]

    def sizes(self) -> np.ndarray:
        """(C,) numbers of rows by their likeliest cluster."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.clusters))

    def alike(self, code: int, among: np.ndarray, n: int) -> list[int]:
        """The ``n`` of the given rows that most likely belong to a cluster."""
        rows = among[self.codes[among] == code]
        return rows[np.argsort(-self.confidence[rows], kind="stable")[:n]].tolist()
