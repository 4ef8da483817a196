"""Metrics of a partition, with and without true labels.

scikit-learn and SciPy compute them; this module decides which rows are compared. Cluster names are compared directly
(the oracle's names are the cluster names), so accuracy needs no matching of clusters to classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.labels import labels_of


def evaluate(
    labels_true: Sequence[Any] | np.ndarray,
    labels_pred: Sequence[Any] | np.ndarray,
    confidence: np.ndarray | None = None,
    *,
    mask: np.ndarray | None = None,
) -> dict[str, float | int | None]:
    """Agreement of a partition with the true one.

    Parameters
    ----------
    labels_true : sequence of length n
        True cluster names. A row whose name is missing (None, NaN, blank, masked) is unknown and left out.
    labels_pred : sequence of length n
        Predicted cluster names; all None before the first answer, when there is nothing to score.
    confidence : ndarray (n,), optional
        Probability given to the predicted name of each row; adds the calibration error.
    mask : ndarray (n,) of bool, optional
        True where a row counts. Leaves out noise and other rows that have no right answer.

    Returns
    -------
    dict
        ``accuracy`` (share of rows whose predicted name is the true one), ``v_measure``, ``ari``, ``nmi``
        (all at most 1, higher is better), ``clusters`` (distinct predicted names) and, with a
        confidence, ``ece``. The scores are None where nothing has been predicted yet.

    Raises
    ------
    InvalidInput
        Where the lengths differ or no row is left to score.

    References
    ----------
    V-measure: Rosenberg & Hirschberg (EMNLP 2007). ARI: Hubert & Arabie (1985). NMI with the geometric
    mean: Strehl & Ghosh (JMLR 2002).

    Examples
    --------
    >>> scores = evaluate(["a", "a", "b", "b"], ["a", "a", "b", "a"])
    >>> scores["accuracy"], scores["clusters"]
    (0.75, 2)
    """
    true, pred = _column(labels_true), _column(labels_pred)
    if len(true) != len(pred):
        raise InvalidInput(f"Expected one true label per predicted one ({len(pred)}), got {len(true)}.")
    keep = known_rows(true)
    if mask is not None:
        if np.shape(mask) != true.shape:
            raise InvalidInput(f"Expected a mask of {len(true)} rows, got shape {np.shape(mask)}.")
        keep &= np.asarray(mask, dtype=bool)
    if not keep.any():
        raise InvalidInput("No row has a known label: there is nothing to score.")
    true, pred = true[keep], pred[keep]
    found = len({name for name in pred if name is not None})
    if found == 0:
        nothing: dict[str, float | int | None] = dict.fromkeys(("accuracy", "v_measure", "ari", "nmi"))
        return nothing | {"clusters": 0} | ({} if confidence is None else {"ece": None})
    right = np.array([a == b and type(a) is type(b) for a, b in zip(true, pred, strict=True)])
    scores: dict[str, float | int | None] = {"accuracy": float(right.mean())}
    scores |= _partition_scores(codes(true), codes(pred))
    scores["clusters"] = found
    if confidence is not None:
        scores["ece"] = expected_calibration_error(np.asarray(confidence)[keep], right)
    return scores


def _partition_scores(true: np.ndarray, pred: np.ndarray) -> dict[str, float]:
    from sklearn.metrics import (
        adjusted_rand_score,
        normalized_mutual_info_score,
        v_measure_score,
    )

    return {
        "v_measure": float(v_measure_score(true, pred)),
        "ari": float(adjusted_rand_score(true, pred)),
        # with the arithmetic mean NMI is the V-measure again; this is Strehl & Ghosh's
        "nmi": float(normalized_mutual_info_score(true, pred, average_method="geometric")),
    }


def expected_calibration_error(confidence: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Mean gap between confidence and accuracy over equally wide bins, weighted by their rows.

    Parameters
    ----------
    confidence : ndarray (n,) in [0, 1]
    right : ndarray (n,) of bool
        Whether each prediction was right.
    bins : int

    Raises
    ------
    InvalidInput
        Where there is nothing to score, or the lengths differ.

    References
    ----------
    Guo, Pleiss, Sun & Weinberger, "On Calibration of Modern Neural Networks" (ICML 2017), equation 3.

    Examples
    --------
    >>> round(expected_calibration_error(np.array([.9, .9, .9, .9]), np.array([1, 1, 1, 0], bool)), 3)
    0.15
    """
    confidence = np.clip(np.asarray(confidence, dtype=float), 0.0, 1.0)
    right = np.asarray(right, dtype=float)
    if confidence.shape != right.shape or confidence.size == 0:
        raise InvalidInput(
            f"Expected as many outcomes as confidences, got {right.size} and {confidence.size}."
        )
    which = np.minimum((confidence * bins).astype(int), bins - 1)
    gap = np.bincount(which, weights=confidence - right, minlength=bins)
    return float(np.abs(gap).sum() / confidence.size)


def agreement(before: Sequence[Any] | np.ndarray, now: Sequence[Any] | np.ndarray) -> float | None:
    """Cohen's kappa of two labelings of the same rows; None where either has no labels yet.

    Parameters
    ----------
    before, now : sequences of length n
        Cluster names; all None before the first answer.

    Raises
    ------
    InvalidInput
        Where the lengths differ.

    References
    ----------
    Cohen, "A coefficient of agreement for nominal scales" (1960).

    Examples
    --------
    >>> agreement(["a", "b", "b"], ["a", "b", "b"])
    1.0
    """
    from sklearn.metrics import cohen_kappa_score

    before, now = _column(before), _column(now)
    if len(before) != len(now):
        raise InvalidInput(f"Expected two labelings of the same rows, got {len(before)} and {len(now)}.")
    if before[0] is None or now[0] is None:
        return None
    both = codes(np.concatenate([before, now]))
    first, second = both[: len(before)], both[len(before) :]
    # with one cluster in both, chance agreement is 1 and kappa is 0/0
    return 1.0 if np.array_equal(first, second) else float(cohen_kappa_score(first, second))


