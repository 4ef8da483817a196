"""Candidate graphs and rules, each alone and without any training: which geometry holds on which data.

    python benchmarks/rules.py --data DIR [--only banking77,coil20] [--draws 2] [--out FILE.csv]

Accuracy at 1, 2 and 5 random anchors per cluster on at most 3,000 rows of each set, mean over the draws. Kernels are
exact here (a dense inverse), so that a rule is judged by its graph and not by an approximation of it. The figures
and what follows from them are in docs/training-log.md, section 10.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import scipy.sparse as sp
from scipy.sparse.linalg import eigsh
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

SETS = (
    "banking77",
    "searchsnippets",
    "agnews",
    "stackoverflow",
    "coil20",
    "mnist",
    "uci_ecoli",
    "uci_wine",
    "sipu_spiral",
)
MOST = 3000  # rows
PER_CLUSTER = (1, 2, 5)
SHIFT = 1e-3  # of the Green functions that are not named by another
NOISE = 0.1  # of the Gaussian processes, relative to the mean diagonal


def read(name: str, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows (n, d) and clusters (n,), 0 to C - 1, of a set in the folder ``data``."""
    if name == "mnist":
        with np.load(data / "mnist70k.npz") as file:
            rows = np.random.default_rng(11).choice(len(file["y"]), MOST, replace=False)
            return file["X"][rows].astype(float), file["y"][rows].astype(int)
    path = data / "modern" / f"{name}.npz"
    clustering = not path.exists()
    with np.load(data / "clustering" / f"{name}.npz" if clustering else path) as file:
        X, y = file["X"].astype(float), file["y"].astype(int)
    if clustering:
        X, y = X[y > 0], y[y > 0]  # label 0 is noise
    if len(X) > MOST:
        rows = np.random.default_rng(5).choice(len(X), MOST, replace=False)
        X, y = X[rows], y[rows]
    return X, np.unique(y, return_inverse=True)[1]


def unit(A: np.ndarray) -> np.ndarray:
    """Rows of length 1."""
    return A / np.maximum(np.linalg.norm(A, axis=-1, keepdims=True), 1e-9)


def sharp(points: np.ndarray, k: int, s: float) -> sp.csr_array:
    """Weights exp(-s d^2 / d_k^2) of the k nearest rows, made symmetric by the mean."""
    distance, near = NearestNeighbors(n_neighbors=k + 1).fit(points).kneighbors(points)
    distance, near = distance[:, 1:], near[:, 1:]
    weights = np.exp(-s * distance**2 / np.maximum(distance[:, -1:], 1e-9) ** 2)
    n = len(points)
    W = sp.csr_array((weights.ravel(), (np.repeat(np.arange(n), k), near.ravel())), shape=(n, n))
    return ((W + W.T) / 2).tocsr()


def normalised(W: sp.csr_array) -> tuple[sp.csr_array, np.ndarray]:
    """D^-1/2 W D^-1/2 and the root degree."""
    root = np.sqrt(np.asarray(W.sum(axis=1)).ravel())
    return sp.csr_array(W.multiply(1 / root[:, None]).multiply(1 / root[None, :])), root


def green(W: sp.csr_array, shift: float = SHIFT) -> np.ndarray:
    """(n, n) Green function of the graph, exact."""
    S, root = normalised(W)
    return np.linalg.inv((1 + shift) * np.eye(len(root)) - S.toarray()) / root[:, None] / root[None]


def green_coordinates(W: sp.csr_array, m: int) -> np.ndarray:
    """(n, m) unit rows whose distance is a diffusion distance."""
    S, _ = normalised(W)
    values, vectors = eigsh(S, k=min(m, S.shape[0] - 2), which="LA")
    return unit(vectors / np.sqrt(np.maximum(1 - values, 0) + 0.03))


def interpolated(K: np.ndarray, anchors: np.ndarray, Y: np.ndarray, noise: float = NOISE) -> np.ndarray:
    """(n, C) Gaussian-process posterior mean."""
    A = K[np.ix_(anchors, anchors)]
    return K[:, anchors] @ np.linalg.solve(A + noise * np.diag(A).mean() * np.eye(len(A)), Y)


