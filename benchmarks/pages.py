"""Tables of results on the pages of ``docs/``, made from the records that benchmarks wrote.

    python benchmarks/pages.py            # fill every marked place
    python benchmarks/pages.py --check    # say which are not as the records have them; exit status 1 if any

A place is marked by two comments, ``<!-- results: NAME ARGUMENTS -->`` and ``<!-- end of results -->``; what lies
between them is overwritten. No figure in such a table is typed by hand, and a test compares pages and records.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd
from arms import ALONE, CHOSEN, MEAN
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

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "docs" / "figures"
PLACE = re.compile(r"(<!-- results: (?P<what>[^>]+?) -->\n).*?(\n?<!-- end of results -->)", re.DOTALL)

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


def weights_of(path: Path) -> str:
    """The weights that a CSV was measured with, by its head; "" where it says nothing."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        found = re.search(r"weights\"?: \"?([0-9a-f]{16})", line)
        if found:
            return found[1]
    return ""


def records(name: str) -> pd.DataFrame:
    """The records of ``docs/figures/NAME.csv``."""
    return pd.read_csv(FIGURES / f"{name}.csv", comment="#", dtype={"anchors": str})


def origin(name: str, frame: pd.DataFrame) -> str:
    """What was measured, in a sentence."""
    sets, draws = frame["data"].nunique(), frame.loc[frame["method"] == OURS, "draw"].nunique()
    anchors = list(dict.fromkeys(frame["anchors"]))
    what = f"{sets} data sets" if sets > 1 else frame["data"].iloc[0]
    each = all(label.endswith(" each") for label in anchors)
    numbers = ", ".join(label.removesuffix(" each") for label in anchors)
    return (
        f"{what}; {numbers} random anchors{' for each cluster' if each else ''}; mean of {draws} draws; weights "
        f"`{weights_of(FIGURES / f'{name}.csv')}`; [`{name}.csv`](figures/{name}.csv)."
    )


def cell(values: Iterable[float]) -> str:
    """Numbers side by side, empty where there are none.

    Examples
    --------
    >>> cell([0.5, 0.25]), cell([float("nan")] * 2)
    ('0.500 0.250', '')
    """
    values = list(values)
    return (
        "" if all(pd.isna(v) for v in values) else " ".join("-" if pd.isna(v) else f"{v:.3f}" for v in values)
    )


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


def bold(row: pd.Series, best: pd.Series) -> str:
    """The row's numbers, the best of each column bold."""
    if row.isna().all():
        return ""
    return " ".join(
        "-" if pd.isna(v) else f"**{v:.3f}**" if round(v, 3) == round(b, 3) else f"{v:.3f}"
        for v, b in zip(row, best, strict=True)
    )


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


def asked(name: str) -> str:
    """Accuracy and clusters met by answers for each cluster: a table a collection, and where auto is behind."""
    from questions import CHOSEN_ON, behind, means

    frame = pd.read_csv(FIGURES / f"{name}.csv", comment="#")
    parts = {str(key): group for key, group in frame.groupby("collection", sort=False)}
    parts["all"] = frame
    held = frame[~frame["data"].isin(CHOSEN_ON)]
    parts["sets on which no constant was chosen"] = held
    lines = [f"Weights `{weights_of(FIGURES / f'{name}.csv')}`; [`{name}.csv`](figures/{name}.csv).", ""]
    for title, part in parts.items():
        accuracy = means(part).groupby("arm").mean()
        found = means(part, "found").groupby("arm").mean()
        numbers = list(accuracy.columns)
        sets = f"{part['data'].nunique()} data set{'s' if part['data'].nunique() > 1 else ''}"
        lines += [
            f"| {title}, {sets} | " + " | ".join(map(str, numbers)) + " | clusters met at 1 |",
            "|---|" + "--:|" * (len(numbers) + 1),
        ]
        for arm in accuracy.mean(axis=1).sort_values(ascending=False).index:
            cells = [bold(pd.Series([accuracy.loc[arm, n]]), pd.Series([accuracy[n].max()])) for n in numbers]
            lines.append(f"| {arm} | " + " | ".join(cells) + f" | {found.loc[arm, numbers[0]]:.3f} |")
        lines += ["", "; ".join(behind(part)) + ".", ""]
    return "\n".join(lines).rstrip()


