"""What the records of prior_mismatch say: what is mended, recovered and foretold; the page."""

from __future__ import annotations

import numpy as np
import pandas as pd
from broken_sets import FAMILIES, NOTHING, N
from plumbing import (
    holm,
    interval,
    ranged,
    table,
    tested,
    told,
)
from scipy.stats import rankdata
from sklearn.metrics import roc_auc_score

FEW = (1, 2, 5)  # anchors a cluster at which recovery and harm are looked at


NEAR = 0.05  # mended: the mean accuracy is this near to what half of all labels give


STEPS = 25  #: of the training of a prior of one's own


OURS, CEILING = "shipped weights", "half of the labels"


def broken(frame: pd.DataFrame) -> list[str]:
    """The sets built to break the prior in which there is something to find."""
    return [s for s in dict.fromkeys(frame["set"]) if s not in NOTHING and not s.startswith("prior ")]


def means(frame: pd.DataFrame, value: str) -> pd.Series:
    """(set, method, each): mean over draws."""
    return frame.groupby(["set", "method", "each"])[value].mean()


def mended(frame: pd.DataFrame, name: str, method: str) -> str:
    """The fewest anchors a cluster from which on the mean accuracy stays near the ceiling."""
    mean = means(frame, "accuracy")
    line = mean[name, method].dropna()
    good = line >= mean[name, CEILING, -1] - NEAR
    if not good.iloc[-1]:
        return f"> {int(line.index[-1])}"
    bad = line.index[~good]
    return str(int(line.index[line.index > bad.max()][0] if len(bad) else line.index[0]))


def changes(frame: pd.DataFrame) -> pd.DataFrame:
    """V-measure of each family's weights less the shipped: set, family, each, and the differences of the draws."""
    found = []
    for family in (f for f in FAMILIES if f in set(frame["method"])):
        part = frame[frame["method"].isin([OURS, family]) & (frame["each"] > 0)]
        for (name, k), group in part.groupby(["set", "each"], sort=False):
            wide = group.pivot(index="draw", columns="method", values="v_measure").dropna(axis=1, how="all")
            if {OURS, family} <= set(wide) and name not in NOTHING:
                less = (wide[family] - wide[OURS]).dropna()
                found.append({"set": name, "family": family, "each": int(k), "own": name in FAMILIES[family],
                              "less": less.to_numpy(), "mean": float(less.mean())})  # fmt: skip
    return pd.DataFrame(found)


def recovery(frame: pd.DataFrame) -> list[tuple]:
    """Per number of anchors: the change on the sets a prior was made for and on all others, sets as the unit."""
    found, mean = changes(frame), means(frame, "v_measure")
    rows, p = [], []
    for k in [k for k in FEW if k in set(found["each"])]:
        own = found[(found["each"] == k) & found["own"]]
        # a set that a prior was not made for counts once: the mean over the other priors
        off = found[(found["each"] == k) & ~found["own"]].groupby("set")["mean"].mean()
        gap = sum(mean[s, CEILING, -1] - mean[s, OURS, k] for s in own["set"])
        share = own["mean"].sum() / gap if gap > 0 else np.nan
        for name, values in (("made for", own["mean"]), ("not made for", off)):
            t, w = tested(values)
            rows.append(
                [name, k, len(values), *interval(values), t, w, share if name == "made for" else np.nan]
            )
            p.append(w)
    for row, corrected in zip(rows, holm(p), strict=True):
        row.append(corrected)
    return [tuple(row) for row in rows]


def flattening(frame: pd.DataFrame) -> pd.DataFrame:
    """Per set: how much the accuracy still rises at the end, what is missing to the ceiling, whether it is of the prior."""
    mean = means(frame, "accuracy")
    last, before = sorted(k for k in frame["each"].unique() if k > 0)[-1:-3:-1]
    rows = []
    for name in dict.fromkeys(frame["set"]):
        if name in NOTHING:
            continue
        a, b, top = mean[name, OURS, before], mean[name, OURS, last], mean[name, CEILING, -1]
        rows.append(
            {"set": name, "rise": b - a, "missing": top - b, "mismatch": not name.startswith("prior ")}
        )
    return pd.DataFrame(rows)


def auroc(truth: np.ndarray, value: np.ndarray) -> tuple[float, float, float]:
    """With a 95 % interval from resampling the sets; NaN where all are alike."""
    if truth.all() or not truth.any():
        return (float("nan"),) * 3
    rng = np.random.default_rng(0)
    at = np.array([rng.integers(len(truth), size=len(truth)) for _ in range(2000)])
    true = truth[at]
    positive, negative = true.sum(1), (~true).sum(1)
    # Mann and Whitney's statistic: the area from the ranks, for all samples at once
    above = (rankdata(value[at], axis=1) * true).sum(1) - positive * (positive + 1) / 2
    both = (positive > 0) & (negative > 0)
    low, high = np.quantile(above[both] / (positive * negative)[both], [0.025, 0.975])
    return float(roc_auc_score(truth, value)), float(low), float(high)


