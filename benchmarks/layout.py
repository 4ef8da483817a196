"""Two-dimensional layouts for the page's map: seconds, memory, and how many neighbours they keep.

    python benchmarks/layout.py run --rows 70000 --data FOLDER
    python benchmarks/layout.py table       # the table of docs/annotation.md

Each layout is a process of its own, on one thread. Every method starts from the views that activeclust has made
already (neighbours, affinities, eigenvectors), so the seconds are what the map costs on top of them. Measurements
are added to docs/figures/layout.csv one by one; what is in there is not measured again. Needs
`pip install openTSNE umap-learn pacmap`.

Quality is measured on 1,000 random rows against the distances of the rows as they are (784 pixels of MNIST):
`recall` is the share of the 15 nearest rows that are among the 15 nearest of the layout, `trust` is trustworthiness
(Venna and Kaski, 2001) with k = 15, `same digit` the share of the 10 nearest rows of the layout that show the same
digit, and `far` Spearman's correlation of the distances between the 1,000 rows. `same` says whether a second process
with the same seed gave the same layout.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
from data import mnist70k

from activeclust.clusterer.prepared import prepare
from activeclust.views.views import Views, green_coordinates

CSV = Path(__file__).parents[1] / "docs" / "figures" / "layout.csv"
FIELDS = [
    "method", "rows", "seed", "cpu_s", "wall_s", "added_gb", "recall", "trust", "same_digit", "far", "same",
]  # fmt: skip
SAMPLE, NEAR, SAME_NEAR = 1_000, 15, 10


# ---------------------------------------------------------------- methods: (views, seed) -> (n, 2)


def pca(views: Views, seed: int) -> np.ndarray:
    centred = views.pca - views.pca.mean(0)
    return centred @ np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]


def diffusion(views: Views, seed: int) -> np.ndarray:
    rows = green_coordinates(views.refined)
    return (rows - rows.mean(0)) @ np.linalg.eigh(np.cov(rows.T))[1][:, :-3:-1]


def _tsne(views: Views, seed: int, graph: str, exaggeration: float | None) -> np.ndarray:
    from openTSNE import TSNEEmbedding, affinity, initialization

    made = getattr(views, graph)
    root = np.sqrt(made.degree)
    P = made.adjacency.multiply(root[:, None]).multiply(root[None, :]).tocsr()
    affinities = affinity.PrecomputedAffinities(P.astype(np.float64), normalize=True)
    start = initialization.rescale(made.eigenvectors[:, 1:3].astype(np.float64), inplace=False)
    embedding = TSNEEmbedding(start, affinities, negative_gradient_method="fft", n_jobs=1, random_state=seed)
    embedding = embedding.optimize(250, exaggeration=12, momentum=0.5)
    return np.asarray(embedding.optimize(500, exaggeration=exaggeration, momentum=0.8))


def opentsne(views: Views, seed: int) -> np.ndarray:
    """t-SNE of the first graph's affinities."""
    return _tsne(views, seed, "graph", None)


def opentsne_refined(views: Views, seed: int) -> np.ndarray:
    """t-SNE of the refined graph's affinities."""
    return _tsne(views, seed, "refined", None)


def opentsne_exaggerated(views: Views, seed: int) -> np.ndarray:
    """t-SNE of the first graph with exaggeration 2 to the end: more room between groups."""
    return _tsne(views, seed, "graph", 2)


def umap_neighbors(views: Views, seed: int) -> np.ndarray:
    """UMAP of the neighbours, starting from the graph's eigenvectors."""
    from umap import UMAP

    n = len(views.pca)
    nearest = np.column_stack([np.arange(n), views.neighbors[:, :14]])
    far = np.linalg.norm(views.pca[nearest] - views.pca[:, None], axis=2)
    start = views.graph.eigenvectors[:, 1:3].astype(np.float64)
    start = 10 * start / np.abs(start).max()
    model = UMAP(precomputed_knn=(nearest, far.astype(np.float32)), init=start, random_state=seed, n_jobs=1)
    return model.fit_transform(views.pca)


def pacmap(views: Views, seed: int) -> np.ndarray:
    """PaCMAP with its own neighbours: it takes no graph."""
    from pacmap import PaCMAP

    return PaCMAP(random_state=seed, apply_pca=False).fit_transform(views.pca, init="pca")


METHODS: dict[str, Callable[[Views, int], np.ndarray]] = {
    "pca": pca,
    "diffusion": diffusion,
    "openTSNE": opentsne,
    "openTSNE refined": opentsne_refined,
    "openTSNE exaggerated": opentsne_exaggerated,
    "umap-learn": umap_neighbors,
    "pacmap": pacmap,
}


# ---------------------------------------------------------------- measuring


