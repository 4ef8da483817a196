"""``activeclust compare`` and ``activeclust audit``."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import click

_SHARED = {
    "db": click.option("--db", metavar="URL", help="Database with the runs: a path or a URL."),
    "seed": click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed."),
}


def _shard(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", value)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise click.BadParameter(f"expected i/n with i from 1 to n, such as 2/5, got {value!r}")
    return int(match[1]), int(match[2])


@click.command("compare")
@click.option(
    "--oracle", required=True, metavar="DATA", help="Labelled rows: mnist, digits, mnist70k or a file."
)
@click.option("--labels", metavar="FILE", help="Labels of an array file.")
@click.option("--label-column", metavar="NAME", help="Column of a table that holds the labels.")
@click.option("--noise-label", metavar="NAME", help="Label that means none: never asked, never scored.")
@click.option(
    "--strategies", required=True, metavar="A,B,...", help="Names with commas between; 'all' for all."
)
@click.option("--budget", type=click.IntRange(min=1), default=100, show_default=True, help="Answers a run.")
@click.option("--repeats", type=click.IntRange(min=1), default=20, show_default=True, help="Runs a strategy.")
@click.option(
    "--batch-size", type=click.IntRange(min=1), default=5, show_default=True, help="Answers a round."
)
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True,
              help="Rows answered before the strategy is asked, the same for all.")  # fmt: skip
@click.option(
    "--noise", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of wrong answers."
)
@click.option("--jobs", type=int, default=1, show_default=True, help="Processes; -1 for one a core.")
@click.option("--shard", default="1/1", metavar="I/N", callback=_shard,
              help="Run the I-th of N parts; once all are done, leave it out for the report.")  # fmt: skip
@_SHARED["seed"]
@_SHARED["db"]
@click.option("--name", metavar="NAME", help="Name of the sweep; by default made from data and settings.")
@click.option("--out", metavar="DIR", help="Folder for CSV, JSON, pictures and report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
def compare_command(oracle: str, strategies: str, db: str | None, out: str | None, as_json: bool, jobs: int,
                    shard: tuple[int, int], labels: str | None, label_column: str | None,
                    noise_label: str | None, **settings: Any) -> None:  # fmt: skip
    """Run strategies against one another on paired seeds.

    Every run is kept in the database (activeclust-compare.db unless --db names another), so an interrupted
    sweep goes on where it stood when the same command is given again.
    """
    from activeclust import strategies as registry
    from activeclust.compare import execute, make_plan
    from activeclust.comparison import Comparison
    from activeclust.datasets import load

    data = load(oracle, labels=labels, label_column=label_column)
    if noise_label is not None:
        data = _without(data, noise_label)
    names = (
        registry.names() if strategies == "all" else [s.strip() for s in strategies.split(",") if s.strip()]
    )
    plan = make_plan(data, names, settings.pop("budget"), **settings)
    store = db or "activeclust-compare.db"
    with _Progress(len(plan.jobs(shard))) as progress:
        runs = {
            (strategy, repeat): rounds
            for strategy, repeat, rounds in execute(
                plan, data, jobs=jobs, store=store, shard=shard, progress=progress
            )
        }
    if shard[1] > 1:
        click.echo(
            f"Part {shard[0]} of {shard[1]} is done: {len(runs)} runs in {store}. When all parts are, give "
            "the command without --shard for the report.",
            err=True,
        )
        return
    _report(Comparison.from_runs(plan, data.name, len(data.X), runs), out, as_json)


def _without(data: Any, noise_label: str) -> Any:
    from dataclasses import replace

    import numpy as np

    y = np.empty(len(data.X), dtype=object)
    y[:] = [None if str(name) == noise_label else name for name in data.oracle_labels().tolist()]
    return replace(data, y=y)


def _report(comparison: Any, out: str | None, as_json: bool) -> None:
    from rich.console import Console

    from activeclust.compare_report import notes, save_all, to_table

    if as_json:
        click.echo(comparison.to_json())
    else:
        console = Console(highlight=False)
        console.print(to_table(comparison, console.width))
        for note in notes(comparison):
            click.echo(note, err=True)
    if out is not None:
        save_all(comparison, out)
        click.echo(f"Wrote {Path(out) / 'report.html'} and the files beside it.", err=True)


class _Progress:
    """A line on stderr: runs done, the last one's name, time left."""

    def __init__(self, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self.task = self.bar.add_task("making the views", total=total)

    def __enter__(self) -> _Progress:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def __call__(self, done: int, total: int, strategy: str, repeat: int) -> None:
        self.bar.update(self.task, completed=done, description=f"{strategy}, repeat {repeat + 1}")


COMMANDS: list[click.Command] = [compare_command]
