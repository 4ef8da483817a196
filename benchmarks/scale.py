"""Seconds and peak memory against the number of rows, columns and answers, beside rivals.

    python benchmarks/scale.py run --seconds 600 --gigabytes 8
    python benchmarks/scale.py plot

Every measurement is a process of its own, on one thread unless --threads says otherwise; it is ended when
it passes the time or the memory, and then the method is not tried on more rows. Measurements are added to
docs/figures/scale.csv one by one, so that an interrupted run goes on where it stood. Seconds are CPU seconds:
on one thread of an idle machine they are those of the clock. Needs `pip install graphlearning`.

The rows are a mixture of 20 flat Gaussians in d dimensions; the answers are random rows. `ours` is the views
and one posterior, `ours-again` the posterior alone, `ours-zero` views and clusters without any answer.
"""

from __future__ import annotations

import argparse
import csv
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

CSV = Path(__file__).parents[1] / "docs" / "figures" / "scale.csv"
FIELDS = ["method", "n", "d", "k", "device", "threads", "status", "cpu_s", "wall_s", "peak_gb", "v_measure"]
ROWS = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
COLUMNS, ANSWERS = (8, 64, 256, 1024), (10, 100, 300, 1000)
D, K, CLUSTERS, AT = 64, 100, 20, 10_000


