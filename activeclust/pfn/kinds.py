"""Kinds of data sets of the prior besides unions of modes: embeddings, documents, rotating objects, signs, tables.

Each is a function ``kind(y, rng) -> X, y``: rows (n, d) for given clusters (n,), or, if clusters follow from the rows,
about as many other clusters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from activeclust.pfn.documents import documents
from activeclust.pfn.drawing import Rng, drawn_groups, log_uniform, nearest_centre
from activeclust.pfn.glyphs import glyphs


def embedding(y: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Rows like embeddings of texts or pictures: a hierarchy of topics in up to 768 dimensions.

    Clusters lie around centres that form a hierarchy; within a cluster rows vary in many directions of decreasing
    strength, the same for all clusters or different ones. Clusters can be broad, and rows can be similar because of
    groups that are not the clusters. Directions that are independent of the clusters (style, length, light) can be the
    strongest. Neighbouring clusters may overlap.
    """
    n, C = len(y), int(y.max()) + 1
    d = round(log_uniform((32, 768), rng))
    inner = min(d, max(3, round(log_uniform((4, 120), rng))))
    centres = _topics(C, inner, rng)
    near = nearest_centre(centres)
    apart = np.linalg.norm(centres - centres[near], axis=1)
    noise, breadth = _spread_noise(y, inner, d, rng)
    # standard deviations from a centre to the middle between it and its neighbour
    strength = log_uniform((0.5, 5.0), rng)
    noise *= np.median(apart) / (2 * strength) * np.sqrt(breadth)
    basis = np.linalg.qr(rng.normal(size=(d, inner)))[0]
    X = _subtopics(centres, y, np.median(apart), rng) @ basis.T + noise
    if rng.random() < 0.45:  # similarity that is independent of the clusters
        X = X + _crossing(y, d, np.median(apart), rng)
    if rng.random() < 0.45:  # style or light: few directions, shared by all clusters, often the strongest
        rank = int(rng.integers(1, 7))
        size = log_uniform((0.3, 4.0), rng) * np.sqrt((X**2).sum(1).mean() / rank)
        factors = rng.normal(size=(n, rank)) if rng.random() < 0.6 else np.sin(rng.uniform(0, 7, (n, rank)))
        X = X + size * factors @ np.linalg.qr(rng.normal(size=(d, rank)))[0].T
    X = X * np.exp(rng.normal(0, rng.choice([0.0, 0.15, 0.4]), (n, 1)))
    X = X + rng.normal(size=d) * log_uniform((0.01, 1.0), rng) * np.sqrt((X**2).mean())  # not exactly centred
    end = rng.random()
    if end < 0.6:
        X = X / np.linalg.norm(X, axis=1, keepdims=True)
    elif end < 0.75:  # as after a final ReLU
        X = np.maximum(X / X.std() + rng.uniform(-0.5, 0.5), 0)
    if C > 1 and rng.random() < 0.35:
        moved = rng.random(n) < rng.uniform(0.02, 0.3)
        y = np.where(moved, near[y], y)
    return X, y


