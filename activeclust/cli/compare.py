"""``activeclust compare``: a comparison of query strategies."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from activeclust.cli.options import (
    data_options,
    db_option,
    examples,
    load_data,
    seed_option,
    stderr_console,
    stdout_console,
    writable_folder,
)
from activeclust.cli.say import say

if TYPE_CHECKING:
    from activeclust.compare.comparison import Comparison
    from activeclust.datasets.dataset import Dataset


def _answers(_context: click.Context, _option: click.Parameter, value: str) -> int | str:
    if not re.fullmatch(r"0*[1-9]\d{0,8}( each)?", value.strip()):
        raise click.BadParameter(f"expected a number from 1 upward, or one such as '5 each', got {value!r}")
    return value.strip() if value.strip().endswith("each") else int(value)


def _shard(_context: click.Context, _option: click.Parameter, value: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)/(\d+)", value)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise click.BadParameter(f"expected i/n with i from 1 to n, such as 2/5, got {value!r}")
    return int(match[1]), int(match[2])


@click.command(
    "compare",
    epilog=examples(
        "compare --oracle flowers.csv --label-column species --strategies random,auto --budget 20 --repeats 3"
    ),
)
@click.option("--oracle", required=True, metavar="DATA", help="Labelled rows: mnist, digits or a file.")
@click.option(
    "--strategies", required=True, metavar="A,B,...", help="Names of strategies; 'all' for all built-in ones."
)
@click.option("--budget", metavar="N", default="100", show_default=True, callback=_answers,
              help="Answers per run; '5 each' for five per true cluster.")  # fmt: skip
@click.option("--repeats", type=click.IntRange(1), default=20, show_default=True, help="Runs per strategy.")
@click.option("--batch-size", metavar="N", default="5", show_default=True, callback=_answers,
              help="Questions per round; '1 each' for one per true cluster.")  # fmt: skip
@seed_option
@click.option("--start", type=click.IntRange(0), default=0, show_default=True,
              help="Random rows answered before the strategy starts, the same for all strategies.")  # fmt: skip
@click.option("--noise", type=click.FloatRange(0, 1), default=0.0, show_default=True,
              help="Share of wrong answers, on the same rows for all strategies.")  # fmt: skip
@click.option("--noise-label", metavar="NAME", help="Label of rows that are neither asked about nor scored.")
@click.option(
    "--jobs", type=int, default=1, show_default=True, help="Number of processes; -1 for one per core."
)
@click.option("--shard", default="1/1", metavar="I/N", callback=_shard,
              help="Run the I-th of N parts; once all parts are done, omit it to get the report.")  # fmt: skip
@click.option("--name", metavar="NAME", help="Name of the sweep [default: derived from data and settings].")
@click.option("--out", metavar="DIR", help="Folder for CSV, JSON, pictures and report.html.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison as JSON.")
@db_option
@data_options
def compare_command(**given: Any) -> None:
    """Compare query strategies on paired seeds.

    Every run is kept in the database, so an interrupted sweep resumes
    when the same command is given again.
    """
    from activeclust import strategies as registry
    from activeclust.compare.comparison import Comparison
    from activeclust.compare.execute import execute
    from activeclust.compare.plan import make_plan

    asked = [name.strip() for name in given["strategies"].split(",") if name.strip()]
    names = registry.names() if asked == ["all"] else asked
    data = load_data(given["oracle"], given)
    if given["noise_label"] is not None:
        data = _without(data, given["noise_label"])
    settings = {k: given[k] for k in ("name", "batch_size", "repeats", "seed", "start", "noise")}
    plan = make_plan(data, names, given["budget"], **settings)
    out = writable_folder(Path(given["out"])) if given["out"] else None
    shard, runs = given["shard"], {}
    with _Progress(len(plan.jobs(shard))) as progress:
        for strategy, repeat, rounds in execute(
            plan, data, jobs=given["jobs"], store=given["db"], shard=shard, progress=progress
        ):
            runs[strategy, repeat] = rounds
    if shard[1] > 1:
        say(
            f"Part {shard[0]} of {shard[1]} is done: {len(runs)} runs in {given['db']}. When all parts are, "
            "give the command without --shard for the report."
        )
        return
    _report(Comparison.from_runs(plan, data.name, len(data.X), runs), out, given["as_json"])


def _without(data: Dataset, noise_label: str) -> Dataset:
    from dataclasses import replace

    import numpy as np

    y = np.empty(len(data.X), dtype=object)
    y[:] = [None if str(name) == noise_label else name for name in data.oracle_labels().tolist()]
    return replace(data, y=y)


def _report(comparison: Comparison, out: Path | None, as_json: bool) -> None:
    from activeclust.compare.report import notes, save_all, to_table

    if as_json:
        click.echo(comparison.to_json())
    else:
        console = stdout_console()
        console.print(to_table(comparison, console.width))
        for note in notes(comparison):
            say(note)
    if out is not None:
        save_all(comparison, out)
        say(f"Wrote {out / 'report.html'} and the files beside it.")


class _Progress:
    """A line on stderr: runs done, the last one's name, time left."""

    def __init__(self, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(elapsed_when_finished=True),
            console=stderr_console(),
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
