"""Clustering without answers beside every rival: one process, one thread, the same rows.

    OMP_NUM_THREADS=1 python benchmarks/zeroshot.py --data DIR
    python benchmarks/zeroshot.py --only toys

k-means, Gaussian mixture, Ward, average linkage and spectral clustering are told the true number of clusters;
HDBSCAN and we are not. `--data` (or ACTIVECLUST_DATA) is a folder with mnist70k.npz, clustering/*.npz and
modern/*.npz; without it only scikit-learn's sets run. Prints a table, writes docs/figures/zeroshot.csv and .png. A run
that was killed resumes when it is started again; `--ours-again` keeps the rivals' records.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from data import modern
from records import FIGURES, Records, read
from sklearn import cluster, datasets
from sklearn.decomposition import PCA
from sklearn.metrics import adjusted_rand_score, v_measure_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler, normalize

from activeclust import PFNClusterer

KEY = ("group", "data", "method")
Problem = tuple[str, str, np.ndarray, np.ndarray]  # group, name, rows, clusters (0: noise, not scored)


def toys() -> Iterator[Problem]:
    """scikit-learn's shapes and tables, and rows with no cluster structure at all."""
    for seed in range(3):
        noise = (0.05, 0.08, 0.1)[seed]
        yield "toys", f"moons, noise {noise}", *datasets.make_moons(600, noise=noise, random_state=seed)
        circles = datasets.make_circles(600, noise=noise / 2, factor=0.5, random_state=seed)
        yield "toys", f"circles, noise {noise / 2}", *circles
        X, y = datasets.make_blobs(600, centers=3 + 2 * seed, random_state=seed + 10)
        yield "toys", f"{3 + 2 * seed} blobs", X, y
    X, y = datasets.make_blobs(600, centers=3, random_state=170)
    yield "toys", "anisotropic blobs", X @ np.array([[0.6, -0.6], [-0.4, 0.8]]), y
    X, y = datasets.make_blobs(600, centers=3, cluster_std=[1.0, 2.5, 0.5], random_state=170)
    yield "toys", "varied blobs", X, y
    for name in ("iris", "wine", "breast_cancer", "digits"):
        table = getattr(datasets, f"load_{name}")()
        X = table.data if name == "digits" else StandardScaler().fit_transform(table.data)
        yield "toys", name, X, table.target
    rng = np.random.default_rng(0)
    yield "one cluster", "uniform square", rng.uniform(size=(500, 2)), np.zeros(500, dtype=int)
    yield "one cluster", "uniform cube", rng.uniform(size=(1500, 3)), np.zeros(1500, dtype=int)
    yield "one cluster", "Gaussian, 5 dimensions", rng.normal(size=(500, 5)), np.zeros(500, dtype=int)


def problems(data: Path | None, only: str | None) -> Iterator[Problem]:
    """All that are to be measured; true clusters from 1, 0 is noise."""
    if only in (None, "toys"):
        for group, name, X, y in toys():
            yield group, name, X, y + 1
    if data is None:
        return
    if only in (None, "sets"):
        for path in sorted((data / "clustering").glob("*.npz")):
            with np.load(path) as file:
                yield "sets", path.stem, file["X"], file["y"].astype(int)
    if only in (None, "modern"):
        for rows in modern(data):
            yield "modern", rows.name, rows.X, rows.y + 1
    if only in (None, "mnist"):
        with np.load(data / "mnist70k.npz") as file:
            for seed in (2025, 1, 2):
                rows = np.random.default_rng(seed).choice(len(file["y"]), 5000, replace=False)
                yield (
                    "MNIST",
                    f"MNIST 5,000, draw {seed}",
                    file["X"][rows] / 255.0,
                    file["y"][rows].astype(int) + 1,
                )


