"""The posterior of the answers: labels, suggestions, and the state that a strategy receives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.loop.anchors import Anchors
from activeclust.store.records import Cluster
from activeclust.strategy.state import PoolState, one_by_one
from activeclust.validation import counted

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer, PreparedRows


@dataclass(frozen=True)
class NamedPosterior:
    """The posterior given one set of anchors; n rows, C clusters, k anchors.

    Attributes
    ----------
    clusters : tuple of length C
        Names of the posterior's columns.
    posterior : ndarray (n, C)
        Probability of each cluster given that the row belongs to one of them.
    new : ndarray (n,)
        Probability of belonging to none of them.
    rows, codes : ndarray (k,) of int
        The anchors and their columns.
    """

    clusters: tuple[Cluster, ...]
    posterior: np.ndarray
    new: np.ndarray
    rows: np.ndarray
    codes: np.ndarray

    def labels(self) -> tuple[np.ndarray, np.ndarray]:
        """(n,) cluster names, None before any answer, and (n,) the probability of each.

        An answered row keeps the cluster that it was given, with probability 1.
        """
        names, confidence = np.full(len(self.new), None, dtype=object), np.zeros(len(self.new))
        if len(self.clusters):
            columns = np.empty(len(self.clusters), dtype=object)
            columns[:] = self.clusters
            names[:] = columns[self.posterior.argmax(axis=1)]
            confidence[:] = self.posterior.max(axis=1) * (1 - self.new)
            names[self.rows], confidence[self.rows] = columns[self.codes], 1.0
        return names, confidence

    def suggestions(self, row: int, limit: int) -> tuple[tuple[Cluster, float], ...]:
        """The most probable clusters of a row, scaled by the probability that it is of a known cluster."""
        mass = self.posterior[row] * (1 - self.new[row])
        best = np.argsort(-mass, kind="stable")[:limit]
        return tuple((self.clusters[code], float(mass[code])) for code in best)


class PosteriorCache:
    """Posteriors of a clusterer over prepared rows, each set of anchors computed once.

    Parameters
    ----------
    clusterer : Clusterer
    prepared : PreparedRows
        From its ``prepare``.
    """

    def __init__(self, clusterer: Clusterer, prepared: PreparedRows) -> None:
        self.clusterer, self.prepared = clusterer, prepared
        self._kept: dict[tuple, NamedPosterior] = {}
        self._partition: np.ndarray | None = None  # what the model finds without answers

    def of(self, answers: Anchors) -> NamedPosterior:
        """The posterior given these answers."""
        rows, codes, clusters = answers.rows, answers.codes, answers.clusters
        key = (rows.tobytes(), codes.tobytes(), clusters)
        if key not in self._kept:
            posterior, new = self.clusterer.posterior(self.prepared, rows, codes)
            if not (np.isfinite(posterior).all() and np.isfinite(new).all()):
                raise InvalidInput(
                    f"The model's posterior from {counted(len(rows), 'answer')} holds NaN or infinite numbers, "
                    f"expected probabilities (model {self.clusterer.model_hash})."
                )
            named = NamedPosterior(clusters, _frozen(posterior), _frozen(new), _frozen(rows), _frozen(codes))
            # only the last round's and this one's are needed again
            self._kept = {**dict(list(self._kept.items())[-1:]), key: named}
        return self._kept[key]

    def state(self, answers: Anchors, candidates: np.ndarray) -> PoolState:
        """The state that a strategy receives; its arrays are read-only."""
        named, prepared = self.of(answers), self.prepared
        # methods that a model may have beyond the protocol
        model_resample: Any = getattr(self.clusterer, "resample", None)
        model_hypothetical: Any = getattr(self.clusterer, "hypothetical", None)
        model_zero_shot: Any = getattr(self.clusterer, "zero_shot", None)

        def refit(rows: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            more = np.concatenate([named.rows, rows]), np.concatenate([named.codes, codes])
            return self.clusterer.posterior(prepared, *more)

        def resample(times: int, rng: np.random.Generator) -> np.ndarray:
            return model_resample(prepared, named.rows, named.codes, times, rng)

        def hypothetical(rows: np.ndarray, codes: np.ndarray, at: np.ndarray) -> np.ndarray:
            return model_hypothetical(prepared, named.rows, named.codes, rows, codes, at)

        def zero_shot() -> np.ndarray:
            if self._partition is None:
                _, self._partition, _ = model_zero_shot(prepared)
            return _frozen(self._partition)

        return PoolState(
            posterior=named.posterior,
            new_cluster_proba=named.new,
            views={name: _frozen(view) for name, view in prepared.views.items()},
            neighbors=_frozen(prepared.neighbors),
            density=_frozen(prepared.density),
            anchors=named.rows,
            anchor_codes=named.codes,
            candidates=_frozen(candidates),
            refit=refit,
            resample=resample if model_resample is not None else None,
            hypothetical=hypothetical
            if model_hypothetical is not None
            else one_by_one(refit, len(named.clusters)),
            zero_shot=zero_shot if model_zero_shot is not None else None,
        )


def _frozen(array: np.ndarray) -> np.ndarray:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
