"""Query strategies measured: ours against one another, against other libraries' loops, and over many sets.

    python benchmarks/strategies.py mnist --strategies random,entropy,auto --rivals --repeats 20
    python benchmarks/strategies.py sets --folder DATA/clustering --repeats 5
    python benchmarks/strategies.py stop mnist --repeats 5

Interrupted, the same command goes on where it stood: our runs are in the store, rivals' in a file beside it.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import rivals

from activeclust.clusterer import PFNClusterer
from activeclust.compare import Plan, execute, make_plan
from activeclust.compare_report import save_all, to_markdown
from activeclust.comparison import Comparison
from activeclust.datasets import Dataset, load
from activeclust.metrics import mean_interval
from activeclust.pfn.views import make_views
from activeclust.stopping import estimate, parse_stop


def say(text: str) -> None:
    """Progress, on stderr."""
    print(text, file=sys.stderr, flush=True)


def ours(plan: Plan, data: Dataset, options: argparse.Namespace) -> dict:
    """Rounds of our strategies, by (strategy, repeat)."""
    runs = {}
    for strategy, repeat, rounds in execute(plan, data, jobs=options.jobs, store=options.store):
        last = rounds[-1]["accuracy"]
        say(f"{data.name} {strategy} {repeat}: {last:.3f}")
        runs[strategy, repeat] = rounds
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
    print(to_markdown(result))
    save_all(result, options.out)


def many_sets(options: argparse.Namespace) -> None:
    """The second strategy against the first over a folder of .npz: label 0 is noise, 10 answers a cluster."""
    first, second = options.strategies.split(",")
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
        result = Comparison.from_runs(plan, data.name, len(data.X), ours(plan, data, options))
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
    parser.add_argument("--strategies", default="random,auto")
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--rivals", action="store_true")
    parser.add_argument("--store", default="benchmark.db")
    parser.add_argument("--out", default="benchmark-out")
    options = parser.parse_args()
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
