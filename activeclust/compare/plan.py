"""The plan of a comparison: strategies, budget, repeats and seeds, checked before anything runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust import strategies as registry
from activeclust.compare.arms import Arm, Strategies, arms_of
from activeclust.datasets.dataset import Dataset
from activeclust.errors import InvalidInput
from activeclust.loop.active_loop import ActiveLoop
from activeclust.metrics import known_rows
from activeclust.validation import check_rows, counted

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer


@dataclass(frozen=True)
class Plan:
    """The plan of a comparison; it determines the names of the runs.

    Attributes
    ----------
    name : str
        Names the sweep in the store; by default made from the data and the settings.
    strategies : tuple of str
        Names of the arms.
    budget, batch_size, repeats, seed : int
        Repeat r of every strategy has the same seed, made from ``(seed, r)``.
    start : int
        Rows answered before the strategy is asked, drawn at random and the same for all strategies.
    varied : tuple of str
        Strategies that draw nothing at random before the first answer, so that all their runs would be equal: their
        runs begin with one random row each.
    noise : float
        Share of wrong answers, the same rows for all strategies of a repeat.
    arms : mapping of str to Arm
        The arms by name; if it is empty, the names are those of strategies.
    """

    name: str
    strategies: tuple[str, ...]
    budget: int
    batch_size: int = 5
    repeats: int = 20
    seed: int = 0
    start: int = 0
    noise: float = 0.0
    varied: tuple[str, ...] = ()
    arms: Mapping[str, Arm] = field(default_factory=dict, repr=False)

    def arm(self, strategy: str) -> Arm:
        """The arm named ``strategy``."""
        return self.arms[strategy] if strategy in self.arms else Arm(strategy)

    def start_of(self, strategy: str) -> int:
        """Number of random rows answered before ``strategy`` starts."""
        return max(self.start, int(strategy in self.varied))

    @property
    def settings(self) -> dict[str, Any]:
        """All settings except the arms, as plain values."""
        return {
            "name": self.name, "strategies": self.strategies, "budget": self.budget, "batch_size": self.batch_size,
            "repeats": self.repeats, "seed": self.seed, "start": self.start, "noise": self.noise,
            "varied": self.varied,
        }  # fmt: skip

    def jobs(self, shard: tuple[int, int] = (1, 1)) -> list[tuple[str, int]]:
        """(strategy, repeat) of ``shard`` (i, n), the i-th of n parts; early results are pairs."""
        every = [(strategy, repeat) for repeat in range(self.repeats) for strategy in self.strategies]
        return every[shard[0] - 1 :: shard[1]]

    def seed_of(self, repeat: int) -> int:
        """Seed of a repeat, 31 bits."""
        return int(np.random.SeedSequence([self.seed, repeat]).generate_state(1)[0] >> 1)

    def run_name(self, strategy: str, repeat: int) -> str:
        """Name in the store of the run of ``strategy`` and ``repeat``."""
        return f"{self.name}/{strategy}/{repeat}"


def make_plan(
    data: Dataset,
    strategies: Strategies,
    budget: int | str,
    *,
    name: str | None = None,
    batch_size: int | str = 5,
    repeats: int = 20,
    seed: int = 0,
    start: int = 0,
    noise: float = 0.0,
    clusterer: Clusterer | None = None,
) -> Plan:
    """A checked :class:`Plan` for a data set.

    Parameters
    ----------
    data : Dataset
        With labels.
    strategies : sequence or mapping
        See :func:`activeclust.compare.arms.arms_of`.
    budget, batch_size : int or str
        Answers; ``"5 each"`` is five for each true cluster.
    repeats, seed, start, noise
        See :class:`Plan`. With two repeats or more and no ``start``, strategies that draw nothing at random begin with
        one random row.
    name : str, optional
        Made from the data and the settings where not given.
    clusterer : Clusterer, optional
        The model of arms without a model of their own.

    Raises
    ------
    UnknownName
        For an unknown strategy.
    InvalidInput
        For a setting out of its range; the message names it.
    """
    arms = arms_of(strategies)
    known = known_rows(true_labels(data))
    clusters = len(set(true_labels(data)[known].tolist()))
    budget = answers_of(budget, "budget", clusters)
    batch_size = answers_of(batch_size, "batch_size", clusters)
    for what, value, low in (("repeats", repeats, 1), ("seed", seed, 0), ("start", start, 0)):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
            raise InvalidInput(f"{what} is an integer from {low} upward, got {value!r}.")
    if budget > known.sum() or start > budget:
        raise InvalidInput(
            f"Expected start <= budget <= {known.sum()} (rows with a label), got start {start}, budget {budget}."
        )
    if not 0 <= noise <= 1:
        raise InvalidInput(f"noise is the share of wrong answers, between 0 and 1, got {noise!r}.")
    alike = repeats > 1 and start == 0
    varied = tuple(s for s, arm in arms.items() if alike and _draws_nothing(arm, data, clusterer))
    if name is None:
        parts = [f"compare-{data.name}", f"b{batch_size}", f"s{seed}"]
        parts += [f"start{start}"] if start else []
        parts += [f"noise{noise:g}"] if noise else []
        name = "-".join(parts)
    return Plan(name, tuple(arms), budget, batch_size, repeats, seed, start, noise, varied, arms)


def answers_of(value: int | str, what: str, clusters: int) -> int:
    """A number of answers: an integer, or a text such as ``"5 each"``, for each of ``clusters``.

    Examples
    --------
    >>> answers_of(7, "budget", 4), answers_of("5 each", "budget", 4)
    (7, 20)
    """
    if isinstance(value, str) and (found := re.fullmatch(r"\s*(\d+)\s+each\s*", value)):
        value = int(found[1]) * clusters
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
        raise InvalidInput(
            f"{what} is an integer from 1 upward, or a text such as '5 each' (answers for each cluster), got {value!r}."
        )
    return int(value)


def dataset_of(X: Any, y: Any = None, name: str = "data") -> Dataset:
    """A :class:`Dataset` as it is, or one made of rows (n, d) and their labels (n,).

    Raises
    ------
    InvalidInput
        For a Dataset with ``y``, rows without labels, or another number of labels than of rows.
    """
    from activeclust.labels import labels_of

    if isinstance(X, Dataset):
        if y is not None:
            raise InvalidInput("A Dataset holds its labels: give it without y.")
        return X
    if y is None:
        raise InvalidInput("Expected rows X (n, d) with their true labels y (n,), or a Dataset; got no y.")
    rows = check_rows(X)
    labels = labels_of(y, "y", n_rows=len(rows))
    return Dataset(rows, labels, rows, name=name, source=counted(len(rows), "row"))


def _draws_nothing(arm: Arm, data: Dataset, clusterer: Clusterer | None) -> bool:
    """Whether a strategy's first row is the same under three seeds."""
    state = ActiveLoop(data.X, None, clusterer=arm.clusterer or clusterer, random_state=0).state
    strategy = registry.get(arm.strategy)
    first = {int(strategy(state, 1, np.random.default_rng(seed))[0]) for seed in range(3)}
    return len(first) == 1


def true_labels(data: Dataset) -> np.ndarray:
    """(n,) true labels of a data set; None or NaN where unknown."""
    return data.oracle_labels() if data.y is None else data.y
