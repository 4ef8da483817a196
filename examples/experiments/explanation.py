"""Attention as explanation: which anchors gave a row its cluster, and does their share predict errors?

python examples/experiments/explanation.py
"""

from __future__ import annotations

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from plumbing import COLOURS, Experiment, Run, interval, main, save, table, told
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from activeclust import PFNClusterer
from activeclust.datasets import load

KS, DRAWS, TOLD, SHOWN = (20, 50), 4, 150, 5
#: how anchors are ranked for a row; each gives (rows, k), larger is more
WAYS = {"attention": "attention (`explain`)", "deletion": "leave one anchor out", "nearest": "cosine in the view",
        "random": "any anchor of the cluster"}  # fmt: skip
#: how errors are foreseen; each gives (rows,), larger is surer
SIGNALS = {"posterior": "highest posterior", "mass": "attention on the row's cluster",
           "top": "largest single share", "agrees": "attention's own cluster is the row's"}  # fmt: skip


def measure(run: Run) -> pd.DataFrame:
    """Per k and draw: how faithful each way is, and how well each signal foresees errors."""
    data = load("digits" if run.quick else "mnist")
    rows = slice(250) if run.quick else slice(None)
    X, y, items = data.X[rows], data.y[rows], data.items[rows]
    prepared = run.model.prepare(X)
    records = []
    for k in (12,) if run.quick else KS:
        for draw in range(run.repeats(DRAWS, quick=1)):
            rng = run.rng(k, draw)
            anchors = rng.permutation(len(y))[:k]
            told_rows = rng.permutation(np.setdiff1d(np.arange(len(y)), anchors))[: 25 if run.quick else TOLD]
            given = [None] * len(y)
            for a in anchors:
                given[a] = int(y[a])
            model = PFNClusterer(device="cpu", weights=run.model.weights).fit(X, given)
            share = _shares(model, told_rows, anchors)
            gone = _deletions(run.model, prepared, anchors, y, model, told_rows)
            view = prepared.views["diffusion"]
            near = view[told_rows] @ view[anchors].T
            rank = {"attention": share, "deletion": gone, "nearest": near, "random": rng.random(share.shape)}
            guess = model.labels_[told_rows].astype(int)
            same = y[anchors][None] == guess[:, None]
            for way, value in rank.items():
                best = np.where(same, value, -np.inf).argmax(1)  # the anchor of its cluster that says most
                whole = value.argmax(1) if way != "random" else best
                records.append({"k": k, "draw": draw, "kind": "way", "name": way,
                                "fall": float(gone[np.arange(len(best)), best].mean()),
                                "same": float(same[np.arange(len(best)), whole].mean()),
                                "rank": _rank_correlation(value, gone)})  # fmt: skip
            mass = np.where(same, share, 0).sum(1)
            totals = np.stack([share[:, y[anchors] == c].sum(1) for c in model.classes_.astype(int)], 1)
            signal = {"posterior": model.posterior_[told_rows].max(1), "mass": mass, "top": share.max(1),
                      "agrees": (model.classes_.astype(int)[totals.argmax(1)] == guess).astype(float)}  # fmt: skip
            right = guess == y[told_rows]
            for name, value in signal.items():
                auroc = roc_auc_score(right, value) if 0 < right.mean() < 1 else np.nan
                records.append({"k": k, "draw": draw, "kind": "signal", "name": name, "auroc": auroc,
                                "mean": float(value.mean()), "accuracy": float(right.mean())})  # fmt: skip
            if draw == 0 and k == (12 if run.quick else KS[1]):
                _pictures(model, items, y, told_rows, run.out / "explanation_rows.png")
            run.say(f"k={k} draw {draw}")
    return pd.DataFrame(records)


