"""Answers as CSV and Parquet, a whole run as JSON lines."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, BinaryIO, TextIO

from activeclust.errors import DataFileError, MissingDependency
from activeclust.identities import RowIds
from activeclust.store.answers import Answer
from activeclust.store.base import Cluster, Event, Kind, Round, Run, RunSpec
from activeclust.store.checks import check_cluster

COLUMNS = ("row", "kind", "cluster", "cluster_type", "annotator", "at", "counts")
_FORMAT, _VERSION = "activeclust run", 1
_SPEC_KEY = b"activeclust run"


@dataclass(frozen=True)
class Archive:
    """A whole run: what it was made from, its log and its rounds."""

    spec: RunSpec
    events: Sequence[Event]
    rounds: Sequence[Round]


def write_csv(answers: Iterable[Answer], file: TextIO) -> None:
    """One answer a line, under the names of :data:`COLUMNS`."""
    writer = csv.writer(file)  # lines end in CRLF, as RFC 4180 has it; with LF alone a lone CR is not quoted
    writer.writerow(COLUMNS)
    for answer in answers:
        at = "" if answer.at is None else answer.at.isoformat()
        writer.writerow(
            [answer.row, answer.kind.value, *_split(answer.cluster), answer.annotator, at, int(answer.counts)]
        )


def read_csv(file: TextIO) -> list[Answer]:
    """Answers from a file with at least the columns ``row`` and ``cluster``.

    Without ``cluster_type`` a cluster is a text; without ``kind`` a line with a cluster is a label and one
    without is a skip.
    """
    limit = csv.field_size_limit(2**31 - 1)  # a label may be longer than the module's 131,072 characters
    try:
        return _read_csv(csv.DictReader(file, strict=True))
    finally:
        csv.field_size_limit(limit)


def _read_csv(reader: csv.DictReader[str]) -> list[Answer]:
    if missing := {"row", "cluster"} - set(reader.fieldnames or ()):
        raise DataFileError(f"The CSV has no column {sorted(missing)[0]!r}; it needs 'row' and 'cluster'.")
    answers = []
    try:
        for line in reader:
            answers.append(_to_answer(line, f"line {reader.line_num}"))
    except csv.Error as error:
        raise DataFileError(f"The CSV cannot be read in line {reader.line_num}: {error}.") from error
    return answers


def write_parquet(answers: Sequence[Answer], file: BinaryIO, spec: RunSpec) -> None:
    """The same columns as Parquet; what the run was made from is in the file's metadata."""
    arrow, parquet = _pyarrow()
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for answer in answers:
        line = (
            answer.row,
            answer.kind.value,
            *_split(answer.cluster),
            answer.annotator,
            answer.at,
            answer.counts,
        )
        for name, value in zip(COLUMNS, line, strict=True):
            columns[name].append(value)
    types = [arrow.int64(), *[arrow.string()] * 4, arrow.timestamp("us", tz="UTC"), arrow.bool_()]
    schema = arrow.schema(
        list(zip(COLUMNS, types, strict=True)), metadata={_SPEC_KEY: json.dumps(asdict(spec))}
    )
    parquet.write_table(arrow.table(columns, schema=schema), file)


def read_parquet(file: BinaryIO) -> tuple[list[Answer], RunSpec | None]:
    """Answers, and what their run was made from where the file tells."""
    arrow, parquet = _pyarrow()
    try:
        table = parquet.read_table(file)
    except (arrow.ArrowException, OSError) as error:
        raise DataFileError(f"Not a Parquet file: {error}.") from error
    if missing := {"row", "cluster"} - set(table.column_names):
        raise DataFileError(f"The table has no column {sorted(missing)[0]!r}; it needs 'row' and 'cluster'.")
    answers = [_to_answer(line, f"row {i} of the table") for i, line in enumerate(table.to_pylist())]
    stored = (table.schema.metadata or {}).get(_SPEC_KEY)
    return answers, None if stored is None else _to_spec(json.loads(stored))


