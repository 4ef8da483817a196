"""The figures of docs/how-good.md, from the records of the other benchmarks.

    python benchmarks/how_good.py

Reads docs/figures/posterior-{modern,sets,tables,mnist}.csv and the questions-HASH.csv of the weights that ship; writes
docs/figures/how-good-{anchors,trust,answers}.png. `benchmarks/pages.py` fills the page's table.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib
import pandas as pd
from arms import MEAN
from questions import at_budgets
from results_cells import FIGURES, records, weights
from scores import half_width
from summary import OURS

matplotlib.use("Agg")
import matplotlib.pyplot as plt

COLLECTIONS = {
    "posterior-modern": "embedded texts, pictures",
    "posterior-sets": "39 clustering sets",
    "posterior-tables": "46 tables",
    "posterior-mnist": "MNIST, 5,000 digits",
}
#: method -> what the figure calls it, and how it is drawn
LINES = {
    OURS: ("activeclust", {"color": "#000000", "linewidth": 2.6, "zorder": 5}),
    "Laplace, mean shift": ("Laplace learning", {"color": "#0072B2"}),
    "Poisson": ("Poisson learning", {"color": "#009E73"}),
    "logistic, all columns": ("logistic regression", {"color": "#D55E00"}),
    "1-NN, PCA": ("nearest anchor", {"color": "#E69F00"}),
    MEAN: ("mean of our rules, no network", {"color": "#777777", "linestyle": "--"}),
}
ARMS = {
    "auto": ("activeclust, auto", {"color": "#000000", "linewidth": 2.6, "zorder": 5}),
    "random": ("activeclust, random rows", {"color": "#777777", "linestyle": "--"}),
    "modAL margin, LR": ("modAL, margin, logistic regression", {"color": "#D55E00"}),
    "TypiClust, LR": ("scikit-activeml, TypiClust, logistic regression", {"color": "#E69F00"}),
    "Poisson margin": ("graphlearning, Poisson, margin", {"color": "#009E73"}),
}
STYLE = {
    "font.size": 10, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25,
    "legend.frameon": False, "savefig.dpi": 120, "savefig.bbox": "tight",
}  # fmt: skip


def anchors(path: Path) -> None:
    """Accuracy with random anchors, a panel a collection."""
    fig, axes = plt.subplots(1, len(COLLECTIONS), figsize=(15, 3.9))
    for ax, (name, title) in zip(axes, COLLECTIONS.items(), strict=True):
        frame = records(name)
        order = list(dict.fromkeys(frame["anchors"]))
        for method, (label, style) in LINES.items():
            means = frame[frame["method"] == method].groupby(["anchors", "data"])["accuracy"].mean()
            if len(means):
                mean = means.groupby("anchors").mean().reindex(order)
                ax.plot(range(len(order)), mean, marker="o", markersize=4, label=label, **style)
        numbers = [label.removesuffix(" each") for label in order]
        ax.set_xticks(range(len(order)), numbers)
        ax.set(title=title, xlabel="anchors for each cluster" if order[0].endswith("each") else "anchors")
    axes[0].set_ylabel("accuracy")
    handles, labels = axes[0].get_legend_handles_labels()
    fig.legend(handles, labels, loc="lower center", ncols=len(LINES), bbox_to_anchor=(0.5, -0.08))
    fig.tight_layout()
    fig.savefig(path)
    plt.close(fig)


def trust(path: Path) -> None:
    """Expected against true accuracy: a dot a data set and number of anchors."""
    fig, axes = plt.subplots(1, 3, figsize=(12, 4.1), sharex=True, sharey=True)
    colours = dict(zip(COLLECTIONS, ("#0072B2", "#E69F00", "#009E73"), strict=False))
    for ax, number in zip(axes, ("1 each", "2 each", "5 each"), strict=True):
        for name, colour in colours.items():
            frame = records(name)
            ours = frame[(frame["method"] == OURS) & (frame["anchors"] == number)]
            means = ours.groupby("data")[["expected_known", "accuracy_known"]].mean()
            ax.scatter(
                means["expected_known"],
                means["accuracy_known"],
                s=18,
                alpha=0.75,
                color=colour,
                label=COLLECTIONS[name],
            )
        ax.plot([0, 1], [0, 1], color="0.6", linewidth=1)
        ax.set(
            title=f"{number.split()[0]} for each cluster",
            xlabel="accuracy it expects",
            xlim=(0, 1.02),
            ylim=(0, 1.02),
        )
        ax.set_aspect("equal")
    axes[0].set_ylabel("accuracy it has")
    axes[-1].legend(loc="upper left", fontsize=8)
    fig.tight_layout()
    fig.savefig(path)
    plt.close(fig)


def answers(frame: pd.DataFrame, path: Path) -> None:
    """Accuracy against answers for each cluster, mean over the sets that have every budget, with intervals."""
    at = at_budgets(frame)
    sets = at.groupby(["arm", "data", "each"])["accuracy"].mean().unstack("each")[[1, 2, 5, 10]].dropna()
    common = set.intersection(*(set(sets.loc[arm].index) for arm in ARMS if arm in sets.index))
    fig, ax = plt.subplots(figsize=(7, 4.3))
    for arm, (label, style) in ARMS.items():
        of_arm = sets.loc[arm].loc[sorted(common)]
        ax.plot(range(4), of_arm.mean(), marker="o", markersize=4, label=label, **style)
        if arm == "auto":
            half = of_arm.apply(half_width)
            ax.fill_between(
                range(4), of_arm.mean() - half, of_arm.mean() + half, color="black", alpha=0.08, linewidth=0
            )
    ax.set_xticks(range(4), ["1", "2", "5", "10"])
    ax.set(
        xlabel="answers for each cluster",
        ylabel="accuracy on all rows",
        title=f"mean of {len(common)} data sets",
    )
    ax.legend(fontsize=9)
    fig.savefig(path)
    plt.close(fig)


def main() -> None:
    """Draw."""
    shown = weights("posterior-modern")
    with plt.rc_context(STYLE):
        anchors(FIGURES / "how-good-anchors.png")
        trust(FIGURES / "how-good-trust.png")
        questions = FIGURES / f"questions-{shown}.csv"
        if not questions.exists():
            raise SystemExit(
                f"There is no {questions.name}: run benchmarks/questions.py with the weights that ship first."
            )
        answers(pd.read_csv(questions, comment="#"), FIGURES / "how-good-answers.png")


if __name__ == "__main__":
    main()
