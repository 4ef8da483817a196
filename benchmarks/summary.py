"""Tables and the figure of the posterior's records.

Intervals are Student's, 95 %. Where several data sets were measured the unit is the data set: a claim about data sets
must not become surer by drawing more anchors on the same few. On one data set the unit is the draw of anchors.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from arms import ALONE, CHOSEN, MEAN
from methods import TOLD
from scores import half_width, signed_rank

OURS = "activeclust"
BEST_RULE, BEST_RIVAL = "(best rule of each set)", "(best rival of each set)"
SMALLER_IS_BETTER = ("log_loss_known", "brier_known", "ece_known")
TITLES = {
    "accuracy": "accuracy",
    "v_measure": "V-measure",
    "log_loss_known": "log-loss, rows of known clusters",
    "brier_known": "Brier score, rows of known clusters",
    "ece_known": "calibration error, rows of known clusters",
}


def is_rule(methods: pd.Series) -> pd.Series:
    """Which are single rules of the network."""
    return methods.str.startswith("rule: ")


def is_rival(methods: pd.Series) -> pd.Series:
    """Which are rivals that know no more than ours."""
    return ~is_rule(methods) & ~methods.isin([OURS, ALONE, MEAN, CHOSEN]) & ~methods.str.contains(TOLD)


def by_set(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Mean over the draws: (method, data) by number of anchors."""
    order = list(dict.fromkeys(frame["anchors"]))
    return frame.pivot_table(index=["method", "data"], columns="anchors", values=value, aggfunc="mean")[order]


def best_of_each(sets: pd.DataFrame, methods: pd.Index, value: str) -> pd.DataFrame:
    """What the best of ``methods`` on each data set has, known afterwards: data by number of anchors."""
    among = sets[sets.index.get_level_values("method").isin(methods)].groupby("data")
    return among.min() if value in SMALLER_IS_BETTER else among.max()


