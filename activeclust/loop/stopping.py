"""Stop rules, and the metrics without true labels that they use.

A rule is a function over the rounds so far, oldest first, each a mapping of that round's metrics with
``budget`` (rows answered) added; it returns whether the run may end::

    stop = parse_stop("converged")                                  # --stop converged
    stop([{"budget": r.budget, **r.metrics} for r in rounds])       # True or False, after every round

The metrics by their names:

``agreement``
    Cohen's kappa of this round's partition with the last one's.
``expected_accuracy``
    Mean probability of the assigned labels, the probability of *none of these* subtracted.
``expected_low``, ``expected_high``
    :func:`expected_interval`: the 95 % interval of the accuracy if the probabilities are right.
``answers_to_goal``
    :func:`answers_to`: about how many more answers raise the expected accuracy to 95 %.
``expected_gain``
    :func:`expected_gain`: the share of rows that the next batch can correct at most.

None of them uses true labels: a model that is confident and wrong looks converged. :func:`activeclust.audit.audit` asks
about rows drawn at random and gives an unbiased accuracy.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.strategy.scores import closeness, kernel_between
from activeclust.strategy.state import PoolState

Rounds = Sequence[Mapping[str, Any]]
StopRule = Callable[[Rounds], bool]

#: ``converged``: over the last answers (this many or a tenth of all) and at least three rounds ...
WINDOW, ROUNDS = 15, 3
#: ... the sum of 1 - kappa is at most this (three rounds with kappa 0.99 each)
CHANGE = 0.03
#: the interval of the expected accuracy: number of rows used, width of the kernel that correlates errors, relative
#: standard deviation of the expected error, and the 97.5 % quantile of the normal distribution
LOOKED_AT, TOGETHER, MISJUDGED, QUANTILE = 1_000, 0.2, 0.4, 1.96
#: the accuracy that is forecast
GOAL = 0.95
#: ``accuracy=...`` must hold this many rounds in a row
PATIENCE = 2

_FORMS = "converged, accuracy=0.95 or gain=0.001 (a share between 0 and 1), or several with commas between"


def parse_stop(text: str) -> StopRule:
    """The stop rule of that name.

    Parameters
    ----------
    text : str
        ``converged`` (:func:`converged`), ``accuracy=0.95`` (the expected accuracy is at least that, two
        rounds in a row) or ``gain=0.001`` (the next batch is expected to correct at most that share of the rows, two
        rounds in a row). Several rules are separated by commas; the first that applies ends the run.

    Returns
    -------
    callable
        ``rule(rounds) -> bool``; see the beginning of this module.

    Raises
    ------
    InvalidInput
        For anything else.

    Examples
    --------
    >>> rule = parse_stop("accuracy=0.9")
    >>> rule([{"budget": 5, "expected_accuracy": 0.91}]), rule([{"budget": b, "expected_accuracy": 0.91}
    ...                                                         for b in (5, 10)])
    (False, True)
    """
    rules = [_parse_one(part.strip()) for part in str(text).split(",")]

    def any_of(rounds: Rounds) -> bool:
        return any(rule(rounds) for rule in rules)

    return any_of


def _parse_one(text: str) -> StopRule:
    name, equals, value = text.partition("=")
    if name == "converged" and not equals:
        return converged
    if name not in ("accuracy", "gain") or not equals:
        raise InvalidInput(f"There is no stop rule {text!r}; expected {_FORMS}.")
    try:
        threshold = float(value)
    except ValueError:
        threshold = float("nan")
    if not 0 < threshold < 1:
        raise InvalidInput(f"The stop rule {name}= takes a share between 0 and 1, got {value!r}: {_FORMS}.")
    if name == "accuracy":
        return lambda rounds: _lasting(rounds, "expected_accuracy", lambda x: x >= threshold)
    return lambda rounds: _lasting(rounds, "expected_gain", lambda x: x <= threshold)


def _lasting(rounds: Rounds, metric: str, holds: Callable[[float], bool]) -> bool:
    values = [r.get(metric) for r in rounds[-PATIENCE:]]
    return len(values) == PATIENCE and all(value is not None and holds(value) for value in values)


def converged(rounds: Rounds) -> bool:
    """Whether the last answers no longer changed the partition.

    ``sum (1 - kappa) <= 0.03`` over the rounds that span the last 15 answers (or the last tenth of all
    answers where that is more) and at least three rounds, no new cluster among them. The sum over answers has the same
    meaning at every batch size; per round it would not, since after a single answer kappa is nearly always above 0.99.

    Parameters
    ----------
    rounds : sequence of mapping
        With ``budget``, ``agreement`` and, where known, ``clusters``.

    References
    ----------
    Bloodgood & Vijay-Shanker, "A method for stopping active learning based on stabilizing predictions"
    (CoNLL 2009): kappa of successive models at least 0.99 over three rounds.

    Examples
    --------
    >>> steady = [{"budget": 5 * i, "agreement": 0.995, "clusters": 10} for i in range(5)]
    >>> converged(steady), converged(steady[:3])
    (True, False)
    """
    if len(rounds) <= ROUNDS:
        return False
    now = rounds[-1]["budget"]
    span = max(WINDOW, now / 10)
    start = next(
        (i for i in range(len(rounds) - 1 - ROUNDS, -1, -1) if now - rounds[i]["budget"] >= span), None
    )
    if start is None:
        return False
    kappa = [r["agreement"] for r in rounds[start + 1 :] if r.get("agreement") is not None]
    if len(kappa) < len(rounds) - 1 - start or rounds[start].get("clusters") != rounds[-1].get("clusters"):
        return False
    return len(kappa) - sum(kappa) <= CHANGE


def expected_gain(state: PoolState, rows: np.ndarray) -> float:
    """Upper bound of the share of all rows that answers for ``rows`` are expected to correct.

    ``1/n sum_i (1 - max_c p_ic) * max(0, max_{s in rows} k(x_i, x_s) - max_{a in anchors} k(x_i, x_a))``:
    the probability that each row is wrong, times how much nearer an answered row is after the batch; k is the kernel of
    :func:`activeclust.strategy.cover`.

    Parameters
    ----------
    state : PoolState
    rows : ndarray of int
        The next batch.

    Examples
    --------
    >>> from activeclust.testing.strategies import make_state
    >>> state = make_state()
    >>> 0 < expected_gain(state, state.candidates[:2]) < expected_gain(state, state.candidates[:9]) < 1
    True
    """
    known = state.full_posterior[:, :-1]
    wrong = 1.0 - known.max(axis=1, initial=0.0)
    points = state.views["diffusion"]
    nearer = closeness(points, points[np.asarray(rows)]) - closeness(points, points[state.covered])
    return float((wrong * np.maximum(nearer, 0.0)).mean())


def expected_interval(
    confidence: np.ndarray, points: np.ndarray, answered: int
) -> tuple[float, float] | tuple[None, None]:
    """Interval of about 95 % for the accuracy, from the probabilities of the posterior.

    Two variances are added. Errors are correlated, since a wrongly named cluster is wrong as a whole:
    ``1/m^2 sum_ij k(x_i, x_j) s_i s_j``, ``s_i^2 = c_i (1 - c_i)`` being the variance of one row with confidence
    ``c_i`` and k the coverage kernel of width 0.2 on the diffusion view. And the posterior itself is not exact: the
    standard deviation of its expected error ``e = 1 - mean c`` is ``0.4 e``.

    Parameters
    ----------
    confidence : ndarray (n,)
        Probability of each row's label; 1 for answered ones.
    points : ndarray (n, m)
        The diffusion view: rows of unit length.
    answered : int
        Number of answered rows, which are right.

    Returns
    -------
    low, high : float
        Between the answered share and 1; None without an answer.

    Examples
    --------
    >>> apart, together = np.eye(100), np.tile(np.eye(2), (50, 1))
    >>> [round(end, 2) for end in expected_interval(np.full(100, 0.8), apart, 10)]
    [0.61, 0.99]
    >>> [round(end, 2) for end in expected_interval(np.full(100, 0.8), together, 10)]
    [0.22, 1.0]
    """
    if answered == 0:
        return None, None
    n = len(confidence)
    rows = np.arange(n)
    if n > LOOKED_AT:  # always the same rows, so that the interval does not vary by chance
        rows = np.sort(np.random.default_rng(0).choice(n, LOOKED_AT, replace=False))
    spread = np.sqrt(confidence[rows] * (1 - confidence[rows]))
    together = kernel_between(points[rows], points[rows], TOGETHER)
    mean = float(confidence.mean())
    variance = float(spread @ together @ spread) / len(rows) ** 2 + (MISJUDGED * (1 - mean)) ** 2
    half = QUANTILE * float(np.sqrt(variance))
    return max(answered / n, mean - half), min(1.0, mean + half)


def answers_to(rounds: Rounds, goal: float = GOAL) -> int | None:
    """About how many more answers raise the expected accuracy to ``goal``.

    The expected error is assumed to fall as one over the number of answers, ``e = a / k``: with an error of ``e`` after
    ``k`` answers, ``k e / (1 - goal)`` answers are needed in all. A law with an exponent fitted to the run itself was
    worse (docs/strategies.md, *When to stop*).

    Parameters
    ----------
    rounds : sequence of mapping
        With ``budget`` and ``expected_accuracy``.
    goal : float
        Between 0 and 1.

    Returns
    -------
    int or None
        0 if it is reached; None if the error is not lower than with half as many answers, or if there was no such
        round.

    Examples
    --------
    >>> rounds = [{"budget": k, "expected_accuracy": 1 - 2 / k} for k in (5, 10, 15, 20)]
    >>> answers_to(rounds)  # at 40 answers
    20
    """
    points = [
        (r["budget"], 1 - r["expected_accuracy"])
        for r in rounds
        if r["budget"] > 0 and r.get("expected_accuracy") is not None
    ]
    if not points:
        return None
    now, error = points[-1]
    if error <= 1 - goal:
        return 0
    before = [earlier for k, earlier in points if k <= now / 2]
    if not before or error >= before[-1]:
        return None
    return max(1, round(now * (error / (1 - goal) - 1)))
