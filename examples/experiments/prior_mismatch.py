"""Sets built to break the prior: what breaks, how many anchors mend it, and what a prior of one's own gives.

python examples/experiments/prior_mismatch.py
"""

from __future__ import annotations

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from broken_sets import FAMILIES, N, matched, sets
from mismatch_page import CEILING, OURS, STEPS, broken, page
from plumbing import (
    COLOURS,
    Experiment,
    Problem,
    Run,
    each,
    interval,
    main,
    problem,
    save,
    scores,
)
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.semi_supervised import LabelSpreading

from activeclust import PFNClusterer
from activeclust.cli.pretrain import pretrain

COUNTS = (0, 1, 2, 5, 10, 20)


DRAWS, MATCHED = 3, 12


PRIORS = Path(__file__).parent / "priors"


def measure(run: Run) -> pd.DataFrame:
    """Per set, draw, method and anchors a cluster: scores, clusters, confidence, none-of-these mass."""
    n, counts = (90, (0, 2, 5)) if run.quick else (N, COUNTS)
    draws = run.repeats(DRAWS, quick=1)
    families = ("chains",) if run.quick else FAMILIES
    models = {OURS: run.model}
    models |= {f: PFNClusterer(device="cpu", weights=_train(run, f), random_state=run.seed) for f in families}
    records = []
    for draw in range(draws):
        for index, (name, (X, y)) in enumerate(sets(n, run.rng(draw)).items()):
            data = problem(name, X, y, run.model)
            records += [
                {"set": name, "draw": draw, **r} for r in _one(run, data, counts, models, draw, index)
            ]
        run.say(f"draw {draw}")
    for index, (name, (X, y)) in enumerate(matched(n, 2 if run.quick else MATCHED, run).items()):
        data = problem(name, X, y, run.model)
        for draw in range(draws):
            mine = _one(
                run, data, [k for k in counts if k], {OURS: run.model}, draw, 100 + index, rivals=draw == 0
            )
            records += [{"set": name, "draw": draw, **r} for r in mine]
    return pd.DataFrame(records)


def _one(run: Run, data: Problem, counts, models, draw: int, index: int, rivals: bool = True) -> list[dict]:
    records = _rivals(data, run.seed) if rivals else []
    for k in counts:
        anchors = each(data.y, k, run.rng(draw, index, k)) if k else np.empty(0, int)
        for method, model in models.items():
            if k or method == OURS:  # without anchors the partition is chosen by the same network for all
                records.append({"method": method, "each": k, **_score(model, data, anchors)})
        if k and rivals:
            records.append(
                {"method": "LabelSpreading", "each": k, **scores(data, _spread(data, anchors), anchors)}
            )
    return records


def _train(run: Run, family: str) -> Path:
    """Weights for a family: a short ``activeclust pretrain`` that begins with the shipped weights."""
    from activeclust.pfn.inference import WEIGHTS

    prior, steps = PRIORS / f"{family}.json", STEPS
    folder = Path("experiments-work") / f"{family}-{run.model.model_hash}-{STEPS}"
    if run.quick:
        folder, steps = run.out / f"quick-{family}", 1
        folder.mkdir(exist_ok=True)
        small = json.loads(prior.read_text()) | {"rows": [80, 120]}
        prior = folder / "prior.json"
        prior.write_text(json.dumps(small))
    words = ["--prior", prior, "--init", run.model.weights or WEIGHTS, "--out", folder, "--steps", steps,
             "--learning-rate", 5e-4, "--workers", 0, "--seed", run.seed]  # fmt: skip
    if not (folder / "pfn.safetensors").exists():
        pretrain.main([str(word) for word in words], standalone_mode=False)
    run.say(f"weights for {family}")
    return folder / "pfn.safetensors"


