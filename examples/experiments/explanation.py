"""Attention as explanation: are the anchors with the largest shares those whose removal changes the answer?

python examples/experiments/explanation.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from plumbing import (
    COLOURS,
    Experiment,
    Problem,
    Run,
    collections,
    holm,
    interval,
    main,
    posterior,
    problem,
    ranged,
    save,
    table,
    tested,
    told,
)
from rows import Rows
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from activeclust import PFNClusterer
from activeclust.datasets import load
from activeclust.pfn.inference import WEIGHTS, Session, load_network

KS, DRAWS, TOLD, SHOWN = (20, 50), 1, 150, 5
ROWS, CLUSTERS = 400, (2, 20)  # of more clusters most have one anchor, and there is nothing to rank
#: some of the 39 sets, chosen by their place in the alphabet: every sixth that has so few clusters
EVERY = 6
#: how anchors are ranked for a row; each gives (rows, k), larger is more
WAYS = {"attention": "attention (`explain`)", "deletion": "leave one anchor out", "diffusion": "nearest in diffusion",
        "pca": "nearest in PCA", "random": "any anchor of the cluster"}  # fmt: skip
RIVALS = ("diffusion", "pca", "random")  # what needs no network
#: how errors are foreseen; each gives (rows,), larger is surer
SIGNALS = {"posterior": "highest posterior", "mass": "attention on the row's cluster",
           "top": "largest single share", "agrees": "attention's own cluster is the row's"}  # fmt: skip


def sets(run: Run) -> list[Rows]:
    """MNIST, those of ``modern`` and every sixth of the 39 sets that have 2 to 20 clusters."""
    found, count = [], 0
    for rows in collections(run, ROWS):
        if not CLUSTERS[0] <= len(np.unique(rows.y)) <= CLUSTERS[1]:
            continue
        if rows.group == "sets":
            count += 1
            if (count - 1) % EVERY:
                continue
        found.append(rows)
    return found


def measure(run: Run) -> pd.DataFrame:
    """Per set, k and draw: how faithful each way is, and how well each signal foresees errors."""
    records = []
    for index, rows in enumerate(sets(run)):
        data = problem(rows.name, rows.X, rows.y, run.model)
        for k in (12,) if run.quick else KS:
            for draw in range(run.repeats(DRAWS, quick=1)):
                rng = run.rng(index, k, draw)
                anchors = rng.permutation(len(data.y))[:k]
                rest = np.setdiff1d(np.arange(len(data.y)), anchors)
                at = rng.permutation(rest)[: 25 if run.quick else TOLD]
                where = {"set": data.name, "group": rows.group, "k": k, "draw": draw}
                records += [where | r for r in _one(run, data, anchors, at, rng)]
        run.say(data.name)
    _pictures(run)
    return pd.DataFrame(records)


def _one(
    run: Run, data: Problem, anchors: np.ndarray, at: np.ndarray, rng: np.random.Generator
) -> list[dict]:
    names, known, _ = posterior(run.model, data, anchors, data.y[anchors])
    guess, sure = names[known[at].argmax(1)], known[at].max(1)
    share = _shares(run, data, anchors, at)
    gone = _deletions(run, data, anchors, at, guess, sure)
    views = data.prepared.views
    pca = -((views["pca"][at][:, None] - views["pca"][anchors][None]) ** 2).sum(-1)
    value_of = {"attention": share, "deletion": gone, "diffusion": views["diffusion"][at] @ views["diffusion"][anchors].T,
                "pca": pca, "random": rng.random(share.shape)}  # fmt: skip
    same = data.y[anchors][None] == guess[:, None]
    place = np.arange(len(at))
    records = []
    for way, value in value_of.items():
        best = np.where(same, value, -np.inf).argmax(1)  # the anchor of its cluster that is ranked first
        records.append({"kind": "way", "name": way, "fall": float(gone[place, best].mean()),
                        "same": float(same[place, value.argmax(1)].mean()),
                        "rank": _rank_correlation(value, gone)})  # fmt: skip
    totals = np.stack([share[:, data.y[anchors] == c].sum(1) for c in names], 1)
    signal = {"posterior": sure, "mass": np.where(same, share, 0).sum(1), "top": share.max(1),
              "agrees": (names[totals.argmax(1)] == guess).astype(float)}  # fmt: skip
    right = guess == data.y[at]
    for name, value in signal.items():
        auroc = roc_auc_score(right, value) if 0 < right.mean() < 1 else np.nan
        records.append({"kind": "signal", "name": name, "auroc": auroc, "mean": float(value.mean()),
                        "accuracy": float(right.mean())})  # fmt: skip
    return records


def _shares(run: Run, data: Problem, anchors: np.ndarray, at: np.ndarray) -> np.ndarray:
    """(rows, k) shares of the last attention, as ``explain`` gives them; a copy of an anchor has none."""
    source = data.prepared.source
    session = Session(source, load_network(run.model.weights or WEIGHTS), torch.device("cpu"))
    distinct, first = np.unique(source.inverse[anchors], return_index=True)
    codes = np.unique(data.y[anchors[first]], return_inverse=True)[1]
    out = np.zeros((len(at), len(anchors)))
    out[:, first] = session.attention(distinct, codes, source.inverse[at])
    return out


def _deletions(
    run: Run, data: Problem, anchors: np.ndarray, at: np.ndarray, guess: np.ndarray, sure: np.ndarray
) -> np.ndarray:
    """(rows, k) by how much a row's probability of its cluster falls when an anchor is taken away."""
    out = np.zeros((len(at), len(anchors)))
    for i in range(len(anchors)):
        kept = np.delete(anchors, i)
        names, known, _ = posterior(run.model, data, kept, data.y[kept])
        column = {int(name): j for j, name in enumerate(names)}
        after = [known[row, column[g]] if g in column else 0.0 for row, g in zip(at, guess, strict=True)]
        out[:, i] = sure - np.array(after)
    return out


