"""Pictures of hand-written signs: a kind of data set of the prior.

A sign is a few strokes, each a Bézier curve. Every cluster is a sign written in one or several styles; rows differ in
slant, size, position, pen and, point by point, in the strokes. As in pictures of digits, a cluster is a manifold of low
dimension in hundreds of pixels, and signs that share strokes touch each other.
"""

from __future__ import annotations

import numpy as np
from scipy.special import comb

from activeclust.pfn.drawing import Rng, drawn_groups, log_uniform

_POINTS, _ALONG = 4, 12  # control points of a stroke, and points of ink along it


def glyphs(y: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, pixels) of grey values for given clusters (n,)."""
    side = round(log_uniform((8, 28), rng))
    control = _written(y, rng) @ _posture(len(y), rng)
    control += log_uniform((0.005, 0.15), rng) * rng.normal(size=(len(y), 1, 1, 2))
    pen = log_uniform((0.08, 0.22), rng) * np.exp(rng.normal(0, rng.uniform(0.0, 0.35), len(y)))
    X = _inked(control, pen, side, rng)
    if rng.random() < 0.3:  # light from one side, of a strength of its own for each row
        across = np.linspace(-1, 1, side)
        light = rng.normal(size=(len(y), 2)) * log_uniform((0.02, 0.3), rng)
        X += (light[:, :1] * across)[:, :, None] + (light[:, 1:] * across)[:, None, :]
    X = X.reshape(len(y), -1)
    if rng.random() < 0.6:
        X += log_uniform((0.01, 0.25), rng) * rng.normal(size=X.shape)
    return X, y


def _written(y: np.ndarray, rng: Rng) -> np.ndarray:
    """(n, strokes, points, 2) the control points of each row's sign, about within -1 and 1."""
    n, C, strokes = len(y), int(y.max()) + 1, int(rng.integers(1, 4))
    signs = rng.uniform(-0.9, 0.9, (C, strokes, _POINTS, 2))
    alike = rng.uniform(0, 0.6)
    for cluster in range(1, C):  # some signs are another one with a stroke moved
        if rng.random() < alike:
            signs[cluster] = signs[rng.integers(cluster)]
            moved = rng.integers(strokes)
            signs[cluster, moved] += log_uniform((0.15, 0.8), rng) * rng.normal(size=(_POINTS, 2))
    styles = int(rng.integers(1, 5))
    apart = log_uniform((0.05, 0.5), rng)
    style = signs[:, None] + apart * rng.normal(size=(C, styles, strokes, _POINTS, 2))
    share = rng.dirichlet(np.full(styles, 2.0), C)
    mine = drawn_groups(share, y, rng)
    hand = log_uniform((0.02, 0.2), rng) * rng.normal(size=(n, strokes, _POINTS, 2))
    return style[y, mine] + hand


def _posture(n: int, rng: Rng) -> np.ndarray:
    """(n, 1, 2, 2) rotation, slant and size of each row."""
    turn, slant = (log_uniform((0.02, 0.5), rng) * rng.normal(size=n) for _ in range(2))
    wide, high = (rng.uniform(0, most) * rng.normal(size=n) for most in (0.3, 0.2))
    cos, sin = np.cos(turn), np.sin(turn)
    rotated = np.stack([np.stack([cos, sin], -1), np.stack([-sin, cos], -1)], -2)
    sheared = np.zeros((n, 2, 2))
    sheared[:, 0, 0], sheared[:, 1, 1], sheared[:, 1, 0] = np.exp(wide), np.exp(high), slant
    return (sheared @ rotated)[:, None]


def _inked(control: np.ndarray, pen: np.ndarray, side: int, rng: Rng) -> np.ndarray:
    """(n, side, side) pictures, 0 to 1: ink spreads from points along the strokes as far as the pen is wide."""
    t = np.linspace(0, 1, _ALONG)[:, None]
    power = np.arange(_POINTS)
    bernstein = comb(_POINTS - 1, power) * t**power * (1 - t) ** (_POINTS - 1 - power)
    ink = (bernstein @ control).reshape(len(control), -1, 2).astype(np.float32)  # (n, points, 2)
    pixels = np.linspace(-1.3, 1.3, side, dtype=np.float32)
    spread = (2 * pen[:, None, None] ** 2).astype(np.float32)
    x, y = (np.exp(-((ink[..., axis, None] - pixels) ** 2) / spread) for axis in (0, 1))
    return 1 - np.exp(-rng.uniform(1.0, 4.0) * (x.transpose(0, 2, 1) @ y))