def _rivals(data: Problem, seed: int) -> list[dict]:
    """Told the number: k-means. Not told: HDBSCAN. And what half of all labels give, the ceiling."""
    X, y = data.prepared.views["pca"], data.y
    half = np.random.default_rng(seed).random(len(y)) < 0.5
    best = {"v_measure": 1.0, "accuracy": 1.0}
    if data.clusters > 1:
        several = [KNeighborsClassifier(1), KNeighborsClassifier(7), LogisticRegression(max_iter=1000)]
        tried = [m.fit(X[half], y[half]).predict(X) for m in several]
        known = np.flatnonzero(half)
        best = max((scores(data, guess, known) for guess in tried), key=lambda s: s["accuracy"])
    found = {
        "k-means": KMeans(data.clusters, n_init=10, random_state=seed).fit_predict(X),
        "HDBSCAN": HDBSCAN(min_cluster_size=max(5, len(X) // 30), copy=True).fit_predict(X),
    }
    none = np.empty(0, int)
    rows = [{"method": m, "each": 0, "v_measure": scores(data, labels, none)["v_measure"],
             "clusters": len(set(labels.tolist()) - {-1})} for m, labels in found.items()]  # fmt: skip
    return [*rows, {"method": CEILING, "each": -1, **best}]


def _score(model: PFNClusterer, data: Problem, anchors: np.ndarray) -> dict[str, float]:
    if len(anchors) == 0:
        _, known, new = model.zero_shot(data.prepared)
        found = {"v_measure": scores(data, known.argmax(1), anchors)["v_measure"]}
    else:
        names, codes = np.unique(data.y[anchors], return_inverse=True)
        known, new = model.posterior(data.prepared, anchors, codes)
        found = scores(data, names[known.argmax(1)], anchors)
    rest = np.setdiff1d(np.arange(len(data.y)), anchors)
    return {**found, "clusters": known.shape[1], "confidence": float(known[rest].max(1).mean()),
            "new": float(new[rest].mean())}  # fmt: skip


def _spread(data: Problem, anchors: np.ndarray) -> np.ndarray:
    y = np.full(len(data.y), -1)
    y[anchors] = data.y[anchors]
    model = LabelSpreading(kernel="knn", n_neighbors=7, max_iter=100)
    return model.fit(data.prepared.views["pca"], y).transduction_


def draw(frame: pd.DataFrame, path: Path) -> None:
    """A panel a set: V-measure against the anchors a cluster, every arm."""
    names = broken(frame)
    figure, axes = plt.subplots(2, 5, figsize=(16, 6.4), sharey=True, constrained_layout=True)
    counts = sorted(frame.loc[frame["each"] >= 0, "each"].unique())
    arms = [OURS, *(f for f in FAMILIES if f in set(frame["method"])), "LabelSpreading"]
    for ax, name in zip(axes.flat, names, strict=True):
        part = frame[frame["set"] == name]
        for method, colour in zip(arms, COLOURS, strict=False):
            by = part[part["method"] == method].groupby("each")["v_measure"]
            bounds = np.array([interval(g) for _, g in by])
            x = [counts.index(k) for k in by.groups]
            label = method if method in (OURS, "LabelSpreading") else f"weights for {method}"
            ax.plot(x, bounds[:, 0], marker="o", ms=4, color=colour, label=label)
            ax.fill_between(x, bounds[:, 1], bounds[:, 2], color=colour, alpha=0.12, lw=0)
        ceiling = part.loc[part["method"] == CEILING, "v_measure"].mean()
        ax.axhline(ceiling, color="0.4", ls="--", lw=1.1, label=CEILING)
        ax.set(title=name, ylim=(-0.02, 1.03))
        ax.set_xticks(range(len(counts)), [str(int(c)) for c in counts])
    for ax in axes[-1]:
        ax.set_xlabel("anchors per cluster")
    for ax in axes[:, 0]:
        ax.set_ylabel("V-measure")
    figure.legend(*axes.flat[0].get_legend_handles_labels(), loc="outside lower center", ncols=6, fontsize=9)
    save(figure, path)


EXPERIMENT = Experiment("prior_mismatch", "Prior mismatch", measure, draw, page, consensus="off")

if __name__ == "__main__":
    main(EXPERIMENT)
