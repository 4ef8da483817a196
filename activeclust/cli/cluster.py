"""``activeclust cluster``: the partition of a file, from a run's answers, a file of anchors, or from none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from activeclust.cli.options import (
    bars,
    clusterer_of,
    data_options,
    db_option,
    load_data,
    views_options,
    writable_folder,
)
from activeclust.errors import InvalidInput, RunMismatch
from activeclust.validation import counted

if TYPE_CHECKING:
    from activeclust.datasets.loading import Dataset
    from activeclust.store.base import Cluster


@click.command("cluster")
@click.argument("source", metavar="DATA")
@db_option
@click.option("--name", metavar="NAME", help="Use the answers of this run.")
@click.option(
    "--answers",
    "--anchors",
    "anchor_file",
    metavar="FILE",
    help="Use the answers in a table: a column id (or row, from 0) and a column cluster.",
)
@click.option(
    "--changed",
    is_flag=True,
    help="Use the run's answers even where rows were added, removed or sorted since.",
)
@click.option("-o", "--output", metavar="OUT", default="-", help="CSV to write [default: stdout].")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, ...")
@data_options
@views_options
def cluster_command(
    source: str, db: str, name: str | None, anchor_file: str | None, changed: bool, output: str, **given: Any
) -> None:
    """Partition the rows of a file or named set: a CSV with one line a row.

    Without --name and --answers nothing is known: the clusters, and how many there are, are inferred.
    Columns: row, id (where the file has one), cluster, probability, new_cluster_probability, answered.
    """
    if name and anchor_file:
        raise click.UsageError("Give --name or --answers, not both.")
    if output != "-":
        writable_folder(Path(output).absolute().parent)
    data = load_data(source, given)
    anchors = _of_run(db, name, data, changed) if name else {}
    if anchor_file:
        anchors = _of_file(Path(anchor_file), data, given)
    with bars():
        table = _partition(data, anchors, given)
    text = table.to_csv(index=False, float_format="%.6f")
    if output == "-":
        click.echo(text, nl=False)
    else:
        Path(output).write_text(text, encoding="utf-8")
        click.echo(f"Wrote {output}: {table['cluster'].nunique()} clusters.", err=True)


def _partition(data: Any, anchors: dict[int, Cluster], given: dict[str, Any]) -> Any:
    import numpy as np
    import pandas as pd

    answers = np.full(len(data.X), None, dtype=object)
    for row, cluster in anchors.items():
        answers[row] = cluster
    model = clusterer_of(given).fit(data.X, answers if anchors else None)
    mass = model.posterior_.max(axis=1) * (1 - model.new_cluster_proba_)
    columns = {"row": np.arange(len(data.X))}
    ids = _ids(data, given["id_column"])
    if ids is not None:
        columns["id"] = ids
    columns |= {
        "cluster": model.labels_,
        "probability": mass,
        "new_cluster_probability": model.new_cluster_proba_,
        "answered": np.isin(np.arange(len(data.X)), list(anchors)).astype(int),
    }
    return pd.DataFrame(columns)


def _ids(data: Any, id_column: str | None) -> Any:
    frame = getattr(data.items, "frame", None)
    if frame is None:
        first = data.items[0]
        return [str(path) for path in data.items] if isinstance(first, Path) else None
    wanted = (id_column or "id").lower()
    column = next((name for name in frame.columns if name.lower() == wanted), None)
    return None if column is None else frame[column].to_numpy()


def _of_file(path: Path, data: Dataset, given: dict[str, Any]) -> dict[int, Cluster]:
    from activeclust.datasets.given_answers import read_answers

    answers, notes = read_answers(
        path,
        data.row_ids,
        id_column=given["id_column"],
        label_column=given["label_column"],
        encoding=given["encoding"],
    )
    for note in notes:
        click.echo(note, err=True)
    return {answer.row: answer.cluster for answer in answers}


def _of_run(db: str, name: str, data: Dataset, changed: bool) -> dict[int, Cluster]:
    """The answers of a run by the rows of the data given."""
    from activeclust.identities import moved
    from activeclust.store import open_store
    from activeclust.views.identity import content_hash

    store = open_store(db, create=False)
    try:
        run = store.open_run(name)
        anchors = {anchor.row: anchor.cluster for anchor in run.anchors()}
    finally:
        store.close()
    if not anchors:
        raise InvalidInput(f"Run {name!r} has no answers yet; leave --name out to cluster without any.")
    then, now = run.spec.row_ids, data.row_ids
    if then is None:
        if run.spec.n_rows != len(data.X) or run.spec.data_hash not in ("", content_hash(data.X)):
            raise RunMismatch(
                f"Run {name!r} was made from other rows ({run.spec.n_rows:,} of {run.spec.source or 'a file'}) than "
                f"these {len(data.X):,}, and does not tell what they are called: give the same data."
            )
        return anchors
    at = moved(then, now)
    here = {at[row]: cluster for row, cluster in anchors.items() if row in at}
    if then == now:
        return here
    removed, added = len(then) - len(at), len(now) - len(at)
    told = (
        f"{len(here)} of the {counted(len(anchors), 'answer')} of run {name!r} found their rows by {now.words}; since "
        f"it was made, rows have changed ({counted(removed, 'row')} removed, {counted(added, 'row')} added)"
    )
    if not changed or not here:
        raise RunMismatch(
            f"{told}, and the others may stand elsewhere. Give the data that the run was made from"
            + (", or use the answers that found their rows with --changed." if here else ".")
        )
    click.echo(f"{told}.", err=True)
    return here


COMMANDS: list[click.Command] = [cluster_command]