def _shares(model: PFNClusterer, rows: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """(rows, k) shares by ``explain``."""
    place = {int(a): i for i, a in enumerate(anchors)}
    out = np.zeros((len(rows), len(anchors)))
    for i, row in enumerate(rows):
        for anchor, _, share in model.explain(int(row)):
            out[i, place[anchor]] = share
    return out


def _deletions(clusterer, prepared, anchors, y, fitted: PFNClusterer, rows: np.ndarray) -> np.ndarray:
    """(rows, k) by how much a row's probability of its cluster falls when an anchor is taken away."""
    guess = fitted.labels_[rows].astype(int)
    before = fitted.posterior_[rows].max(1)
    out = np.zeros((len(rows), len(anchors)))
    for i in range(len(anchors)):
        kept = np.delete(anchors, i)
        names, codes = np.unique(y[kept], return_inverse=True)
        known, _ = clusterer.posterior(prepared, kept, codes)
        column = {int(name): j for j, name in enumerate(names)}
        after = [known[row, column[g]] if g in column else 0.0 for row, g in zip(rows, guess, strict=True)]
        out[:, i] = before - np.array(after)
    return out


def _rank_correlation(value: np.ndarray, gone: np.ndarray) -> float:
    return float(np.nanmean([spearmanr(a, b).statistic for a, b in zip(value, gone, strict=True)]))


def _pictures(model: PFNClusterer, items, y: np.ndarray, rows: np.ndarray, path: Path) -> None:
    """Three rows that are right and three that are wrong, each with the anchors that hold most of it."""
    right = model.labels_[rows].astype(int) == y[rows]
    shown = [*rows[right][:3], *rows[~right][:3]]
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
    save(figure, path)


def draw(frame: pd.DataFrame, path: Path) -> None:
    """How much the row's probability falls without the top anchor, and the AUROC of errors."""
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
            part = frame[(frame["kind"] == kind) & (frame["name"] == name)]
            bounds = np.array([interval(part.loc[part["k"] == k, value].dropna()) for k in ks])
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
    ways, signals = frame[frame["kind"] == "way"], frame[frame["kind"] == "signal"]
    rows = []
    for way, label in WAYS.items():
        part = ways[ways["name"] == way].groupby("k")
        rows.append((label, *(f"{told(part.get_group(k)['fall'])}" for k in ks),
                     *(f"{part.get_group(k)['same'].mean():.0%}" for k in ks),
                     *(f"{part.get_group(k)['rank'].mean():+.2f}" for k in ks)))  # fmt: skip
    foreseen = []
    for name, label in SIGNALS.items():
        part = signals[signals["name"] == name].groupby("k")
        foreseen.append((label, *(told(part.get_group(k)["auroc"].dropna(), 2) for k in ks),
                         *(f"{part.get_group(k)['mean'].mean():.2f}" for k in ks)))  # fmt: skip
    mean = ways.groupby("name")[["fall", "same", "rank"]].mean()
    auroc = signals.groupby("name")["auroc"].mean()
    mass = signals.loc[signals["name"] == "mass", "mean"].mean()
    accuracy = signals["accuracy"].mean()
    faithful = (mean.loc["attention", "fall"] - mean.loc["random", "fall"]) / max(
        mean.loc["deletion", "fall"] - mean.loc["random", "fall"], 1e-9
    )
    # better than what anybody can do without the network, and most of what taking anchors away finds
    useful = mean.loc["attention", "same"] > mean.loc["nearest", "same"] and faithful > 0.5
    verdict = (
        "The attention may be shown to a person as a reason: it names an anchor of the row's cluster more often than the nearest "
        "anchor does, and its first anchor does most of what the most influential one does."
        if useful
        else "The attention must not be shown as the reason for a row's cluster: the anchors that it names are not those "
        "that made it. Taking anchors away is the explanation to trust, at one forward pass an anchor."
    )
    mark = auroc["mass"] - auroc["posterior"]
    return f"""
For a row, which anchors gave it its cluster? `PFNClusterer.explain(row)` lists anchors with their share of the network's last
attention. An explanation is worth something only if the anchors that it names are those whose removal changes the answer.

![rows with the anchors that hold most of their attention; blue: the row's own cluster](explanation_rows.png)

{{figure}}

## What was expected

The head's attention is one of about twenty voices in the posterior (the others are the rules), so its shares can only be a part of
the truth: most mass on the row's own cluster, an agreement with leave-one-out influence clearly above chance and clearly below
one. Attention on the row's cluster should foresee errors, less well than the posterior itself.

## What came out

MNIST (5,000 rows), k random anchors, {ways["draw"].nunique()} draws, {TOLD} unanswered rows each. *Fall*: by how much the row's probability of its
cluster falls when the anchor of this cluster that is ranked first is taken away; `leave one anchor out` is the most that can be had.
*Own cluster*: how often the first anchor of all is of the row's cluster. *Rank*: Spearman correlation with leave-one-out influence over the anchors.

{table(("ranked by", *(f"fall, k = {k}" for k in ks), *(f"own cluster, {k}" for k in ks), *(f"rank, {k}" for k in ks)), rows)}

AUROC for telling right rows from wrong ones, and the mean of each signal (accuracy of these rows: {accuracy:.2f}):

{table(("signal", *(f"AUROC, k = {k}" for k in ks), *(f"mean, {k}" for k in ks)), foreseen)}

## What it means

The attention puts {mass:.0%} of its mass on the row's own cluster where the posterior is right for {accuracy:.0%}; the first anchor is of the
row's cluster in {mean.loc["attention", "same"]:.0%} (cosine in the view: {mean.loc["nearest", "same"]:.0%}). Of the fall that the most influential anchor makes
beyond any anchor of the cluster, the one with the largest share makes {faithful:.0%}. {verdict} The share on the row's cluster foresees errors
{"no better than" if mark <= 0 else "better than"} the posterior ({auroc["mass"]:.2f} against {auroc["posterior"]:.2f}). Leave-one-out has a limit of its own: where two anchors say the same,
taking one away changes nothing, so a small fall does not prove that an anchor did not count.
"""


EXPERIMENT = Experiment("explanation", "Attention as explanation", measure, draw, page)

if __name__ == "__main__":
    main(EXPERIMENT)
