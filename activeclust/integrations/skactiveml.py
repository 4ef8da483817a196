"""Adapts scikit-activeml's pool strategies (``pip install activeclust[skactiveml]``).

Their strategies are objects ``query(X, y, clf=..., candidates=..., batch_size=...)`` with NaN for a missing
label. The classifier they are given answers with our posterior and is not fitted again; before the first answer there
is no classifier, and strategies that need one draw at random.
"""

from __future__ import annotations

import inspect
import warnings
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput, MissingDependency, UnknownName
from activeclust.strategy.selections import sample_rows, take
from activeclust.strategy.state import PoolState, Strategy

try:
    import skactiveml.pool
    from skactiveml.base import SkactivemlClassifier
except ImportError as error:
    raise MissingDependency(
        "skactiveml strategies need scikit-activeml: pip install 'activeclust[skactiveml]'."
    ) from error

#: Maximum number of rows given to a strategy besides the anchors, drawn at random: several build n x n
#: matrices.
MAX_POOL = 3_000

# strategies that need features, labels and a posterior only; others need an ensemble, a regressor, gradients,
# or fit the classifier again and again
_NAMES = (
    "ContrastiveAL",
    "CoreSet",
    "Falcun",
    "GreedySamplingX",
    "MaxHerding",
    "ProbCover",
    "RandomSampling",
    "TypiClust",
    "UncertaintySampling",
)


def names() -> list[str]:
    """The strategies of the installed version as :func:`activeclust.strategies.get` knows them."""
    return [f"skactiveml:{name}" for name in _NAMES if hasattr(skactiveml.pool, name)]


def by_name(name: str) -> Strategy:
    """The strategy of that class name, with its default settings, adapted.

    Examples
    --------
    >>> by_name("TypiClust")
    <strategy skactiveml:TypiClust>
    """
    if f"skactiveml:{name}" not in names():
        raise UnknownName("strategy", f"skactiveml:{name}", names(), "Others: adapt(an_instance).")
    return adapt(getattr(skactiveml.pool, name)())


def adapt(query_strategy: Any) -> Strategy:
    """A scikit-activeml pool strategy, with its settings, as a strategy of this package.

    Parameters
    ----------
    query_strategy : skactiveml.base.SingleAnnotatorPoolQueryStrategy
        It is copied for every query, with ``random_state`` drawn from the loop's generator.

    Raises
    ------
    InvalidInput
        Where it needs more than features, labels and a classifier (an ensemble, a regressor).
    """
    wants = inspect.signature(query_strategy.query).parameters
    needs = {n for n, p in wants.items() if p.default is p.empty} - {"X", "y", "clf"}
    if needs:
        name = type(query_strategy).__name__
        raise InvalidInput(f"{name} needs {', '.join(sorted(needs))}, which a pool state does not have.")
    return _Adapted(query_strategy, set(wants))


class _Adapted:
    def __init__(self, query_strategy: Any, wants: set[str]) -> None:
        self.query_strategy, self.wants = query_strategy, wants
        self.name = f"skactiveml:{type(query_strategy).__name__}"

    def __repr__(self) -> str:
        return f"<strategy {self.name}>"

    def __call__(self, state: PoolState, n: int, rng: np.random.Generator) -> np.ndarray:
        from sklearn.base import clone
        from sklearn.exceptions import ConvergenceWarning

        if n >= len(state.candidates) or ("clf" in self.wants and not len(state.anchors)):
            return take([], state.candidates, n, rng)  # nothing to choose, or no criterion
        open_rows = sample_rows(state.candidates, max(MAX_POOL, n), rng)
        open_rows = open_rows[rng.permutation(len(open_rows))]
        rows = np.concatenate([state.anchors, open_rows])
        X = np.asarray(state.views["diffusion"][rows], dtype=float)
        # copies get a tiny difference: TypiClust raises an error if k-means leaves a region empty
        X += 1e-6 * rng.standard_normal(X.shape)
        y = np.full(len(rows), np.nan)
        y[: len(state.anchors)] = state.anchor_codes
        strategy = clone(self.query_strategy)
        strategy.random_state = int(rng.integers(2**31))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # k-means on copies of few rows
            warnings.filterwarnings("ignore", "The number of unique classes")  # few answers, many clusters
            warnings.filterwarnings("ignore", "The maximum purity")  # ProbCover, where rows are copies
            picked = strategy.query(X, y, batch_size=n, **self._options(state.full_posterior[rows], X, y))
        return take(rows[np.asarray(picked)].tolist(), state.candidates, n, rng)

    def _options(self, posterior: np.ndarray, X: np.ndarray, y: np.ndarray) -> dict[str, Any]:
        if "clf" not in self.wants:
            return {}
        return {"clf": PosteriorClassifier(X, posterior).fit(X, y), "fit_clf": False}


class PosteriorClassifier(SkactivemlClassifier):
    """A fitted classifier that returns a given posterior.

    Parameters
    ----------
    X : ndarray (n, m)
        The rows that can be asked about, all different.
    posterior : ndarray (n, C + 1)
        Their probabilities, the last column being *none of these*.
    """

    def __init__(self, X, posterior, missing_label=np.nan, random_state=None):
        super().__init__(np.arange(posterior.shape[1]), missing_label, None, random_state)
        self.X, self.posterior = X, posterior

    def fit(self, X, y, sample_weight=None):
        """Set up what scikit-activeml expects of a fitted classifier; nothing is learned."""
        self._validate_data(X, y, sample_weight)
        self._row = {row.tobytes(): i for i, row in enumerate(self.X)}
        return self

    def predict_proba(self, X):
        """(p, C + 1) probabilities of rows of the ``X`` this was made with."""
        rows = np.ascontiguousarray(X, dtype=self.X.dtype)
        try:
            return self.posterior[[self._row[row.tobytes()] for row in rows]]
        except KeyError:
            raise InvalidInput(
                "The strategy asked about rows that are not in the pool; strategies that make up or "
                "transform rows cannot be adapted."
            ) from None