def area_under_budget_curve(budget: Sequence[float], score: Sequence[float | None]) -> float | None:
    """Mean height of the score over the budget (trapezoids, divided by the budget's range).

    Rounds without a score (before the first answer) are left out; None where none has one. Raises
    InvalidInput where the lengths differ or a budget falls.

    Examples
    --------
    >>> area_under_budget_curve([0, 10, 20], [None, 0.5, 1.0])
    0.75
    """
    if len(budget) != len(score):
        raise InvalidInput(f"Expected one score per budget ({len(budget)}), got {len(score)}.")
    pairs = [(b, s) for b, s in zip(budget, score, strict=True) if s is not None and not math.isnan(s)]
    if not pairs:
        return None
    x, y = np.array(pairs, dtype=float).T
    if np.any(np.diff(x) < 0):
        raise InvalidInput("Budgets must not fall from one round to the next.")
    if x[0] == x[-1]:
        return float(y[-1])
    from scipy.integrate import trapezoid

    return float(trapezoid(y, x) / (x[-1] - x[0]))


@dataclass(frozen=True)
class Interval:
    """An estimate with its confidence interval.

    Attributes
    ----------
    mean, low, high : float
        In the unit of the values; the interval is from ``low`` to ``high``.
    level : float
        Its confidence, 0 to 1.
    n : int
        Number of repetitions.
    """

    mean: float
    low: float
    high: float
    level: float
    n: int

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def mean_interval(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Interval:
    """Mean of independent repetitions ``values`` with Student's t interval of confidence ``level``.

    Examples
    --------
    >>> interval = mean_interval([1.0, 2.0, 3.0])
    >>> interval.mean, round(interval.low, 2)
    (2.0, -0.48)
    """
    from scipy import stats

    x = _sample(values, level)
    if np.ptp(x) == 0:
        return Interval(float(x[0]), float(x[0]), float(x[0]), level, len(x))
    # written out: scipy's t test warns of lost precision where the values are nearly equal
    half = float(stats.t.ppf((1 + level) / 2, len(x) - 1) * x.std(ddof=1) / np.sqrt(len(x)))
    mean = float(x.mean())
    return Interval(mean, mean - half, mean + half, level, len(x))


def paired_difference(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    level: float = 0.95,
    *,
    bootstrap: bool = False,
    rng: np.random.Generator | None = None,
) -> Interval:
    """Mean of ``a - b`` over pairs (the same seeds), with a confidence interval.

    Parameters
    ----------
    a, b : sequences of length n
        Scores of two methods under the same n seeds.
    level : float in (0, 1)
        For m comparisons at once give ``1 - 0.05 / m`` (Bonferroni).
    bootstrap : bool
        Bias-corrected bootstrap (scipy, 9,999 resamples) in place of Student's t.
    rng : numpy.random.Generator, optional
        For the bootstrap; required there.

    Raises
    ------
    InvalidInput
        Where they are no pairs, or the bootstrap has no generator.

    Examples
    --------
    >>> difference = paired_difference([.8, .9, .7, .9], [.7, .8, .5, .8])
    >>> round(difference.mean, 3), difference.excludes_zero
    (0.125, True)
    """
    x, y = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if x.shape != y.shape or x.ndim != 1:
        raise InvalidInput(
            f"Expected pairs: two sequences of one length, got shapes {x.shape} and {y.shape}."
        )
    d = _sample(x - y, level)
    if not bootstrap or np.ptp(d) == 0:
        return mean_interval(d, level)
    if rng is None:
        raise InvalidInput("A bootstrap draws at random: give it rng, a numpy Generator.")
    from scipy import stats

    ci = stats.bootstrap((d,), np.mean, confidence_level=level, rng=rng).confidence_interval
    return Interval(float(d.mean()), float(ci.low), float(ci.high), level, len(d))


def _sample(values: Sequence[float] | np.ndarray, level: float) -> np.ndarray:
    x = np.asarray(values, dtype=float)
    if x.ndim != 1 or len(x) < 2 or not np.isfinite(x).all():
        raise InvalidInput(f"An interval needs two or more finite repetitions in one row, got {values!r}.")
    if not 0 < level < 1:
        raise InvalidInput(f"A confidence level lies between 0 and 1, got {level!r}.")
    return x


def known_rows(labels: Sequence[Any] | np.ndarray) -> np.ndarray:
    """(n,) bool: True where one of ``labels`` is not missing (:func:`activeclust.labels.is_missing`).

    Examples
    --------
    >>> known_rows(["a", None, float("nan"), 3]).tolist()
    [True, False, False, True]
    """
    return np.array([name is not None for name in labels_of(labels, "The labels")], dtype=bool)


def codes(names: Sequence[Any] | np.ndarray) -> np.ndarray:
    """(n,) int: names as numbers in order of first appearance, 1 and "1" kept apart.

    Examples
    --------
    >>> codes(["b", "a", "b", 1, "1"]).tolist()
    [0, 1, 0, 2, 3]
    """
    seen: dict[Any, int] = {}
    return np.array([seen.setdefault(name, len(seen)) for name in names], dtype=np.int64)


def _column(labels: Sequence[Any] | np.ndarray) -> np.ndarray:
    column = labels_of(labels, "The labels")
    if len(column) == 0:
        raise InvalidInput("Expected labels of one or more rows, got none.")
    return column
