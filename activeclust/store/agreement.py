"""Agreement of the annotators of a run.

Needs the extra ``agreement``: Cohen's kappa comes from scikit-learn, Fleiss' from statsmodels,
Krippendorff's alpha from the package krippendorff.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from activeclust.errors import MissingDependency
from activeclust.store.records import Cluster, Kind, Vote


@dataclass(frozen=True)
class Agreement:
    """Agreement on the rows that at least two people put into a cluster. None where it is undefined:
    no rows are shared, or all have the same cluster.

    Attributes
    ----------
    annotators : tuple of str
    n_rows : int
        Rows with at least two labels.
    n_disputed : int
        Rows among them with at least two clusters.
    observed : float or None
        Share of pairs of labels of one row that agree.
    cohen : mapping of (annotator, annotator) to float or None
        Cohen's kappa (1960) of each two annotators on the rows both labelled.
    fleiss : float or None
        Fleiss' kappa (1971) on the rows with the most frequent number of labels.
    fleiss_rows : int
        Number of those rows.
    krippendorff : float or None
        Krippendorff's nominal alpha on all of these rows; missing answers are allowed.
    """

    annotators: tuple[str, ...]
    n_rows: int
    n_disputed: int
    observed: float | None
    cohen: Mapping[tuple[str, str], float | None]
    fleiss: float | None
    fleiss_rows: int
    krippendorff: float | None


def agreement(votes: Iterable[Vote]) -> Agreement:
    """Agreement of a run's current answers; reviews, skips and unsure answers are left out.

    Parameters
    ----------
    votes : iterable of Vote
        From :meth:`activeclust.store.base.Run.votes`.

    Raises
    ------
    MissingDependency
        The extra ``agreement`` is not installed.

    Examples
    --------
    >>> votes = [Vote(row, Kind.LABEL, row % 2, who, 1) for row in range(10) for who in ("eva", "bob")]
    >>> agreement(votes).krippendorff
    1.0
    """
    labels: dict[int, dict[str, Cluster]] = {}
    for vote in votes:
        if vote.kind is Kind.LABEL and vote.cluster is not None:
            labels.setdefault(vote.row, {})[vote.annotator] = vote.cluster
    shared = {row: said for row, said in labels.items() if len(said) > 1}
    people = sorted({who for said in shared.values() for who in said})
    counts = _counts(shared)
    fleiss, fleiss_rows = _fleiss(counts)
    return Agreement(
        annotators=tuple(people),
        n_rows=len(shared),
        n_disputed=int((np.count_nonzero(counts, axis=1) > 1).sum()),
        observed=_observed(counts),
        cohen={(a, b): _cohen(shared, a, b) for a, b in itertools.combinations(people, 2)},
        fleiss=fleiss,
        fleiss_rows=fleiss_rows,
        krippendorff=_krippendorff(counts),
    )


def _counts(shared: Mapping[int, Mapping[str, Cluster]]) -> np.ndarray:
    """(rows, clusters): how many people put each row into each cluster."""
    codes = {
        name: i for i, name in enumerate(dict.fromkeys(c for said in shared.values() for c in said.values()))
    }
    counts = np.zeros((len(shared), len(codes)), dtype=int)
    for i, said in enumerate(shared.values()):
        for name in said.values():
            counts[i, codes[name]] += 1
    return counts


def _observed(counts: np.ndarray) -> float | None:
    people = counts.sum(axis=1)
    pairs = (people * (people - 1)).sum()
    return float((counts * (counts - 1)).sum() / pairs) if pairs else None


def _cohen(shared: Mapping[int, Mapping[str, Cluster]], a: str, b: str) -> float | None:
    from sklearn.metrics import cohen_kappa_score

    both = [(said[a], said[b]) for said in shared.values() if a in said and b in said]
    codes = {name: i for i, name in enumerate(dict.fromkeys(name for pair in both for name in pair))}
    if len(codes) < 2:
        return None
    return float(cohen_kappa_score([codes[x] for x, _ in both], [codes[y] for _, y in both]))


def _fleiss(counts: np.ndarray) -> tuple[float | None, int]:
    try:
        from statsmodels.stats.inter_rater import fleiss_kappa
    except ImportError as error:
        raise _missing("statsmodels") from error
    if not len(counts):
        return None, 0
    people = counts.sum(axis=1)
    table = counts[people == np.bincount(people).argmax()]
    if np.count_nonzero(table.sum(axis=0)) < 2:
        return None, len(table)
    return float(fleiss_kappa(table)), len(table)


def _krippendorff(counts: np.ndarray) -> float | None:
    try:
        import krippendorff
    except ImportError as error:
        raise _missing("krippendorff") from error
    if counts.shape[1] < 2:
        return None
    return float(krippendorff.alpha(value_counts=counts, level_of_measurement="nominal"))


def _missing(package: str) -> MissingDependency:
    return MissingDependency(f"Agreement needs {package}: pip install 'activeclust[agreement]'.")
