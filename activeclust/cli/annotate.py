"""``activeclust annotate``: a person answers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from activeclust.cli.databases import tell_where
from activeclust.cli.options import (
    answers_option,
    bars,
    batch_size_option,
    begin_with_answers,
    clusterer_of,
    data_options,
    data_settings,
    db_option,
    drawn_seed_option,
    examples,
    load_data,
    stop_option,
    strategy_option,
    tell_carried,
    views_options,
)
from activeclust.cli.say import say
from activeclust.errors import DataFileError, InvalidInput


@click.command(
    "annotate", epilog=examples("annotate rows.csv", "annotate rows.csv --ui terminal --budget 50")
)
@click.argument("source", metavar="DATA")
@click.option(
    "--ui",
    type=click.Choice(["web", "terminal"]),
    help="User interface [default: web if activeclust[web] is installed and stdin is a terminal, else terminal].",
)
@strategy_option
@click.option("--budget", type=click.IntRange(1), help="Total number of answers [default: every row].")
@batch_size_option
@drawn_seed_option
@stop_option
@db_option
@click.option("--name", metavar="NAME", help="Name of the run [default: the file's name].")
@click.option("--who", default="", metavar="NAME", help="Your name, where several people answer.")
@click.option(
    "--annotators",
    type=click.IntRange(1),
    metavar="N",
    help="Number of annotators who answer each row [default: as stored with the run, else 1].",
)
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    help="Port of the page [default: derived from the run, 8421 to 8920].",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address that the page listens on.")
@click.option(
    "--password",
    metavar="PASSWORD",
    envvar="ACTIVECLUST_PASSWORD",
    help="Password of the page, required with --host for other machines (better in the variable ACTIVECLUST_PASSWORD).",
)
@click.option(
    "--people",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="File of the people who may answer: one `name` or `name: password` per line.",
)
@click.option(
    "--guidelines",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE.md",
    help="Markdown file that is shown beside the question.",
)
@click.option("--base-url", metavar="URL", help="Address that people open if the page is behind a proxy.")
@click.option("--browser/--no-browser", default=True, help="Open the page in a browser.")
@click.option("--changed", is_flag=True, help="Continue even with other rows, strategy, seed or model.")
@click.option("--device", default="auto", show_default=True, help="Device: cpu, cuda, ...")
@answers_option
@data_options
@views_options
@click.pass_context
def annotate_command(context: click.Context, source: str, **given: Any) -> None:
    """Ask a person which clusters rows belong to. The same command resumes where you stopped.

    Every answer is kept at once. `activeclust cluster DATA --name NAME` writes the partition.
    """
    from activeclust import strategies
    from activeclust.annotators.terminal import Terminal
    from activeclust.loop.stopping import parse_stop
    from activeclust.store import open_store

    strategies.get(given["strategy"])
    stop = parse_stop(given["stop"]) if given["stop"] else None
    ui = given["ui"] or _default_ui()
    store = open_store(given["db"])
    try:
        if ui == "web":
            _serve(store, source, given)
            return
        loop = data_run(store, source, Terminal(), given)
        budget = given["budget"] or len(loop.X)
        done = loop.history.last or {}
        loop.annotator.progress(len(loop.anchors), budget, done)
        history = loop.run(budget, progress=loop.annotator.progress, stop=stop)
        _farewell(loop, history.ended, source, given)
    finally:
        store.close()
    if history.ended == "interrupted":
        context.exit(130)


def _default_ui() -> str:
    from activeclust.web.installed import missing

    return "web" if sys.stdin.isatty() and not missing() else "terminal"


def _serve(store: Any, source: str, given: dict[str, Any]) -> None:
    from activeclust.web import check_reach, read_people, serve
    from activeclust.web.installed import check_installed

    check_installed(instead=" (or answer in the terminal with --ui terminal)")
    people = read_people(_text(given["people"])) if given["people"] else None
    guidelines = _text(given["guidelines"]) if given["guidelines"] else ""
    check_reach(given["host"], given["password"], people)  # before minutes of preparation
    loop = data_run(store, source, None, given)
    serve(
        loop,
        port=given["port"],
        who=given["who"],
        budget=given["budget"],
        stop=given["stop"],
        open_browser=given["browser"],
        host=given["host"],
        password=given["password"],
        base_url=given["base_url"],
        people=people,
        guidelines=guidelines,
    )
    loop.refresh()
    _farewell(loop, None, source, given)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataFileError(f"{path} cannot be read as text in UTF-8: {error}") from error


def data_run(store: Any, source: str, terminal: Any, given: dict[str, Any]) -> Any:
    """The loop of a new or continued run over DATA, with the options of a command."""
    from activeclust.loop.active_loop import ActiveLoop
    from activeclust.metrics import known_rows

    data = load_data(source, given)
    # labels of some rows are answers given before; those of all rows are the truth, and score the run
    is_start = data.y is not None and not known_rows(data.y).all()
    if given["budget"] and given["budget"] > len(data.X):
        raise InvalidInput(
            f"A budget of {given['budget']:,} answers is larger than the pool of {len(data.X):,} rows."
        )
    settings, runs = data_settings(source, given), {info.spec.name for info in store.runs()}
    with bars():
        loop = ActiveLoop(
            data.X,
            terminal,
            strategy=given["strategy"],
            clusterer=clusterer_of(given, given["seed"]),
            store=store,
            name=given["name"] or Path(source).stem,
            items=data.items,
            batch_size=given["batch_size"],
            random_state=given["seed"],
            resume="auto",
            strict=not given["changed"],
            # the page leases rows itself, for each of the people who look at it
            who=given["who"] if terminal is not None else "",
            annotators=given.get("annotators"),
            labels_true=None if is_start else data.y,
            source=source,
            options={"data": settings, "preparation": list(data.notes)},
            row_ids=data.row_ids,
        )
    if loop.stored.spec.name not in runs:
        tell_where(store, loop.stored.spec.name, settings["source"], len(runs))
    tell_carried(loop)
    begin_with_answers(loop, data, given, labels=is_start)
    return loop


def _farewell(loop: Any, ended: str | None, source: str, given: dict[str, Any]) -> None:
    why = {
        "budget": "The budget is used up.",
        "converged": "Further answers no longer change the partition.",
        "pool": "Every row has been answered or set aside.",
        "interrupted": "Interrupted.",
    }.get(ended or "", "Stopped.")
    name = loop.stored.spec.name
    say(
        f"{why} {len(loop.anchors)} answers, {len(loop.clusters)} clusters, kept as run {name!r} in "
        f"{given['db']}.\n"
        f"Write the partition with: activeclust cluster {source} --name {name} -o clusters.csv"
    )


COMMANDS: list[click.Command] = [annotate_command]
