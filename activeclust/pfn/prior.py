"""The prior: a composable description of the training data sets, and functions that draw one.

Most data sets are a union of *modes*. A mode is a shape (Gaussian, heavy tail, curve, ring, slab, manifold)
placed at a centre; a cluster owns one or several modes. The rows are then warped by a random network, stretched,
embedded in more dimensions, and disturbed by irrelevant dimensions and outliers. Random-network warps raise the ARI by
17 points in ZEUS's ablation (arXiv 2505.10704). Other data sets are of the kinds of :mod:`activeclust.pfn.kinds`:
embeddings of texts and pictures, documents, rotating objects, hand-written signs, and tables whose clusters follow from
a few columns.

A prior of your own is a JSON file with the fields of :class:`Prior` that differ from the defaults::

    {"dimensions": [2, 3], "shapes": {"curve": 1.0, "gaussian": 0.5}, "warp": 0.0}

and ``mixture`` combines priors; here one third of the data sets have distant clusters::

    {"dimensions": [2, 3], "mixture": [{"weight": 2}, {"weight": 1, "separation": [6, 20]}]}
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.errors import DataFileError, InvalidInput, UnknownName
from activeclust.pfn.drawing import Rng, log_uniform
from activeclust.pfn.kinds import KINDS
from activeclust.pfn.shapes import SHAPES

_MODES = "modes"  # the kind that is a union of modes
_SHARES = ("flat", "together", "split", "warp", "stretch", "embed", "irrelevant", "outliers", "rounded",
           "chance")  # fmt: skip


@dataclass(frozen=True)
class Prior:
    """A distribution of data sets. Shares are probabilities; ranges are inclusive and drawn log-uniformly.

    Attributes
    ----------
    rows : (int, int)
        Rows per data set.
    clusters : mapping of "low-high" to float
        Ranges of the number of clusters with their weights.
    dimensions : (int, int)
        Dimensions in which the shapes live.
    flat : float
        Share of data sets in two or three dimensions, where curves and rings are common.
    shapes : mapping of str to float
        Weights of the shapes, see :data:`activeclust.pfn.shapes.SHAPES`.
    modes : int
        Maximum number of modes per cluster.
    separation : (float, float)
        Typical distance between neighbouring centres, in units of a mode's radius.
    imbalance : (float, float)
        Concentration of the Dirichlet distribution of cluster sizes; small is uneven.
    together : float
        Share of data sets whose modes all have nearly the same centre: rings within rings, or overlapping clusters.
    split : float
        Share of data sets in which a cluster is cut in two through its dense middle, so that the density alone cannot
        separate the parts.
    warp, stretch, embed, irrelevant, outliers, rounded : float
        Shares of data sets with a random-network warp, unequal column scales, a nonlinear embedding in
        more dimensions, irrelevant dimensions, outlying rows, coarsely rounded columns.
    chance : float
        Share of data sets whose clusters are independent of the rows: nothing can be learned from the anchors, and the
        posterior must say so.
    kinds : mapping of str to float
        Weights of the kinds of data sets: ``"modes"``, to which the fields from ``dimensions`` to ``rounded`` belong,
        and those of :data:`activeclust.pfn.kinds.KINDS`.
    mixture : sequence of mappings
        Variants of this prior: each a positive ``"weight"`` and the fields in which it differs. A data set
        is drawn from one of them. Empty: from this prior as it is.
    """

    rows: tuple[int, int] = (100, 4000)
    clusters: Mapping[str, float] = field(
        default_factory=lambda: {"1-1": 0.03, "2-3": 0.3, "4-10": 0.42, "11-25": 0.18, "26-60": 0.07}
    )
    dimensions: tuple[int, int] = (2, 40)
    flat: float = 0.45
    shapes: Mapping[str, float] = field(
        default_factory=lambda: {
            "gaussian": 1.0,
            "heavy": 0.3,
            "curve": 0.7,
            "ring": 0.3,
            "slab": 0.4,
            "manifold": 0.8,
        }
    )
    modes: int = 4
    separation: tuple[float, float] = (1.8, 12.0)
    imbalance: tuple[float, float] = (0.8, 30.0)
    together: float = 0.25
    split: float = 0.12
    warp: float = 0.45
    stretch: float = 0.35
    embed: float = 0.4
    irrelevant: float = 0.2
    outliers: float = 0.2
    rounded: float = 0.08
    chance: float = 0.0
    kinds: Mapping[str, float] = field(default_factory=lambda: {_MODES: 1.0})
    mixture: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        for name in self.shapes:
            if name not in SHAPES:
                raise UnknownName("shape of the prior", name, SHAPES)
        for name in self.kinds:
            if name not in (_MODES, *KINDS):
                raise UnknownName("kind of data set of the prior", name, (_MODES, *KINDS))
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise InvalidInput(
                    f"The prior's {name!r} is a share between 0 and 1, got {getattr(self, name)!r}."
                )
        for name in ("rows", "dimensions", "separation", "imbalance"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise InvalidInput(
                    f"The prior's {name!r} is a range (low, high) with 0 < low <= high, got {(low, high)}."
                )
        self.variants()

    @classmethod
    def read(cls, path: str | Path) -> Prior:
        """The prior described by the JSON file ``path``; fields left out keep their defaults.

        Raises DataFileError for a file without a JSON object, UnknownName for an unknown field.
        """
        try:
            given = json.loads(Path(path).read_text())
        except (OSError, json.JSONDecodeError) as error:
            raise DataFileError(
                f"Could not read the prior {path}: {error}. Expected a JSON object."
            ) from error
        if not isinstance(given, dict):
            raise DataFileError(f"The prior {path} holds a {type(given).__name__}; expected a JSON object.")
        return cls(**_values(given, cls))

    def variants(self) -> tuple[np.ndarray, list[Prior]]:
        """Weights (m,), which sum to 1, and the priors of the mixture, themselves without mixtures.

        Raises
        ------
        InvalidInput
            For a mixture that is not a list of variants with positive weights.

        Examples
        --------
        >>> weights, priors = Prior(mixture=[{"weight": 3}, {"weight": 1, "warp": 0.0}]).variants()
        >>> weights.tolist(), [prior.warp for prior in priors]
        ([0.75, 0.25], [0.45, 0.0])
        """
        if not isinstance(self.mixture, list | tuple):
            raise InvalidInput(f"The prior's 'mixture' is a list of its variants, got {self.mixture!r}.")
        if not self.mixture:
            return np.ones(1), [self]
        weights, priors = [], []
        for part in self.mixture:
            weight = part.get("weight") if isinstance(part, Mapping) else None
            if not isinstance(weight, int | float) or not weight > 0 or "mixture" in part:
                raise InvalidInput(
                    "A part of the prior's 'mixture' holds a positive \"weight\" and the fields in which it "
                    f"differs, but no mixture of its own; got {part!r}."
                )
            differing = _values({name: v for name, v in part.items() if name != "weight"}, type(self))
            weights.append(float(weight))
            priors.append(replace(self, mixture=(), **differing))
        return np.array(weights) / sum(weights), priors

    def as_dict(self) -> dict:
        """Plain values, for JSON and the model card."""
        return asdict(self)


def _values(given: Mapping[str, Any], kind: type[Prior]) -> dict[str, Any]:
    """Fields from JSON, lists as tuples; UnknownName for an unknown field."""
    known = {f.name for f in fields(kind)}
    for name in given:
        if name not in known:
            raise UnknownName("field of the prior", name, known)
    return {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}


def draw_dataset(prior: Prior, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """One data set of the prior.

    Parameters
    ----------
    prior : Prior
    rng : numpy.random.Generator

    Returns
    -------
    X : ndarray (n, d) of float32
    y : ndarray (n,) of int
        Cluster of each row, 0 to C - 1; every cluster has a row.

    Examples
    --------
    >>> X, y = draw_dataset(Prior(), np.random.default_rng(0))
    >>> len(X) == len(y) and X.ndim == 2
    True
    """
    weights, variants = prior.variants()
    prior = variants[0 if len(variants) == 1 else int(rng.choice(len(variants), p=weights))]
    n_clusters = _draw_clusters(prior, rng)
    n = max(int(log_uniform(prior.rows, rng)), 6 * n_clusters, 20)
    y = _draw_sizes(n, n_clusters, log_uniform(prior.imbalance, rng), rng)
    kind = _MODES if len(prior.kinds) == 1 and _MODES in prior.kinds else _weighted(prior.kinds, rng)
    X, y = _union_of_modes(prior, y, rng) if kind == _MODES else KINDS[kind](y, rng)
    if prior.chance > 0 and rng.random() < prior.chance:
        y = rng.permutation(y)
    _, y = np.unique(y, return_inverse=True)
    order = rng.permutation(len(X))
    return X[order].astype(np.float32), y[order]


def _weighted(weights: Mapping[str, float], rng: Rng) -> str:
    names, weight = list(weights), np.array(list(weights.values()), dtype=float)
    return names[rng.choice(len(names), p=weight / weight.sum())]


def _union_of_modes(prior: Prior, y: np.ndarray, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    flat = rng.random() < prior.flat
    d = int(rng.integers(2, 4)) if flat else round(log_uniform(prior.dimensions, rng))
    X = _place_modes(prior, y, d, rng)
    if y.max() > 0 and rng.random() < prior.split:
        y = _cut_through(X, y, rng)
    return _soil(prior, X, y, flat, rng)


def _draw_clusters(prior: Prior, rng: Rng) -> int:
    low, high = (int(part) for part in _weighted(prior.clusters, rng).split("-"))
    return int(rng.integers(low, high + 1))


def _draw_sizes(n: int, n_clusters: int, concentration: float, rng: Rng) -> np.ndarray:
    share = rng.dirichlet(np.full(n_clusters, concentration))
    sizes = np.maximum(np.round(share * n).astype(int), 3)
    return np.repeat(np.arange(n_clusters), sizes)


def _place_modes(prior: Prior, y: np.ndarray, d: int, rng: Rng) -> np.ndarray:
    """Rows of every cluster: it has one or more modes, and a mode has a shape and a centre."""
    n_clusters = int(y.max()) + 1
    many = rng.random() < 0.35
    n_modes = rng.integers(1, prior.modes + 1, n_clusters) if many else np.ones(n_clusters, dtype=int)
    total = int(n_modes.sum())
    separation = log_uniform(prior.separation, rng)
    centres = _draw_centres(total, d, separation, prior.together, rng)
    if many and rng.random() < 0.7:  # a cluster's modes lie together
        centres = _group_nearby(centres, n_modes, rng)
    names = list(prior.shapes)
    weights = np.array([prior.shapes[name] for name in names])
    one_shape = rng.random() < 0.5
    kind = rng.choice(names, p=weights / weights.sum())
    sizes = np.exp(rng.normal(0, rng.choice([0.0, 0.3, 0.7]), total))
    X = np.empty((len(y), d))
    mode = 0
    for cluster in range(n_clusters):
        rows = np.flatnonzero(y == cluster)
        owner = np.sort(rng.integers(0, n_modes[cluster], len(rows)))
        for local in range(n_modes[cluster]):
            mine = rows[owner == local]
            if len(mine) == 0:  # a small cluster may leave a mode empty
                mode += 1
                continue
            shape = kind if one_shape else rng.choice(names, p=weights / weights.sum())
            X[mine] = centres[mode] + sizes[mode] * SHAPES[shape](len(mine), d, rng)
            mode += 1
    return X


def _draw_centres(m: int, d: int, separation: float, together: float, rng: Rng) -> np.ndarray:
    apart = np.array([7, 5, 3]) / 15 * (1 - together)
    layout = rng.choice(["normal", "box", "grid", "together"], p=[*apart, together])
    if layout == "together":  # interlocked shapes, such as rings within rings
        return rng.normal(0, 0.3, (m, d))
    if layout == "grid":
        side = int(np.ceil(m ** (1 / min(d, 3))))
        axes = np.stack(np.meshgrid(*[np.arange(side)] * min(d, 3)), -1).reshape(-1, min(d, 3))
        centres = np.zeros((m, d))
        centres[:, : min(d, 3)] = axes[rng.permutation(len(axes))[:m]]
        return separation * (centres + rng.normal(0, 0.1, centres.shape))
    centres = rng.normal(0, 1, (m, d)) if layout == "normal" else rng.uniform(-1, 1, (m, d))
    if m == 1:
        return centres
    gaps = ((centres[:, None] - centres[None]) ** 2).sum(-1) + 1e9 * np.eye(m)
    return centres * (separation / np.sqrt(np.median(gaps.min(1))))


def _group_nearby(centres: np.ndarray, n_modes: np.ndarray, rng: Rng) -> np.ndarray:
    """The centres, sorted so that those of one cluster are near each other."""
    left = list(range(len(centres)))
    order: list[int] = []
    for count in n_modes:
        seed = left[rng.integers(len(left))]
        near = sorted(left, key=lambda i: ((centres[i] - centres[seed]) ** 2).sum())[:count]
        order += near
        left = [i for i in left if i not in near]
    return centres[order]


#: What the network in the package is trained on. Of the unions of modes half are easier, as those are that people
#: bring: where clusters lie apart a few anchors are enough, and the posterior must know it. And it must know when there
#: is nothing to be known: in some, clusters are a matter of chance.
PACKAGE_PRIOR = Prior(
    mixture=(
        {"weight": 15, "chance": 0.05},
        {
            "weight": 14, "modes": 2, "separation": (3.0, 16.0), "together": 0.08, "split": 0.02, "warp": 0.3,
            "embed": 0.3, "irrelevant": 0.12,
        },
        {
            "weight": 16, "kinds": {"embedding": 1.0}, "chance": 0.03, "rows": (150, 4000), "imbalance": (0.5, 30.0),
            "clusters": {"2-5": 0.34, "6-12": 0.25, "13-30": 0.21, "31-80": 0.12, "81-200": 0.08},
        },
        {
            "weight": 28, "kinds": {"documents": 1.0}, "chance": 0.03, "rows": (150, 3000), "imbalance": (0.8, 100.0),
            "clusters": {"2-5": 0.34, "6-12": 0.32, "13-30": 0.22, "31-80": 0.12},
        },
        {
            "weight": 2, "kinds": {"turning": 1.0}, "imbalance": (5.0, 100.0),
            "clusters": {"2-5": 0.2, "6-20": 0.5, "21-60": 0.3},
        },
        {
            "weight": 15, "kinds": {"table": 1.0}, "rows": (60, 3000), "chance": 0.1,
            "clusters": {"2-3": 0.6, "4-10": 0.35, "11-20": 0.05},
        },
        {
            "weight": 5, "kinds": {"turntable": 1.0}, "imbalance": (5.0, 100.0),
            "clusters": {"2-5": 0.2, "6-20": 0.5, "21-60": 0.3},
        },
        {
            "weight": 5, "kinds": {"glyphs": 1.0}, "rows": (150, 4000), "imbalance": (3.0, 100.0),
            "clusters": {"2-5": 0.2, "6-15": 0.6, "16-40": 0.2},
        },
    )
)  # fmt: skip


def _cut_through(X: np.ndarray, y: np.ndarray, rng: Rng) -> np.ndarray:
    """Cut the largest cluster in two by a plane through its middle; the digits 4 and 9 touch in this way."""
    y = y.copy()
    rows = np.flatnonzero(y == np.bincount(y).argmax())
    direction = rng.normal(size=X.shape[1])
    position = X[rows] @ direction
    y[rows[position > np.quantile(position, rng.uniform(0.3, 0.7))]] = y.max() + 1
    return y


def _soil(prior: Prior, X: np.ndarray, y: np.ndarray, flat: bool, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Warp, stretch and embed the rows, and add the disturbances of real tables."""
    spread = X.std() + 1e-9
    X = X / spread
    if rng.random() < prior.warp:
        X = _warp(X, X.shape[1], rng)
    if rng.random() < prior.stretch:
        X = X * np.exp(rng.normal(0, 0.7, X.shape[1]))
    if not flat and rng.random() < prior.embed:
        X = _warp(X, X.shape[1] + int(rng.integers(1, 40)), rng)
        X = X + rng.uniform(0, 0.3) * X.std() * rng.normal(size=X.shape)
    if rng.random() < prior.irrelevant:
        extra = int(rng.integers(1, 4 if flat else 20))
        X = np.hstack([X, rng.uniform(0.1, 1.0) * X.std() * rng.normal(size=(len(X), extra))])
    if rng.random() < prior.outliers:
        out = rng.random(len(X)) < rng.uniform(0.005, 0.06)
        X[out] = X.mean(0) + rng.uniform(1, 3) * X.std(0) * rng.normal(size=(int(out.sum()), X.shape[1]))
    if rng.random() < prior.rounded:
        step = rng.uniform(0.05, 0.5) * X.std()
        X = np.round(X / step) * step
    return X, y


def _warp(X: np.ndarray, width: int, rng: Rng) -> np.ndarray:
    """A random residual network: a nonlinear map that keeps neighbours near each other."""
    d = X.shape[1]
    linear = rng.normal(size=(d, width)) / np.sqrt(d) if width != d else np.eye(d)
    first, second = rng.normal(size=(d, 64)) / np.sqrt(d), rng.normal(size=(64, width)) / 8
    hidden = X @ first * rng.uniform(0.5, 2.5) + rng.normal(size=64)
    activation = _ACTIVATIONS[rng.integers(len(_ACTIVATIONS))]
    return X @ linear + rng.uniform(0.3, 2.0) * activation(hidden) @ second


def _rectify(z: np.ndarray) -> np.ndarray:
    return np.maximum(z, 0)


_ACTIVATIONS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (np.tanh, _rectify, np.sin)