Rival = Callable[[np.ndarray, int], np.ndarray]
RIVALS: dict[str, Rival] = {
    "k-means": lambda X, k: cluster.KMeans(k, n_init=10, random_state=0).fit_predict(X),
    "Gaussian mixture": lambda X, k: GaussianMixture(k, n_init=2, random_state=0).fit_predict(X),
    "Ward": lambda X, k: cluster.AgglomerativeClustering(k).fit_predict(X),
    "average linkage": lambda X, k: cluster.AgglomerativeClustering(k, linkage="average").fit_predict(X),
    "spectral": lambda X, k: cluster.SpectralClustering(
        k, affinity="nearest_neighbors", n_neighbors=10, assign_labels="cluster_qr", random_state=0
    ).fit_predict(X),
    "HDBSCAN": lambda X, k: _every_row(X, cluster.HDBSCAN(copy=True).fit_predict(X)),
}
TOLD = [name for name in RIVALS if name != "HDBSCAN"]
OURS = "activeclust"


def _every_row(X: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """HDBSCAN's noise goes to the cluster of the nearest row that has one: all methods label every row."""
    inside = np.flatnonzero(labels >= 0)
    if len(inside) in (0, len(labels)):
        return np.maximum(labels, 0)
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(1).fit(X[inside], labels[inside]).predict(X)


def measure(data: Path | None, only: str | None, records: Records, before: pd.DataFrame | None) -> None:
    """Fill ``records``: one per data set and method; those of rivals are taken from ``before`` where it has them."""
    kept = {} if before is None else {tuple(r[k] for k in KEY): r for r in before.to_dict("records")}
    for group, name, X, y in problems(data, only):
        X = np.asarray(X, dtype=float)
        if (group, name, OURS) not in records:
            records.add([of_ours(group, name, X, y)])
        for method in RIVALS:
            at = (group, name, method)
            if at not in records:
                records.add([kept[at] if at in kept else of_rival(group, name, X, y, method)])
        ours = next(
            r for r in records.frame().to_dict("records") if tuple(r[k] for k in KEY[:2]) == (group, name)
        )
        print(
            f"{name:32s} {len(X):6,d} rows  ARI {ours['ari']:.3f}  {ours['found']} of {ours['true']}",
            flush=True,
        )


def of_ours(group: str, name: str, X: np.ndarray, y: np.ndarray) -> dict:
    """The record of ours, views and candidates included in its seconds."""
    began = time.process_time()
    labels = PFNClusterer(device="cpu").fit(X).labels_
    return record(group, name, OURS, y, labels, time.process_time() - began)


def of_rival(group: str, name: str, X: np.ndarray, y: np.ndarray, method: str) -> dict:
    """The record of a rival: rows as they are, MNIST in the same 50 coordinates as ours, texts and pictures as unit
    rows, as is usual for embeddings; the Gaussian mixture has 50 principal coordinates of these."""
    if group == "MNIST":
        X = PFNClusterer(device="cpu").prepare(X).views["pca"]
    elif group == "modern":
        X = normalize(X)
        X = PCA(50, random_state=0).fit_transform(X) if method == "Gaussian mixture" else X
    began = time.process_time()
    with warnings.catch_warnings():  # rivals that do not converge are scored as they stand
        warnings.simplefilter("ignore")
        labels = RIVALS[method](X, len(np.unique(y[y != 0])))
    return record(group, name, method, y, labels, time.process_time() - began)


def record(group: str, name: str, method: str, y: np.ndarray, labels: np.ndarray, seconds: float) -> dict:
    """Scores of the labels of all rows on those whose cluster is known."""
    scored = np.flatnonzero(y != 0)
    return {
        "group": group, "data": name, "rows": len(y), "method": method, "true": len(np.unique(y[scored])),
        "ari": adjusted_rand_score(y[scored], labels[scored]),
        "v_measure": v_measure_score(y[scored], labels[scored]),
        "found": len(np.unique(labels)), "cpu_seconds": seconds,
    }  # fmt: skip


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Means by group and method; the number of clusters only where it was not told."""
    frame = frame.assign(
        exact=frame["found"] == frame["true"], within_one=(frame["found"] - frame["true"]).abs() <= 1
    )
    means = frame.groupby(["group", "method"], sort=False)[["ari", "v_measure", "exact", "within_one"]].mean()
    told = means.index.get_level_values("method").isin(TOLD)
    means.loc[told, ["exact", "within_one"]] = np.nan
    return means


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Means by group; and on every one of the sets, ours beside the best rival that was told the number."""
    import matplotlib.pyplot as plt

    groups = [g for g in ("sets", "modern", "MNIST", "toys") if g in set(frame["group"])]
    wide = "sets" in groups
    figure, axes = plt.subplots(
        1, 2 if wide else 1, figsize=(12 if wide else 7, 8.5 if wide else 4), squeeze=False,
        layout="constrained",
        gridspec_kw={"width_ratios": [1, 1.15] if wide else [1]},
    )  # fmt: skip
    methods = [OURS, "HDBSCAN", *TOLD]
    names = {m: m if m in (OURS, "HDBSCAN") else f"{m} (told)" for m in methods}
    titles = {
        "sets": "39 sets, ARI", "modern": "embeddings and pictures, ARI", "MNIST": "MNIST 5,000, V-measure",
        "toys": "scikit-learn's sets, ARI",
    }  # fmt: skip
    left = axes[0, 0]
    height = 0.8 / len(groups)
    for i, group in enumerate(groups):
        value = "v_measure" if group == "MNIST" else "ari"
        means = frame[frame["group"] == group].groupby("method")[value].mean()
        at = np.arange(len(methods)) + i * height
        bars = left.barh(at, [means[m] for m in methods], height, label=titles[group], color=f"C{i}")
        left.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
    left.set_yticks(np.arange(len(methods)) + height * (len(groups) - 1) / 2, [names[m] for m in methods])
    left.invert_yaxis()
    left.set_xlim(0, 1.05)
    left.set_title("mean; (told): knows the true number")
    left.legend(loc="upper center", bbox_to_anchor=(0.4, -0.03), ncols=2, fontsize=8)
    if wide:
        sets = frame[frame["group"] == "sets"].pivot(index="data", columns="method", values="ari")
        sets = sets.sort_values(OURS)
        right, at = axes[0, 1], np.arange(len(sets))
        best = sets[TOLD].max(axis=1)
        right.hlines(at, sets[OURS], best, color="0.8", zorder=0)
        right.scatter(
            best,
            at,
            s=18,
            color="0.45",
            marker="|",
            linewidths=2,
            label="best of the told rivals on this set",
        )
        right.scatter(sets["HDBSCAN"], at, s=14, color="C1", marker="x", label="HDBSCAN")
        right.scatter(sets[OURS], at, s=22, color="C0", label=OURS)
        right.set_yticks(at, sets.index, fontsize=7)
        right.set_ylim(-0.8, len(sets) - 0.2)
        right.set_title("ARI, each of the 39 sets")
        right.legend(loc="upper center", bbox_to_anchor=(0.4, -0.03), ncols=2, fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVECLUST_DATA"))
    parser.add_argument("--only", choices=["toys", "sets", "modern", "mnist"])
    parser.add_argument("--ours-again", action="store_true", help="measure ours alone; rivals' records stay")
    parser.add_argument("--out", type=Path, default=FIGURES)
    options = parser.parse_args()
    path, model = options.out / "zeroshot.csv", PFNClusterer(device="cpu")
    before = read(path, KEY) if options.ours_again else None
    records = Records(path, model.model_hash, KEY)
    measure(Path(options.data) if options.data else None, options.only, records, before)
    frame = records.frame()
    records.finish(frame, ["samples of MNIST: numpy.random.default_rng(2025), (1) and (2); of modern: 2025"])
    draw(frame, path.with_suffix(".png"))
    print(table(frame).to_string(float_format="%.3f", na_rep="-"))


if __name__ == "__main__":
    main()
