"""Prior knowledge of the clusters (their number or their names), and weights of answers."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.labels import Label, labels_of
from activeclust.validation import some_rows


@dataclass(frozen=True)
class KnownClusters:
    """The number of clusters and their names; None if unknown.

    Attributes
    ----------
    n : int or None
        Answers may name more clusters; then there are more.
    names : tuple of cluster names, or None
    """

    n: int | None = None
    names: tuple[Label, ...] | None = None

    @classmethod
    def of(cls, n_clusters: Any, classes: Any) -> KnownClusters:
        """From an estimator's parameters of these names; InvalidInput if they contradict each other.

        Examples
        --------
        >>> KnownClusters.of(None, ["cat", "dog"])
        KnownClusters(n=2, names=('cat', 'dog'))
        """
        if n_clusters is not None and not (
            isinstance(n_clusters, numbers.Integral)
            and not isinstance(n_clusters, bool)
            and int(n_clusters) >= 1
        ):
            raise InvalidInput(f"n_clusters is an integer from 1 upward or None, got {n_clusters!r}.")
        if classes is None:
            return cls(None if n_clusters is None else int(n_clusters))
        names = tuple(labels_of(classes, "classes").tolist())
        if not names or None in names or len(set(names)) < len(names):
            raise InvalidInput(f"classes are the distinct names of one cluster or more, got {list(names)!r}.")
        if n_clusters not in (None, len(names)):
            raise InvalidInput(f"n_clusters is {n_clusters}, and classes names {len(names)}.")
        return cls(len(names), names)

    def encode(self, answers: Sequence[Label]) -> tuple[np.ndarray, np.ndarray]:
        """The clusters, sorted, and the code of each answer (k,); 1 and "1" stay apart.

        Examples
        --------
        >>> KnownClusters().encode(["dog", "cat", "dog"])[1].tolist()
        [1, 0, 1]
        """
        found = set(answers)
        if self.names is not None:
            others = sorted(map(repr, found - set(self.names)))
            if others:
                raise InvalidInput(
                    f"Rows are answered {', '.join(others[:5])}, and classes lists "
                    f"{', '.join(map(repr, self.names))} alone."
                )
            if not found:
                raise InvalidInput(
                    f"classes names {len(self.names)} clusters, and no row is answered: the names cannot be assigned "
                    f"to clusters. To find so many clusters without answers, give n_clusters={len(self.names)}."
                )
            found = set(self.names)
        distinct = sorted(found, key=lambda name: (isinstance(name, str), name))
        code = {name: i for i, name in enumerate(distinct)}
        one_kind = len({isinstance(name, str) for name in distinct}) <= 1
        classes = np.array(distinct) if one_kind else np.array(distinct, dtype=object)
        return classes, np.array([code[name] for name in answers], dtype=np.int64)

    def new(self, new: np.ndarray, C: int) -> np.ndarray:
        """The probability of *none of these* (n,): 0 if all clusters are among the ``C``."""
        return np.zeros_like(new) if self.n is not None and self.n <= C else new

    def widened(
        self, known: np.ndarray, new: np.ndarray, present: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The posterior over all names, from that over those ``present`` (C,) in the answers.

        The others share the probability of *none of these* equally.
        """
        if self.names is None or len(present) == len(self.names):
            return known, new
        full = np.empty((len(known), len(self.names)))
        full[:] = new[:, None] / (len(self.names) - len(present))
        full[:, present] = known * (1.0 - new[:, None])
        return full, np.zeros_like(new)

    def hypothetical(self, tables: np.ndarray, answers: np.ndarray) -> np.ndarray:
        """Probabilities (H, m, C + 2) had rows been answered ``answers`` (H,), see ``PFNClusterer.hypothetical``."""
        C = tables.shape[2] - 2
        closed = C + (answers == C) >= (np.inf if self.n is None else self.n)
        if not closed.any():
            return tables
        tables = tables.copy()
        tables[closed, :, -1] = 0.0
        tables[closed] /= tables[closed].sum(axis=2, keepdims=True)
        return tables


def weights_of(sample_weight: Any, n: int) -> np.ndarray:
    """(n,) the weight of each row: 1 by default, one number for all, or one per row.

    Examples
    --------
    >>> weights_of(None, 3).tolist(), weights_of([0, 2, 1], 3).tolist()
    ([1.0, 1.0, 1.0], [0.0, 2.0, 1.0])
    """
    if sample_weight is None:
        return np.ones(n)
    try:
        weights = np.asarray(sample_weight, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"sample_weight holds one number per row: {error}.") from error
    if weights.ndim == 0:
        weights = np.full(n, weights)
    if weights.shape != (n,):
        raise InvalidInput(
            f"sample_weight holds one number per row, {n:,} in all; got shape {weights.shape}."
        )
    wrong = np.flatnonzero(~(np.isfinite(weights) & (weights >= 0)))
    if len(wrong):
        raise InvalidInput(f"Weights are finite and not negative; see {some_rows(wrong)} of sample_weight.")
    if n and not weights.any():
        raise InvalidInput("sample_weight is zero for every row: there is nothing to fit.")
    return weights