def _rank_correlation(value: np.ndarray, gone: np.ndarray) -> float:
    """Mean over the rows of Spearman's coefficient; rows on which either says nothing are left out."""
    pairs = [(a, b) for a, b in zip(value, gone, strict=True) if np.ptp(a) > 0 and np.ptp(b) > 0]
    return float(np.mean([spearmanr(a, b).statistic for a, b in pairs])) if pairs else float("nan")


def _pictures(run: Run) -> None:
    """Digits: three rows that are right and three that are wrong, with the anchors that hold most of each."""
    data = load("digits" if run.quick else "mnist")
    rows = slice(250) if run.quick else slice(1500)
    X, y, items = data.X[rows], data.y[rows], data.items[rows]
    order = run.rng(1).permutation(len(y))
    anchors, at = order[: 12 if run.quick else 50], order[60:210]
    given = [int(c) if i in set(anchors) else None for i, c in enumerate(y)]
    model = PFNClusterer(device="cpu", weights=run.model.weights, consensus="off").fit(X, given)
    right = model.labels_[at].astype(int) == y[at]
    shown = [*at[right][:3], *at[~right][:3]]
    figure, axes = plt.subplots(len(shown), SHOWN + 1, figsize=(1.5 * (SHOWN + 1), 1.75 * len(shown)),
                                constrained_layout=True, squeeze=False)  # fmt: skip
    for line, row in zip(axes, shown, strict=True):
        guess = int(model.labels_[row])
        ok = guess == y[row]
        line[0].set_title(f"row: {guess}" + ("" if ok else f"\n(truly {y[row]})"), fontsize=10, weight="bold",
                          color="k" if ok else COLOURS[1])  # fmt: skip
        line[0].imshow(items[row], cmap="gray_r")
        for ax, (anchor, cluster, share) in zip(line[1:], model.explain(int(row)), strict=False):
            ax.imshow(items[anchor], cmap="gray_r")
            ax.set_title(
                f"{cluster}: {share:.0%}", fontsize=10, color=COLOURS[0] if cluster == guess else "0.45"
            )
        for ax in line:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(True)
            ax.spines[:].set_color("0.8")
    save(figure, run.out / "explanation_rows.png")


