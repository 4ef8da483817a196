"""How much one anchor moves the posterior as their number k grows: does L k^-alpha hold (Lemma 2.1)?

python examples/experiments/variance.py
"""

from __future__ import annotations

import itertools
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from plumbing import (
    COLOURS,
    Experiment,
    Problem,
    Run,
    interval,
    main,
    posterior,
    problem,
    real_sets,
    save,
    table,
)

KS = (10, 20, 50, 100, 200, 400, 1000)
DRAWS, EXCHANGES, RESAMPLED, ROWS = 5, 3, 4000, 2000
NEEDED = 0.5  # the lemma's claim needs an exponent above this

#: what is followed along k; the first two are over the exchanges of a draw
MEASURES = {"mean": "mean row", "sup": "largest row", "variance": "variance"}


def measure(run: Run) -> pd.DataFrame:
    """Per set, k, draw and exchange: the mean and the largest move of a row; per draw: the variance."""
    ks, draws = (10, 20, 40) if run.quick else KS, run.repeats(DRAWS, quick=2)
    exchanges = 1 if run.quick else EXCHANGES
    records = []
    for index, whole in enumerate(real_sets(run)):
        rows = np.sort(run.rng(index).permutation(len(whole.y))[:ROWS])
        data = problem(whole.name, whole.X[rows], whole.y[rows], run.model)
        for k in [k for k in ks if k <= len(data.y) // 2]:
            posteriors = []
            for draw in range(draws):
                order = run.rng(index, draw).permutation(len(data.y))
                base = _full(run, data, order[:k])
                posteriors.append(base)
                for i in range(exchanges):  # one anchor is taken away, a row not asked before comes in
                    anchors = order[:k].copy()
                    anchors[run.rng(index, draw, k, i).integers(k)] = order[k + i]
                    moved = np.abs(base - _full(run, data, anchors)).sum(1) / 2  # total variation, a row
                    kept = np.array_equal(np.unique(data.y[anchors]), np.unique(data.y[order[:k]]))
                    records.append({"set": data.name, "k": k, "draw": draw, "exchange": i, "mean": float(moved.mean()),
                                    "sup": float(moved.max()), "same_clusters": kept})  # fmt: skip
            for draw in range(draws):  # half the expected squared distance of two draws is the variance
                others = [p for i, p in enumerate(posteriors) if i != draw]
                spread = np.mean([((posteriors[draw] - p) ** 2).sum(1).mean() / 2 for p in others])
                records.append({"set": data.name, "k": k, "draw": draw, "variance": float(spread)})
            run.say(f"{data.name} k={k}")
    return pd.DataFrame(records)


def _full(run: Run, data: Problem, anchors: np.ndarray) -> np.ndarray:
    """(n, C + 1): every true cluster has its column, and the last is none-of-these."""
    names, known, new = posterior(run.model, data, anchors, data.y[anchors])
    out = np.zeros((len(data.y), data.clusters + 1))
    out[:, np.searchsorted(np.unique(data.y), names)] = known * (1 - new)[:, None]
    out[:, -1] = new
    return out


def wide(frame: pd.DataFrame, name: str, what: str, kept: bool = False) -> pd.DataFrame:
    """Draw by k: the mean over a draw's exchanges, the largest over rows and exchanges, or the variance.

    With ``kept`` only exchanges after which the same clusters have an anchor.
    """
    part = frame[(frame["set"] == name) & frame[what].notna()]
    if kept:
        part = part[part["same_clusters"].astype(bool)]
    table_ = part.pivot_table(
        index="draw", columns="k", values=what, aggfunc="max" if what == "sup" else "mean"
    )
    return table_.dropna(axis=1)


def fit(values: pd.DataFrame) -> dict[str, float]:
    """A power law through the means over draws, with 95 % intervals from resampling the draws.

    ``bend`` is the quadratic term of the log-log fit: 0 where a power law holds.
    """
    x, numbers = np.log(values.columns.to_numpy(float)), values.to_numpy().clip(1e-12)
    rng = np.random.default_rng(0)
    chosen = rng.integers(len(numbers), size=(RESAMPLED, len(numbers)))
    means = np.log(numbers[chosen].mean(1))
    mean = np.log(numbers.mean(0))
    slope, level = np.polyfit(x, mean, 1)
    low, high = np.quantile(-np.polyfit(x, means.T, 1)[0], [0.025, 0.975])
    bent = np.polyfit(x, means.T, 2)[0] if len(x) > 2 else np.zeros(2)
    bend_low, bend_high = np.quantile(bent, [0.025, 0.975])
    return {"alpha": -slope, "low": low, "high": high, "L": float(np.exp(level)), "bend_low": bend_low, "bend_high": bend_high}  # fmt: skip


def rises(values: pd.DataFrame) -> list[tuple[int, int, float]]:
    """Steps of k along which the mean over draws rises, the paired interval clear of zero; and by what factor."""
    found = []
    for a, b in itertools.pairwise(values.columns):
        _, low, _ = interval(values[b] - values[a])
        if low > 0:
            found.append((int(a), int(b), float(values[b].mean() / values[a].mean())))
    return found


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Three log-log panels with the fitted lines."""
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.4), constrained_layout=True)
    titles = {
        "mean": "one anchor replaced: mean row", "sup": "one anchor replaced: largest row",
        "variance": "another draw of all anchors",
    }  # fmt: skip
    names = list(dict.fromkeys(frame["set"]))
    ks = sorted(frame["k"].unique())
    for ax, (what, title) in zip(axes, titles.items(), strict=True):
        for colour, name in zip(COLOURS, names, strict=False):
            values = wide(frame, name, what)
            found = fit(values)
            k = values.columns.to_numpy(float)
            bounds = np.array([interval(values[c]) for c in values])
            ax.errorbar(
                k, bounds[:, 0], yerr=bounds[:, 0] - bounds[:, 1], fmt="o", ms=4, color=colour, capsize=2
            )
            ax.plot(k, found["L"] * k ** -found["alpha"], color=colour, lw=1.3,
                    label=f"{name}: α = {found['alpha']:.2f}")  # fmt: skip
        if what == "sup":
            level = wide(frame, names[0], what).iloc[:, 0].mean()
            ax.plot(ks, level * (np.array(ks) / ks[0]) ** -NEEDED, color="k", ls=":", lw=1.2, label="α = 1/2")
        ax.set(xscale="log", yscale="log", title=title, xlabel="anchors k")
        ax.set_ylabel("variance of the posterior" if what == "variance" else "total variation distance")
        ax.set_xticks(ks, [str(k) for k in ks], minor=False)
        ax.minorticks_off()
        ax.legend(fontsize=8)
    save(figure, path)


def page(frame: pd.DataFrame) -> str:
    """The page."""
    names = list(dict.fromkeys(frame["set"]))
    fits = {(what, name): fit(wide(frame, name, what)) for what in MEASURES for name in names}
    sup = {name: fits["sup", name] for name in names}
    holds = [n for n, f in sup.items() if f["low"] > NEEDED]
    fails = [n for n, f in sup.items() if f["high"] <= NEEDED]
    open_ = [n for n in names if n not in holds and n not in fails]
    verdict = "; ".join(
        f"{text} on {', '.join(which)}"
        for text, which in (("it holds", holds), ("it fails", fails), ("the interval holds 1/2", open_))
        if which
    )
    up = [
        f"{name} from k = {a} to {b} ({(ratio - 1):+.0%})"
        for name in names
        for a, b, ratio in rises(wide(frame, name, "variance"))
    ]
    worst = {name: float(frame.loc[(frame["set"] == name), "sup"][frame["k"] >= 100].max()) for name in names}
    most = max(worst, key=lambda n: worst[n] if np.isfinite(worst[n]) else -1)
    large = (
        f"With 100 anchors or more a single exchange still moved a row by {worst[most]:.2f} ({most})."
        if np.isfinite(worst[most])
        else ""
    )
    draws, exchanges = frame["draw"].nunique(), int(frame["exchange"].max()) + 1
    return f"""
The paper's Lemma 2.1 assumes that exchanging one of the k anchors changes the probability of *every* row by at most L k^-α, for *every*
exchange, and takes α as given. Here α is fitted: for the mean row, and for the largest change of any row, which is the subject of the lemma.

{{figure}}

## Expectation (written before the run)

The claim (the posterior concentrates as k grows) follows from bounded differences: k changes of at most L k^-α each leave a variance of
at most k (L k^-α)² / 4 = L² k^(1 - 2α) / 4, which vanishes only where α > 1/2. A posterior mean over k independent anchors would move by
about 1/k when one of them changes (α = 1) and its variance would fall like 1/k. For the largest row α should be smaller: near a
boundary, or in a cluster with one anchor, a single answer can decide.

## Results

At most {ROWS:,} rows of each set. *Mean row* and *largest row*: of k random anchors one is replaced by another random row; total variation distance between a row's
posterior (with *none of these* as a column) before and after; {exchanges} exchanges in each of {draws} draws; the mean over rows and exchanges, and the
maximum over both. This maximum is over a sample of exchanges, so it is a lower bound of the supremum. *Variance*: of the posterior over
independent draws of k anchors. The exponent is the slope of a straight line through log mean against log k; 95 % intervals from resampling the {draws} draws
{RESAMPLED:,} times, a little narrow for so few draws. *Bent*: whether the quadratic term of the log-log fit is clear of zero, so that no single power law
holds.

{_exponents(frame, fits)}

The largest row, exchanges only that leave the same clusters with an anchor:

{_kept_exponents(frame, names)}

## Interpretation

The lemma's assumption, with α > 1/2 for the largest row: {verdict}. {large} For the mean row α lies between {min(fits["mean", n]["alpha"] for n in names):.2f} and
{max(fits["mean", n]["alpha"] for n in names):.2f}, above 1/2 on {sum(fits["mean", n]["low"] > NEEDED for n in names)} of {len(names)} sets: most rows become stable, and a few
still depend on a single answer. As a bound for every row the assumption is {"not supported" if fails else "not refuted"} by these measurements.

Where the variance rises with k, interval of the paired difference over draws clear of zero: {"; ".join(up) or "nowhere"}. Steps of k are tested one by
one, without a correction. The intervals are over draws of anchors on one data set each and are not valid for other data sets.
"""


def _exponents(frame: pd.DataFrame, fits: dict[tuple[str, str], dict[str, float]]) -> str:
    rows = []
    for (what, name), f in fits.items():
        bent = "yes" if f["bend_low"] > 0 or f["bend_high"] < 0 else "no"
        rows.append((MEASURES[what], *_exponent(name, f, wide(frame, name, what)), bent))
    return table(["what", "set", "α", "above 1/2?", "value at the largest k", "bent?"], rows)


def _kept_exponents(frame: pd.DataFrame, names: list[str]) -> str:
    some = {name: wide(frame, name, "sup", kept=True) for name in names}
    rows = [_exponent(name, fit(v), v) for name, v in some.items() if v.shape[1] > 1 and len(v) > 1]
    if not rows:
        return "There were too few of them for a fit."
    return table(["set", "α", "above 1/2?", "value at the largest k"], rows)


def _exponent(name: str, f: dict[str, float], values: pd.DataFrame) -> tuple[str, ...]:
    last = f"{values.iloc[:, -1].mean():.3f} (k = {values.columns[-1]:,})"
    return name, f"{f['alpha']:.2f} [{f['low']:.2f}, {f['high']:.2f}]", _above(f), last


def _above(f: dict[str, float]) -> str:
    return "yes" if f["low"] > NEEDED else "no" if f["high"] <= NEEDED else "open"


EXPERIMENT = Experiment("variance", "Variance against the number of anchors", measure, draw, page)

if __name__ == "__main__":
    main(EXPERIMENT)
