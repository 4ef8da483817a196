"""Embeddings of documents: a kind of data set of the prior.

Subjects and the variety within a subject lie in the same directions, of which few are strong and many weak. So, other
than in :func:`activeclust.pfn.kinds.embedding`, what tells clusters apart is among what varies most, and a rule that
evens out directions is misled by the weak ones.
"""

from __future__ import annotations

import numpy as np

from activeclust.pfn.drawing import Rng, drawn_groups, log_uniform, nearest_centre


def documents(y: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, d) of length 1 for given clusters (n,); some are moved to a cluster that is near."""
    n, C = len(y), int(y.max()) + 1
    d = round(log_uniform((96, 768), rng))
    strong = (np.arange(d) + log_uniform((1.0, 15.0), rng)) ** -rng.uniform(0.3, 0.8)  # standard deviations
    subject = strong ** rng.uniform(1.0, 1.8)
    subject /= np.linalg.norm(subject)
    strong /= np.linalg.norm(strong)
    centres = _related(C, d, rng) * subject
    parts = 1 if rng.random() < 0.3 else round(log_uniform((2, 25), rng))
    share = rng.dirichlet(np.full(parts, 1.5), C)
    part = drawn_groups(share, y, rng)
    of_part = log_uniform((0.2, 1.0), rng) * rng.normal(size=(C, parts, d)) * subject
    X = centres[y] + of_part[y, part]
    spread = np.exp(rng.normal(0, rng.uniform(0.0, 0.35), n))
    spread *= np.exp(rng.normal(0, rng.uniform(0.0, 0.25), C))[y]
    X += log_uniform((0.6, 3.0), rng) * spread[:, None] * rng.normal(size=(n, d)) * strong
    X += rng.uniform(0.0, 1.0) * rng.normal(size=d) * strong  # what all documents have in common
    X /= np.linalg.norm(X, axis=1, keepdims=True)
    if C > 1 and rng.random() < 0.5:  # documents that could be filed under either of two subjects
        moved = rng.random(n) < rng.uniform(0.02, 0.2)
        y = np.where(moved, nearest_centre(centres)[y], y)
    return X, y


def _related(C: int, d: int, rng: Rng) -> np.ndarray:
    """(C, d) subjects: each leans towards one of a few fields, more or less."""
    fields = rng.normal(size=(max(1, round(C / rng.uniform(1.5, 6.0))), d))
    lean = rng.uniform(0, 0.7, C)[:, None] * (rng.random() < 0.7)
    return lean * fields[rng.integers(len(fields), size=C)] + np.sqrt(1 - lean**2) * rng.normal(size=(C, d))