def of_sets(frame: pd.DataFrame, kind: str, value: str, k: int) -> pd.DataFrame:
    """Set by way or signal: the mean over draws at k anchors; sets where one is missing are left out."""
    part = frame[(frame["kind"] == kind) & (frame["k"] == k)]
    return part.pivot_table(index="set", columns="name", values=value, aggfunc="mean").dropna()


def compared(frame: pd.DataFrame) -> pd.DataFrame:
    """Attention less each rival, for the fall and for the rank, at each k: over sets, Holm over all cells."""
    cells = []
    for k in sorted(frame["k"].unique()):
        for value in ("fall", "rank"):
            by = of_sets(frame, "way", value, k)
            for rival in RIVALS:
                less = by["attention"] - by[rival]
                t, w = tested(less)
                cells.append({"k": k, "value": value, "rival": rival, "sets": len(less), "interval": interval(less), "t": t,
                              "wilcoxon": w, "worse": int((less < 0).sum())})  # fmt: skip
    found = pd.DataFrame(cells)
    found["holm"] = holm(found["wilcoxon"])
    return found


def draw(frame: pd.DataFrame, path: Path) -> None:
    """How much the row's probability falls without the top anchor, and the AUROC of errors; over sets."""
    figure, axes = plt.subplots(1, 2, figsize=(10.5, 4), constrained_layout=True)
    ks = sorted(frame["k"].unique())
    for ax, (kind, names, value, title, ylabel) in zip(
        axes,
        [("way", WAYS, "fall", "taking the top anchor away", "fall of the row's probability"),
         ("signal", SIGNALS, "auroc", "foreseeing errors", "AUROC")],
        strict=True,
    ):  # fmt: skip
        width = 0.8 / len(names)
        for i, (name, label) in enumerate(names.items()):
            bounds = np.array([interval(of_sets(frame, kind, value, k)[name]) for k in ks])
            x = np.arange(len(ks)) + (i - (len(names) - 1) / 2) * width
            ax.bar(x, bounds[:, 0], width * 0.92, color=COLOURS[i], label=label.replace("`", ""),
                   yerr=np.abs(bounds[:, 0] - bounds[:, 1]), error_kw={"capsize": 2, "lw": 1})  # fmt: skip
        ax.set_xticks(range(len(ks)), [f"k = {k}" for k in ks])
        ax.set(title=title, ylabel=ylabel)
        ax.grid(axis="x", visible=False)
    axes[1].axhline(0.5, color="k", lw=1, ls=":")
    axes[1].set_ylim(0, 1)
    axes[0].set_ylim(bottom=0)
    for ax in axes:
        ax.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.08), ncols=2)
    save(figure, path)


