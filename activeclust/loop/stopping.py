"""When to stop: signals that need no true labels, and rules over them.

A rule is a function over the rounds so far, oldest first, each a mapping of that round's metrics with
``budget`` (rows answered) added; it says whether the answers may end here::

    stop = parse_stop("converged")                                  # --stop converged
    stop([{"budget": r.budget, **r.metrics} for r in rounds])       # True or False, after every round

The signals, by the names of the metrics:

``agreement``
    Cohen's kappa of this round's partition with the last one's.
``expected_accuracy``
    Mean probability that the posterior gives to the labels it assigns, *none of these* taken off.
``expected_low``, ``expected_high``
    :func:`expected_interval`: where the accuracy lies with 95 % if the probabilities are right.
``answers_to_goal``
    :func:`answers_to`: about how many more answers bring the expected accuracy to 95 %.
``expected_gain``
    :func:`expected_gain`: the share of rows that the next batch can still put right.

None of them sees the truth: a model that is sure and wrong looks converged. :func:`activeclust.audit.audit` asks
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

#: ``converged``: over the last answers, this many or a tenth of all, and over three rounds at least ...
WINDOW, ROUNDS = 15, 3
#: ... the partition changed by no more than this in all (three rounds with kappa 0.99 each)
CHANGE = 0.03
#: the interval of the expected accuracy: rows looked at, width of the kernel by which errors go together, relative
#: standard deviation of the error that is expected, and the normal distribution's 97.5 % quantile
LOOKED_AT, TOGETHER, MISJUDGED, QUANTILE = 1_000, 0.2, 0.4, 1.96
#: The accuracy that is forecast; nothing is forecast that takes more than so many times the answers given.
GOAL, FARTHEST = 0.95, 20
#: the forecast looks back to this share of the answers, at four rounds or more, and takes no flatter curve than this
BACK, FLATTEST = 0.25, 0.1
#: ``accuracy=...`` must hold this many rounds in a row
PATIENCE = 2

_FORMS = "converged, accuracy=0.95 or gain=0.001 (a share between 0 and 1), or several with commas between"


def parse_stop(text: str) -> StopRule:
    """The rule that a text names.

    Parameters
    ----------
    text : str
        ``converged`` (:func:`converged`), ``accuracy=0.95`` (the expected accuracy is at least that, two
        rounds in a row) or ``gain=0.001`` (the next batch is expected to put right no more than that share
        of the rows, two rounds in a row). Several with commas between: the first that fires ends the run.

    Returns
    -------
    callable
        ``rule(rounds) -> bool``; see the head of this module.

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
    answers where that is more) and at least three rounds, no new cluster among them. Summed over answers
    and not taken round by round, it means the same at every batch size: a single answer nearly always
    leaves kappa above 0.99.

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
    """The share of all rows that answering ``rows`` can be expected to put right, at most.

    ``1/n sum_i (1 - max_c p_ic) * max(0, max_{s in rows} k(x_i, x_s) - max_{a in anchors} k(x_i, x_a))``:
    how likely each row is wrong, times how much nearer to an answered row the batch brings it, k being the
    kernel of :func:`activeclust.strategy.cover`.

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
    """Where the accuracy lies with about 95 %, by the confidences that the posterior gives.

    Two variances are added. Errors are no independent draws, since a cluster that is misnamed is misnamed as a whole:
    ``1/m^2 sum_ij k(x_i, x_j) s_i s_j``, ``s_i^2 = c_i (1 - c_i)`` being the variance of one row with confidence
    ``c_i`` and k the coverage kernel of width 0.2 on the diffusion view. And the posterior misjudges itself: its
    expected error ``e = 1 - mean c`` is off by a factor, ``(0.4 e)^2``.

    Parameters
    ----------
    confidence : ndarray (n,)
        Probability of each row's label; 1 for answered ones.
    points : ndarray (n, m)
        The diffusion view: rows of unit length.
    answered : int
        Rows that are answered, and right.

    Returns
    -------
    low, high : float
        From the answered share to 1; None without an answer.

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
    if n > LOOKED_AT:  # the same ones each time: the interval must not flicker
        rows = np.sort(np.random.default_rng(0).choice(n, LOOKED_AT, replace=False))
    spread = np.sqrt(confidence[rows] * (1 - confidence[rows]))
    together = kernel_between(points[rows], points[rows], TOGETHER)
    mean = float(confidence.mean())
    variance = float(spread @ together @ spread) / len(rows) ** 2 + (MISJUDGED * (1 - mean)) ** 2
    half = QUANTILE * float(np.sqrt(variance))
    return max(answered / n, mean - half), min(1.0, mean + half)


def answers_to(rounds: Rounds, goal: float = GOAL) -> int | None:
    """About how many more answers bring the expected accuracy to ``goal``.

    The expected error falls as a power of the answers, ``e = a k^-b``; a and b are fitted by least squares to the
    logarithms over the rounds with at least a quarter of the present answers.

    Parameters
    ----------
    rounds : sequence of mapping
        With ``budget`` and ``expected_accuracy``.
    goal : float
        Between 0 and 1.

    Returns
    -------
    int or None
        0 where it is reached; None with fewer than four rounds to look at, where the curve does not fall, and where
        more than twenty times the present answers would be needed.

    Examples
    --------
    >>> rounds = [{"budget": k, "expected_accuracy": 1 - 2 / k} for k in (5, 10, 15, 20)]
    >>> answers_to(rounds)  # at 40 answers
    20
    """
    points = [
        (r["budget"], 1 - r["expected_accuracy"]) for r in rounds if r.get("expected_accuracy") is not None
    ]
    points = [(k, max(error, 1e-6)) for k, error in points if k > 0 and k >= BACK * points[-1][0]]
    if points and points[-1][1] <= 1 - goal:
        return 0
    if len({k for k, _ in points}) < 4:
        return None
    k, error = np.log(np.array(points, dtype=float)).T
    slope = float(np.polyfit(k, error, 1)[0])
    if slope > -FLATTEST:
        return None
    fitted = error.mean() + slope * (k[-1] - k.mean())
    times = float(np.exp((fitted - np.log(1 - goal)) / -slope))
    now = points[-1][0]
    return max(1, round(now * (times - 1))) if times < 1 + FARTHEST else None
