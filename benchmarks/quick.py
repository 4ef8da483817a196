"""A check of one network in minutes, to decide whether a training goes the right way.

    python benchmarks/quick.py --data DIR
    python benchmarks/quick.py --data DIR --weights pretrain-out/pfn.safetensors

One draw on parts of four collections: ours alone, no rivals, no files. What ships is measured by
`posterior.py`, over ten draws. `--rules` adds its parts alone, which it has to beat.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from arms import ALONE, network_free
from data import COLLECTIONS
from draws import anchor_draws
from rows import Rows, sample_of
from scores import of_posterior
from sklearn.base import clone
from tables import keel

from activeclust import PFNClusterer

SHOWN = ["accuracy", "v_measure", "log_loss", "log_loss_known", "ece", "ece_known", "excess", "excess_known"]
SETS = (
    "fcps_lsun", "graves_ring_outliers", "graves_zigzag_noisy", "other_chameleon_t7_10k", "sipu_a3", "sipu_spiral",
    "uci_ecoli", "uci_statlog", "wut_labirynth", "wut_z2",
)  # fmt: skip
KEEL = ("vehicle", "vowel", "movement_libras", "crx", "segment", "optdigits")
EACH = ("1 each", "2 each", "5 each")
Part = tuple[str, tuple[str, ...], Callable[[Path], Iterator[Rows]]]


def modern(data: Path) -> Iterator[Rows]:
    """Texts and pictures, 2,000 rows each."""
    for rows in COLLECTIONS["modern"](data):
        yield sample_of(rows, 2000, seed=11)


def digits(data: Path) -> Iterator[Rows]:
    """5,000 digits that no figure of the documentation is made of."""
    yield from COLLECTIONS["mnist"](data, seed=11)


def sets(data: Path) -> Iterator[Rows]:
    """Ten of the 39 sets."""
    for rows in COLLECTIONS["sets"](data).only(*SETS):
        yield sample_of(rows, 2000, seed=11)


def tables(data: Path) -> Iterator[Rows]:
    """Six tables of KEEL."""
    for name in KEEL:
        yield sample_of(keel(name), 2000, seed=11)


PARTS: list[Part] = [
    ("modern", EACH, modern),
    ("mnist", ("10", "50", "100"), digits),
    ("ten of the 39 sets", EACH, sets),
    ("six tables", EACH, tables),
]


def check(parts: list[Part], data: Path, model: PFNClusterer, draws: int, rules: bool) -> pd.DataFrame:
    """A record a set, number of anchors, draw and method."""
    records = []
    for part, labels, rows_of in parts:
        for rows in rows_of(data):
            prepared = model.prepare(rows.X)
            for label in labels:
                for draw, anchors in enumerate(anchor_draws(rows.y, rows.scored, label, draws)):
                    names, codes = np.unique(rows.y[anchors], return_inverse=True)
                    at = np.setdiff1d(rows.scored, anchors)
                    posterior, new = model.posterior(prepared, anchors, codes)
                    arms = {"activeclust": (posterior, new)}
                    if rules:
                        alone = clone(model).set_params(consensus="off")
                        arms[ALONE] = alone.posterior(prepared, anchors, codes)
                        arms |= {
                            n: (p, None) for n, p in network_free(model, prepared, anchors, codes).items()
                        }
                    for method, (known, none) in arms.items():
                        score = of_posterior(known[at], names, rows.y[at], None if none is None else none[at])
                        records.append(
                            {
                                "part": part,
                                "data": rows.name,
                                "anchors": label,
                                "draw": draw,
                                "method": method,
                            }
                            | score
                        )
    frame = pd.DataFrame(records)
    frame["excess"] = frame["expected"] - frame["accuracy"]
    frame["excess_known"] = frame["expected_known"] - frame["accuracy_known"]
    return frame


def told(frame: pd.DataFrame) -> pd.DataFrame:
    """The methods, with two in place of all the single rules: the best of all sets, and the best of each."""
    single = frame["method"].str.startswith("rule: ")
    if not single.any():
        return frame
    by_number = []
    for _, group in frame[single].groupby("anchors", sort=False):
        best = group.groupby("method")["accuracy"].mean().idxmax()
        of_set = group.groupby(["data", "method"])["accuracy"].mean().groupby("data").idxmax()
        by_number.append(group[group["method"] == best].assign(method="best single " + best))
        mine = pd.MultiIndex.from_frame(group[["data", "method"]]).isin(list(of_set))
        by_number.append(group[mine].assign(method="best rule of each set"))
    whole = pd.concat([frame[~single], *by_number])
    order = {label: i for i, label in enumerate(dict.fromkeys(frame["anchors"]))}
    return whole.sort_values("anchors", key=lambda of: of.map(order), kind="stable")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVECLUST_DATA"))
    parser.add_argument("--weights", type=Path, help="a .safetensors file; those of the package if not given")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--rules", action="store_true", help="beside it its parts alone")
    parser.add_argument("--each-set", action="store_true", help="a line a data set too")
    options = parser.parse_args()
    if not options.data:
        parser.error(
            "Give --data DIR (or ACTIVECLUST_DATA), a folder with mnist70k.npz, modern/, clustering/."
        )
    began = time.perf_counter()
    model = PFNClusterer(device="cpu", weights=options.weights)
    frame = check(PARTS, Path(options.data), model, options.draws, options.rules)
    print(f"weights {model.model_hash}, {options.draws} draw(s), {time.perf_counter() - began:.0f} s")
    print("excess: expected less true accuracy; _known: rows of clusters that have an anchor\n")
    for part, of_part in frame.groupby("part", sort=False):
        keys = ["anchors"] + (["method"] if options.rules else [])
        shown = told(of_part).groupby(keys, sort=False)[SHOWN].mean()
        print(f"{part}\n{shown.round(3).to_string()}\n")
        if options.each_set:
            each = of_part.groupby(["data", *keys], sort=False)[SHOWN].mean()
            print(f"{each.round(3).to_string()}\n")


if __name__ == "__main__":
    main()