def page(frame: pd.DataFrame) -> str:
    """The page."""
    ks = sorted(frame["k"].unique())
    rows = []
    for way, label in WAYS.items():
        cells = []
        for value in ("fall", "rank"):
            cells += [told(of_sets(frame, "way", value, k)[way]) for k in ks]
        rows.append((label, *cells, *(f"{of_sets(frame, 'way', 'same', k)[way].mean():.0%}" for k in ks)))
    foreseen = [
        (label, *(told(of_sets(frame, "signal", "auroc", k)[name], 2) for k in ks),
         *(f"{of_sets(frame, 'signal', 'mean', k)[name].mean():.2f}" for k in ks))
        for name, label in SIGNALS.items()
    ]  # fmt: skip
    cells = compared(frame)
    lines = [
        (f"{c['value']}, k = {c['k']}", WAYS[c["rival"]], c["sets"], ranged(c["interval"]), f"{c['t']:.3f}",
         f"{c['wilcoxon']:.3f}", f"{c['holm']:.3f}", c["worse"])
        for _, c in cells.iterrows()
    ]  # fmt: skip
    accuracy = frame.loc[frame["kind"] == "signal"].groupby("set")["accuracy"].mean()
    auroc = {n: np.mean([of_sets(frame, "signal", "auroc", k)[n].mean() for k in ks]) for n in SIGNALS}
    share = np.mean([_share(of_sets(frame, "way", "fall", k)) for k in ks])
    n_sets = frame["set"].nunique()
    return f"""
For a row, which anchors gave it its cluster? `PFNClusterer.explain(row)` lists anchors with their share of the network's last
attention. An explanation is useful only if removing the anchors that it names changes the posterior, and only if it finds
them better than the simplest method without the network, the nearest anchor.

![rows with the anchors that have most of their attention; blue: the row's own cluster](explanation_rows.png)

{{figure}}

## Expectation (written before the run)

The head's attention is one of about forty terms of the posterior (the others are the rules), so its shares can only be a part of
the truth: agreement with leave-one-out influence above chance and clearly below one. Many rules are smooth functions of the same distances, so
the nearest anchor should be nearly as good. Attention on the row's cluster should predict errors less well than the posterior.

## Results

{n_sets} data sets of 2 to 20 clusters (MNIST, those of *modern*, every sixth of the 39), at most {ROWS:,} rows, k random anchors,
{frame["draw"].nunique()} draw(s), {TOLD} unanswered rows each. Mean ± half of Student's 95 % interval over the sets. *Fall*: by how much the row's probability
of its cluster falls when the anchor of this cluster that is ranked first is removed; *leaving out* is the maximum. *Rank*: Spearman
correlation with leave-one-out influence over the anchors. *Own cluster*: how often the first anchor of all is of the row's cluster.

{table(("ranked by", *(f"fall, k = {k}" for k in ks), *(f"rank, k = {k}" for k in ks), *(f"own cluster, {k}" for k in ks)), rows)}

Attention less each alternative that needs no network, sets as the unit; p of Student's t and of Wilcoxon's signed-rank test, and the latter
corrected for all {len(cells)} comparisons (Holm):

{table(("what", "attention less", "sets", "difference", "p (t)", "p (Wilcoxon)", "p (Holm)", "sets on which it is worse"), lines)}

AUROC for distinguishing right rows from wrong ones, and the mean of each signal (accuracy of these rows: {accuracy.mean():.2f}):

{table(("signal", *(f"AUROC, k = {k}" for k in ks), *(f"mean, {k}" for k in ks)), foreseen)}

## Interpretation

{_verdict(cells)} Of the fall caused by the most influential anchor beyond that of a random anchor of the cluster, the anchor with the largest share causes {share:.0%}. The
share on the row's cluster predicts errors {"no better than" if auroc["mass"] <= auroc["posterior"] else "better than"} the posterior ({auroc["mass"]:.2f} against
{auroc["posterior"]:.2f}). The annotation page shows no shares of attention: beside a question it lists the nearest answered rows (`activeclust/web/reasons.py`). Leave-one-out has a limit, too: if two anchors are redundant,
removing one changes nothing, so a small fall does not prove that an anchor had no influence.
"""


def _verdict(cells: pd.DataFrame) -> str:
    """Whether attention may be shown as a reason, from the paired comparisons."""
    fall = cells[(cells["value"] == "fall") & (cells["rival"] != "random")]
    better = fall[(fall["holm"] < 0.05) & fall["interval"].map(lambda bounds: bounds[0] > 0)]
    if len(better) == len(fall):
        return (
            "The attention may be shown to a person as a reason: removing its first anchor changes the posterior more than removing the "
            "nearest anchor, at every k and against both distances."
        )
    return (
        f"The attention must not be shown as the reason for a row's cluster: in {len(fall) - len(better)} of {len(fall)} comparisons "
        "with the nearest anchor its first anchor is not more influential beyond chance. The nearest anchor explains as much and is simpler; "
        "the reliable explanation is to remove an anchor and to compute the posterior again, one posterior per anchor."
    )


def _share(fall: pd.DataFrame) -> float:
    mean = fall.mean()
    return (mean["attention"] - mean["random"]) / max(mean["deletion"] - mean["random"], 1e-9)


EXPERIMENT = Experiment("explanation", "Attention as explanation", measure, draw, page, consensus="off")

if __name__ == "__main__":
    main(EXPERIMENT)
