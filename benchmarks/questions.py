"""Query strategies and other libraries' loops, on every kind of data.

    python benchmarks/questions.py --data DIR                       # one repeat, batches of C: about ten minutes
    python benchmarks/questions.py --data DIR --repeats 10 --batch 5
    python benchmarks/questions.py --data DIR --only banking77,coil20 --arms "auto;margin"
    python benchmarks/questions.py report docs/figures/questions-HASH.csv

C is the number of true clusters; budgets are 1, 2, 5, 10 and 20 answers for each, as far as half of the rows. Each
repeat draws its own sample of rows and its own seed, the same for all arms. Intervals are over data sets. An
interrupted run resumes. What is compared, and with which model: ``rivals.py``.

The CSV, named by the hash of the network's weights, has one line per round: collection, data, clusters, rows, batch,
arm, repeat, answers, each, accuracy, found (share of the clusters that were met), and what the loop says of itself.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from data import COLLECTIONS
from records import FIGURES, Progress, Records, read
from rivals import arms as rival_arms
from rows import Rows

from activeclust import PFNClusterer
from activeclust.audit import estimate
from activeclust.compare import Arm, compare
from activeclust.loop.stopping import answers_to, parse_stop
from activeclust.metrics import mean_interval

EACH = (1, 2, 5, 10, 20)
KEY = ("data", "batch", "arm", "repeat", "answers")

#: collection -> data sets; the constants of ``auto`` were chosen on CHOSEN_ON, and are judged on all others
SETS = {
    "mnist": ("mnist",),
    "digits": ("digits",),
    "modern": ("agnews", "banking77", "coil20", "searchsnippets", "stackoverflow"),
    "sets": (
        "fcps_engytime", "other_iris5", "sipu_compound", "sipu_pathbased",
        "uci_ecoli", "uci_statlog", "uci_wine", "wut_smile",
    ),
    "tables": ("vowel", "segment", "glass", "olive oil"),
}  # fmt: skip
CHOSEN_ON = ("mnist", "digits", "stackoverflow", "sipu_compound", "uci_ecoli", "uci_statlog")
MOST_ROWS, SHARE = (
    1600,
    0.9,
)  # rows of a sample, at most, and at most that share of the set, so that samples differ
STOPS = ("converged", "accuracy=0.9", "accuracy=0.95", "gain=0.002", "gain=0.001")
AUDITED = 50  # rows of an audit
GOAL = 0.95  # of the forecast


def sample(collection: str, name: str, repeat: int, most: int, data: Path | None) -> Rows:
    """The rows of a repeat; rows that are noise are left out."""
    if collection == "digits":
        from sklearn.datasets import load_digits

        whole = Rows("digits", *load_digits(return_X_y=True))
    elif collection == "mnist":
        whole = next(iter(COLLECTIONS["mnist70k"](data)))
    elif collection == "modern":
        whole = COLLECTIONS["modern"](data, most=10**9).load(name)
    else:
        whole = COLLECTIONS[collection](data).load(name)
    scored = whole.scored
    size = min(most, int(SHARE * len(scored)))
    at = np.random.default_rng([repeat, 17]).choice(scored, size, replace=False)
    return Rows(name, np.asarray(whole.X[at], np.float32), whole.y[at], group=collection)


def budgets_of(clusters: int, rows: int) -> dict[int, int]:
    """Answers by answers for each cluster, as far as half of the rows; the first in any case.

    Examples
    --------
    >>> budgets_of(10, 250)
    {1: 10, 2: 20, 5: 50, 10: 100}
    """
    return {each: each * clusters for each in EACH if each == 1 or each * clusters <= rows // 2}


def measured(rows: Rows, name: str, arm: Arm, repeat: int, batch: str) -> Iterator[dict]:
    """One line per round of a run."""
    clusters = len(np.unique(rows.y))
    size = clusters if batch == "C" else int(batch)
    last = max(budgets_of(clusters, len(rows.y)).values())
    run = compare(
        rows.X, rows.y, strategies={name: arm}, budget=last, batch_size=size, repeats=1, seed=repeat,
    )  # fmt: skip
    scores = {metric: run.scores(name, metric)[0] for metric in run.values}
    for j, answers in enumerate(run.budgets.tolist()):
        if answers == 0:
            continue
        yield {
            "collection": rows.group, "data": rows.name, "clusters": clusters, "rows": len(rows.y), "batch": batch,
            "arm": name, "repeat": repeat, "answers": answers, "each": answers / clusters,
            "accuracy": scores["accuracy"][j], "found": scores["clusters"][j] / clusters,
            **{m: scores[m][j] for m in SIGNALS if m in scores},
        }  # fmt: skip


#: what the loop says of itself without the truth
SIGNALS = (
    "expected_accuracy",
    "expected_low",
    "expected_high",
    "answers_to_goal",
    "agreement",
    "expected_gain",
)


def run_all(options: argparse.Namespace) -> pd.DataFrame:
    """Measure what is not measured yet."""
    weights = PFNClusterer().model_hash
    out = options.out / f"questions-{weights}.csv"
    records = Records(out, weights, KEY)
    chosen = {"auto": Arm("auto")} | rival_arms()
    if options.arms:
        names = options.arms.split(";")
        chosen = {name: chosen.get(name) or Arm(name) for name in names}
    if options.kept:
        own = {name for name, arm in chosen.items() if arm.clusterer is not None}
        old = read(options.kept, KEY)
        old = old[old["arm"].isin(own) & (old["batch"] == options.batch) & (old["repeat"] < options.repeats)]
        records.add(old.to_dict("records"))
    work = [
        (collection, name, repeat)
        for repeat in range(options.repeats)
        for collection in options.collections.split(",")
        for name in SETS[collection]
        if not options.only or name in options.only.split(",")
    ]
    progress = Progress(len(work) * len(chosen))
    for collection, name, repeat in work:
        rows = sample(collection, name, repeat, options.rows, options.data)
        clusters = len(np.unique(rows.y))
        first = budgets_of(clusters, len(rows.y))[1]
        for arm in chosen:
            done = (name, options.batch, arm, repeat, first) in records
            if not done:
                records.add(measured(rows, arm, chosen[arm], repeat, options.batch))
            progress.step(f"{name} {arm} {repeat}", not done)
    frame = records.frame()
    frame = frame[(frame["batch"] == options.batch) & frame["arm"].isin(chosen)]
    if options.keep_part:  # more batches or repeats follow
        return frame
    about = [
        f"batches of {options.batch}, {options.repeats} samples of at most {options.rows} rows (seeds 0 to "
        f"{options.repeats - 1})",
        f"auto's constants were chosen on: {', '.join(CHOSEN_ON)}",
    ]
    if options.kept:
        about.append(f"arms with models of their own: from {options.kept.name}")
    records.finish(records.frame(), about)
    return frame


def at_budgets(frame: pd.DataFrame) -> pd.DataFrame:
    """The lines at 1, 2, 5, 10 and 20 answers for each cluster, ``each`` an integer."""
    at = frame[frame["each"].isin(EACH)].copy()
    at["each"] = at["each"].astype(int)
    return at


def means(frame: pd.DataFrame, value: str = "accuracy") -> pd.DataFrame:
    """(arm, data) by answers for each cluster: mean over the repeats."""
    return at_budgets(frame).pivot_table(index=["arm", "data"], columns="each", values=value, aggfunc="mean")


def report(frame: pd.DataFrame) -> None:
    """Tables in Markdown, and where ``auto`` is behind."""
    parts = {str(name): group for name, group in frame.groupby("collection", sort=False)}
    if len(parts) > 1:
        parts["all"] = frame
        held = frame[~frame["data"].isin(CHOSEN_ON)]
        if len(held):
            parts["sets on which nothing was chosen"] = held
    for name, part in parts.items():
        sets = part["data"].nunique()
        print(f"\n### {name}: {sets} data sets, {part['repeat'].nunique()} samples of rows\n")
        for value, what in (("accuracy", "accuracy"), ("found", "share of clusters met")):
            print(_markdown(means(part, value), what), "\n")
        for line in behind(part):
            print(line)
    if len(frame[frame["arm"] == "auto"]):
        print(f"\n### What auto's runs expect\n\n{stopping(frame)}")


def _markdown(table: pd.DataFrame, what: str) -> str:
    mean = table.groupby("arm").mean()
    mean = mean.loc[mean.mean(axis=1).sort_values(ascending=False).index]
    lines = [f"| {what}, answers for each cluster | " + " | ".join(map(str, mean.columns)) + " |"]
    lines.append("|---|" + "--:|" * len(mean.columns))
    for arm, row in mean.iterrows():
        cells = ["-" if np.isnan(x) else f"{x:.3f}" for x in row]
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def behind(part: pd.DataFrame) -> list[str]:
    """At each budget ``auto`` less the arm that is best there; intervals over sets, over samples on one set."""
    table = at_budgets(part).pivot_table(index=["data", "repeat"], columns=["each", "arm"], values="accuracy")
    if part["data"].nunique() > 1:
        table = table.groupby("data").mean()
    lines = []
    for each in table.columns.get_level_values("each").unique():
        here = table[each].dropna()
        if "auto" not in here or len(here.columns) < 2 or not len(here):
            continue
        lines.append(f"at {each} each: {behind_of(here)}")
    return lines


def behind_of(table: pd.DataFrame) -> str:
    """``auto`` less the arm with the best mean, over the lines of the table; columns are arms.

    Examples
    --------
    >>> behind_of(pd.DataFrame({"auto": [0.5, 0.6, 0.7], "other": [0.3, 0.4, 0.5]}))
    'auto less other +0.200 [+0.200, +0.200] ahead'
    """
    best = table.drop(columns="auto").mean().idxmax()
    less = (table["auto"] - table[best]).to_numpy()
    if len(less) < 2:
        return f"auto less {best} {less[0]:+.3f}"
    d = mean_interval(less)
    verdict = "BEHIND" if d.high < 0 else "ahead" if d.low > 0 else "level"
    return f"auto less {best} {d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}] {verdict}"


def stopping(frame: pd.DataFrame) -> str:
    """How true the expected accuracy of ``auto`` is, the forecast, and where the stop rules end its runs; Markdown."""
    runs = frame[frame["arm"] == "auto"]
    return "\n\n".join([_expected(at_budgets(runs)), forecast(runs), _rules(runs)])


def _expected(at: pd.DataFrame) -> str:
    more = at["expected_accuracy"] - at["accuracy"]
    inside = (at["expected_low"] <= at["accuracy"]) & (at["accuracy"] <= at["expected_high"])
    at = at.assign(more=more, inside=inside, half=(at["expected_high"] - at["expected_low"]) / 2)
    parts = {str(name): group for name, group in at.groupby("collection", sort=False)} | {"all": at}
    numbers = sorted(at["each"].unique())
    lines = [
        "| expected less true accuracy (interval contains the true one), answers per cluster | "
        + " | ".join(map(str, numbers))
        + " | mean half-width |",
        "|---|" + "--:|" * (len(numbers) + 1),
    ]
    for name, part in parts.items():
        of = part.groupby("each")[["more", "inside"]].mean()
        cells = [
            f"{of.loc[n, 'more']:+.3f} ({of.loc[n, 'inside']:.0%})" if n in of.index else "-" for n in numbers
        ]
        lines.append(f"| {name} | {' | '.join(cells)} | {part['half'].mean():.3f} |")
    return "\n".join(lines)


def _rules(runs: pd.DataFrame) -> str:
    lines = [
        "| rule | runs it ended | answers per cluster (median) | accuracy | expected | at the end of the run "
        "| audit contains it |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    every = [run.sort_values("answers") for _, run in runs.groupby(["data", "batch", "repeat"])]
    for text in STOPS:
        ended = [end for run in every if (end := _end(text, run)) is not None]
        if not ended:
            lines.append(f"| `{text}` | 0 of {len(every)} | | | | | |")
            continue
        table = np.array(ended, dtype=float)
        cells = [f"{np.median(table[:, 0]):.1f}", *(f"{x:.3f}" for x in table[:, 1:4].mean(axis=0))]
        lines.append(
            f"| `{text}` | {len(ended)} of {len(every)} | {' | '.join(cells)} | {table[:, 4].mean():.0%} |"
        )
    return "\n".join(lines)


def forecast(runs: pd.DataFrame) -> str:
    """How often "about N more answers to 95 %" is within a factor of two, in rounds before that is reached.

    The forecast is made again from the recorded rounds, from one answer per cluster on.
    """
    told = []
    for what, title in (("chosen", "the six sets on which it was chosen"), ("other", "the other sets")):
        ratios, rounds = [], 0
        for (data, *_), run in runs.groupby(["data", "batch", "repeat"]):
            if (data in CHOSEN_ON) != (what == "chosen"):
                continue
            run = run.sort_values("answers")
            there = run[run["accuracy"] >= GOAL]
            if not len(there):
                continue
            reached, past = there["answers"].iloc[0], []
            for answers, each, expected in zip(
                run["answers"], run["each"], run["expected_accuracy"], strict=True
            ):
                past.append({"budget": answers, "expected_accuracy": expected})
                if answers >= reached:
                    break
                if each < 1:
                    continue
                rounds += 1
                more = answers_to(past, GOAL)
                if more is not None:
                    ratios.append(max(more, 1) / (reached - answers))
        if not ratios:
            continue
        r = np.array(ratios)
        told.append(
            f"on {title}, {len(r)} of {rounds} rounds had a forecast, {np.mean((r > 0.5) & (r < 2)):.0%} of them "
            f"within a factor of two of the answers that were needed (median ratio {np.median(r):.2f})"
        )
    return f"Forecast of the answers until the accuracy is {GOAL:.0%}: " + "; ".join(told or ["none"]) + "."


def _end(text: str, run: pd.DataFrame) -> tuple | None:
    """Answers for each, accuracy, expected accuracy, accuracy at the end, whether an audit covers."""
    rule = parse_stop(text)
    rounds = [
        {"budget": r["answers"], "clusters": round(r["found"] * r["clusters"])}
        | {m: None if pd.isna(r.get(m)) else r[m] for m in SIGNALS}
        for r in run.to_dict("records")
    ]
    end = next((i for i in range(len(rounds)) if rule(rounds[: i + 1])), None)
    if end is None:
        return None
    at = run.iloc[end]
    n, answered = int(at["rows"]), int(at["answers"])
    wrong, open_rows = round((1 - at["accuracy"]) * n), n - answered
    missed = int(
        np.random.default_rng(int(at["repeat"])).hypergeometric(
            wrong, open_rows - wrong, min(AUDITED, open_rows)
        )
    )
    audit = estimate(min(AUDITED, open_rows) - missed, min(AUDITED, open_rows), n, answered)
    covers = audit.low <= at["accuracy"] <= audit.high
    return at["each"], at["accuracy"], at["expected_accuracy"], run["accuracy"].iloc[-1], covers


def main() -> None:
    """Parse and run."""
    if sys.argv[1:2] == ["report"]:
        report(read(Path(sys.argv[2]), KEY))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = os.environ.get("ACTIVECLUST_DATA")
    parser.add_argument("--data", type=Path, default=Path(folder) if folder else None)
    parser.add_argument("--collections", default=",".join(SETS), help=f"of {', '.join(SETS)}")
    parser.add_argument("--only", help="these data sets, with commas between")
    parser.add_argument(
        "--arms", help="with semicolons between; other names are strategies with our posterior"
    )
    parser.add_argument("--batch", default="C", help="questions a round; C for the number of clusters")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--rows", type=int, default=MOST_ROWS, help="at most so many rows of each set")
    parser.add_argument(
        "--kept", type=Path,
        help="a CSV of other weights: the arms with models of their own do not depend on ours, and are taken from it",
    )  # fmt: skip
    parser.add_argument("--keep-part", action="store_true", help="do not write the CSV yet: more runs follow")
    parser.add_argument("--out", type=Path, default=FIGURES)
    report(run_all(parser.parse_args()))


if __name__ == "__main__":
    main()
