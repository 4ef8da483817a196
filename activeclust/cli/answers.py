"""``activeclust log | export | import | review | agreement``: show, export, import and review answers."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from activeclust.annotators.printable import printable
from activeclust.cli.options import db_option, examples
from activeclust.cli.say import say
from activeclust.errors import DataFileError, InvalidInput, RunMismatch
from activeclust.resources.output import write_atomically

if TYPE_CHECKING:
    from activeclust.store.base import Run, Store
    from activeclust.store.log import LogLine
    from activeclust.store.records import Cluster

FORMATS = click.Choice(["csv", "jsonl", "parquet", "label-studio"])


@contextmanager
def _opened(db: str, *, create: bool = False) -> Iterator[Store]:
    from activeclust.store import open_store

    store = open_store(db, create=create)
    try:
        yield store
    finally:
        store.close()


def name_option(command: Any) -> Any:
    """``--name`` of an existing run."""
    return click.option("--name", required=True, metavar="NAME", help="Name of the run.")(command)


@click.command("log", epilog=examples("log --name rows --last 10"))
@db_option
@name_option
@click.option("--annotator", metavar="WHO", help="Only events of this person.")
@click.option("--row", type=click.IntRange(min=0), help="Only events about this row.")
@click.option("--last", type=click.IntRange(min=1), metavar="N", help="Only the last N lines.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def log_command(
    db: str, name: str, annotator: str | None, row: int | None, last: int | None, as_json: bool
) -> None:
    """Show the log of answers: who answered what and when, and which answer it replaced."""
    from activeclust.store.log import explain

    with _opened(db) as store:
        lines = list(explain(store.open_run(name).events()))
    if annotator is not None:
        lines = [line for line in lines if line.event.annotator == annotator]
    if row is not None:
        lines = [line for line in lines if _is_about(line, row)]
    for line in lines[-last:] if last else lines:
        click.echo(
            json.dumps(_log_record(line), ensure_ascii=False) if as_json else printable(_log_text(line))
        )
    if not lines:
        say("There are no such answers.")


def _is_about(line: LogLine, row: int) -> bool:
    target_row = line.replaced.row if line.replaced else None
    return row in (line.event.row, target_row) or row in line.event.rows


def _log_text(line: LogLine) -> str:
    from activeclust.store.log import sentence

    event = line.event
    assert event.at is not None
    text = f"{event.seq:>6}  {event.at:%Y-%m-%d %H:%M:%S} UTC  {_who(event.annotator):<12}  {sentence(event)}"
    if line.replaced is not None:
        by = f" by {_who(line.replaced.annotator)}" if line.replaced.annotator != event.annotator else ""
        text += f"  (before: {sentence(line.replaced)}{by}, event {line.replaced.seq})"
    return text + (f"  [taken back by event {line.undone_by}]" if line.undone_by else "")


def _who(annotator: str) -> str:
    return annotator or "-"


def _log_record(line: LogLine) -> dict[str, Any]:
    event = line.event
    record = {
        "seq": event.seq,
        "at": event.at.isoformat() if event.at else None,
        "annotator": event.annotator,
        "kind": event.kind.value,
        "row": event.row,
        "cluster": event.cluster,
        "new_cluster": event.new_cluster,
        "target": event.target,
        "rows": list(event.rows) or None,
        "replaced": line.replaced.seq if line.replaced else None,
        "undone_by": line.undone_by,
        "details": dict(event.details) or None,
    }
    return {key: value for key, value in record.items() if value is not None}


@click.command(
    "export", epilog=examples("export --name rows -o answers.csv", "export --name rows -o run.jsonl")
)
@db_option
@name_option
@click.option("--format", type=FORMATS, help="File format [default: by the file's extension, else csv].")
@click.option("-o", "--output", metavar="FILE", default="-", help="File to write [default: stdout].")
@click.option(
    "--suggestions", metavar="CSV", help="For label-studio: a CSV written by `activeclust cluster`."
)
@click.option(
    "--label-config", metavar="FILE", help="For label-studio: also write a labelling configuration."
)
@click.option(
    "--columns", "own_too", is_flag=True, help="Also write the rows' own columns, read from the data again."
)
def export_command(
    db: str,
    name: str,
    format: str | None,
    output: str,
    suggestions: str | None,
    label_config: str | None,
    own_too: bool,
) -> None:
    """Write a run's answers to a file.

    csv, parquet and label-studio hold the current answers, one for each annotator and row; jsonl holds the
    whole run: every event, the rounds, and what the run was made from. Rows are named by their ids or file names, where
    they have them, in addition to their numbers.
    """
    from activeclust.store import export, label_studio

    kind = format or (export.format_of(output) if output != "-" else "csv")
    if kind != "label-studio" and (suggestions or label_config):
        raise click.UsageError("--suggestions and --label-config go with --format label-studio.")
    with _opened(db) as store:
        run = store.open_run(name)
        suggested = _read_suggestions(suggestions, run) if suggestions else None
        columns = _own_columns(run) if own_too else None
        with _written(output, kind) as file:
            export.export_run(run, kind, file, suggestions=suggested, columns=columns)
        if label_config:
            names = [*run.snapshot().clusters, *(c for line in (suggested or {}).values() for c, _ in line)]
            with _written(label_config, kind) as file:
                file.write(label_studio.label_config(names).encode())
    if output != "-":
        say(f"Wrote {output}.")


def _own_columns(run: Run) -> dict[str, Any]:
    """The columns of the data that a run was made from, read again with the same options."""
    from activeclust.cli.cluster import own_columns
    from activeclust.cli.options import load_data

    settings = dict(run.spec.options.get("data", {}))
    source = settings.pop("source", None) or run.spec.source
    if not source:
        raise InvalidInput(f"Run {run.spec.name!r} does not say where its rows come from.")
    data = load_data(source, settings)
    then = run.spec.row_ids
    if len(data.X) != run.spec.n_rows or (then is not None and then != data.row_ids):
        raise RunMismatch(
            f"{source} has other rows than run {run.spec.name!r} was made from: continue the run with them "
            "(--changed), or export without --columns."
        )
    return own_columns(data)


@contextmanager
def _written(output: str, kind: str) -> Iterator[BinaryIO]:
    """The file to write; it gets its name when it is complete."""
    if output == "-":
        if kind == "parquet" and sys.stdout.isatty():
            raise click.UsageError("Parquet is not for a terminal: give -o FILE.")
        yield sys.stdout.buffer
        return
    with write_atomically(output) as file:
        yield file


def _read_suggestions(path: str, run: Run) -> dict[int, list[tuple[Cluster, float]]]:
    import csv

    integers = {str(name): name for name in run.snapshot().clusters if isinstance(name, int)}
    found: dict[int, list[tuple[Cluster, float]]] = {}
    try:
        with Path(path).open(newline="", encoding="utf-8-sig") as file:
            for line in csv.DictReader(file):
                cluster, probability = line["cluster"], float(line["probability"])
                found.setdefault(int(line["row"]), []).append((integers.get(cluster, cluster), probability))
    except OSError as error:
        raise DataFileError(f"Cannot read {path}: {error.strerror or error}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataFileError(f"{path} needs the columns row, cluster and probability: {error!r}.") from error
    return {row: sorted(line, key=lambda item: -item[1]) for row, line in found.items()}


@click.command(
    "import", epilog=examples("import answers.csv --name again --rows 150", "import run.jsonl --name copy")
)
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, allow_dash=True))
@db_option
@click.option("--name", metavar="NAME", help="Name of the run [default: the one in a jsonl or parquet file].")
@click.option("--format", type=FORMATS, help="File format [default: by the file's extension].")
@click.option("--rows", "n_rows", type=click.IntRange(min=1), metavar="N",
              help="Rows in the data, for a new run from csv or label-studio.")  # fmt: skip
@click.option("--control", metavar="NAME",
              help="For label-studio: the <Choices> of the clusters [default: cluster, or the only one].")  # fmt: skip
def import_command(
    file: str, db: str, name: str | None, format: str | None, n_rows: int | None, control: str | None
) -> None:
    """Import answers from a file into a new or existing run: all of them or none.

    A CSV needs the columns row (from 0) and cluster; rows with a blank cluster are ignored. Answers that
    the run holds already, or has newer ones for, are passed over, so the same file can be read twice.
    """
    from activeclust.store import export
    from activeclust.validation import counted

    if file == "-" and format is None:
        raise click.UsageError("Give --format when reading from stdin.")
    kind = format or export.format_of(file)
    if control is not None and kind != "label-studio":
        raise click.UsageError("--control goes with --format label-studio.")
    try:
        with click.open_file(file, "rb") as stream:
            content = io.BytesIO(stream.read())
    except OSError as error:
        raise DataFileError(f"Cannot read {file}: {error.strerror or error}.") from error
    with _opened(db, create=True) as store:
        run, written = export.import_run(store, kind, content, name=name, n_rows=n_rows, control=control)
        say(
            f"Run {run.spec.name!r}: {counted(written, 'new event')}, {counted(len(run.anchors()), 'anchor')} now."
        )


@click.command(
    "review", epilog=examples("review --name rows", "review --name rows --row 17 --cluster setosa")
)
@db_option
@name_option
@click.option("--row", type=click.IntRange(min=0), help="The row to decide.")
@click.option("--cluster", metavar="NAME", help="The cluster that the row counts as.")
@click.option("--as-text", is_flag=True, help="Read the name as text, although it looks like a number.")
@click.option("--annotator", metavar="WHO", default="", help="Who decides.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
def review_command(
    db: str, name: str, row: int | None, cluster: str | None, as_text: bool, annotator: str, as_json: bool
) -> None:
    """Show the rows on which annotators disagree, or decide one of them."""
    if (row is None) != (cluster is None):
        raise click.UsageError("Give --row and --cluster together, or neither.")
    with _opened(db) as store:
        run = store.open_run(name)
        if row is not None and cluster is not None:
            _decide(run, row, _named(run, cluster, as_text), annotator)
        else:
            _show_disputes(run, as_json)


def _named(run: Run, text: str, as_text: bool) -> Cluster:
    """The cluster that is meant: an integer where the run knows that integer."""
    integers = {str(vote.cluster): vote.cluster for vote in run.votes() if isinstance(vote.cluster, int)}
    return text if as_text else integers.get(text, text)


def _decide(run: Run, row: int, cluster: Cluster, annotator: str) -> None:
    from activeclust.store.records import Event, Kind

    event = run.append(Event(Kind.REVIEW, row=row, cluster=cluster, annotator=annotator))
    say(f"Row {row} counts as {cluster!r} now (event {event.seq}).")


def _show_disputes(run: Run, as_json: bool) -> None:
    from activeclust.store.records import Kind

    anchors = {anchor.row: anchor.cluster for anchor in run.anchors()}
    rows: dict[int, list[Any]] = {}
    for vote in run.votes():
        rows.setdefault(vote.row, []).append(vote)
    shown = 0
    for row, votes in rows.items():
        labels = [vote for vote in votes if vote.kind is Kind.LABEL]
        reviewed = any(vote.kind is Kind.REVIEW for vote in votes)
        if reviewed or len({(type(vote.cluster), vote.cluster) for vote in labels}) < 2:
            continue
        shown += 1
        said = [[vote.annotator, vote.cluster] for vote in labels]
        if as_json:
            click.echo(
                json.dumps({"row": row, "answers": said, "counts_as": anchors.get(row)}, ensure_ascii=False)
            )
            continue
        verdict = f"counts as {anchors[row]!r}" if row in anchors else "waits for a review"
        answers = ", ".join(f"{_who(who)} {what!r}" for who, what in said)
        click.echo(printable(f"row {row}: {answers}; {verdict}"))
    say(f"{shown} rows on which annotators disagree and nobody has decided.")


@click.command("agreement", epilog=examples("agreement --name rows"))
@db_option
@name_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def agreement_command(db: str, name: str, as_json: bool) -> None:
    """Measure the agreement of annotators: Cohen's kappa, Fleiss' kappa, Krippendorff's alpha."""
    from activeclust.store.agreement import agreement

    with _opened(db) as store:
        found = agreement(store.open_run(name).votes())
    if as_json:
        pairs = [{"annotators": list(pair), "kappa": kappa} for pair, kappa in found.cohen.items()]
        document = {**vars(found), "annotators": list(found.annotators), "cohen": pairs}
        click.echo(json.dumps(document, ensure_ascii=False))
        return
    click.echo(
        f"rows answered by several people  {found.n_rows}, {found.n_disputed} of them with several clusters"
    )
    click.echo(f"pairs of answers that agree      {_number(found.observed)}")
    click.echo(f"Krippendorff's alpha             {_number(found.krippendorff)}")
    click.echo(f"Fleiss' kappa                    {_number(found.fleiss)} ({found.fleiss_rows} rows)")
    for (a, b), kappa in found.cohen.items():
        click.echo(
            f"Cohen's kappa                    {_number(kappa)} ({printable(_who(a))}, {printable(_who(b))})"
        )


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


COMMANDS: list[click.Command] = [
    log_command,
    export_command,
    import_command,
    review_command,
    agreement_command,
]