def make_rows(n: int, d: int, clusters: int = CLUSTERS) -> tuple[np.ndarray, np.ndarray]:
    """(n, d) float32 and the true clusters: 12 wide directions each, and noise in all."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(clusters, d)) * 1.2
    y = rng.integers(clusters, size=n)
    spread = rng.normal(size=(clusters, d, min(12, d))).astype(np.float32) * 0.35
    X = np.empty((n, d), np.float32)
    for c in range(clusters):
        rows = np.flatnonzero(y == c)
        inner = rng.normal(size=(len(rows), spread.shape[2])).astype(np.float32)
        X[rows] = centres[c] + inner @ spread[c].T + 0.15 * rng.normal(size=(len(rows), d))
    return X, y


# ---------------------------------------------------------------- methods: (X, answers with -1) -> labels


def ours(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from activeclust import PFNClusterer

    return PFNClusterer(device=os.environ.get("SCALE_DEVICE", "cpu"), cache=False).fit(X, y).labels_


def ours_again(X: np.ndarray, y: np.ndarray) -> Callable[[], np.ndarray]:
    from activeclust import PFNClusterer

    model = PFNClusterer(device=os.environ.get("SCALE_DEVICE", "cpu"), cache=False)
    ready, rows = model.prepare(X), np.flatnonzero(y >= 0)
    _, codes = np.unique(y[rows], return_inverse=True)
    model.posterior(ready, rows[:-1], np.unique(codes[:-1], return_inverse=True)[1])
    return lambda: model.posterior(ready, rows, codes)[0].argmax(1)


def ours_zero(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    return ours(X, None)


def k_means(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.cluster import KMeans

    return KMeans(CLUSTERS, n_init=10, random_state=0).fit_predict(X)


def ward(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.cluster import AgglomerativeClustering

    return AgglomerativeClustering(CLUSTERS, linkage="ward").fit_predict(X)


def hdbscan(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.cluster import HDBSCAN

    return HDBSCAN(min_cluster_size=50, copy=True).fit_predict(X)


def label_spreading(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.semi_supervised import LabelSpreading

    return LabelSpreading(kernel="knn", n_neighbors=10).fit(X, y).transduction_


def spectral(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.cluster import SpectralClustering

    model = SpectralClustering(CLUSTERS, affinity="nearest_neighbors", n_neighbors=10, random_state=0)
    return model.fit_predict(X)


def poisson(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    import graphlearning as gl
    from sklearn.neighbors import NearestNeighbors

    distances, rows = NearestNeighbors(n_neighbors=11).fit(X).kneighbors(X)
    W = gl.weightmatrix.knn(X, 10, knn_data=(rows, distances))
    known = np.flatnonzero(y >= 0)
    return gl.ssl.poisson(W, solver="gradient_descent").fit_predict(known, y[known])


METHODS: dict[str, Callable] = {
    "ours": ours, "ours-again": ours_again, "ours-zero": ours_zero, "k-means": k_means, "Ward": ward,
    "HDBSCAN": hdbscan, "LabelSpreading": label_spreading, "Poisson learning": poisson, "spectral": spectral,
}  # fmt: skip


def measure_one(method: str, n: int, d: int, k: int) -> dict[str, float]:
    """Run in the child: what one measurement is."""
    from sklearn.metrics import v_measure_score

    warnings.simplefilter("ignore")  # of rivals that do not converge: their time is what is measured
    X, true = make_rows(n, d)
    y = np.full(n, -1)
    drawn = np.random.default_rng(1).choice(n, size=k, replace=False)
    y[drawn] = true[drawn]
    run = METHODS[method]
    run(X[:400], np.where(np.arange(400) < 200, true[:400], -1))  # what is loaded once is not counted
    work = run(X, y) if method == "ours-again" else lambda: run(X, y)
    cpu, wall = time.process_time(), time.perf_counter()
    labels = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"cpu_s": cpu, "wall_s": wall, "peak_gb": peak, "v_measure": v_measure_score(true, labels)}


# ---------------------------------------------------------------- the parent


def watch(method: str, n: int, d: int, k: int, given: argparse.Namespace) -> dict[str, object]:
    """One measurement in a process of its own, ended when it takes too much."""
    import psutil

    threads = str(given.threads)
    environment = os.environ | {"SCALE_DEVICE": given.device, "ACTIVECLUST_CACHE": "off"}
    environment |= dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"], threads)
    words = [sys.executable, __file__, "one", method, str(n), str(d), str(k)]
    child = subprocess.Popen(
        words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    status, process = "ok", psutil.Process(child.pid)
    while child.poll() is None:
        time.sleep(0.2)
        try:
            used, times = process.memory_info().rss, process.cpu_times()
        except psutil.NoSuchProcess:
            break
        if times.user + times.system > given.seconds * given.threads:
            status = "time"
        elif used > given.gigabytes * 2**30:
            status = "memory"
        if status != "ok":
            child.kill()
            break
    out, err = child.communicate()
    found = {"method": method, "n": n, "d": d, "k": k, "device": given.device, "threads": given.threads}
    if status == "ok" and child.returncode:
        print(err[-400:], file=sys.stderr)
        status = "memory" if "MemoryError" in err or "NotEnoughMemory" in err else "failed"
    return found | {"status": status} | (json.loads(out.splitlines()[-1]) if status == "ok" else {})


def plan(methods: list[str], largest: int) -> list[tuple[str, int, int, int]]:
    rows = [(m, n, D, K) for n in ROWS if n <= largest for m in methods]
    ours_only = [m for m in methods if m.startswith("ours")]
    wide = [(m, AT, d, K) for m in ours_only for d in COLUMNS if d != D]
    return rows + wide + [(m, AT, D, k) for m in ours_only if m != "ours-zero" for k in ANSWERS if k != K]


def run(given: argparse.Namespace) -> None:
    done = list(csv.DictReader(CSV.open())) if CSV.exists() else []
    key = ("method", "n", "d", "k", "device", "threads")
    seen = {tuple(row[name] for name in key) for row in done}
    out_of = {
        (r["method"], r["device"], r["threads"])
        for r in done
        if r["status"] not in ("ok",) and r["d"] == str(D)
    }
    for method, n, d, k in plan(given.methods, given.largest):
        place = (method, given.device, str(given.threads))
        if (method, str(n), str(d), str(k), *place[1:]) in seen or (place in out_of and n > AT):
            continue
        row = watch(method, n, d, k, given)
        print(json.dumps(row), flush=True)
        if row["status"] != "ok":
            out_of.add(place)
        new = not CSV.exists()
        with CSV.open("a", newline="") as file:
            writer = csv.DictWriter(file, FIELDS)
            if new:
                writer.writeheader()
            writer.writerow({k: f"{v:.4g}" if isinstance(v, float) else v for k, v in row.items()})


def plot() -> None:
    """docs/figures/scale.png from the CSV."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import pandas as pd

    table = pd.read_csv(CSV)
    good = table[table.status == "ok"]
    figure, axes = plt.subplots(1, 3, figsize=(15, 5.2), layout="constrained")
    by_rows = good[(good.d == D) & (good.k == K)].sort_values("n")
    for i, (name, part) in enumerate(by_rows.groupby("method", sort=False)):
        style = {"lw": 2.4, "marker": "o"} if name.startswith("ours") else {"lw": 1.2, "marker": "."}
        large = part[(part.n >= 10_000)]
        slope = np.polyfit(np.log(large.n), np.log(large.cpu_s), 1)[0] if len(large) > 1 else np.nan
        label = name if np.isnan(slope) else f"{name}, slope {slope:.2f}"
        axes[0].loglog(part.n, part.cpu_s, label=label, color=f"C{i}", **style)
        axes[1].loglog(part.n, part.peak_gb, color=f"C{i}", **style)
    axes[0].set(xlabel="rows", ylabel="CPU seconds, one thread", title=f"{D} columns, {K} answers")
    axes[1].set(xlabel="rows", ylabel="peak memory, GB", title="the same, memory")
    axes[0].legend(fontsize=8, frameon=False)
    for name, style in (("ours", "o-"), ("ours-again", "s--")):
        part = good[(good.method == name) & (good.n == AT)]
        wide, many = part[part.k == K].sort_values("d"), part[part.d == D].sort_values("k")
        axes[2].loglog(wide.d, wide.cpu_s, style, color="C0", label=f"{name}, against columns")
        axes[2].loglog(many.k, many.cpu_s, style, color="C1", label=f"{name}, against answers")
    axes[2].set(xlabel="columns, or answers", ylabel="CPU seconds, one thread", title=f"{AT:,} rows")
    axes[2].legend(fontsize=8, frameon=False)
    for axis in axes:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25, which="major")
    figure.savefig(CSV.with_suffix(".png"), dpi=130)
    print(f"Wrote {CSV.with_suffix('.png')}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    going = commands.add_parser("run")
    going.add_argument("--methods", type=lambda text: text.split(","), default=list(METHODS))
    going.add_argument("--largest", type=int, default=max(ROWS), help="most rows")
    going.add_argument("--seconds", type=float, default=600, help="CPU seconds a measurement may take")
    going.add_argument("--gigabytes", type=float, default=8)
    going.add_argument("--threads", type=int, default=1)
    going.add_argument("--device", default="cpu")
    one = commands.add_parser("one")
    one.add_argument("method")
    one.add_argument("sizes", nargs=3, type=int)
    commands.add_parser("plot")
    given = parser.parse_args()
    if given.command == "run":
        run(given)
    elif given.command == "one":
        print(json.dumps(measure_one(given.method, *given.sizes)))
    else:
        plot()


if __name__ == "__main__":
    main()