def write_jsonl(run: Run, file: TextIO) -> None:
    """The whole run: a line saying what it was made from, then its events, then its rounds."""
    file.write(json.dumps({"format": _FORMAT, "version": _VERSION, "spec": asdict(run.spec)}) + "\n")
    for event in run.events():
        line = {**asdict(event), "kind": event.kind.value, "at": event.at.isoformat() if event.at else None}
        kept = {name: value for name, value in line.items() if value not in (None, "", (), {})}
        file.write(json.dumps({"event": kept}) + "\n")
    for record in run.rounds():
        line = {**asdict(record), "metrics": {name: _finite(value) for name, value in record.metrics.items()}}
        file.write(json.dumps({"round": line}) + "\n")


def read_jsonl(file: TextIO) -> Archive:
    """A whole run again."""
    lines = _json_lines(file)
    number, first = next(lines, (1, {}))
    if first.get("format") != _FORMAT:
        raise DataFileError("Not an exported run: the first line does not say so.")
    if first.get("version") != _VERSION:
        raise DataFileError(
            f"The file's format is of version {first.get('version')!r} and this package reads {_VERSION}. "
            "Run: pip install --upgrade activeclust"
        )
    events: list[Event] = []
    rounds: list[Round] = []
    try:
        for number, line in lines:  # noqa: B007 (the error below names it)
            if "event" in line:
                events.append(_to_event(line["event"]))
            elif "round" in line:
                rounds.append(_to_round(line["round"]))
        return Archive(_to_spec(first["spec"]), events, rounds)
    except (KeyError, TypeError, ValueError) as error:
        raise DataFileError(f"Line {number} of the file cannot be read: {error!r}.") from error


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependency("Parquet needs pyarrow: pip install 'activeclust[parquet]'.") from error
    return pyarrow, pyarrow.parquet


def _split(cluster: Cluster | None) -> tuple[str | None, str]:
    """A cluster's name as text, and which type it was: 1 and "1" look alike in a column of text."""
    if cluster is None:
        return None, ""
    return str(cluster), "int" if isinstance(cluster, int) else "str"


def _to_answer(line: Mapping[str, Any], where: str) -> Answer:
    cluster, at = line["cluster"], line.get("at")
    kind = line.get("kind") or ("label" if cluster not in (None, "") else "skip")
    try:
        if line.get("cluster_type") == "int" and cluster not in (None, ""):
            cluster = int(cluster)
        labelled = Kind(kind) in (Kind.LABEL, Kind.REVIEW)
        return Answer(
            row=int(line["row"]),
            kind=Kind(kind),
            cluster=check_cluster(cluster, "A cluster") if labelled else None,
            annotator=line.get("annotator") or "",
            at=at if isinstance(at, datetime) else datetime.fromisoformat(at) if at else None,
            counts=str(line.get("counts", 1)) in ("1", "True", "true"),
        )
    except (TypeError, ValueError) as error:
        raise DataFileError(f"Cannot read {where}: {error}") from error


def _json_lines(file: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(file, 1):
        try:
            line = json.loads(text)
        except ValueError as error:
            raise DataFileError(f"Line {number} of the file is no JSON: {error}.") from error
        if not isinstance(line, dict):
            raise DataFileError(f"Line {number} of the file is no JSON object.")
        yield number, line


def _to_event(line: Mapping[str, Any]) -> Event:
    given = {**line, "kind": Kind(line["kind"]), "rows": tuple(line.get("rows", ()))}
    if "at" in line:
        given["at"] = datetime.fromisoformat(line["at"])
    return Event(**given)


def _to_round(line: Mapping[str, Any]) -> Round:
    metrics = {
        name: float(value) if isinstance(value, str) else value for name, value in line["metrics"].items()
    }
    return Round(**{**line, "metrics": metrics, "asked": tuple(line["asked"])})


def _to_spec(line: Mapping[str, Any]) -> RunSpec:
    try:
        ids = line.get("row_ids")
        return RunSpec(**{**line, "row_ids": ids and RowIds(ids["by"], tuple(ids["values"]))})
    except (KeyError, TypeError, ValueError) as error:
        raise DataFileError(
            f"The file says something else of its run than this package knows: {error}."
        ) from error


def _finite(value: float | int | None) -> float | int | str | None:
    """JSON has no NaN and no infinity; they go as texts."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