def scores(X: np.ndarray, y: np.ndarray, points: np.ndarray) -> dict[str, float]:
    """How well ``points`` (n, 2) keep what is near in ``X`` (n, d)."""
    from scipy.stats import spearmanr

    n = len(X)
    rows = np.random.default_rng(0).choice(n, min(SAMPLE, n), replace=False)
    squared = (X**2).sum(1)
    recall, penalty, alike = [], 0.0, []
    for row in rows:
        high = squared - 2 * X @ X[row]
        low = ((points - points[row]) ** 2).sum(1)
        high[row] = low[row] = np.inf
        near = np.argpartition(low, NEAR)[:NEAR]
        rank = np.empty(n, int)
        rank[np.argsort(high, kind="stable")] = np.arange(1, n + 1)
        recall.append((rank[near] <= NEAR).mean())
        penalty += np.maximum(rank[near] - NEAR, 0).sum()
        closest = near[np.argsort(low[near], kind="stable")[:SAME_NEAR]]
        alike.append((y[closest] == y[row]).mean())
    pairs = np.triu_indices(len(rows), 1)

    def distances(P: np.ndarray) -> np.ndarray:
        from sklearn.metrics import pairwise_distances

        return pairwise_distances(P[rows])[pairs]

    return {
        "recall": float(np.mean(recall)),
        "trust": 1 - 2 * penalty / (len(rows) * NEAR * (2 * n - 3 * NEAR - 1)),
        "same_digit": float(np.mean(alike)),
        "far": float(spearmanr(distances(X), distances(points)).statistic),
    }


def one(method: str, n: int, seed: int, data: Path | None, keep: Path) -> None:
    """Measure in this process, and print JSON."""
    whole = next(iter(mnist70k(data)))
    rows = np.random.default_rng(0).permutation(len(whole.y))[:n]
    X, y = np.asarray(whole.X[rows], np.float32), whole.y[rows]
    views = prepare(X).source
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other libraries' own imports and settings
        points = METHODS[method](views, seed)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    points = np.asarray(points, np.float64)[views.inverse]
    np.save(keep / f"{method.replace(' ', '-')}-{n}-{seed}.npy", points.astype(np.float32))
    digest = hashlib.blake2b(points.astype(np.float32).tobytes(), digest_size=8).hexdigest()
    print(
        json.dumps({"cpu_s": cpu, "wall_s": wall, "added_gb": added, "digest": digest} | scores(X, y, points))
    )


def measure(method: str, n: int, seed: int, data: Path | None, keep: Path, times: int) -> dict:
    """Measure in processes of their own; the quickest counts."""
    runs = []
    for _ in range(times):
        words = [sys.executable, __file__, "one", method, "--rows", n, "--seed", seed, "--keep", keep]
        words += ["--data", data] if data else []
        threads = dict.fromkeys(("OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        done = subprocess.run(
            list(map(str, words)), env=os.environ | threads, stdout=subprocess.PIPE, check=True
        )
        runs.append(json.loads(done.stdout.splitlines()[-1]))
    best = min(runs, key=lambda run: run["cpu_s"])
    return best | {"same": len({run["digest"] for run in runs}) == 1 if times > 1 else ""}


def write_table(n: int) -> None:
    """Write the table of docs/annotation.md."""
    import pandas as pd

    found = pd.read_csv(CSV)
    found = found[found.rows == n].sort_values("trust", ascending=False)
    names = {"method": "method", "cpu_s": "CPU s", "added_gb": "GB more", "recall": "recall", "trust": "trust",
             "same_digit": "same digit", "far": "far"}  # fmt: skip
    shown = (
        found[list(names)]
        .rename(columns=names)
        .round({"CPU s": 1, "GB more": 2} | dict.fromkeys(list(names.values())[3:], 3))
    )
    shown.to_csv(CSV.with_name("layout-mnist70k.csv"), index=False)
    print(shown.to_string(index=False))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["run", "one", "table"])
    parser.add_argument("method", nargs="*")
    parser.add_argument("--rows", type=int, default=70_000)
    parser.add_argument("--times", type=int, default=2, help="Processes a method; `same` needs two.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVECLUST_DATA"))
    parser.add_argument(
        "--keep", type=Path, default=Path("layouts"), help="Folder for the layouts themselves."
    )
    given = parser.parse_args()
    if given.what == "table":
        write_table(given.rows)
        return
    data = Path(given.data) if given.data else None
    given.keep.mkdir(exist_ok=True)
    if given.what == "one":
        one(given.method[0], given.rows, given.seed, data, given.keep)
        return
    known = list(csv.DictReader(CSV.open())) if CSV.exists() else []
    for method in given.method or METHODS:
        if any(
            (r["method"], r["rows"], r["seed"]) == (method, str(given.rows), str(given.seed)) for r in known
        ):
            continue
        found = measure(method, given.rows, given.seed, data, given.keep, given.times)
        fresh = not CSV.exists()
        with CSV.open("a", newline="") as file:
            writer = csv.DictWriter(file, FIELDS, extrasaction="ignore")
            if fresh:
                writer.writeheader()
            line = {"method": method, "rows": given.rows, "seed": given.seed} | found
            writer.writerow({k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()})
        print(method, {k: v for k, v in found.items() if k != "digest"}, flush=True)


if __name__ == "__main__":
    main()