def _topics(C: int, inner: int, rng: Rng) -> np.ndarray:
    """(C, inner) centres: each is drawn towards one of a few topics, equally strongly within a data set."""
    topics = rng.normal(size=(int(rng.integers(1, max(2, C // 2) + 1)), inner))
    lean = rng.uniform(0, 0.9) * (rng.random() < 0.75)
    own = rng.normal(size=(C, inner))
    return lean * topics[rng.integers(len(topics), size=C)] + np.sqrt(1 - lean**2) * own


def _spread_noise(y: np.ndarray, inner: int, d: int, rng: Rng) -> tuple[np.ndarray, float]:
    """(n, d) of total variance 1, and the effective number of its directions (the participation ratio)."""
    n, C = len(y), int(y.max()) + 1
    rank = round(log_uniform((min(5, d), d), rng))
    variance = np.arange(1, rank + 1) ** -rng.uniform(0, 1.2)
    variance /= variance.sum()
    Z = rng.normal(size=(n, rank)) * np.sqrt(variance)
    X = Z @ np.linalg.qr(rng.normal(size=(d, rank)))[0].T
    if C <= 40 and rng.random() < 0.4:  # each cluster is broad in directions of its own
        for cluster in range(C):
            mine = y == cluster
            turn = np.linalg.qr(rng.normal(size=(d, min(rank, 12))))[0]
            X[mine] = 0.7 * X[mine] + 0.7 * (rng.normal(size=(mine.sum(), turn.shape[1])) @ turn.T) / np.sqrt(
                turn.shape[1]
            )
    scale = np.exp(rng.normal(0, rng.choice([0.0, 0.3]), C))
    return X * scale[y][:, None], float(1 / (variance**2).sum())


_FEW = 8  # large numbers of clusters are more often broad


def _subtopics(centres: np.ndarray, y: np.ndarray, apart: float, rng: Rng) -> np.ndarray:
    """(n, inner) the centre of each row's cluster, or of one of its parts.

    A broad cluster has dozens of parts of uneven size, as far from each other as from those of the next cluster. Then
    only anchors show which parts belong together.
    """
    kind = rng.random()
    if kind < (0.25 if len(centres) <= _FEW else 0.4):
        return centres[y]
    if kind < (0.4 if len(centres) <= _FEW else 0.65):
        parts, far, even = int(rng.integers(2, 6)), log_uniform((0.2, 0.8), rng), 100.0
    else:
        most = max(3, min(60, len(y) // (8 * len(centres))))
        parts, far, even = round(log_uniform((3, most), rng)), log_uniform((0.4, 1.4), rng), 1.5
    shift = rng.normal(size=(len(centres), parts, centres.shape[1]))
    shift *= far * apart / np.sqrt(centres.shape[1])
    part = drawn_groups(rng.dirichlet(np.full(parts, even), len(centres)), y, rng)
    return centres[y] + shift[y, part]


def _crossing(y: np.ndarray, d: int, apart: float, rng: Rng) -> np.ndarray:
    """(n, d) shifts by groups that are not the clusters: form, source, language.

    A group can be more frequent in some clusters; groups can be farther apart than clusters.
    """
    C, groups = int(y.max()) + 1, round(log_uniform((2, 40), rng))
    share = rng.dirichlet(np.full(groups, log_uniform((0.1, 10.0), rng)) + 1e-3, C)
    shift = rng.normal(size=(groups, d)) / np.sqrt(2 * d)  # of two groups, about 1 apart
    return log_uniform((0.25, 1.5), rng) * apart * shift[drawn_groups(share, y, rng)]


def turning(y: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Objects seen from all sides: each cluster is a thin closed curve (or a part of one) in many dimensions.

    The curves can be longer than the distance between objects, and similar to each other: under changing light,
    pictures of all faces change in the same way, and by more than the difference between two faces.
    """
    n, C = len(y), int(y.max()) + 1
    d = round(log_uniform((10, 400), rng))
    order = int(rng.integers(1, 7))
    freq = np.arange(1, order + 1)
    fall = freq ** -rng.uniform(0.5, 2.0)
    shared = rng.uniform(0, 1) if rng.random() < 0.5 else 0.0
    common = rng.normal(size=(1, 2 * order, d))
    waves = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(C, 2 * order, d))
    part = 1.0 if rng.random() < 0.6 else rng.uniform(0.3, 1.0)
    t = np.empty(n)
    for cluster in range(C):  # steps of a turntable, or random angles
        mine = np.flatnonzero(y == cluster)
        even = np.arange(len(mine)) / len(mine)
        t[mine] = 2 * np.pi * part * (even if rng.random() < 0.6 else rng.random(len(mine)))
    angles = t[:, None] * freq
    weights = np.hstack([np.sin(angles) * fall, np.cos(angles) * fall])
    X = np.empty((n, d))
    for cluster in range(C):
        mine = y == cluster
        X[mine] = weights[mine] @ waves[cluster]
    X /= np.sqrt((X**2).mean())
    X += log_uniform((0.1, 2.0), rng) * rng.normal(size=(C, d))[y]
    if rng.random() < 0.4:
        X = np.tanh(X * rng.uniform(0.3, 1.5))
    return X + log_uniform((0.003, 0.2), rng) * X.std() * rng.normal(size=X.shape), y


def turntable(y: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Objects on a turntable: thin closed curves of different sizes, close to each other, traversed at uneven speed.

    The steps along a curve can be longer than the distance to the next curve elsewhere: a graph connects the right rows
    only if its scale adapts to each row.
    """
    C = int(y.max()) + 1
    d = round(log_uniform((10, 400), rng))
    order = int(rng.integers(3, 16))
    freq = np.arange(1, order + 1)
    sizes, speed = rng.uniform(0.3, 1.4), rng.uniform(0, 0.9)
    shared = rng.uniform(0, 0.95) if rng.random() < 0.7 else 0.0
    common = rng.normal(size=(2 * order, d))
    X = log_uniform((0.03, 0.7), rng) * rng.normal(size=(C, d))[y]
    for cluster in range(C):
        mine = np.flatnonzero(y == cluster)
        t = 2 * np.pi * np.arange(len(mine)) / len(mine)
        first, second = rng.uniform(0, 2 * np.pi, 2)
        angles = (t + speed * (np.sin(t + first) / 2 + np.sin(2 * t + second) / 4))[:, None] * freq
        fall = freq ** -rng.uniform(0.6, 1.6)
        waves = np.sqrt(shared) * common + np.sqrt(1 - shared) * rng.normal(size=(2 * order, d))
        curve = np.hstack([np.sin(angles) * fall, np.cos(angles) * fall]) @ waves
        X[mine] += np.exp(rng.normal(0, sizes)) * curve / np.linalg.norm(fall)
    if rng.random() < 0.4:
        X = np.tanh(X * rng.uniform(0.3, 1.5))
    return X + log_uniform((0.002, 0.05), rng) * X.std() * rng.normal(size=X.shape), y


def table(y: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """A table whose clusters follow from a few of its columns, by a linear rule, a tree or a network, and noise.

    Columns are normal, skewed, counts or categories, correlated with each other; the numbers of clusters and of rows
    are those of ``y``.
    """
    n, C = len(y), int(y.max()) + 1
    d = round(log_uniform((2, 40), rng))
    X = rng.normal(size=(n, d))
    if rng.random() < 0.7:  # factors behind the columns
        rank = int(rng.integers(1, d + 1))
        X = rng.uniform(0.2, 1.0) * X + rng.normal(size=(n, rank)) @ rng.normal(size=(rank, d)) / np.sqrt(
            rank
        )
    if rng.random() < 0.6:  # groups that are not the clusters, and that can dominate the neighbour graph
        groups = rng.normal(size=(int(rng.integers(2, 9)), d))
        X += log_uniform((0.5, 6.0), rng) * groups[rng.integers(len(groups), size=n)]
    X = (X - X.mean(0)) / X.std(0)
    relevant = rng.choice(d, min(d, int(rng.integers(1, 7))), replace=False)
    score = _SCORES[rng.integers(len(_SCORES))](X[:, relevant], C, rng)
    score = (score - score.mean(0)) / (score.std(0) + 1e-9)
    score += rng.uniform(0, 0.8) * rng.normal(size=C)  # some clusters are rarer
    noise = rng.gumbel(size=score.shape) * (log_uniform((0.05, 3.0), rng) if rng.random() < 0.85 else 0.0)
    labels = (score + noise).argmax(1)
    for column in range(d):
        X[:, column] = _as_recorded(X[:, column], rng)
    if rng.random() < 0.85:
        X = (X - X.mean(0)) / (X.std(0) + 1e-9)
    return X, labels


def _linear(X: np.ndarray, C: int, rng: Rng) -> np.ndarray:
    return X @ rng.normal(size=(X.shape[1], C))


def _tree(X: np.ndarray, C: int, rng: Rng) -> np.ndarray:
    leaf = np.zeros(len(X), dtype=int)
    depth = int(np.ceil(np.log2(C))) + int(rng.integers(1, 4))
    for _ in range(depth):
        column = X[:, rng.integers(X.shape[1])]
        leaf = 2 * leaf + (column > np.quantile(column, rng.uniform(0.2, 0.8)))
    return rng.gumbel(size=(2**depth, C))[leaf]


def _network(X: np.ndarray, C: int, rng: Rng) -> np.ndarray:
    hidden = np.tanh(X @ rng.normal(size=(X.shape[1], 24)) * rng.uniform(0.5, 2.0) + rng.normal(size=24))
    return hidden @ rng.normal(size=(24, C))


_SCORES: tuple[Callable[[np.ndarray, int, Rng], np.ndarray], ...] = (_linear, _tree, _network)


def _as_recorded(column: np.ndarray, rng: Rng) -> np.ndarray:
    """A standard normal column transformed as in real tables: unchanged, skewed, counts, few values, categories."""
    way = rng.random()
    if way < 0.55:
        return column
    if way < 0.7:
        return np.exp(rng.uniform(0.3, 1.2) * column)
    if way < 0.85:
        return np.round(column * rng.uniform(0.5, 4.0))
    steps = int(rng.integers(2, 7))
    cut = np.searchsorted(np.quantile(column, np.linspace(0, 1, steps + 1)[1:-1]), column)
    return rng.permutation(steps)[cut].astype(float) if rng.random() < 0.3 else cut.astype(float)


#: ``kind(y, rng) -> X, y``.
KINDS: dict[str, Callable[[np.ndarray, Rng], tuple[np.ndarray, np.ndarray]]] = {
    "embedding": embedding,
    "turning": turning,
    "turntable": turntable,
    "glyphs": glyphs,
    "documents": documents,
    "table": table,
}
