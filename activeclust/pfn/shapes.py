"""The shapes that a mode of the prior can have: clouds, curves, rings, slabs, manifolds; radius about 1."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from activeclust.pfn.drawing import Rng


def _gaussian(n: int, d: int, rng: Rng) -> np.ndarray:
    scales = np.exp(rng.normal(0, rng.choice([0.0, 0.5, 1.0]), d))
    rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
    return rng.normal(size=(n, d)) * scales @ rotation / np.sqrt((scales**2).mean())


def _heavy(n: int, d: int, rng: Rng) -> np.ndarray:
    freedom = rng.uniform(1.5, 5)
    return _gaussian(n, d, rng) / np.sqrt(rng.chisquare(freedom, (n, 1)) / freedom)


def _curve(n: int, d: int, rng: Rng) -> np.ndarray:
    """A random Fourier loop, or a part of it: snakes, spirals, zigzags, letters."""
    t = rng.uniform(0, rng.uniform(0.3, 1.0), n) * 2 * np.pi
    order = rng.integers(1, 5)
    freq = np.arange(1, order + 1)
    phase = rng.uniform(0, 2 * np.pi, (order, d))
    size = rng.normal(size=(order, d)) / freq[:, None] ** rng.uniform(0.5, 1.5)
    X = (size[None] * np.sin(t[:, None, None] * freq[None, :, None] + phase[None])).sum(1)
    if d == 2 and rng.random() < 0.3:  # a spiral
        turn = rng.uniform(0.7, 2.5) * t
        X = np.stack([t * np.cos(turn + phase[0, 0]), t * np.sin(turn + phase[0, 0])], 1) / 2
    return rng.uniform(1, 4) * X + rng.uniform(0.02, 0.35) * rng.normal(size=(n, d))


def _ring(n: int, d: int, rng: Rng) -> np.ndarray:
    """A ring or sphere of random radius; with common centres, rings within rings."""
    direction = rng.normal(size=(n, d))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-9
    return direction * (rng.uniform(0.5, 6) + rng.uniform(0.02, 0.3) * rng.normal(size=(n, 1)))


def _slab(n: int, d: int, rng: Rng) -> np.ndarray:
    """A uniform box, often long and thin: stripes, windows, bricks that touch."""
    sides = np.exp(rng.normal(0, rng.choice([0.2, 1.0]), d))
    rotation, _ = np.linalg.qr(rng.normal(size=(d, d)))
    X = rng.uniform(-1.7, 1.7, (n, d)) * sides / np.sqrt((sides**2).mean())
    return X if rng.random() < 0.5 else X @ rotation


def _manifold(n: int, d: int, rng: Rng) -> np.ndarray:
    """The image of a low-dimensional Gaussian under a random network, similar to how a written digit varies."""
    latent = int(rng.integers(1, max(2, min(d, 12)) + 1))
    hidden = 32
    first, second = rng.normal(size=(latent, hidden)), rng.normal(size=(hidden, d)) / np.sqrt(hidden)
    X = (
        np.tanh(rng.normal(size=(n, latent)) @ first * rng.uniform(0.3, 1.2) + rng.normal(size=hidden))
        @ second
    )
    X = X - X.mean(axis=0)
    X = X / (np.sqrt((X**2).mean()) + 1e-9)
    return rng.uniform(0.8, 2.0) * X + rng.uniform(0.02, 0.4) * rng.normal(size=(n, d))


#: Shapes a mode can have: ``shape(n, d, rng) -> (n, d)``, radius about 1.
SHAPES: dict[str, Callable[[int, int, Rng], np.ndarray]] = {
    "gaussian": _gaussian,
    "heavy": _heavy,
    "curve": _curve,
    "ring": _ring,
    "slab": _slab,
    "manifold": _manifold,
}
