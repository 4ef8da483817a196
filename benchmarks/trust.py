"""How far to trust the posterior: calibration, unseen clusters, wrong anchors, anchors a strategy picked.

    python benchmarks/trust.py mnist --draws 10 --data DIR
    python benchmarks/trust.py sets --draws 5 --data DIR
    python benchmarks/trust.py modern --draws 5 --data DIR

Four tables, side by side in one process on the same rows and draws; writes docs/figures/trust-<what>.csv and
a reliability diagram, docs/figures/trust-<what>.png. A run that was killed resumes at the data set where it stopped.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from data import COLLECTIONS
from draws import SEED, anchor_draws
from records import FIGURES, Progress, Records
from rows import Rows
from scores import BINS, calibration_error, half_width
from sklearn.metrics import roc_auc_score, v_measure_score
from sklearn.semi_supervised import LabelSpreading

from activeclust import PFNClusterer
from activeclust.clusterer import contradictions

EACH = ["1 each", "2 each", "5 each"]
PLANS = {"mnist": ["10", "20", "50", "100", "200", "500"], "sets": EACH, "modern": EACH, "tables": EACH}
KEY = ("what", "data", "anchors", "draw")
DONE = "done"  # a record that all of a data set was measured
SHARES = (0.1, 0.2)
PICKED = ("herding", "margin", "uncertainty_herding")


class Bench:
    """One data set with everything that is measured on it."""

    def __init__(self, rows: Rows, draws: int, model: PFNClusterer) -> None:
        self.rows, self.draws, self.model = rows, draws, model
        self.prepared = self.model.prepare(rows.X)
        self.y = rows.y
        self.scored = rows.scored

    def calibration(self, labels: list[str]) -> Iterator[dict]:
        """Expected calibration error, and what the posterior expects of its own accuracy.

        ``calibration`` is of ``posterior_`` times what ``new_cluster_proba_`` leaves, on all rows: a row of a
        cluster without an anchor is wrong. ``known clusters`` is of ``posterior_`` as it is, on the rows of
        clusters that have an anchor.
        """
        for label in labels:
            for draw, anchors in enumerate(anchor_draws(self.y, self.scored, label, self.draws)):
                top, new, right, known = self._judged(anchors)
                whole, part = (top * (1 - new), right), (top[known], right[known])
                for what, (sure, hits) in (("calibration", whole), ("known clusters", part)):
                    yield self._record(
                        what, label, draw,
                        ece=calibration_error(sure, hits), expected=sure.mean(), accuracy=hits.mean(),
                        **_bins(sure, hits),
                    )  # fmt: skip

    def unseen(self, each: int = 5) -> Iterator[dict]:
        """Whole clusters without an anchor: is their mass on none-of-these?"""
        names = np.unique(self.y[self.scored])
        if len(names) < 2:
            return
        for draw in range(self.draws):
            rng = np.random.default_rng([draw, 7])
            hidden = rng.choice(names, max(1, round(0.3 * len(names))), replace=False)
            anchors = np.concatenate(
                [
                    rng.choice(rows, min(each, len(rows)), replace=False)
                    for rows in (self.scored[self.y[self.scored] == c] for c in np.setdiff1d(names, hidden))
                ]
            )
            _, new, _ = self._posterior(anchors, self.y[anchors])
            rows = np.setdiff1d(self.scored, anchors)
            truth = np.isin(self.y[rows], hidden)
            if truth.all() or not truth.any():
                continue
            yield self._record(
                "unseen", f"{each} each", draw,
                auroc=roc_auc_score(truth, new[rows]), mass=new[rows].mean(), share=truth.mean(),
            )  # fmt: skip

    def wrong(self, label: str) -> Iterator[dict]:
        """Mislabelled anchors: how far the V-measure falls, beside LabelSpreading; who is suspected."""
        for draw, anchors in enumerate(anchor_draws(self.y, self.scored, label, self.draws)):
            rng = np.random.default_rng([draw, 3])
            names = np.unique(self.y[anchors])
            if len(names) < 2:
                continue
            order = rng.permutation(len(anchors))
            for share in (0.0, *SHARES):
                given = self.y[anchors].copy()
                bad = order[: round(share * len(anchors))]
                given[bad] = [rng.choice(names[names != c]) for c in given[bad]]
                posterior, _, present = self._posterior(anchors, given)
                rows = np.setdiff1d(self.scored, anchors)
                record = self._record(
                    f"wrong {share:.0%}", label, draw,
                    v_measure=v_measure_score(self.y[rows], posterior[rows].argmax(1)),
                    spreading=v_measure_score(self.y[rows], self._spread(anchors, given)[rows]),
                )  # fmt: skip
                if len(bad):
                    codes = np.searchsorted(present, given)
                    doubt = contradictions(self.model, self.prepared, anchors, codes, 10, rng)
                    first = np.argsort(-doubt, kind="stable")[: max(1, len(anchors) // 5)]
                    record["found"] = np.isin(bad, first).mean()
                yield record

    def picked(self, budget: int) -> Iterator[dict]:
        """Anchors from a strategy against random ones of the same number."""
        from activeclust import ActiveLoop, LabelOracle

        for draw in range(self.draws):
            for strategy in ("random", *PICKED):
                loop = ActiveLoop(
                    self.rows.X, LabelOracle(self.y), strategy=strategy, batch_size=5, random_state=draw,
                    clusterer=self.model,
                )  # fmt: skip
                loop.run(budget=budget)
                anchors = np.array(list(loop.anchors))
                top, new, right, _ = self._judged(anchors)
                rows = np.setdiff1d(self.scored, anchors)
                posterior, _, _ = self._posterior(anchors, self.y[anchors])
                yield self._record(
                    f"picked by {strategy}", str(budget), draw,
                    accuracy=right.mean(), expected=(top * (1 - new)).mean(),
                    v_measure=v_measure_score(self.y[rows], posterior[rows].argmax(1)),
                )  # fmt: skip

    def _posterior(self, anchors, given):
        names, codes = np.unique(given, return_inverse=True)
        posterior, new = self.model.posterior(self.prepared, anchors, codes)
        return posterior, new, names

    def _judged(self, anchors) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """At scored rows without an answer: the likeliest cluster's share, none-of-these, right, known."""
        posterior, new, names = self._posterior(anchors, self.y[anchors])
        rows = np.setdiff1d(self.scored, anchors)
        right = names[posterior.argmax(axis=1)][rows] == self.y[rows]
        return posterior.max(axis=1)[rows], new[rows], right, np.isin(self.y[rows], names)

    def _spread(self, anchors, given) -> np.ndarray:
        y = np.full(len(self.y), -1)
        y[anchors] = given
        model = LabelSpreading(kernel="knn", n_neighbors=7, max_iter=100)
        return model.fit(self.prepared.views["pca"], y).transduction_

    def _record(self, what: str, anchors: str, draw: int, **values) -> dict:
        return {
            "what": what, "data": self.rows.name, "anchors": anchors, "draw": draw,
            **{k: float(v) for k, v in values.items()},
        }  # fmt: skip