def table(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Method by number of anchors, mean over data sets; ours, the arms, then rivals by their mean.

    A cell is empty where the method was not measured on every data set.
    """
    sets = by_set(frame, value)
    whole = frame["data"].nunique()
    methods = pd.Series(sets.index.get_level_values("method").unique())
    means = sets.groupby("method").mean().where(sets.groupby("method").count() == whole)
    means = means.dropna(how="all")
    rows = [means.loc[[name]] for name in (OURS, ALONE, MEAN, CHOSEN) if name in means.index]
    for title, which in ((BEST_RULE, is_rule(methods)), (BEST_RIVAL, is_rival(methods))):
        best = best_of_each(sets, methods[which], value)
        if len(best):
            rows.append(best.mean().to_frame(title).T)
    first = {name for part in rows for name in part.index}
    rest = means[[name not in first and not name.startswith("rule: ") for name in means.index]]
    order = rest.mean(axis=1).sort_values(ascending=value in SMALLER_IS_BETTER).index
    return pd.concat([*rows, rest.loc[order]])


def partly(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Methods that were not measured on every data set, beside ours on the same sets."""
    sets = by_set(frame, value)
    whole = frame["data"].nunique()
    rows = {}
    for method, group in sets.groupby("method"):
        group = group.droplevel("method").dropna(how="all")
        if 0 < len(group) < whole:
            rows[f"{method} [{len(group)} of {whole}]"] = group.mean()
            rows[f"ours beside {method}"] = sets.loc[OURS].loc[group.index].mean()
    return pd.DataFrame.from_dict(rows, orient="index")


def rules_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Each rule: accuracy, V-measure and log-loss by number of anchors, the best in accuracy first."""
    rules = frame[is_rule(frame["method"])]
    parts = {
        title: by_set(rules, value).groupby("method").mean()
        for title, value in (
            ("accuracy", "accuracy"), ("V-measure", "v_measure"), ("log-loss", "log_loss_known"),
        )
    }  # fmt: skip
    wide = pd.concat(parts, axis=1)
    return wide.loc[wide["accuracy"].mean(axis=1).sort_values(ascending=False).index]


def differences(frame: pd.DataFrame, value: str) -> pd.DataFrame:
    """Ours less each other method, method by number of anchors: mean ± half width, and what the unit allows.

    Over data sets also the p of Wilcoxon's signed-rank test, and on how many sets ours is worse.
    """
    several = frame["data"].nunique() > 1
    unit = ["data"] if several else ["draw"]
    shown: dict[str, dict] = {}
    better = -1 if value in SMALLER_IS_BETTER else 1
    for number, part in frame[~is_rule(frame["method"])].groupby("anchors", sort=False):
        wide = part.pivot_table(index=unit, columns="method", values=value, aggfunc="mean")
        for method in wide.columns.drop(OURS):
            less = (wide[OURS] - wide[method]).dropna()
            if not len(less):
                continue
            cell = f"{less.mean():+.3f} ± {half_width(less):.3f}"
            if several:
                worse = int((better * less < 0).sum())
                cell += f"  p {signed_rank(less):.3f}  worse on {worse}/{len(less)}"
            shown.setdefault(method, {})[number] = cell
    order = [name for name in table(frame, value).index if name in shown]
    order += [name for name in shown if name not in order]
    return pd.DataFrame.from_dict({name: shown[name] for name in order}, orient="index").fillna("")


def trailing(frame: pd.DataFrame, value: str, most: int = 12) -> pd.DataFrame:
    """Ours less the best rival of each set, the worst sets first."""
    sets = by_set(frame, value)
    methods = pd.Series(sets.index.get_level_values("method").unique())
    best = best_of_each(sets, methods[is_rival(methods)], value)
    less = sets.loc[OURS] - best if len(best) else sets.loc[OURS] * np.nan
    return less.loc[less.mean(axis=1).sort_values().index].head(most)


def trust(frame: pd.DataFrame) -> pd.DataFrame:
    """What ours expects, what is right, and how far each is off."""
    ours = frame[frame["method"] == OURS].groupby("anchors", sort=False)
    columns = [
        "accuracy", "expected", "ece", "log_loss", "brier", "accuracy_known", "expected_known", "ece_known",
        "log_loss_known", "brier_known", "new_mass", "new_share", "seconds",
    ]  # fmt: skip
    shown = ours[columns].mean()
    shown.insert(3, "excess", shown["expected"] - shown["accuracy"])
    return shown.T


def report(frame: pd.DataFrame, groups: dict[str, list[str]]) -> str:
    """Everything as text; ``groups`` are data sets by the name of their group."""
    out = []
    for group, names in groups.items():
        part = frame[frame["data"].isin(names)]
        if not len(part):
            continue
        sets, draws = part["data"].nunique(), part["draw"].nunique()
        out.append(f"\n==== {group or 'all'}: {sets} data set(s), {draws} draw(s)")
        for value, title in TITLES.items():
            out.append(f"\n{title}\n{_text(table(part, value))}")
            some = partly(part, value)
            if len(some):
                out.append(f"\n{title}, methods that are too slow for some sets\n{_text(some)}")
        if is_rule(part["method"]).any():
            out.append(f"\neach rule alone\n{_text(rules_table(part))}")
        unit = "data sets" if sets > 1 else "draws"
        for value in ("accuracy", "v_measure", "log_loss_known"):
            out.append(
                f"\n{TITLES[value]}: ours less each, mean and 95 % half-width over {unit}\n"
                f"{differences(part, value).to_string()}"
            )
        if sets > 1:
            for value in ("accuracy", "v_measure"):
                out.append(
                    f"\n{TITLES[value]}: ours less the best rival of each set\n{_text(trailing(part, value))}"
                )
        out.append(f"\nours\n{_text(trust(part))}")
    return "\n".join(out)


def figure(frame: pd.DataFrame, path: Path, title: str, most: int = 9) -> None:
    """Accuracy or V-measure, and log-loss, against the number of anchors; on one data set with ours' interval."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    value = "v_measure" if frame["data"].nunique() > 6 else "accuracy"
    fig, axes = plt.subplots(1, 2, figsize=(13, 5))
    styles = _styles(frame, value, most, plt.get_cmap("tab10"))
    order = list(dict.fromkeys(frame["anchors"]))
    unit = "data" if frame["data"].nunique() > 1 else "draw"
    for ax, shown in zip(axes, (value, "log_loss_known"), strict=True):
        for method, style in styles.items():
            of_method = frame[frame["method"] == method]
            per_unit = of_method.groupby(["anchors", unit])[shown].mean().groupby("anchors")
            mean = per_unit.mean().reindex(order)
            whole = of_method.dropna(subset=[shown])["data"].nunique() == frame["data"].nunique()
            if mean.isna().all() or not whole:
                continue
            ax.plot(range(len(order)), mean, marker="o", markersize=4, label=method, **style)
            if method == OURS and unit == "draw":  # over few data sets it would cover the picture
                half = per_unit.agg(half_width).reindex(order)
                ax.fill_between(
                    range(len(order)), mean - half, mean + half, color="black", alpha=0.1, linewidth=0
                )
        if shown == value:
            best = best_of_each(
                by_set(frame, shown), frame["method"][is_rule(frame["method"])].unique(), shown
            ).mean()
            ax.plot(range(len(order)), best.reindex(order), color="0.5", linestyle=":", label=BEST_RULE)
        ax.set_xticks(range(len(order)), order)
        ax.set(xlabel="random anchors", ylabel=TITLES[shown])
        ax.grid(alpha=0.3)
        ax.spines[["top", "right"]].set_visible(False)
    handles, labels = axes[0].get_legend_handles_labels()
    axes[1].legend(
        handles,
        labels,
        fontsize=8,
        handlelength=3.5,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
        frameon=False,
    )
    fig.suptitle(title if unit == "data" else f"{title}; shaded: 95 % interval over draws")
    fig.tight_layout()
    fig.savefig(path, dpi=120, bbox_inches="tight")
    plt.close(fig)


def _styles(frame: pd.DataFrame, value: str, most: int, colours) -> dict[str, dict]:
    """Ours and the arms, the best rivals, and what is told the sizes."""
    names = list(table(frame, value).index)
    there = pd.Series([name for name in names if name in set(frame["method"])])
    styles = {OURS: {"color": "black", "linewidth": 2.6, "zorder": 5}}
    for name, dash in ((MEAN, "--"), (CHOSEN, "-.")):
        if name in set(there):
            styles[name] = {"color": "0.35", "linewidth": 1.4, "linestyle": dash}
    for i, name in enumerate(there[is_rival(there)].head(most)):
        styles[name] = {"color": colours(i), "linewidth": 1.2}
    for name in there[there.str.contains(TOLD)]:
        styles[name] = {"color": "0.7", "linewidth": 1.2, "linestyle": "--"}
    return styles


def _text(frame: pd.DataFrame) -> str:
    return frame.to_string(float_format="{:.3f}".format, na_rep="")