def page(frame: pd.DataFrame) -> str:
    """The page."""
    names = broken(frame)
    counts = [int(k) for k in sorted(frame.loc[frame["each"] >= 0, "each"].unique())]
    few = [k for k in counts if k > 0]
    found, recovered, flat = changes(frame), recovery(frame), flattening(frame)
    foretold = foretells(flat)
    return f"""
The paper leaves open what happens to data that the prior does not hold. Twelve sets built to break it; ten of them hold something to find.

{{figure}}

## Expectation (written before the run)

Rings and spirals are in this prior, thinly: they should need an anchor or two. Hierarchical clusters are ambiguous without an answer: the
network should find three or nine, and one anchor per cluster should settle which. Heavy tails and duplicated rows should do no harm. Irrelevant
dimensions beyond the 20 that the prior adds make the nearest-neighbour graph noise, which should break everything on it. Uniform noise with random answers
should give a flat posterior; one cluster should be found as one. A prior of one's own should mend what it was made for, at some cost elsewhere.

## Results

V-measure, mean of {int(frame.loc[frame["set"].isin(names), "draw"].nunique())} draws of data and anchors, {N} rows. *Ceiling*: the best of one and seven nearest
neighbours and logistic regression with half of all labels. *Mended at*: the fewest anchors per cluster from which on the mean accuracy stays within
{NEAR} of the ceiling's. k-means is told the number of clusters; HDBSCAN and the column 0 of the network are not.

{_scores(frame, names, counts)}

Where there is nothing to find (random answers among three names on the noise; one name on the one cluster): clusters found without
anchors, and, per anchors per cluster, mean confidence / accuracy / none-of-these mass:

{_nothing(frame, few)}

**A prior of one's own.** `activeclust pretrain --prior examples/experiments/priors/NAME.json --init package --steps {STEPS}` begins with the shipped weights and goes
on on chains (rings and curves), tails (heavy-tailed modes and outliers) or irrelevant columns only. Change of the V-measure, every arm and set, mean ± half of the 95 %
interval over the draws; in bold the sets that a prior was made for. Without anchors nothing changes: the partition is chosen by another network.

{_families(found, few)}

The same with the set as the unit: mean change with Student's 95 % interval, p of t and of Wilcoxon's signed-rank test, the latter corrected for all {len(recovered)} rows (Holm), and
the share of what was missing to the ceiling that comes back.

{_recovered(recovered)}

**Does accuracy that stops rising with k give a mismatch away?** {int((~flat["mismatch"]).sum())} data sets of the package's prior (2 to 10 clusters) beside the {int(flat["mismatch"].sum())} sets above: how much
the accuracy rises over the last doubling of anchors, and whether a small rise tells (AUROC, 95 % interval from resampling the sets)

{table(("that", "AUROC of a small rise"), [(what, f"{a:.2f} [{low:.2f}, {high:.2f}]") for what, (a, low, high) in foretold.items()])}

The rise is {flat.loc[flat["mismatch"], "rise"].mean():+.3f} on the sets built to break the prior and {flat.loc[~flat["mismatch"], "rise"].mean():+.3f} on those of the prior; to the ceiling {flat.loc[flat["mismatch"], "missing"].mean():+.3f} and
{flat.loc[~flat["mismatch"], "missing"].mean():+.3f} are missing at {counts[-1]} anchors per cluster.

## Interpretation

{_mending(frame, names, counts[-1])} {_confidence(frame, counts[-1])}

{_own_priors(found, recovered)} {_diagnosis(foretold)} {STEPS} steps are short; the rules that the network weighs, and the graph, stay what they are.
"""


def foretells(flat: pd.DataFrame) -> dict[str, tuple[float, float, float]]:
    """What a small rise of the accuracy might give away -> its AUROC with an interval."""
    small, missing = -flat["rise"].to_numpy(), (flat["missing"] > NEAR).to_numpy()
    return {
        "the set is not of the prior": auroc(flat["mismatch"].to_numpy(), small),
        f"more than {NEAR} is missing to the ceiling": auroc(missing, small),
    }


def _scores(frame: pd.DataFrame, names: list[str], counts: list[int]) -> str:
    v = means(frame, "v_measure")
    rows = []
    for name in names:
        cells = [f"{v[name, OURS, k]:.2f}" for k in counts]
        rows.append((name, f"{v[name, CEILING, -1]:.2f}", f"{v[name, 'k-means', 0]:.2f}", f"{v[name, 'HDBSCAN', 0]:.2f}",
                     *cells, mended(frame, name, OURS), mended(frame, name, "LabelSpreading")))  # fmt: skip
    each_count = (f"{k} each" for k in counts)
    return table(
        ("set", "ceiling", "k-means", "HDBSCAN", *each_count, "mended at", "LabelSpreading at"), rows
    )


