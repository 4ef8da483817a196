"""What the kinds and shapes of the prior draw with."""

from __future__ import annotations

import numpy as np

Rng = np.random.Generator


def log_uniform(bounds: tuple[float, float], rng: Rng) -> float:
    """A number between the bounds, drawn uniformly on a logarithmic scale."""
    low, high = bounds
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def nearest_centre(centres: np.ndarray) -> np.ndarray:
    """(C,) the number of the centre that is nearest to each, itself if there is no other."""
    squared = ((centres[:, None] - centres[None]) ** 2).sum(-1)
    if len(centres) == 1:
        return np.zeros(1, dtype=int)
    return (squared + np.diag(np.full(len(centres), np.inf))).argmin(1)


def drawn_groups(share: np.ndarray, y: np.ndarray, rng: Rng) -> np.ndarray:
    """(n,) a group for each row, drawn with the shares (C, groups) of its cluster."""
    upto = share.cumsum(1)[:, :-1]
    return (rng.random(len(y))[:, None] > upto[y]).sum(1)
