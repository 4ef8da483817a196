"""What is compared: strategies, budget, repeats and seeds, checked before anything runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from activeclust import strategies as registry
from activeclust.datasets.loading import Dataset
from activeclust.errors import InvalidInput
from activeclust.metrics import known_rows


@dataclass(frozen=True)
class Plan:
    """What is compared; the names of the runs follow from it.

    Attributes
    ----------
    name : str
        Names the sweep in the store; by default made from the data and the settings.
    strategies : tuple of str
    budget, batch_size, repeats, seed : int
        Repeat r of every strategy has the same seed, made from ``(seed, r)``.
    start : int
        Rows answered before the strategy is asked, drawn at random and the same for all strategies.
    noise : float
        Share of wrong answers, the same rows for all strategies of a repeat.
    """

    name: str
    strategies: tuple[str, ...]
    budget: int
    batch_size: int = 5
    repeats: int = 20
    seed: int = 0
    start: int = 0
    noise: float = 0.0

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
    strategies: Sequence[str],
    budget: int,
    *,
    name: str | None = None,
    batch_size: int = 5,
    repeats: int = 20,
    seed: int = 0,
    start: int = 0,
    noise: float = 0.0,
) -> Plan:
    """A checked :class:`Plan` for a data set.

    Parameters
    ----------
    data : Dataset
        With labels.
    strategies : sequence of str
    budget, batch_size, repeats, seed, start, noise
        See :class:`Plan`.
    name : str, optional
        Made from the data and the settings where not given.

    Raises
    ------
    UnknownName
        A strategy that is not there.
    InvalidInput
        A setting out of its range; the message names it.
    """
    for strategy in strategies:
        registry.get(strategy)
    chosen = tuple(dict.fromkeys(registry.name_of(strategy) for strategy in strategies))
    if len(chosen) < len(strategies) or not chosen:
        raise InvalidInput(f"Expected one or more different strategies, got {list(strategies)}.")
    for what, value, low in (
        ("budget", budget, 1), ("batch_size", batch_size, 1), ("repeats", repeats, 1),
        ("seed", seed, 0), ("start", start, 0),
    ):  # fmt: skip
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < low:
            raise InvalidInput(f"{what} is an integer from {low} upward, got {value!r}.")
    known = int(known_rows(true_labels(data)).sum())
    if budget > known or start > budget:
        raise InvalidInput(
            f"Expected start <= budget <= {known} (rows with a label), got start {start}, budget {budget}."
        )
    if not 0 <= noise <= 1:
        raise InvalidInput(f"noise is the share of wrong answers, between 0 and 1, got {noise!r}.")
    if name is None:
        parts = [f"compare-{data.name}", f"b{batch_size}", f"s{seed}"]
        parts += [f"start{start}"] if start else []
        parts += [f"noise{noise:g}"] if noise else []
        name = "-".join(parts)
    return Plan(name, chosen, budget, batch_size, repeats, seed, start, noise)


def true_labels(data: Dataset) -> np.ndarray:
    """(n,) true labels of a data set; None or NaN where unknown."""
    return data.oracle_labels() if data.y is None else data.y
