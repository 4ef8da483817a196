"""Query strategies measured: ours against one another, against other libraries' loops, and over many sets.

    python benchmarks/strategies.py mnist --budget 200 --rivals --out docs/figures/strategies
    python benchmarks/strategies.py sets --folder DATA/clustering --repeats 5 --out docs/figures/strategies
    python benchmarks/strategies.py stop mnist --budget 200 --repeats 20 --out docs/figures/strategies

Interrupted, the same command goes on where it stood: our runs are in the store, rivals' in a file beside it.
``stop`` reads the runs of ``auto`` that ``mnist`` has made. With ``--as-far-as-it-is`` the report is of the
runs there are, and none is begun.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import rivals

from activeclust.audit import estimate
from activeclust.clusterer import PFNClusterer
from activeclust.compare import Plan, execute, make_plan
from activeclust.compare.comparison import Comparison
from activeclust.compare.report import save_all, to_markdown
from activeclust.datasets import Dataset, load
from activeclust.errors import RunNotFound
from activeclust.loop.history import History
from activeclust.loop.stopping import parse_stop
from activeclust.metrics import mean_interval, paired_difference
from activeclust.store import open_store
from activeclust.views.views import make_views

STRATEGIES = "random,entropy,margin,herding,uncertainty_herding,typicality,auto"
#: mean accuracy of ``auto`` on MNIST, 5,000 rows in batches of 5, that is aimed at
TARGETS = {10: 0.75, 20: 0.85, 50: 0.92, 100: 0.94}


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def ours(plan: Plan, data: Dataset, options: argparse.Namespace) -> dict:
    """Rounds of our strategies, by (strategy, repeat)."""
    runs = {}
    if options.as_far_as_it_is:
        return _finished(plan, options.store)
    for strategy, repeat, rounds in execute(plan, data, jobs=options.jobs, store=options.store):
        last = rounds[-1]["accuracy"]
        say(f"{data.name} {strategy} {repeat}: {last:.3f}")
        runs[strategy, repeat] = rounds
    return runs


def _finished(plan: Plan, store: str) -> dict:
    """Rounds of the runs that have reached the budget."""
    opened, runs = open_store(store), {}
    for strategy, repeat in plan.jobs():
        try:
            rounds = History(opened.open_run(plan.run_name(strategy, repeat)).rounds()).records()
        except RunNotFound:
            continue
        if rounds and rounds[-1]["budget"] >= plan.budget:
            runs[strategy, repeat] = rounds
    opened.close()
    return runs


def theirs(plan: Plan, data: Dataset, names: list[str], options: argparse.Namespace) -> dict:
    """Rounds of the rivals, by (name, repeat), on PCA-50 of the same rows with the same seeds."""
    kept = Path(options.store).with_suffix(".rivals.jsonl")
    done = {}
    if kept.exists():
        for line in kept.read_text().splitlines():
            record = json.loads(line)
            done[tuple(record["key"])] = record["rounds"]
    views = make_views(data.X)
    X, y = views.pca[views.inverse].astype(float), np.asarray(data.y)
    runs = {}
    for repeat in range(plan.repeats):
        for name in names:
            key = (plan.name, name, repeat, plan.budget)
            if key not in done and options.as_far_as_it_is:
                continue
            if key not in done:
                rounds = rivals.run(name, X, y, plan.budget, plan.batch_size, plan.seed_of(repeat))
                done[key] = rounds
                with kept.open("a") as file:
                    file.write(json.dumps({"key": key, "rounds": rounds}) + "\n")
                say(f"{data.name} {name} {repeat}: {rounds[-1]['accuracy']:.3f}")
            runs[name, repeat] = done[key]
    return runs


def one_set(options: argparse.Namespace) -> None:
    """Strategies, and rivals where wanted, on one data set."""
    data = load(options.data)
    plan = make_plan(
        data, options.strategies.split(","), options.budget, batch_size=options.batch_size,
        repeats=options.repeats, seed=options.seed,
    )  # fmt: skip
    runs = ours(plan, data, options)
    if options.rivals:
        names = list(rivals.RIVALS)
        runs |= theirs(plan, data, names, options)
        plan = replace(plan, strategies=(*plan.strategies, *names))
    result = Comparison.from_runs(plan, data.name, len(data.X), runs)
    for budget in sorted({min(100, plan.budget), plan.budget}):
        part = result.until(budget)
        print(f"\n{part.repeats} repeats, up to {budget} answers\n\n{to_markdown(part)}\n")
        _verdicts(part)
        save_all(part, Path(options.out) / f"{data.name}-{budget}")


def _verdicts(result: Comparison) -> None:
    """Whether what is aimed at holds for ``auto``."""
    if "auto" not in result.strategies:
        return
    mine = result.scores("auto")
    for budget, aim in TARGETS.items():
        if result.dataset == "mnist" and budget in result.budgets:
            mean = mine[:, result.budgets.tolist().index(budget)].mean()
            print(
                f"auto at {budget}: {mean:.3f}, at least {aim} {'holds' if mean >= aim else 'DOES NOT HOLD'}"
            )
    others = [s for s in result.strategies if s != "auto"]
    area = {s: paired_difference(result.areas("auto"), result.areas(s), 0.95) for s in others}
    for s, d in area.items():
        print(f"area of auto less that of {s}: {d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}]")
    for j, budget in enumerate(result.budgets.tolist()):
        behind = [(s, paired_difference(mine[:, j], result.scores(s)[:, j], 0.95)) for s in others if budget]
        for s, d in behind:
            if d.high < 0:
                print(f"at {budget} answers auto is below {s}: {d.mean:+.4f} [{d.low:+.4f}, {d.high:+.4f}]")


def many_sets(options: argparse.Namespace) -> None:
    """The last strategy against the first over a folder of .npz: label 0 is noise, 10 answers a cluster."""
    first, second = options.strategies.split(",")[0], options.strategies.split(",")[-1]
    lines = []
    for path in sorted(Path(options.folder).glob("*.npz")):
        data = load(path)
        y = np.array([None if label == 0 else int(label) for label in data.y], dtype=object)
        clusters = len({label for label in y if label is not None})
        known = sum(label is not None for label in y)
        budget = min(10 * clusters, known)
        data = replace(data, y=y)
        plan = make_plan(
            data, [first, second], budget, batch_size=max(1, min(5, clusters)), repeats=options.repeats,
            seed=options.seed,
        )  # fmt: skip
        runs = ours(plan, data, options)
        if not any((second, r) in runs and (first, r) in runs for r in range(plan.repeats)):
            continue
        result = Comparison.from_runs(plan, data.name, len(data.X), runs)
        area = result.areas(second).mean() - result.areas(first).mean()
        finals = [result.scores(s)[:, -1].mean() for s in (first, second)]
        lines.append((data.name, len(data.X), clusters, *finals, area))
        say(f"{path.stem}: {first} {finals[0]:.3f} {second} {finals[1]:.3f}, area {area:+.3f}")
    print(f"| set | rows | clusters | {first} | {second} | difference in area |\n|---|--:|--:|--:|--:|--:|")
    for name, rows, clusters, a, b, area in lines:
        print(f"| {name} | {rows} | {clusters} | {a:.3f} | {b:.3f} | {area:+.3f} |")
    areas = np.array([line[-1] for line in lines])
    mean = mean_interval(areas)
    print(
        f"\nDifference in area over {len(areas)} sets: {mean.mean:+.4f} [{mean.low:+.4f}, {mean.high:+.4f}]; "
        f"below on {(areas < 0).sum()}, by more than .005 on {(areas < -0.005).sum()}."
    )
    _draw_sets(lines, first, second, Path(options.out))


def _draw_sets(lines: list[tuple], first: str, second: str, folder: Path) -> None:
    """sets.csv, and one bar a set, the worst first."""
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "sets.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["set", "rows", "clusters", first, second, "difference_in_area"])
        writer.writerows([*line[:3], *(f"{x:.4f}" for x in line[3:])] for line in lines)
    lines = sorted(lines, key=lambda line: line[-1])
    figure = Figure(figsize=(7, 1 + 0.2 * len(lines)), layout="constrained")
    axes = figure.subplots()
    colours = ["#c0392b" if line[-1] < 0 else "#2c7fb8" for line in lines]
    axes.barh([line[0] for line in lines], [line[-1] for line in lines], color=colours)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    axes.set_xlabel(f"area under the accuracy curve: {second} less {first}")
    figure.savefig(folder / "sets.png", dpi=120)


def stopping(options: argparse.Namespace) -> None:
    """Where the stop rules fire, the accuracy there, and what an audit of 50 rows would have said."""
    data = load(options.data)
    sizes = {"batch_size": options.batch_size, "repeats": options.repeats, "seed": options.seed}
    runs = ours(make_plan(data, ["auto"], options.budget, **sizes), data, options)
    print("| rule | runs it ended | answers (median) | accuracy | it expects | at the end | audit covers |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for text in ("converged", "accuracy=0.9", "accuracy=0.95", "gain=0.002", "gain=0.001"):
        fired = [_where(text, rounds, repeat, len(data.X)) for (_, repeat), rounds in runs.items()]
        table = np.array([row for row in fired if row is not None], dtype=float)
        if len(table) == 0:
            print(f"| {text} | 0 of {len(runs)} | | | | | |")
            continue
        cells = [f"{np.median(table[:, 0]):.0f}", *(f"{x:.3f}" for x in table[:, 1:4].mean(axis=0))]
        print(f"| {text} | {len(table)} of {len(runs)} | {' | '.join(cells)} | {table[:, 4].mean():.0%} |")


def _where(text: str, rounds: list[dict], repeat: int, n_rows: int) -> tuple | None:
    rule = parse_stop(text)
    end = next((i for i in range(len(rounds)) if rule(rounds[: i + 1])), None)
    if end is None:
        return None
    at = rounds[end]
    wrong, open_rows = round((1 - at["accuracy"]) * n_rows), n_rows - at["budget"]
    missed = int(np.random.default_rng(repeat).hypergeometric(wrong, open_rows - wrong, 50))
    audit = estimate(50 - missed, 50, n_rows, at["budget"])
    covers = audit.low <= at["accuracy"] <= audit.high
    return at["budget"], at["accuracy"], at["expected_accuracy"], rounds[-1]["accuracy"], covers


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", help="a data set's name or file, 'sets', or 'stop'")
    parser.add_argument("data", nargs="?", default="mnist", help="data set for 'stop'")
    parser.add_argument("--folder", help="folder of .npz for 'sets'")
    parser.add_argument("--strategies", help=f"with commas between; by default {STRATEGIES}")
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--as-far-as-it-is", action="store_true", help="report on the runs there are")
    parser.add_argument("--store", default="benchmark.db")
    parser.add_argument("--out", default="benchmark-out")
    options = parser.parse_args()
    options.strategies = options.strategies or ("random,auto" if options.what == "sets" else STRATEGIES)
    PFNClusterer().model_hash  # noqa: B018 - missing weights are better said now than after an hour
    if options.what == "sets":
        many_sets(options)
    elif options.what == "stop":
        stopping(options)
    else:
        options.data = options.what
        one_set(options)


if __name__ == "__main__":
    main()
