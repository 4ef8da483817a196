"""``activeclust runs`` and ``activeclust report``: stored runs as tables, files and JSON."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from activeclust.cli.options import db_option, examples, stdout_console, writable_folder
from activeclust.cli.say import say

if TYPE_CHECKING:
    from activeclust.loop.history import History
    from activeclust.store.base import Run
    from activeclust.store.records import RunInfo


@click.command("runs", epilog=examples("runs"))
@db_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of the table.")
def runs_command(db: str, as_json: bool) -> None:
    """List the runs of a database, the newest last."""
    from activeclust.loop.report import runs_table
    from activeclust.store import open_store

    store = open_store(db, create=False)
    try:
        runs = store.runs()
    finally:
        store.close()
    if as_json:
        click.echo(json.dumps([_line(info) for info in runs], ensure_ascii=False))
    elif runs:
        stdout_console().print(runs_table(runs))
    else:
        say(f"{db} holds no runs yet.")


def _line(info: RunInfo) -> dict[str, Any]:
    return {
        "run": info.spec.name,
        "source": info.spec.source,
        "strategy": info.spec.strategy,
        "seed": info.spec.seed,
        "batch_size": info.spec.batch_size,
        "rows": info.spec.n_rows,
        "answers": info.n_anchors,
        "clusters": info.n_clusters,
        "rounds": info.n_rounds,
        "created_at": info.created_at.isoformat(),
        "updated_at": info.updated_at.isoformat(),
        "metrics": dict(info.last_metrics),
    }


@click.command("report", epilog=examples("report --name rows --out report"))
@db_option
@click.option("--name", required=True, metavar="NAME", help="Name of the run.")
@click.option(
    "--out", metavar="DIR", help="Folder for rounds.csv and curve.png [default: none, no files are written]."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of the table.")
def report_command(db: str, name: str, out: str | None, as_json: bool) -> None:
    """Show the table of a stored run; --out writes its files."""
    from activeclust.loop.history import History
    from activeclust.store import open_store

    folder = writable_folder(Path(out)) if out else None
    store = open_store(db, create=False)
    try:
        run = store.open_run(name)
        print_run(run, History(run.rounds()), folder, as_json=as_json)
    finally:
        store.close()


def print_run(run: Run, history: History, folder: Path | None, *, as_json: bool) -> None:
    """Write rounds.csv and curve.png, then print the run as a table or as JSON."""
    from activeclust.loop.report import expectation, rounds_table

    files = []
    if folder is not None:
        files = [folder / "rounds.csv", folder / "curve.png"]
        history.to_csv(files[0])
        history.plot(files[1], title=run.spec.name)
    if as_json:
        click.echo(json.dumps(document(run, history, files), ensure_ascii=False))
        return
    stdout_console().print(rounds_table(history.rounds))
    area = history.area_under_curve()
    if area is not None:
        say(f"Mean accuracy over the budget: {area:.3f}")
    if expected := expectation(history.last):
        command = f"activeclust audit --name {shlex.quote(run.spec.name)}"
        say(f"{expected} `{command}` asks about random rows and gives an unbiased figure.")
    if files:
        say(f"Wrote {files[0]} and {files[1].name}. Run {run.spec.name!r} is kept.")


def document(run: Run, history: History, files: list[Path]) -> dict[str, Any]:
    """A run as JSON."""
    snapshot, spec = run.snapshot(), run.spec
    scores = ("accuracy", "v_measure", "ari")
    return {
        "run": spec.name,
        "source": spec.source,
        "strategy": spec.strategy,
        "seed": spec.seed,
        "batch_size": spec.batch_size,
        "rows": spec.n_rows,
        "data_hash": spec.data_hash,
        "model_hash": spec.model_hash,
        "package_version": spec.package_version,
        "ended": history.ended,
        "answers": len(snapshot.anchors),
        "clusters": list(snapshot.clusters),
        "metrics": history.last,
        "area_under_curve": {name: history.area_under_curve(name) for name in scores},
        "rounds": history.records(),
        "files": [str(file) for file in files],
    }


COMMANDS: list[click.Command] = [runs_command, report_command]
