"""``activeclust cluster``: the partition of a file, from a run's answers, a table of answers, or without answers."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from activeclust.cli.options import (
    as_in_run,
    bars,
    clusterer_of,
    data_options,
    db_option,
    examples,
    load_data,
    views_options,
    writable_folder,
)
from activeclust.cli.say import say
from activeclust.errors import InvalidInput, RunMismatch
from activeclust.validation import counted

if TYPE_CHECKING:
    from activeclust.datasets.dataset import Dataset
    from activeclust.store.records import Cluster, RunSpec

    #: row -> cluster, and by whom
    Answers = dict[int, tuple[Cluster, str]]

MOST_COLUMNS = 100  #: the rows' own columns are written by default if there are at most this many


@click.command("cluster", epilog=examples("cluster rows.csv", "cluster rows.csv --name rows -o clusters.csv"))
@click.argument("source", metavar="DATA")
@db_option
@click.option("--name", metavar="NAME", help="Use the answers of this run.")
@click.option(
    "--answers",
    "--anchors",
    "anchor_file",
    metavar="FILE",
    help="Use the answers in a table: a column id (or row, counted from 0) and a column cluster.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="Use the run's answers even if rows were added, removed or sorted since.",
)
@click.option(
    "-o",
    "--output",
    metavar="OUT",
    default="-",
    help="Table to write: .csv, .tsv, .xlsx, .jsonl or .parquet [default: CSV on stdout].",
)
@click.option(
    "--columns/--no-columns",
    "own_too",
    default=None,
    help="Also write the rows' own columns [default: if there are at most 100].",
)
@click.option("--device", default="auto", show_default=True, help="Device: cpu, cuda, ...")
@data_options
@views_options
@click.pass_context
def cluster_command(
    context: click.Context,
    source: str,
    db: str,
    name: str | None,
    anchor_file: str | None,
    changed: bool,
    output: str,
    own_too: bool | None,
    **given: Any,
) -> None:
    """Partition the rows of a file or named set: a table with one line per row.

    Without --name and --answers the clusters and their number are inferred. With --name the data are read with that
    run's options, unless others are given. Columns: row, id (where the rows have one), cluster, probability,
    new_cluster_probability, answered, answered_by, and the rows' own columns.
    """
    from activeclust.files.table_formats import table_csv
    from activeclust.files.tables_out import check_table_name, write_table

    if name and anchor_file:
        raise click.UsageError("Give --name or --answers, not both.")
    if output != "-":
        writable_folder(Path(output).absolute().parent)
        check_table_name(Path(output))
    run = _read_run(db, name) if name else None
    if run is not None:
        given = as_in_run(context, given, run[0])
    data = load_data(source, given)
    anchors = {} if run is None else _of_run(*run, data, changed)
    if anchor_file:
        anchors = _of_file(Path(anchor_file), data, given)
    with bars():
        table = _partition(data, anchors, given)
    n_clusters = len({(type(name), name) for name in table["cluster"]})
    own = own_columns(data) if own_too is not False else {}
    if own_too or len(own) <= MOST_COLUMNS:
        table |= {name if name not in table else f"{name} (data)": values for name, values in own.items()}
    else:
        say(f"Their {len(own):,} own columns are left out; --columns writes them too.")
    if output == "-":
        click.echo(table_csv(table), nl=False)
    else:
        write_table(Path(output), table)
        say(f"Wrote {output}: {counted(n_clusters, 'cluster')}.")


def _partition(data: Dataset, anchors: Answers, given: dict[str, Any]) -> dict[str, Any]:
    import numpy as np

    answers = np.full(len(data.X), None, dtype=object)
    who = np.full(len(data.X), "", dtype=object)
    for row, (cluster, annotator) in anchors.items():
        answers[row], who[row] = cluster, annotator
    model = clusterer_of(given).fit(data.X, answers if anchors else None)
    mass = model.posterior_.max(axis=1) * (1 - model.new_cluster_proba_)
    table: dict[str, Any] = {"row": range(len(data.X))}
    ids = ids_shown(data, given["id_column"])
    if ids is not None:
        table["id"] = ids
    return table | {
        "cluster": model.labels_.tolist(),
        "probability": mass.astype(float).round(6).tolist(),
        "new_cluster_probability": model.new_cluster_proba_.astype(float).round(6).tolist(),
        "answered": [int(row in anchors) for row in range(len(data.X))],
        "answered_by": who.tolist(),
    }


def ids_shown(data: Dataset, id_column: str | None) -> Any:
    """The rows' ids or file names; None if they have neither."""
    if data.row_ids.named:
        return data.row_ids.values
    frame = getattr(data.items, "frame", None)
    names = [] if frame is None else list(frame.columns)
    column = next((name for name in names if name.lower() == (id_column or "id").lower()), None)
    return None if frame is None or column is None else frame[column].tolist()


def own_columns(data: Dataset) -> dict[str, Any]:
    """The columns of a table as they are shown; empty for other data."""
    frame = getattr(data.items, "frame", None)
    return {} if frame is None else {name: frame[name].tolist() for name in frame.columns}


def _of_file(path: Path, data: Dataset, given: dict[str, Any]) -> Answers:
    from activeclust.datasets.given_answers import read_answers

    answers, notes = read_answers(
        path,
        data.row_ids,
        id_column=given["id_column"],
        label_column=given["label_column"],
        encoding=given["encoding"],
    )
    for note in notes:
        say(note)
    return {answer.row: (answer.cluster, answer.annotator) for answer in answers}


def _read_run(db: str, name: str) -> tuple[RunSpec, Answers]:
    """What a run was made from, and its answers."""
    from activeclust.store import open_store

    with contextlib.closing(open_store(db, create=False)) as store:
        run = store.open_run(name)
        anchors = {anchor.row: (anchor.cluster, anchor.annotator) for anchor in run.anchors()}
    if not anchors:
        raise InvalidInput(f"Run {name!r} has no answers yet; leave --name out to cluster without any.")
    return run.spec, anchors


def _of_run(spec: RunSpec, anchors: Answers, data: Dataset, changed: bool) -> Answers:
    """The answers of a run by the rows of the data given."""
    from activeclust.identities import moved
    from activeclust.views.identity import content_hash

    then, now = spec.row_ids, data.row_ids
    if then is None:
        if spec.n_rows != len(data.X) or spec.data_hash not in ("", content_hash(data.X)):
            raise RunMismatch(
                f"Run {spec.name!r} was made from other rows ({spec.n_rows:,} of {spec.source or 'a file'}) than "
                f"these {len(data.X):,}, and has no ids or file names of its rows: give the same data."
            )
        return anchors
    at = moved(then, now)
    here = {at[row]: said for row, said in anchors.items() if row in at}
    if then == now:
        return here
    removed, added = len(then) - len(at), len(now) - len(at)
    told = (
        f"{len(here)} of the {counted(len(anchors), 'answer')} of run {spec.name!r} found their rows by {now.words}; "
        f"since it was made, rows have changed ({counted(removed, 'row')} removed, {counted(added, 'row')} added)"
    )
    if not changed or not here:
        raise RunMismatch(
            f"{told}, and the others may have moved. Give the data that the run was made from"
            + (", or use the answers that found their rows with --changed." if here else ".")
        )
    say(f"{told}.")
    return here


COMMANDS: list[click.Command] = [cluster_command]
