"""Sets built to break the prior, and sets of the prior itself beside them."""

from __future__ import annotations

import numpy as np
from plumbing import (
    Run,
)

from activeclust.pfn.prior import PACKAGE_PRIOR, draw_dataset

N = 600  #: rows of a set


#: a prior of one's own, and the sets that it is for
FAMILIES = {
    "chains": ("concentric rings", "nested spirals", "winding paths"),
    "tails": ("heavy tails", "Cauchy tails", "a tenth far away"),
    "irrelevant": ("200 irrelevant dimensions", "60 irrelevant dimensions"),
}


NOTHING = ("uniform noise", "one cluster")


def sets(n: int, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The twelve sets; y of "uniform noise" is drawn at random, so that answers carry no information."""
    third = np.arange(n) % 3
    turn = rng.uniform(0.15, 1.0, n)
    angle = 3.2 * np.pi * turn + third * 2 * np.pi / 3
    circle = rng.normal(size=(n, 2))
    circle /= np.linalg.norm(circle, axis=1, keepdims=True)
    sub = (np.arange(n) // 3) % 3
    blobs = 3.0 * _corners(3)[third] + rng.normal(size=(n, 2)) * 0.7
    distinct = rng.integers(60, size=n)
    places = 4.0 * _corners(3)[np.arange(60) % 3] + rng.normal(size=(60, 2))
    far = np.where(rng.random((n, 1)) < 0.1, rng.uniform(-25, 25, (n, 2)), 0.0)
    return {
        "concentric rings": (circle * (1 + third[:, None]) + 0.1 * rng.normal(size=(n, 2)), third),
        "nested spirals": (
            turn[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1) + 0.012 * rng.normal(size=(n, 2)), third),
        "winding paths": _paths(n, rng),
        "heavy tails": (6.0 * _corners(3)[third] + rng.standard_t(1.5, size=(n, 2)), third),
        "Cauchy tails": (8.0 * _corners(3)[third] + rng.standard_t(1.0, size=(n, 2)), third),
        "a tenth far away": (blobs + far, third),
        "200 irrelevant dimensions": (np.hstack([blobs, rng.normal(size=(n, 200))]), third),
        "60 irrelevant dimensions": (np.hstack([0.6 * blobs, rng.normal(size=(n, 60))]), third),
        "hierarchical": (8.0 * _corners(3)[third] + 1.6 * _corners(3)[sub] + 0.35 * rng.normal(size=(n, 2)), 3 * third + sub),
        "duplicated rows": (places[distinct], distinct % 3),
        "uniform noise": (rng.random((n, 2)), rng.integers(3, size=n)),
        "one cluster": (rng.normal(size=(n, 5)), np.zeros(n, dtype=int)),
    }  # fmt: skip


def _corners(count: int) -> np.ndarray:
    angle = 2 * np.pi * np.arange(count) / count
    return np.stack([np.cos(angle), np.sin(angle)], 1)


def _paths(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Six random walks in the plane that bend slowly and may cross."""
    parts = []
    for _ in range(6):
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(0.1 * rng.normal(size=n // 6))
        path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0) + rng.uniform(0, n / 10, 2)
        parts.append(path + 0.6 * rng.normal(size=(n // 6, 2)))
    return np.concatenate(parts), np.repeat(np.arange(6), n // 6)


def matched(n: int, count: int, run: Run) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Data sets of the prior that ships, of 2 to 10 clusters that each have 25 rows or more."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    seed = 0
    while len(found) < count:
        X, y = draw_dataset(PACKAGE_PRIOR, run.rng(seed, 77))
        X, y = X[:n], np.unique(y[:n], return_inverse=True)[1]
        if 2 <= len(np.unique(y)) <= 10 and np.bincount(y).min() >= (8 if run.quick else 25):
            found[f"prior {seed}"] = X, y
        seed += 1
    return found
