"""COBRAS's protocol: pairwise questions, on its public sets."""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from plumbing import (
    COLLECTIONS,
    Problem,
    Run,
    interval,
    posterior,
    problem,
    ranged,
    table,
    tested,
)
from protocol_tables import AUTO
from rows import Rows, sample_of
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.metrics import adjusted_rand_score
from sklearn.preprocessing import StandardScaler

from activeclust import ActiveLoop, LabelOracle

QUERIES = (25, 50, 100)


COBRAS_SETS = ("uci_ecoli", "uci_ionosphere", "uci_wine", "uci_wdbc", "uci_statlog", "other_iris")


COBRAS_ROWS, COBRAS_REPEATS = 400, 1


def measure_cobras(run: Run):
    if importlib.util.find_spec("cobras_ts") is None:
        run.say("COBRAS is left out: pip install --no-deps cobras-ts")
        return
    queries = QUERIES[:1] if run.quick else QUERIES
    for rows in _cobras_sets(run):
        for repeat in range(run.repeats(COBRAS_REPEATS, quick=1)):
            for q, labels in zip(queries, cobras(rows, queries, repeat), strict=True):
                yield {"protocol": "COBRAS", "set": rows.name, "method": "COBRAS", "draw": repeat, "k": q,
                       "ari": float(adjusted_rand_score(rows.y, labels))}  # fmt: skip
            data = problem(rows.name, rows.X, rows.y, run.model)
            for q, labels, answers in ours(run, data, queries, repeat):
                yield {"protocol": "COBRAS", "set": rows.name, "method": AUTO, "draw": repeat, "k": q, "answers": answers,
                       "ari": float(adjusted_rand_score(rows.y, labels))}  # fmt: skip
        run.say(f"COBRAS {rows.name}")


def _cobras_sets(run: Run) -> list[Rows]:
    if run.quick:
        return [Rows("iris", *load_iris(return_X_y=True))]
    folder = os.environ.get("ACTIVECLUST_DATA")
    collection = COLLECTIONS["sets"](Path(folder) if folder else None)
    cancer = load_breast_cancer()
    found = [Rows("breast cancer", cancer.data, cancer.target), *collection.only(*COBRAS_SETS)]
    kept = []
    for rows in found:
        rows = sample_of(Rows(rows.name, rows.X[rows.scored], rows.y[rows.scored]), COBRAS_ROWS, run.seed)
        kept.append(Rows(rows.name, StandardScaler().fit_transform(rows.X), rows.y))
    return kept


def cobras(rows: Rows, queries: tuple[int, ...], seed: int) -> list[np.ndarray]:
    """Labels after so many must-link or cannot-link questions, by the authors' package."""
    from cobras_ts.cobras_kmeans import COBRAS_kmeans
    from cobras_ts.superinstance_kmeans import SuperInstance_kmeans

    class Querier:
        """The package's own imports a plotting library for all of them; this is its LabelQuerier."""

        def query_points(self, one: int, other: int) -> bool:
            return bool(rows.y[one] == rows.y[other])

        def update_clustering(self, clustering) -> None:
            """Nothing is shown."""

        def continue_cluster_process(self) -> bool:
            return True

    class Cobras(COBRAS_kmeans):
        """Its own splitting says ``np.int``, which NumPy no longer has; this is the same with ``int``."""

        def split_superinstance(self, si, k):
            at = np.array(si.indices)
            labels = KMeans(k, n_init=10, random_state=seed).fit_predict(self.data[at])
            si.children = [SuperInstance_kmeans(self.data, at[labels == c].tolist(), self.train_indices, si) for c in np.unique(labels)]  # fmt: skip
            return si.children

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a package made for older libraries
        solved = Cobras(rows.X, Querier(), max(queries)).cluster()
    after = solved[1]  # a labelling after each question
    return [np.asarray(after[min(q, len(after)) - 1]) for q in queries]


def ours(run: Run, data: Problem, queries: tuple[int, ...], seed: int):
    """Labels after so many pairwise questions: to place a row among the c clusters known takes up to c of them."""
    loop = ActiveLoop(
        data.X, LabelOracle(data.y), strategy="auto", batch_size=5, random_state=seed, clusterer=run.model
    )
    loop.run(budget=min(max(queries), len(data.y) // 2))
    anchors = np.array(list(loop.anchors))
    known, cost = set(), []
    for row in anchors:
        cost.append(len(known))
        known.add(int(data.y[row]))
    spent = np.cumsum(cost)
    for q in queries:
        mine = anchors[: max(1, int((spent <= q).sum()))]
        names, out, _ = posterior(run.model, data, mine, data.y[mine])
        labels = names[out.argmax(1)]
        labels[mine] = data.y[mine]
        yield q, labels, len(mine)


def cobras_told(frame: pd.DataFrame) -> str:
    part = frame[frame["protocol"] == "COBRAS"]
    if not len(part):
        return (
            "**COBRAS** was not measured: its package (`pip install --no-deps cobras-ts`) was not installed."
        )
    by = part.groupby(["method", "k", "set"])["ari"].mean()
    answers = part[part["method"] == AUTO].groupby("k")["answers"].mean()
    rows = []
    for k in sorted(part["k"].unique()):
        less = by[AUTO, k] - by["COBRAS", k]
        _, w = tested(less)
        rows.append((int(k), f"{by['COBRAS', k].mean():.3f}", f"{by[AUTO, k].mean():.3f}", f"{answers[k]:.0f}", ranged(interval(less)),
                     f"{w:.3f}", int((less < 0).sum())))  # fmt: skip
    return f"""**COBRAS** (Van Craenendonck et al., IDA 2018; the authors' package `cobras-ts` 0.1.3, which runs on today's NumPy with a new implementation of its splitting) on {part["set"].nunique()} public sets that its authors use or that are like them, ARI of all
rows. It asks whether two rows belong together. An answer of ours places a row among the clusters known so far, which takes up to as many pairwise questions; this number is counted, so at the same number of
questions ours has far fewer answers.

{table(("pairwise questions", "COBRAS", AUTO, "answers of ours", "ours less COBRAS", "p (Wilcoxon)", "sets on which ours is worse"), rows)}"""
