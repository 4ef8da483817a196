"""Does the prior hold what people bring? Which rules are right on real data sets, and on each of the prior's kinds.

    python benchmarks/prior_match.py --data DIR [--draws 40] [--seed 1] [--from-csv]

For every rule: its accuracy less the mean over the rules, at 1, 2 and 5 random anchors per cluster, on at most 1,400
rows. A network learns from the prior which rules to follow; where the rules that are right there are wrong on real
data, so is the network. Prints the correlation over the rules between each real data set (of `sets` and `tables` their
mean) and each kind, writes docs/figures/prior-match.csv and .png. Data sets on which the mean over the rules is within
five points of the best one, or of chance, tell nothing about rules and are left out. About
five minutes of one core with ten draws.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from arms import network_free
from data import COLLECTIONS
from draws import anchor_draws
from rows import Rows, sample_of

from activeclust import PFNClusterer
from activeclust.pfn.kinds import KINDS
from activeclust.pfn.prior import PACKAGE_PRIOR, Prior, draw_dataset

FILE = Path(__file__).parents[1] / "docs" / "figures" / "prior-match.csv"
MOST, EACH = 1400, ("1 each", "2 each", "5 each")
AS_A_WHOLE = ("sets", "tables")  # collections of which the mean counts; of the others each set does
TELLING = 0.05


def real(data: Path) -> Iterator[tuple[str, Rows]]:
    """(column of the table, data set) of the collections that were looked at while the network was built."""
    for what in ("modern", "mnist", *AS_A_WHOLE):
        for rows in COLLECTIONS[what](data):
            name = what if what in AS_A_WHOLE else rows.name.split(",")[0]
            yield name, sample_of(rows, MOST, 0)


def drawn(kind: str, count: int, seed: int) -> Iterator[Rows]:
    """Data sets of one kind, as the variants of the package's prior of this kind draw them."""
    weights, variants = PACKAGE_PRIOR.variants()
    mine = [(w, v) for w, v in zip(weights, variants, strict=True) if kind in v.kinds]
    share = np.array([w for w, _ in mine]) / sum(w for w, _ in mine)
    rng = np.random.default_rng([seed, sorted(KINDS).index(kind) if kind in KINDS else len(KINDS)])
    for i in range(count):
        prior: Prior = mine[rng.choice(len(mine), p=share)][1]
        X, y = draw_dataset(prior, rng)
        yield sample_of(Rows(f"{kind} {i}", X, y), MOST, i)


def leads(rows: Rows, model: PFNClusterer) -> Iterator[dict]:
    """One record a number of anchors: each rule's accuracy less the mean over the rules."""
    prepared = model.prepare(rows.X)
    for label in EACH:
        (anchors,) = anchor_draws(rows.y, rows.scored, label, 1)
        names, codes = np.unique(rows.y[anchors], return_inverse=True)
        at = np.setdiff1d(rows.scored, anchors)
        if len(at) < 20 or len(names) < 2:
            continue
        truth = np.searchsorted(names, rows.y[at])
        right = {
            name.removeprefix("rule: "): float((known[at].argmax(1) == truth).mean())
            for name, known in network_free(model, prepared, anchors, codes).items()
            if name.startswith("rule: ")
        }
        mean = float(np.mean(list(right.values())))
        telling = max(right.values()) - mean > TELLING and mean > 1 / len(names) + TELLING
        if telling:
            yield {"anchors": label} | {name: accuracy - mean for name, accuracy in right.items()}


def measure(data: Path, count: int, seed: int) -> pd.DataFrame:
    """Mean lead of every rule: one row a source and number of anchors."""
    model = PFNClusterer(device="cpu")
    records = []
    for name, rows in real(data):
        records += [{"source": name, "drawn": False} | record for record in leads(rows, model)]
        print(rows.name, flush=True)
    for kind in ("modes", *KINDS):
        for rows in drawn(kind, count, seed):
            records += [{"source": kind, "drawn": True} | record for record in leads(rows, model)]
        print(kind, flush=True)
    frame = pd.DataFrame(records)
    by = frame.groupby(["source", "drawn", "anchors"], sort=False)
    means = by.mean()
    means.insert(0, "data_sets", by.size())
    return means.reset_index()


def correlations(means: pd.DataFrame) -> pd.DataFrame:
    """(real sources and numbers of anchors, kinds) over the rules."""
    rules = means.columns[means.columns.get_loc("data_sets") + 1 :]
    there, here = means[~means["drawn"]], means[means["drawn"]]
    table = {
        (one["source"], one["anchors"]): {
            other["source"]: np.corrcoef(one[rules].astype(float), other[rules].astype(float))[0, 1]
            for _, other in here[here["anchors"] == one["anchors"]].iterrows()
        }
        for _, one in there.iterrows()
    }
    return pd.DataFrame(table).T.rename_axis(["data", "anchors"])


def figure(table: pd.DataFrame, path: Path) -> None:
    """The correlations as a table of colours."""
    fig, ax = plt.subplots(
        figsize=(1.6 + 0.95 * len(table.columns), 1.2 + 0.27 * len(table)), layout="constrained"
    )
    shown = ax.imshow(table, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    for (i, j), value in np.ndenumerate(table.to_numpy()):
        dark = abs(value) > 0.65
        ax.text(j, i, f"{value:.2f}", ha="center", va="center", size=8, color="white" if dark else "black")
    ax.set_xticks(range(len(table.columns)), table.columns, rotation=30, ha="left")
    ax.xaxis.tick_top()
    ax.set_yticks(range(len(table)), [f"{data}, {anchors}" for data, anchors in table.index], size=8)
    for line in range(len(EACH), len(table), len(EACH)):
        ax.axhline(line - 0.5, color="white", linewidth=3)
    fig.colorbar(shown, ax=ax, label="correlation over the rules", shrink=0.6)
    fig.savefig(path, dpi=150)
    plt.close(fig)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("ACTIVECLUST_DATA"))
    parser.add_argument("--draws", type=int, default=40, help="data sets of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--from-csv", action="store_true", help="print and draw the last records again")
    options = parser.parse_args()
    if not options.from_csv:
        if options.data is None:
            parser.error(
                "--data (or ACTIVECLUST_DATA) names the folder with mnist70k.npz, clustering and modern."
            )
        means = measure(Path(options.data), options.draws, options.seed)
        if means.isna().any(axis=None):
            raise SystemExit("A rule's accuracy is NaN: the records were not written.")
        FILE.write_text(
            f"# python benchmarks/prior_match.py --draws {options.draws} --seed {options.seed}\n"
            + means.to_csv(index=False, float_format="%.4f")
        )
    table = correlations(pd.read_csv(FILE, comment="#"))
    print(table.to_string(float_format="%.2f"))
    figure(table, FILE.with_suffix(".png"))


if __name__ == "__main__":
    main()
