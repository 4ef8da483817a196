"""Tables of clustering without answers."""

from __future__ import annotations

import pandas as pd
from results_cells import records, weights

OURS, ALONE = "activeclust", ("activeclust", "HDBSCAN")  # those that are not told the number of clusters
GROUPS = {
    "sets": "the 39 sets",
    "modern": "*modern*",
    "MNIST": "MNIST, 5,000 rows",
    "toys": "scikit-learn's sets",
}


def without_answers(name: str) -> str:
    """Mean adjusted Rand index and V-measure of every method by collection."""
    frame = records(name)
    groups = [group for group in GROUPS if group in set(frame["group"])]
    frame = frame[frame["group"].isin(groups)]
    means = frame.groupby(["method", "group"])[["ari", "v_measure"]].mean()
    order = (
        frame[frame["group"] == groups[0]].groupby("method")["ari"].mean().sort_values(ascending=False).index
    )
    best = means.groupby("group").max().round(3)
    lines = [
        f"Adjusted Rand index and V-measure, means over the data sets; weights `{weights(name)}`; "
        f"[`{name}.csv`](figures/{name}.csv).",
        "",
        "| | "
        + " | ".join(f"{GROUPS[g]} ({_sets(frame, g)})" for g in groups)
        + " | number exact, within one |",
        "|---|" + "---|" * (len(groups) + 1),
    ]
    for method in (OURS, *(m for m in order if m != OURS)):
        cells = [
            " ".join(_bold(means.loc[(method, g)][s], best.loc[g][s]) for s in ("ari", "v_measure"))
            for g in groups
        ]
        title = {OURS: f"**{OURS}**", "HDBSCAN": "HDBSCAN"}.get(method, f"{method}, told the number")
        lines.append(f"| {title} | " + " | ".join(cells) + f" | {_numbers(frame, method)} |")
    return "\n".join(lines)


def _sets(frame: pd.DataFrame, group: str) -> int:
    return frame.loc[frame["group"] == group, "data"].nunique()


def _bold(value: float, best: float) -> str:
    return f"**{value:.3f}**" if round(value, 3) == best else f"{value:.3f}"


def _numbers(frame: pd.DataFrame, method: str) -> str:
    """Share of the 39 sets on which the number of clusters is exact, and within one of the true one."""
    if method not in ALONE:
        return ""
    part = frame[(frame["method"] == method) & (frame["group"] == "sets")]
    away = (part["found"] - part["true"]).abs()
    return f"{(away == 0).mean():.0%}, {(away <= 1).mean():.0%} of the 39 sets"