def stopping(name: str) -> str:
    """What runs of ``auto`` expect, and where the stop rules end them."""
    from questions import stopping as told

    frame = pd.read_csv(FIGURES / f"{name}.csv", comment="#")
    sets, samples = frame["data"].nunique(), frame["repeat"].nunique()
    head = (
        f"Weights `{weights_of(FIGURES / f'{name}.csv')}`; {sets} data sets, {samples} samples of rows each."
    )
    return f"{head}\n\n{told(frame)}"


def four_curves(name: str) -> str:
    """The README's table: four ways of asking, mean over all sets."""
    from how_good import ARMS
    from questions import means

    frame = pd.read_csv(FIGURES / f"{name}.csv", comment="#")
    accuracy = means(frame).groupby("arm").mean()
    numbers = [n for n in accuracy.columns if n <= 10]
    lines = [
        f"Mean accuracy over {frame['data'].nunique()} data sets (embedded texts, pictures, digits, drawn shapes, "
        "tables) after one, two, five and ten answers per cluster:",
        "",
        "| | " + " | ".join(map(str, numbers)) + " |",
        "|---|" + "--:|" * len(numbers),
    ]
    for arm, (title, _) in ARMS.items():
        cells = [bold(pd.Series([accuracy.loc[arm, n]]), pd.Series([accuracy[n].max()])) for n in numbers]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page_and_loop(name: str) -> str:
    """Accuracy of the plain loop, and of the annotation page less the loop."""
    from page_questions import differences

    found = differences(pd.read_csv(FIGURES / f"{name}.csv", comment="#"))
    people = sorted(found["people"].unique())
    lines = [
        f"Weights `{weights_of(FIGURES / f'{name}.csv')}`; {found['seeds'].iloc[0]} seeds, intervals over them; "
        f"[`{name}.csv`](figures/{name}.csv).",
        "",
        "| | answers | loop | " + " | ".join(f"page less loop, {n} on the page" for n in people) + " |",
        "|---|--:|--:|" + "--:|" * len(people),
    ]
    for (data, answers), part in found.groupby(["data", "answers"], sort=False):
        part = part.set_index("people")
        cells = [
            f"{part.loc[n, 'mean']:+.3f} [{part.loc[n, 'low']:+.3f}, {part.loc[n, 'high']:+.3f}]"
            for n in people
        ]
        lines.append(f"| {data} | {answers} | {part['loop'].iloc[0]:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def first_batch(name: str) -> str:
    """Clusters met and accuracy after the first C questions, by collection and over all sets."""
    from cold_start import by_collection, paired

    frame = pd.read_csv(FIGURES / f"{name}.csv", comment="#")
    met, accuracy = by_collection(frame, "found"), by_collection(frame, "accuracy")
    collections = [c for c in met.columns if c != "all sets"]
    lines = [
        f"Weights `{weights_of(FIGURES / f'{name}.csv')}`; {frame['data'].nunique()} data sets, "
        f"{frame['repeat'].nunique()} samples of rows each; [`{name}.csv`](figures/{name}.csv).",
        "",
        "| | clusters discovered: " + " | ".join(collections) + " | all sets | accuracy, all sets |",
        "|---|" + "--:|" * (len(collections) + 2),
    ]
    for arm in accuracy["all sets"].sort_values(ascending=False).index:
        cells = [bold(pd.Series([met.loc[arm, c]]), pd.Series([met[c].max()])) for c in met.columns]
        cells.append(
            bold(pd.Series([accuracy.loc[arm, "all sets"]]), pd.Series([accuracy["all sets"].max()]))
        )
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    told = [
        f"{what}: {paired(frame, value)}"
        for value, what in (("found", "clusters discovered"), ("accuracy", "accuracy"))
    ]
    return "\n".join([*lines, "", "; ".join(told) + "."])


def trust(*names: str) -> str:
    """What ours expects of itself and what is right, on every collection."""
    lines = [
        "| | anchors | accuracy | expected | calibration error "
        "| known clusters: accuracy | expected | calibration error | *none of these* | right |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    columns = (
        "accuracy", "expected", "ece", "accuracy_known", "expected_known", "ece_known", "new_mass", "new_share",
    )  # fmt: skip
    for name in names:
        frame = records(name)
        ours = frame[frame["method"] == OURS]
        means = ours.groupby("anchors", sort=False)[list(columns)].mean()
        for anchors, row in means.iterrows():
            title = name.removeprefix("posterior-")
            lines.append(f"| {title} | {anchors} | " + " | ".join(f"{v:.3f}" for v in row) + " |")
    return "\n".join(lines)


def of_group(frame: pd.DataFrame, group: str) -> pd.DataFrame:
    """The records of a part of ``tables``: ``old`` are the 24 that were measured before, ``new`` the others."""
    from data import COLLECTIONS

    old = frame["data"].isin(COLLECTIONS["others"]().names)
    return frame[old if group == "old" else ~old]


def damage() -> str:
    """What came of damaged databases."""
    frame = records("reliability")
    frame = frame[~frame["kind"].str.endswith(", killed")].drop(columns="had ended")
    return plain(frame.rename(columns={"kind": "damage", "found by check": "found by `db check`"}))


def kills() -> str:
    """What came of killed commands that were given again."""
    frame = records("reliability")
    frame = frame[frame["kind"].str.endswith(", killed")]
    frame = frame.assign(kind=frame["kind"].str.removesuffix(", killed"))
    columns = ["kind", "attempts", "had ended", "as written", "refused", "wrong"]
    return plain(
        frame[columns].rename(columns={"kind": "command", "attempts": "kills", "had ended": "after its end"})
    )


def million() -> str:
    """Processor seconds and memory on a run of a million events."""
    frame = records("million").drop(columns="seconds")
    return plain(
        frame.rename(columns={"cpu_seconds": "processor seconds", "peak_mb": "peak memory, MB"}).rename(
            columns={"measurement": "what"}
        )
    )


def answers() -> str:
    """Processor seconds per answer and memory as answers grow."""
    return plain(
        records("answers").rename(
            columns={
                "seconds_per_answer": "seconds per answer",
                "posterior_seconds_per_answer": "the posterior's",
                "memory_mb": "memory, MB",
            }
        )
    )


def plain(frame: pd.DataFrame) -> str:
    """A frame as a table, numbers at the right.

    Examples
    --------
    >>> print(plain(pd.DataFrame({"what": ["a", "b"], "n": [1, 2000]})))
    | what | n |
    |---|--:|
    | a | 1 |
    | b | 2,000 |
    """
    lines = [
        "| " + " | ".join(frame) + " |",
        "|"
        + "|".join("--:" if pd.api.types.is_numeric_dtype(frame[name]) else "---" for name in frame)
        + "|",
    ]
    for row in frame.itertuples(index=False):
        cells = [v if isinstance(v, str) else f"{v:,}" if float(v).is_integer() else f"{v:,.2f}" for v in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


RESULTS: dict[str, Callable[..., str]] = {
    "posterior": posterior,
    "against": against,
    "each-set": each_set,
    "asked": asked,
    "first-batch": first_batch,
    "four-curves": four_curves,
    "page-and-loop": page_and_loop,
    "stopping": stopping,
    "losses": losses,
    "summary": summary,
    "trust": trust,
    "damage": damage,
    "kills": kills,
    "million": million,
    "answers": answers,
}


def filled(text: str) -> str:
    """The page with what the records say in every marked place."""

    def fill(found: re.Match) -> str:
        what, *arguments = found["what"].split()
        if what not in RESULTS:
            raise SystemExit(f"There is no result {what!r}; expected one of {', '.join(RESULTS)}.")
        return f"{found[1]}\n{RESULTS[what](*arguments)}\n\n{found[3].lstrip()}"

    return PLACE.sub(fill, text)


def pages() -> list[Path]:
    """Pages that hold marked places."""
    return [
        path
        for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
        if PLACE.search(path.read_text(encoding="utf-8"))
    ]


def main() -> None:
    """Fill, or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page differs")
    options = parser.parse_args()
    stale = []
    for path in pages():
        text = path.read_text(encoding="utf-8")
        new = filled(text)
        if new != text:
            stale.append(path.name)
            if not options.check:
                path.write_text(new, encoding="utf-8")
    print(f"{'not as the records have it' if options.check else 'filled'}: {', '.join(stale) or 'none'}")
    if options.check and stale:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