def _bins(sure: np.ndarray, right: np.ndarray) -> dict[str, float]:
    """By how sure the posterior is: shares of the rows, of the right ones, and of the certainty."""
    at = np.minimum((sure * BINS).astype(int), BINS - 1)
    sums = {"rows": np.bincount(at, minlength=BINS), "right": np.bincount(at, right, BINS),
            "sure": np.bincount(at, sure, BINS)}  # fmt: skip
    return {f"{name}{b}": values[b] / len(at) for name, values in sums.items() for b in range(BINS)}


def together(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    """Expected calibration error of several draws taken together, by number of anchors.

    Where one draw is unlucky and the next one lucky, each is off by more than the posterior could know
    beforehand; together they show whether what it says is true on average. ``set by set`` is the mean over
    the data sets of each set's error, ``all rows`` that of the whole collection, every set of equal weight.
    """
    part = frame[frame["what"] == what]
    sums = part.groupby(["anchors", "data"], sort=False)[_columns()].mean()

    def error(means: pd.DataFrame) -> pd.Series:
        right, sure = (means[_columns(name)].to_numpy() for name in ("right", "sure"))
        return pd.Series(np.abs(right - sure).sum(1), index=means.index)

    by_set = error(sums).groupby("anchors", sort=False).mean()
    return pd.DataFrame(
        {
            "draw by draw": part.groupby("anchors", sort=False)["ece"].mean(),
            "set by set": by_set,
            "all rows": error(sums.groupby("anchors", sort=False).mean()),
        }
    )


def _columns(*names: str) -> list[str]:
    return [f"{name}{b}" for name in names or ("rows", "right", "sure") for b in range(BINS)]


def diagram(frame: pd.DataFrame, path: Path, title: str) -> None:
    """A reliability diagram: share right against how sure, a line a number of anchors."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(1, 2, figsize=(10, 5), sharey=True)
    titles = {
        "calibration": "all rows, unseen clusters count as wrong",
        "known clusters": "rows of known clusters",
    }
    for ax, (what, subtitle) in zip(axes, titles.items(), strict=True):
        rows = frame[frame["what"] == what]
        labels = list(dict.fromkeys(rows["anchors"]))
        for i, label in enumerate(labels):
            means = rows[rows["anchors"] == label].groupby("data")[_columns()].mean().mean()
            total, right, sure = (means[_columns(name)].to_numpy() for name in ("rows", "right", "sure"))
            kept = total > 0.002
            colour = plt.get_cmap("viridis")(i / max(1, len(labels)))
            ax.plot(
                sure[kept] / total[kept], right[kept] / total[kept], marker="o", color=colour, label=label
            )
        ax.plot([0, 1], [0, 1], color="0.6", linestyle="--", linewidth=1)
        ax.set(
            xlabel="the posterior's own certainty", title=subtitle, xlim=(0, 1), ylim=(0, 1), aspect="equal"
        )
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("share that is right")
    axes[0].legend(title="random anchors", fontsize=8, frameon=False)
    fig.suptitle(title)
    fig.savefig(path, dpi=130, bbox_inches="tight")
    plt.close(fig)


def measured(bench: Bench, what: str) -> list[dict]:
    """All records of one data set."""
    records = [*bench.calibration(PLANS[what]), *bench.unseen()]
    if what == "mnist":
        records += [*bench.wrong("100"), *bench.picked(50)]
    else:
        records += bench.wrong("5 each")
    return [record | {"weights": bench.model.model_hash} for record in records]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=list(PLANS))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVECLUST_DATA"))
    parser.add_argument("--weights", type=Path, help="a .safetensors file; those of the package if not given")
    parser.add_argument("--fresh", action="store_true", help="throw away what a stopped run left")
    options = parser.parse_args()
    model = PFNClusterer(device="cpu", weights=options.weights)
    path = FIGURES / f"trust-{options.what}.csv"
    records = Records(path, model.model_hash, KEY, options.fresh)
    collection = COLLECTIONS[options.what](Path(options.data) if options.data else None)
    progress = Progress(len(collection))
    for rows in collection:
        due = (DONE, rows.name, "", options.draws) not in records
        if due:
            records.add(measured(Bench(rows, options.draws, model), options.what))
            mark = {"what": DONE, "data": rows.name, "anchors": "", "draw": options.draws}
            records.add([mark | {"weights": model.model_hash}])
        progress.step(rows.name, due)
    frame = records.frame()
    frame = frame[(frame["what"] != DONE) & (frame["draw"] < options.draws)].drop(columns="weights")
    seeds = (
        f"seeds: the anchors of draw i are made by numpy.random.default_rng([i, {SEED}]), i < {options.draws}"
    )
    records.finish(frame, [seeds])
    diagram(
        frame,
        path.with_suffix(".png"),
        frame["data"].iloc[0] if len(collection) == 1 else f"{len(collection)} data sets",
    )
    shown = frame.drop(columns=["draw", "data", *_columns()])
    print(
        shown.groupby(["what", "anchors"], sort=False).mean().dropna(axis=1, how="all").round(3).to_string()
    )
    unit = "data" if len(collection) > 1 else "draw"
    values = [name for name in shown.columns if name not in ("what", "anchors")]
    halves = frame.groupby(["what", "anchors", unit], sort=False)[values].mean()
    halves = halves.groupby(["what", "anchors"], sort=False).agg(half_width).dropna(axis=1, how="all")
    over = "data sets" if unit == "data" else "draws"
    print(f"\n95 % half-widths (Student) over {over}\n{halves.round(3).to_string()}")
    for what in ("calibration", "known clusters"):
        print(f"\nexpected calibration error, {what}\n{together(frame, what).round(3).to_string()}")


if __name__ == "__main__":
    main()
