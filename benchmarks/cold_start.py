"""The first C questions, asked before any answer: how many clusters they meet, and what the posterior makes of them.

    python benchmarks/cold_start.py --data DIR
    python benchmarks/cold_start.py report docs/figures/cold-start.csv

C is the number of true clusters. Every arm picks C rows at once, without an answer; the posterior then has the true
clusters of those rows. The sets are those of `questions.py`. `auto` uses the
zero-shot partition of the model. Beside strategies of the package (k-means centres are its `centroid`) stand
scikit-activeml's TypiClust and

- *auto without zero-shot*: `auto` with a model that makes no partition;
- *zero-shot centres*: the most typical row of each cluster of the partition, the largest clusters first; the clusters
  are gone through again, row by row of falling typicality, until there are C rows;
- *zero-shot centres, then auto*: the most typical rows of at most C clusters, then `auto` with those as pending.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from questions import SETS, behind_of, sample
from records import FIGURES, Progress, Records
from results_cells import weights_of
from rivals import typiclust

from activeclust import PFNClusterer, strategies
from activeclust.strategy import PoolState

KEY = ("data", "arm", "repeat")
STRATEGIES = ("auto", "typicality", "herding", "centroid", "random")
WITHOUT, CENTRES, THEN = "auto without zero-shot", "zero-shot centres", "zero-shot centres, then auto"


def state_of(prepared, partition: np.ndarray) -> PoolState:
    """What a strategy sees before the first answer, of a model that finds ``partition`` (n, C)."""
    n = prepared.n_rows
    none = np.empty(0, dtype=np.int64)
    return PoolState(
        posterior=np.zeros((n, 0)), new_cluster_proba=np.ones(n), views=prepared.views,
        neighbors=prepared.neighbors, density=prepared.density, anchors=none, anchor_codes=none,
        candidates=np.arange(n), zero_shot=lambda: partition,
    )  # fmt: skip


def centres(partition: np.ndarray, density: np.ndarray, n: int) -> np.ndarray:
    """``n`` rows: the densest of each cluster, large clusters first, then the next round's.

    Examples
    --------
    >>> sure = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.1, 0.9]])
    >>> centres(sure, np.array([1.0, 3.0, 2.0, 1.0]), 3).tolist()
    [1, 3, 2]
    """
    labels = partition.argmax(axis=1)
    typical = density * partition.max(axis=1)
    order = np.argsort(-np.bincount(labels, minlength=partition.shape[1]), kind="stable")
    ranked = [np.flatnonzero(labels == c)[np.argsort(-typical[labels == c], kind="stable")] for c in order]
    rounds = max(len(rows) for rows in ranked)
    picked = [rows[i] for i in range(rounds) for rows in ranked if i < len(rows)]
    return np.array(picked[:n])


def picks(arm: str, state: PoolState, partition: np.ndarray, n: int, rng: np.random.Generator) -> np.ndarray:
    """``n`` rows of an arm."""
    if arm in STRATEGIES:
        return strategies.get(arm)(state, n, rng)
    if arm == "TypiClust":
        return typiclust(state, n, rng)
    auto, without = strategies.get("auto"), replace(state, zero_shot=None)
    if arm == WITHOUT:
        return auto(without, n, rng)
    first = centres(partition, state.density, n if arm == CENTRES else min(n, partition.shape[1]))
    if len(first) == n:
        return first
    rest = np.setdiff1d(state.candidates, first)
    later = auto(replace(without, candidates=rest, pending=first), n - len(first), rng)
    return np.concatenate([first, later])


def measure(options: argparse.Namespace) -> pd.DataFrame:
    """A record a set, sample of rows and arm."""
    model = PFNClusterer(device="cpu")
    path = FIGURES / "cold-start.csv"
    records = Records(path, model.model_hash, KEY)
    arms = (*STRATEGIES, WITHOUT, "TypiClust", CENTRES, THEN)
    work = [
        (c, name, r)
        for r in range(options.repeats)
        for c in options.collections.split(",")
        for name in SETS[c]
    ]
    progress = Progress(len(work))
    for collection, name, repeat in work:
        due = [arm for arm in arms if (name, arm, repeat) not in records]
        if due:
            rows = sample(collection, name, repeat, options.rows, options.data)
            prepared = model.prepare(rows.X)
            _, partition, _ = model.zero_shot(prepared)
            state, clusters = state_of(prepared, partition), len(np.unique(rows.y))
            for arm in due:
                at = picks(arm, state, partition, clusters, np.random.default_rng([repeat, 5]))
                names, codes = np.unique(rows.y[at], return_inverse=True)
                posterior, _ = model.posterior(prepared, at, codes)
                record = {
                    "collection": collection, "data": name, "clusters": clusters, "arm": arm, "repeat": repeat,
                    "zero_shot": partition.shape[1], "found": len(names) / clusters,
                    "accuracy": (names[posterior.argmax(axis=1)] == rows.y).mean(),
                }  # fmt: skip
                records.add([record])
        progress.step(f"{name} {repeat}", bool(due))
    frame = records.frame()
    records.finish(
        frame,
        [f"{options.repeats} samples of at most {options.rows} rows (seeds 0 to {options.repeats - 1})"],
    )
    return frame


def by_collection(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Means by arm (lines) and collection; the last column is over all sets, each counting once."""
    sets = frame.groupby(["arm", "collection", "data"])[value].mean()
    table = sets.groupby(["arm", "collection"]).mean().unstack("collection")
    table["all sets"] = sets.groupby("arm").mean()
    return table


def paired(frame: pd.DataFrame, value: str) -> str:
    """``auto`` less the best other arm, with an interval over the sets."""
    return behind_of(frame.groupby(["arm", "data"])[value].mean().unstack("arm"))


def report(frame: pd.DataFrame) -> str:
    """Share of the clusters met and accuracy by arm and collection, and auto against the best other."""
    lines = []
    for value in ("found", "accuracy"):
        table = by_collection(frame, value)
        lines += [value, table.sort_values("all sets", ascending=False).round(3).to_string(), ""]
        lines += [paired(frame, value), ""]
    return "\n".join(lines)


def main() -> None:
    """Measure or read, and print."""
    if sys.argv[1:2] == ["report"]:
        path = Path(sys.argv[2])
        print(f"weights {weights_of(path)}\n\n{report(pd.read_csv(path, comment='#'))}")
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = os.environ.get("ACTIVECLUST_DATA")
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None)
    parser.add_argument("--collections", default=",".join(SETS))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--rows", type=int, default=1600)
    print(report(measure(parser.parse_args())))


if __name__ == "__main__":
    main()
