"""Protocols of the field: Cluster-PFN's Gaussian mixtures, active learning on tables, COBRAS on its public sets.

python examples/experiments/protocols.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from plumbing import (
    COLOURS,
    Experiment,
    Run,
    band,
    main,
    save,
)
from protocol_cobras import cobras_told, measure_cobras
from protocol_mixtures import ZERO, measure_mixtures, mixtures_told, shares
from protocol_tables import AUTO, accuracies, against_auto, arms_of, measure_tables, tables_told
from scipy import stats


def measure(run: Run) -> pd.DataFrame:
    """The records of all three protocols, told apart by ``protocol``."""
    return pd.DataFrame([*measure_mixtures(run), *measure_tables(run), *measure_cobras(run)])


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Exact numbers, accuracy against answers over tables, ARI against pairwise questions."""
    figure, axes = plt.subplots(1, 3, figsize=(16, 4.6), constrained_layout=True)
    exact = shares(frame)
    bars = exact.mean()[list(dict.fromkeys(frame.loc[frame["protocol"] == "mixtures", "method"]))]
    bounds = [
        stats.binomtest(int(exact[m].sum()), len(exact)).proportion_ci(method="wilson") for m in bars.index
    ]
    axes[0].barh(range(len(bars)), bars, color=[COLOURS[m != ZERO] for m in bars.index],
                 xerr=[bars - [b.low for b in bounds], [b.high for b in bounds] - bars], error_kw={"capsize": 2, "lw": 1})  # fmt: skip
    axes[0].set_yticks(range(len(bars)), bars.index)
    axes[0].invert_yaxis()
    axes[0].set(title="Gaussian mixtures: number exact", xlabel="share of data sets", xlim=(0, 1))
    part = frame[frame["protocol"] == "tables"]
    for arm, colour in zip(arms_of(frame), COLOURS, strict=False):
        by = part[part["method"] == arm].groupby(["k", "set"])["accuracy"].mean().unstack()
        axes[1].plot(
            by.index,
            by.mean(axis=1),
            marker="o",
            ms=3,
            color=colour,
            label=arm,
            lw=2.4 if arm == AUTO else 1.2,
        )
    axes[1].set(
        title=f"{part['set'].nunique()} tables", xlabel="answers", ylabel="accuracy, mean over tables"
    )
    axes[1].legend(fontsize=7, loc="lower right")
    part = frame[frame["protocol"] == "COBRAS"]
    for method, label in ((AUTO, AUTO), ("COBRAS", "COBRAS")):
        groups = part[part["method"] == method].groupby(["k", "set"])["ari"].mean().groupby("k")
        if len(groups):
            band(axes[2], list(groups.groups), [g for _, g in groups], label)
    axes[2].set(title="COBRAS's protocol", xlabel="pairwise questions", ylabel="ARI, mean over sets")
    if len(part):
        axes[2].legend()
    save(figure, path)


def page(frame: pd.DataFrame) -> str:
    """The page."""
    return f"""
How the method performs in three protocols of other authors.

{{figure}}

## Expectation (written before the run)

*Mixtures.* BIC knows that the data are Gaussian mixtures and the network does not, so BIC should be better if components touch. *Tables.* Margin sampling with a fitted classifier should catch up
with `auto` within 100 answers, since the label of a table often depends on a few columns. *COBRAS* asks pairwise questions; it should be behind where clusters are not round.

## Results

{mixtures_told(frame)}

{tables_told(frame)}

{cobras_told(frame)}

## Interpretation

{_meaning(frame)}
"""


def _meaning(frame: pd.DataFrame) -> str:
    exact = shares(frame).mean()
    others = exact.drop(ZERO)
    ahead = [a for a, bounds, _, _, _ in against_auto(frame) if bounds[2] < 0]
    behind = [a for a, bounds, _, _, _ in against_auto(frame) if bounds[1] > 0]
    last = max(int(k) for k in frame.loc[frame["protocol"] == "tables", "k"])
    end = accuracies(frame, last).mean()
    part = frame[frame["protocol"] == "COBRAS"]
    text = (
        f"The number of clusters of a Gaussian mixture is exact in {exact[ZERO]:.0%} of the cases without an anchor; the best of the others is {others.idxmax()} with {others.max():.0%}. "
        f"On tables `{AUTO}` is, over all rounds, clear of zero above {', '.join(behind) or 'none of the others'} and below {', '.join(ahead) or 'none'}; after {last} labels the best mean accuracy is that of "
        f"{end.idxmax()} ({end.max():.3f}; `{AUTO}` {end[AUTO]:.3f})."
    )
    if len(part):
        by = part.groupby(["method", "k"])["ari"].mean()
        ks = sorted(part["k"].unique())
        text += (
            " Against COBRAS: "
            + ", ".join(f"{by[AUTO, k] - by['COBRAS', k]:+.3f} ARI at {int(k)} questions" for k in ks)
            + "."
        )
    return (
        text
        + " The label of a table need not follow the groups of its rows, which is all that a clustering can find; where a classifier is wanted, fit one."
    )


EXPERIMENT = Experiment("protocols", "Protocols of the field", measure, draw, page)

if __name__ == "__main__":
    main(EXPERIMENT)