def soft_means(
    E: np.ndarray, anchors: np.ndarray, Y: np.ndarray, temperature: float, steps: int
) -> np.ndarray:
    """(n, C) cosines to the means after spherical soft k-means seeded by the anchors."""
    means, weight = unit(Y.T @ E[anchors]), 0.3 * len(E) / len(anchors)
    for _ in range(steps):
        logits = E @ means.T / temperature
        P = np.exp(logits - logits.max(axis=1, keepdims=True))
        P /= P.sum(axis=1, keepdims=True)
        P[anchors] = Y * (1 + weight)
        means = unit(P.T @ E)
    return E @ means.T


def scores(X: np.ndarray, y: np.ndarray, draws: int) -> Iterator[dict]:
    """Accuracy of every candidate on the rows that are no anchors."""
    C = int(y.max()) + 1
    points = PCA(min(200, *X.shape), random_state=0).fit_transform(X)
    flat, sphere = points[:, :50], unit(points)
    graphs = {
        "pca k10 s4": sharp(flat, 10, 4),
        "pca k6 s8": sharp(flat, 6, 8),
        "angle k10 s4": sharp(sphere, 10, 4),
    }
    kernels = {
        f"{name}, shift {shift:g}": green(W, shift) for name, W in graphs.items() for shift in (1e-3, 1e-2)
    }
    cosine = sphere @ sphere.T
    angle = {m: green_coordinates(graphs["angle k10 s4"], m) for m in (64, 160)}
    for per in PER_CLUSTER:
        for draw in range(draws):
            rng = np.random.default_rng([draw, per])
            members = (np.flatnonzero(y == c) for c in range(C))
            anchors = np.concatenate(
                [rng.choice(rows, min(per, len(rows)), replace=False) for rows in members]
            )
            Y = np.eye(C)[y[anchors]]
            said = {f"Gaussian process, {name}": interpolated(K, anchors, Y) for name, K in kernels.items()}
            said |= {f"Poisson, {name}": K[:, anchors] @ (Y - Y.mean(axis=0)) for name, K in kernels.items()}
            said["mean, sphere"] = sphere @ unit(Y.T @ sphere[anchors]).T
            said["linear, sphere"] = interpolated(cosine, anchors, Y - 1 / C, 0.3)
            said["Gaussian kernel 0.5, sphere"] = interpolated(np.exp((cosine - 1) / 0.5), anchors, Y)
            said["soft means 0.05, sphere"] = soft_means(sphere, anchors, Y, 0.05, 6)
            for m, E in angle.items():
                said[f"soft means 0.1, {m} diffusion coordinates of angles"] = soft_means(
                    E, anchors, Y, 0.1, 10
                )
            test = np.setdiff1d(np.arange(len(y)), anchors)
            for rule, score in said.items():
                if not np.isfinite(score).all():
                    raise SystemExit(f"{rule}: the scores hold NaN or infinity.")
                right = float((score[test].argmax(axis=1) == y[test]).mean())
                yield {"rule": rule, "per cluster": per, "draw": draw, "accuracy": right}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVECLUST_DATA"))
    parser.add_argument("--only", default=",".join(SETS), help="sets, with commas between")
    parser.add_argument("--draws", type=int, default=2)
    parser.add_argument("--out", type=Path, help="CSV file")
    given = parser.parse_args()
    if given.data is None:
        raise SystemExit(
            "Give --data DIR (or ACTIVECLUST_DATA), the folder with modern/, clustering/ and mnist70k.npz."
        )
    frames = []
    for name in given.only.split(","):
        frame = pd.DataFrame(scores(*read(name, Path(given.data)), given.draws)).assign(data=name)
        table = frame.pivot_table(index="rule", columns="per cluster", values="accuracy", sort=False)
        print(f"\n{name}\n{table.round(3).to_string()}", flush=True)
        frames.append(frame)
    if given.out:
        pd.concat(frames).to_csv(given.out, index=False, float_format="%.4f")


if __name__ == "__main__":
    main()