def _nothing(frame: pd.DataFrame, few: list[int]) -> str:
    rows = []
    for name in NOTHING:
        part = frame[(frame["set"] == name) & (frame["method"] == OURS)]
        zero, some = part[part["each"] == 0], part[part["each"] > 0]
        other = frame[(frame["set"] == name) & (frame["method"] == "HDBSCAN")]
        by = some.groupby("each")[["confidence", "accuracy", "new"]].mean()
        rows.append((name, f"{zero['clusters'].mean():.1f}", f"{other['clusters'].mean():.1f}",
                     *(f"{r['confidence']:.2f} / {r['accuracy']:.2f} / {r['new']:.2f}" for _, r in by.iterrows())))  # fmt: skip
    return table(("set", "found", "HDBSCAN", *(f"{k} each" for k in few)), rows)


def _families(found: pd.DataFrame, few: list[int]) -> str:
    rows = []
    for (family, name), group in found.groupby(["family", "set"], sort=False):
        bold = "**" * int(group["own"].iloc[0])
        line = {r["each"]: told(r["less"], 2) for _, r in group.iterrows()}
        rows.append((f"{bold}{name}{bold}", family, *(line[k] for k in few)))
    return table(("set", "weights for", *(f"{k} each" for k in few)), rows)


def _recovered(recovered: list[tuple]) -> str:
    rows = [
        (f"sets a prior was {r[0]}", r[1], r[2], ranged(r[3:6]), f"{r[6]:.3f}", f"{r[7]:.3f}", f"{r[9]:.3f}",
         f"{r[8]:.0%}" if np.isfinite(r[8]) else "")
        for r in recovered
    ]  # fmt: skip
    return table(("", "each", "sets", "change", "p (t)", "p (Wilcoxon)", "p (Holm)", "recovered"), rows)


def _mending(frame: pd.DataFrame, names: list[str], most: int) -> str:
    at = {name: mended(frame, name, OURS) for name in names}
    settled = [name for name, k in at.items() if k in ("0", "1")]
    never = [name for name, k in at.items() if k.startswith(">")]
    later = [f"{name} ({k})" for name, k in at.items() if name not in settled and name not in never]
    return (
        f"Near the ceiling with at most one anchor per cluster: {', '.join(settled) or 'none'}. With more: {', '.join(later) or 'none'}. "
        f"Not by {most}: {', '.join(never) or 'none'}."
    )


def _confidence(frame: pd.DataFrame, most: int) -> str:
    sure = frame[(frame["set"] == "uniform noise") & (frame["method"] == OURS) & (frame["each"] == most)]
    gap = (sure["confidence"] - sure["accuracy"]).mean()
    what = (
        "over-confident: its mean maximum exceeds the accuracy by"
        if gap > 0.05
        else "about as confident as it is right: the difference is"
    )
    return f"On uniform noise\nwith random answers the posterior is {what} {gap:+.2f} at {most} anchors each."


def _own_priors(found: pd.DataFrame, recovered: list[tuple]) -> str:
    own = [r for r in recovered if r[0] == "made for"]
    verdict = "; ".join(f"{ranged(r[3:6])} at {r[1]} per cluster" for r in own)
    clear = [str(r[1]) for r in own if r[4] > 0]
    harmed = found[(found["each"].isin([1, 2])) & (found["mean"] < -0.02)].sort_values("mean")
    harm = "; ".join(
        f"{r['set']} at {r['each']} with the weights for {r['family']} ({r['mean']:+.2f})"
        for _, r in harmed.iterrows()
    )
    where = f"clear of zero at {', '.join(clear)}" if clear else "nowhere clear of zero over the sets"
    return (
        f"On the sets they were made for the priors of one's own change the V-measure by {verdict}: {where}. "
        f"Worse by more than 0.02 at one or two anchors per\ncluster: {harm or 'nothing'}."
    )


def _diagnosis(foretold: dict[str, tuple[float, float, float]]) -> str:
    works = [what for what, (_, low, _) in foretold.items() if low > 0.5]
    against = [what for what, (_, _, high) in foretold.items() if high < 0.5]
    if works:
        return f"A small rise foretells that {' and that '.join(works)}."
    if against:
        return f"The opposite holds: a small rise speaks against that {' and that '.join(against)}."
    return (
        "Neither is foretold: the intervals hold 0.5. A curve that has stopped rising is no evidence of mismatch; "
        "it is what a solved set looks like, too."
    )
