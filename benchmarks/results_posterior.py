"""Tables of the posterior: ours, the arms without a network and the rivals, on every collection."""

from __future__ import annotations

import pandas as pd
from arms import ALONE, CHOSEN, MEAN
from results_cells import bold, cell, records, weights
from scores import half_width, signed_rank
from summary import (
    BEST_RIVAL,
    BEST_RULE,
    OURS,
    SMALLER_IS_BETTER,
    best_of_each,
    by_set,
    is_rival,
    table,
    trailing,
)

NAMES = {
    OURS: "**activeclust**",
    ALONE: "its network alone, without partitions",
    MEAN: "mean of its rules",
    CHOSEN: "rule chosen by leave-one-out",
    BEST_RULE: "*best rule of each data set, known afterwards*",
    BEST_RIVAL: "*best rival of each data set, known afterwards*",
}


SCORES = {
    "accuracy": "accuracy",
    "v_measure": "V-measure",
    "log_loss_known": "log-loss",
    "ece_known": "calibration error",
}


RIVALS = 8  # shown, the best in accuracy


def posterior(name: str, *groups: str) -> str:
    """Ours, the arms without a network, the best rivals and what is known afterwards, by number of anchors."""
    frame = records(name)
    if groups:
        frame = of_group(frame, groups[0])
    tables = {score: table(frame, score) for score in SCORES}
    accuracy = tables["accuracy"]
    rivals = [m for m in accuracy.index if m not in NAMES and "told" not in m][:RIVALS]
    told = [m for m in accuracy.index if "told" in m]
    shown = [m for m in NAMES if m in accuracy.index and not m.startswith("(")] + rivals
    last = [m for m in (BEST_RULE, BEST_RIVAL) if m in accuracy.index] + told
    lines = [
        origin(name, frame),
        "",
        "| | " + " | ".join(SCORES.values()) + " |",
        "|---|" + "---|" * len(SCORES),
    ]
    for method in (*shown, *last):
        cells = []
        for score, whole in tables.items():
            row = whole.loc[method] if method in whole.index else pd.Series(float("nan"), accuracy.columns)
            best = whole.loc[[m for m in shown if m in whole.index]]
            best = best.min() if score in SMALLER_IS_BETTER else best.max()
            cells.append(bold(row, best) if method in shown else cell(row))
        lines.append(f"| {NAMES.get(method, method)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def against(name: str, *groups: str) -> str:
    """Ours less the arms without a network and the best rivals: mean, interval, test, sets that are worse."""
    frame = records(name)
    if groups:
        frame = of_group(frame, groups[0])
    several = frame["data"].nunique() > 1
    unit, anchors = ("data" if several else "draw"), list(dict.fromkeys(frame["anchors"]))
    order = table(frame, "accuracy").index
    methods = [m for m in (ALONE, MEAN, CHOSEN) if m in order]
    methods += [m for m in order if m not in NAMES and "told" not in m][:RIVALS]
    note = ", p of Wilcoxon's signed-rank test, sets on which ours is worse" if several else ""
    lines = [
        f"Accuracy of activeclust less that of the other: mean ± half of the 95 % interval (Student) over "
        f"{'data sets' if several else 'draws'}{note}; not corrected for the number of comparisons.",
        "",
        "| less | " + " | ".join(anchors) + " |",
        "|---|" + "---|" * len(anchors),
    ]
    for method in methods:
        cells = []
        for number in anchors:
            part = frame[frame["anchors"] == number]
            wide = part.pivot_table(index=unit, columns="method", values="accuracy", aggfunc="mean")
            less = (wide[OURS] - wide[method]).dropna() if method in wide else pd.Series(dtype=float)
            if not len(less):
                cells.append("")
                continue
            text = f"{less.mean():+.3f} ± {half_width(less):.3f}"
            if several:
                text += f", {signed_rank(less):.3f}, {int((less < 0).sum())} of {len(less)}"
            cells.append(text)
        lines.append(f"| {NAMES.get(method, method)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def each_set(name: str) -> str:
    """Accuracy on each data set: ours, its mean of rules, its best rule, its best rival and which that is."""
    frame = records(name)
    sets = by_set(frame, "accuracy")
    methods = pd.Series(sets.index.get_level_values("method").unique())
    rivals = sets[sets.index.get_level_values("method").isin(methods[is_rival(methods)])]
    rules = best_of_each(sets, methods[methods.str.startswith("rule: ")], "accuracy")
    lines = [
        "| data set | activeclust | mean of its rules | best of its rules | best rival | which |",
        "|---|---|---|---|---|---|",
    ]
    for data in frame["data"].unique():
        of_rivals = rivals.xs(data, level="data")
        best = of_rivals.mean(axis=1).idxmax()
        row = [sets.loc[(OURS, data)], sets.loc[(MEAN, data)], rules.loc[data], of_rivals.loc[best]]
        lines.append(f"| {data} | " + " | ".join(cell(r) for r in row) + f" | {best} |")
    return "\n".join(lines)


def summary(*names: str) -> str:
    """Accuracy by collection: ours, four well-known rivals, and what is known afterwards."""
    methods = (
        OURS,
        MEAN,
        "Laplace, mean shift",
        "Poisson",
        "logistic, all columns",
        "1-NN, PCA",
        BEST_RULE,
        BEST_RIVAL,
    )
    titles = (
        "activeclust", "mean of its rules, no network", "Laplace learning", "Poisson learning", "logistic regression",
        "nearest labelled row", "best rule", "best rival",
    )  # fmt: skip
    lines = ["| | labelled rows | " + " | ".join(titles) + " |", "|---|---|" + "---|" * len(titles)]
    for name in names:
        frame = records(name)
        whole = table(frame, "accuracy")
        sets = frame["data"].nunique()
        what = f"{name.removeprefix('posterior-')}, {sets} data sets" if sets > 1 else frame["data"].iloc[0]
        best = whole.loc[[m for m in methods[:-2] if m in whole.index]].max()
        cells = [
            ""
            if m not in whole.index
            else cell(whole.loc[m])
            if m in methods[-2:]
            else bold(whole.loc[m], best)
            for m in methods
        ]
        lines.append(f"| {what} | {', '.join(whole.columns)} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def losses(name: str, most: str = "8") -> str:
    """The data sets on which ours is farthest behind the rival that is best there."""
    frame = records(name)
    less = trailing(frame, "accuracy", int(most))
    sets = by_set(frame, "accuracy")
    methods = pd.Series(sets.index.get_level_values("method").unique())
    rivals = sets[sets.index.get_level_values("method").isin(methods[is_rival(methods)])]
    lines = [
        "| data set | activeclust | best rival | which | difference in the mean |",
        "|---|---|---|---|--:|",
    ]
    for data in less.index:
        best = rivals.xs(data, level="data").mean(axis=1)
        which = best.idxmax()
        ours = sets.loc[(OURS, data)]
        other = rivals.loc[(which, data)]
        lines.append(f"| {data} | {cell(ours)} | {cell(other)} | {which} | {(ours - other).mean():+.3f} |")
    return "\n".join(lines)


def trust(*names: str) -> str:
    """What ours expects of itself and what is right, on every collection."""
    lines = [
        "| | anchors | accuracy | expected | calibration error "
        "| known clusters: accuracy | expected | calibration error | if exactly right | *none of these* | right |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    columns = (
        "accuracy", "expected", "ece", "accuracy_known", "expected_known", "ece_known", "ece_if_right", "new_mass",
        "new_share",
    )  # fmt: skip
    for name in names:
        frame = records(name)
        ours = frame[frame["method"] == OURS]
        means = ours.groupby("anchors", sort=False)[list(columns)].mean()
        for anchors, row in means.iterrows():
            title = name.removeprefix("posterior-")
            lines.append(f"| {title} | {anchors} | " + " | ".join(f"{v:.3f}" for v in row) + " |")
    return "\n".join(lines)


def origin(name: str, frame: pd.DataFrame) -> str:
    """What was measured, in a sentence."""
    sets, draws = frame["data"].nunique(), frame.loc[frame["method"] == OURS, "draw"].nunique()
    anchors = list(dict.fromkeys(frame["anchors"]))
    what = f"{sets} data sets" if sets > 1 else frame["data"].iloc[0]
    each = all(label.endswith(" each") for label in anchors)
    numbers = ", ".join(label.removesuffix(" each") for label in anchors)
    return (
        f"{what}; {numbers} random anchors{' for each cluster' if each else ''}; mean of {draws} draws; weights "
        f"`{weights(name)}`; [`{name}.csv`](figures/{name}.csv)."
    )


def of_group(frame: pd.DataFrame, group: str) -> pd.DataFrame:
    """The records of a part of ``tables``: ``old`` are the 24 that were measured before, ``new`` the others."""
    from data import COLLECTIONS

    old = frame["data"].isin(COLLECTIONS["others"]().names)
    return frame[old if group == "old" else ~old]
