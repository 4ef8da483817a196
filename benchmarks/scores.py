"""How good a posterior is where the truth is known, and intervals around means of scores.

A posterior is ``known`` (n, C), probabilities over the clusters that have an anchor, and ``new`` (n,), the
probability of none of them; a method that knows nothing of unseen clusters has ``new`` = 0.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.metrics import v_measure_score

BINS = 15
FLOOR = 1e-4  # probabilities are cut here before a logarithm: one sure mistake must not decide a mean


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = BINS) -> float:
    """Expected calibration error over equal-width bins (Guo et al., ICML 2017).

    Examples
    --------
    >>> sure, right = np.array([0.75, 0.75, 0.75, 0.75]), np.array([True, True, True, False])
    >>> calibration_error(sure, right)
    0.0
    >>> calibration_error(np.ones(4), right)
    0.25
    """
    at = np.minimum((sure * bins).astype(int), bins - 1)
    return float(
        sum(abs(right[at == b].mean() - sure[at == b].mean()) * (at == b).mean() for b in np.unique(at))
    )


def calibration_error_if_right(sure: np.ndarray, bins: int = BINS) -> float:
    """The mean of :func:`calibration_error` for a posterior that is exactly right: not 0, as bins hold few rows.

    The number of right rows in a bin is approximately normal, so that its mean absolute deviation is sqrt(2 / pi)
    standard deviations.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> sure = rng.uniform(0.3, 1, 200)
    >>> drawn = [calibration_error(sure, rng.random(200) < sure) for _ in range(300)]
    >>> round(float(np.mean(drawn)), 2), round(calibration_error_if_right(sure), 2)
    (0.08, 0.08)
    """
    at = np.minimum((sure * bins).astype(int), bins - 1)
    variance = np.bincount(at, weights=sure * (1 - sure), minlength=bins)
    return float(np.sqrt(2 / np.pi * variance).sum() / len(sure))


def of_labels(guess: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Accuracy and V-measure of predicted names (n,)."""
    return {
        "accuracy": float((guess == truth).mean()),
        "v_measure": float(v_measure_score(truth, guess)),
    }


def of_posterior(
    known: np.ndarray, names: np.ndarray, truth: np.ndarray, new: np.ndarray | None = None
) -> dict[str, float]:
    """Scores of probabilities ``known`` (n, C) over the clusters ``names`` (C,), beside the true names (n,).

    Scores that end in ``_known`` are of ``known`` on the rows of clusters that have an anchor. The others are
    of all rows: there the certainty is what ``new`` leaves, and a row of a cluster without an anchor is wrong.

    Examples
    --------
    >>> known, names = np.array([[0.8, 0.2], [0.4, 0.6]]), np.array(["a", "b"])
    >>> got = of_posterior(known, names, np.array(["a", "a"]))
    >>> got["accuracy"], round(got["brier_known"], 3), round(got["log_loss_known"], 3)
    (0.5, 0.4, 0.57)
    """
    if not np.isfinite(known).all() or (new is not None and not np.isfinite(new).all()):
        raise ValueError("A posterior holds NaN or infinity; scores of it would mean nothing.")
    left = np.ones(len(known)) if new is None else 1.0 - new
    guess, top = names[known.argmax(axis=1)], known.max(axis=1)
    place = np.minimum(np.searchsorted(names, truth), len(names) - 1)
    seen = names[place] == truth
    own = np.take_along_axis(known, place[:, None], axis=1)[:, 0]
    right = guess == truth
    # all rows: the clusters and "none of these" are C + 1 outcomes
    of_truth = np.where(seen, own * left, 1.0 - left)
    squares = (known**2).sum(axis=1)
    brier = squares * left**2 + (1.0 - left) ** 2 - 2 * of_truth + 1.0
    out = of_labels(guess, truth) | {
        "expected": float((top * left).mean()),
        "ece": calibration_error(top * left, right),
        "log_loss": _log_loss(of_truth),
        "brier": float(brier.mean()),
    }
    if seen.any():
        out |= {
            "accuracy_known": float(right[seen].mean()),
            "expected_known": float(top[seen].mean()),
            "ece_known": calibration_error(top[seen], right[seen]),
            "ece_if_right": calibration_error_if_right(top[seen]),
            "log_loss_known": _log_loss(own[seen]),
            "brier_known": float((squares - 2 * own + 1.0)[seen].mean()),
        }
    return out


def _log_loss(of_truth: np.ndarray) -> float:
    return float(-np.log(of_truth.clip(FLOOR, 1.0)).mean())


def half_width(values: np.ndarray | pd.Series, level: float = 0.95) -> float:
    """Half the width of Student's interval around a mean; NaN of fewer than two values.

    Examples
    --------
    >>> round(half_width(np.array([1.0, 2.0, 3.0])), 3)  # t = 4.303 with two degrees of freedom
    2.484
    """
    values = np.asarray(values, dtype=float)
    n = len(values)
    if n < 2:
        return float("nan")
    return float(stats.t.ppf(0.5 + level / 2, n - 1) * values.std(ddof=1) / np.sqrt(n))


def signed_rank(values: np.ndarray | pd.Series) -> float:
    """p of Wilcoxon's signed-rank test that differences are symmetric about 0; 1 where all are 0.

    Examples
    --------
    >>> signed_rank(np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6]))
    0.03125
    """
    values = np.asarray(values, dtype=float)
    if len(values) < 2 or not values.any():
        return 1.0
    return float(stats.wilcoxon(values).pvalue)
