"""``activeclust loop``: run the loop with an oracle that knows all labels."""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from activeclust.cli.options import (
    answers_option,
    bars,
    batch_size_option,
    begin_with_answers,
    clusterer_of,
    data_options,
    data_settings,
    db_option,
    examples,
    load_data,
    seed_option,
    stderr_console,
    stop_option,
    strategy_option,
    tell_carried,
    views_options,
    writable_folder,
)
from activeclust.cli.say import say
from activeclust.errors import InvalidInput, RunNotFound

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop
    from activeclust.loop.history import History
    from activeclust.store.base import Store
    from activeclust.store.records import RunSpec


@click.command(
    "loop",
    epilog=examples(
        "loop --oracle mnist --budget 100", "loop --oracle flowers.csv --label-column species --budget 20"
    ),
)
@click.option("--oracle", metavar="DATA", help="Labelled rows: mnist, digits, mnist70k or a file.")
@strategy_option
@click.option(
    "--budget", type=click.IntRange(1), default=100, show_default=True, help="Total number of answers."
)
@batch_size_option
@seed_option
@click.option(
    "--noise",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of answers that the oracle gives wrongly.",
)
@stop_option
@db_option
@click.option("--name", metavar="NAME", help="Name of the run [default: DATA-STRATEGY-seedN].")
@click.option(
    "--resume", is_flag=True, help="Continue the run; options that are not given keep their stored values."
)
@click.option(
    "--changed", is_flag=True, help="Resume even with other rows, strategy, seed, batch size or model."
)
@click.option(
    "--out", metavar="DIR", help="Folder for rounds.csv and curve.png [default: activeclust-out/NAME]."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of the table.")
@click.option("--device", default="auto", show_default=True, help="Device: cpu, cuda, ...")
@answers_option
@data_options
@views_options
@click.pass_context
def loop_command(context: click.Context, **given: Any) -> None:
    """Run the loop with an oracle, and plot the accuracy against the number of answers.

    Without --name a new run gets the next free name (mnist-entropy-seed0, mnist-entropy-seed0-2, ...), and
    --resume continues the newest of them.
    """
    from activeclust import strategies
    from activeclust.loop.stopping import parse_stop
    from activeclust.store import open_store

    strategies.get(given["strategy"])
    stop = parse_stop(given["stop"]) if given["stop"] else None
    store = open_store(given["db"])
    try:
        name, spec = find_name(store, given)
        given = _as_before(context, given, spec) if spec else given
        if given["oracle"] is None:
            raise click.UsageError("Missing option '--oracle': mnist, digits, mnist70k or a file.")
        out = writable_folder(Path(given["out"] or Path("activeclust-out") / folder_name(name)))
        loop = _make(store, name, given)
        with bar(given["budget"], len(loop.anchors)) as progress:
            history = loop.run(given["budget"], progress=progress, stop=stop)
        finish(loop, history, out, as_json=given["as_json"])
    finally:
        store.close()
    if history.ended == "interrupted":
        say(
            f"Interrupted; the {len(loop.anchors)} answers so far are kept. Continue with: "
            f"activeclust loop --resume --name {name}"
        )
        context.exit(130)


def _make(store: Store, name: str, given: dict[str, Any]) -> ActiveLoop:
    from activeclust.annotators.oracles import LabelOracle, NoisyOracle
    from activeclust.loop.active_loop import ActiveLoop
    from activeclust.metrics import known_rows
    from activeclust.validation import counted

    data = load_data(given["oracle"], given)
    labels = data.oracle_labels()
    if given["budget"] > len(data.X):
        raise InvalidInput(
            f"A budget of {given['budget']:,} answers is larger than the pool of {len(data.X):,} rows."
        )
    unknown = int((~known_rows(labels)).sum())
    if unknown:
        say(
            f"{counted(unknown, 'row')} of {counted(len(labels), 'row')} have no label: the oracle skips them, and "
            "scores leave them out."
        )
    oracle = (
        NoisyOracle(labels, error_rate=given["noise"], random_state=given["seed"])
        if given["noise"]
        else LabelOracle(labels)
    )
    with bars():
        loop = ActiveLoop(
            data.X,
            oracle,
            strategy=given["strategy"],
            clusterer=clusterer_of(given, given["seed"]),
            store=store,
            name=name,
            batch_size=given["batch_size"],
            random_state=given["seed"],
            labels_true=labels,
            resume=given["resume"],
            strict=not given["changed"],
            source=given["oracle"],
            options={
                "data": data_settings(given["oracle"], given),
                "preparation": list(data.notes),
                "budget": given["budget"],
                "noise": given["noise"],
            },
            row_ids=data.row_ids,
        )
    tell_carried(loop)
    begin_with_answers(loop, data, given, labels=False)
    return loop


# ---------------------------------------------------------------- names


def find_name(store: Store, given: dict[str, Any]) -> tuple[str, RunSpec | None]:
    """The run's name, and what it was made from where it is resumed."""
    if given["name"]:
        return given["name"], store.open_run(given["name"]).spec if given["resume"] else None
    if given["oracle"] is None:
        wanted = "--name" if given["resume"] else "--oracle"
        raise click.UsageError(f"Missing option '{wanted}': which {'run' if given['resume'] else 'rows'}?")
    from activeclust import strategies

    stem = Path(given["oracle"]).stem
    base = f"{stem}-{strategies.name_of(given['strategy'])}-seed{given['seed']}"
    base += f"-batch{given['batch_size']}" if given["batch_size"] > 1 else ""
    alike = {
        run.spec.name: run
        for run in store.runs()
        if re.fullmatch(re.escape(base) + r"(-\d+)?", run.spec.name)
    }
    if given["resume"]:
        if not alike:
            raise RunNotFound(
                f"There is no run {base!r} in {given['db']} to resume; `activeclust runs` lists them."
            )
        newest = list(alike.values())[-1].spec
        return newest.name, newest
    if not alike:
        return base, None
    number = next(i for i in range(2, len(alike) + 3) if f"{base}-{i}" not in alike)
    free = base if base not in alike else f"{base}-{number}"
    newest_run = list(alike.values())[-1]
    say(
        f"There is a run {newest_run.spec.name!r} already, with {newest_run.n_anchors} answers; --resume "
        f"continues it. This one is {free!r}."
    )
    return free, None


def _as_before(context: click.Context, given: dict[str, Any], spec: RunSpec) -> dict[str, Any]:
    """Options that are not given on the command line keep their stored values."""
    data = dict(spec.options.get("data", {}))
    stored = {
        "strategy": spec.strategy,
        "seed": spec.seed,
        "batch_size": spec.batch_size,
        "budget": spec.options.get("budget"),
        "noise": spec.options.get("noise"),
        "oracle": data.pop("source", spec.source) or None,
    } | data
    asked = {key for key in given if context.get_parameter_source(key) not in (ParameterSource.DEFAULT, None)}
    if "oracle" in asked:
        asked |= set(data)  # other rows are read with other options
    return given | {key: value for key, value in stored.items() if key not in asked and value is not None}


def folder_name(name: str) -> str:
    """A run's name as the name of a folder.

    Examples
    --------
    >>> folder_name("mnist-modal:entropy_sampling/3")
    'mnist-modal_entropy_sampling_3'
    """
    return re.sub(r"[^\w.-]+", "_", name).strip(".") or "run"


# ---------------------------------------------------------------- progress and results


@contextlib.contextmanager
def bar(budget: int, done: int) -> Iterator[Any]:
    """A progress bar on stderr with the time left; gives the callback that moves it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    progress = Progress(
        TextColumn("answers"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[scores]}"),
        console=stderr_console(),
        disable=not sys.stderr.isatty(),
    )
    task = progress.add_task("answers", total=budget, completed=done, scores="")

    def move(answered: int, _budget: int, metrics: Any) -> None:
        accuracy = metrics.get("accuracy")
        scores = f"accuracy {accuracy:.3f}" if accuracy is not None else ""
        progress.update(task, completed=answered, scores=scores)

    with progress:
        yield move


def finish(loop: ActiveLoop, history: History, out: Path, *, as_json: bool) -> None:
    """Write the files, and print the table or the JSON document."""
    from activeclust.cli.runs import print_run

    print_run(loop.stored, history, out, as_json=as_json)


COMMANDS: list[click.Command] = [loop_command]
