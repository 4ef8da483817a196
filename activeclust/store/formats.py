"""Answers as CSV and Parquet, a whole run as JSON lines."""

from __future__ import annotations

import csv
import itertools
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, BinaryIO, TextIO

from activeclust.errors import DataFileError, MissingDependency
from activeclust.files.run_format import RUN_FORMAT
from activeclust.identities import RowIds
from activeclust.labels import as_integer, is_missing, label
from activeclust.store.base import Run
from activeclust.store.checks import check_cluster, shown
from activeclust.store.outcomes import ON_ROW
from activeclust.store.records import Answer, Cluster, Event, Kind, Round, RunSpec

COLUMNS = ("row", "kind", "cluster", "cluster_type", "annotator", "at", "counts")
#: name of a column -> a text for each row
RowsOwn = Mapping[str, Sequence[str]]
_NEEDED = {"row", "cluster"}
_ROW = re.compile(r"[0-9]{1,18}(\.0*)?", re.ASCII)
_AT_ONCE = 50_000  #: number of lines of a table that are written together
_VERSION = 1
_SPEC_KEY = RUN_FORMAT.encode()


@dataclass(frozen=True)
class Archive:
    """A whole run: its settings, its log and its rounds."""

    spec: RunSpec
    events: Sequence[Event]
    rounds: Sequence[Round]


def rows_own(ids: RowIds | None, columns: Mapping[str, Sequence[Any]] | None = None) -> RowsOwn:
    """Columns beside the answers, as texts: the row's id, if there is one, and columns of the data.

    Examples
    --------
    >>> rows_own(RowIds("id", ("a", "b")), {"row": [1, None]})
    {'id': ('a', 'b'), 'row (data)': ('1', '')}
    """
    own: dict[str, Sequence[str]] = {"id": ids.values} if ids is not None and ids.named else {}
    for name, values in (columns or {}).items():
        plain = name if name not in (*COLUMNS, "id") else f"{name} (data)"
        own[plain] = tuple("" if is_missing(value) else str(value) for value in values)
    return own


def write_csv(answers: Iterable[Answer], file: TextIO, own: RowsOwn | None = None) -> None:
    """One answer per line in the columns :data:`COLUMNS`, followed by the row's ``own`` columns."""
    own = own or {}
    # lines end in CRLF, as in RFC 4180; with LF only, a single CR would not be quoted
    writer = csv.writer(file)
    writer.writerow((*COLUMNS, *own))
    for answer in answers:
        at = "" if answer.at is None else answer.at.isoformat()
        said = (
            answer.row,
            answer.kind.value,
            *_split(answer.cluster),
            answer.annotator,
            at,
            int(answer.counts),
        )
        writer.writerow((*said, *(values[answer.row] for values in own.values())))


def read_csv(file: TextIO, ids: RowIds | None = None) -> list[Answer]:
    """Answers from a file with at least the columns ``row`` and ``cluster``.

    If ``ids`` are those of the run's rows and the file has a column ``id``, rows are found by it, and the file needs no
    column ``row``. Fields are separated by commas, or by semicolons or tabs if the header is. Without ``cluster_type``
    a cluster is a text; without ``kind`` a line with a cluster is a label, and a line without a cluster is ignored.
    """
    limit = csv.field_size_limit(2**31 - 1)  # a label may be longer than the module's 131,072 characters
    try:
        return _read_csv(csv.DictReader(file, strict=True, delimiter=_delimiter(file)), places_of(ids))
    finally:
        csv.field_size_limit(limit)


def _delimiter(file: TextIO) -> str:
    """The separator of the fields in the header."""
    start = file.tell()
    header = file.readline()
    file.seek(start)
    columns = {mark: {name.strip(' "\r\n') for name in header.split(mark)} for mark in ",;\t"}
    return next((mark for mark, names in columns.items() if names >= _NEEDED), ",")


def places_of(ids: RowIds | None) -> dict[str, int] | None:
    """The row of each id, if the rows have ids."""
    return {name: row for row, name in enumerate(ids.values)} if ids is not None and ids.named else None


def _read_csv(reader: csv.DictReader[str], places: Mapping[str, int] | None) -> list[Answer]:
    try:
        names = [name.strip() for name in reader.fieldnames or ()]
        _check_columns(names, "CSV", places)
        reader.fieldnames = names
        answers = []
        for line in reader:
            where = f"line {reader.line_num}"
            if None in line:
                raise DataFileError(
                    f"Cannot read {where}: it has more fields than the header. Write a cluster with a comma in its "
                    "name in quotation marks."
                )
            answers.append(_to_answer(line, where, places))
    except csv.Error as error:
        raise DataFileError(f"The CSV cannot be read in line {reader.line_num}: {error}.") from error
    return [answer for answer in answers if answer is not None]


def _check_columns(names: Sequence[str], what: str, places: Mapping[str, int] | None) -> None:
    found = {*names, "row"} if places is not None and "id" in names else set(names)
    if missing := sorted(_NEEDED - found):
        there = ", ".join(map(shown, names[:20])) or "none"
        raise DataFileError(
            f"The {what} has no column {missing[0]!r}; it needs 'row' and 'cluster'. Its columns: {there}."
        )
    if twice := sorted(name for name in COLUMNS if list(names).count(name) > 1):
        raise DataFileError(f"The {what} has two columns {twice[0]!r}; expected one.")


def write_parquet(
    answers: Iterable[Answer], file: BinaryIO, spec: RunSpec, own: RowsOwn | None = None
) -> None:
    """Write the same columns as Parquet; the run's settings are in the file's metadata."""
    arrow, parquet = _pyarrow()
    own = own or {}
    names = (*COLUMNS, *own)
    types = [arrow.int64(), *[arrow.string()] * 4, arrow.timestamp("us", tz="UTC"), arrow.bool_()]
    types += [arrow.string()] * len(own)
    schema = arrow.schema(
        list(zip(names, types, strict=True)), metadata={_SPEC_KEY: json.dumps(asdict(spec))}
    )
    lines = (
        (answer.row, answer.kind.value, *_split(answer.cluster), answer.annotator, answer.at, answer.counts,
         *(values[answer.row] for values in own.values()))
        for answer in answers
    )  # fmt: skip
    with parquet.ParquetWriter(file, schema) as writer:
        while some := list(itertools.islice(lines, _AT_ONCE)):
            columns = dict(zip(names, zip(*some, strict=True), strict=True))
            writer.write_table(
                arrow.table({name: list(values) for name, values in columns.items()}, schema=schema)
            )


def read_parquet(
    file: BinaryIO, ids_of: Callable[[RunSpec | None], RowIds | None] = lambda stated: None
) -> tuple[list[Answer], RunSpec | None]:
    """The answers, and the settings of their run if the file contains them.

    ``ids_of`` returns the identities of the rows of the run into which answers are imported; rows are found as in
    :func:`read_csv`.
    """
    arrow, parquet = _pyarrow()
    try:
        table = parquet.read_table(file)
    except (arrow.ArrowException, OSError) as error:
        raise DataFileError(f"Not a Parquet file: {error}.") from error
    stored = (table.schema.metadata or {}).get(_SPEC_KEY)
    spec = None if stored is None else _to_spec(from_json(stored, "what the table says of its run"))
    places = places_of(ids_of(spec))
    _check_columns(table.column_names, "table", places)
    answers = [_to_answer(line, f"row {i} of the table", places) for i, line in enumerate(table.to_pylist())]
    return [answer for answer in answers if answer is not None], spec


def write_jsonl(run: Run, file: TextIO) -> None:
    """Write the whole run: a line with its settings, then its events, then its rounds."""
    file.write(json.dumps({"format": RUN_FORMAT, "version": _VERSION, "spec": asdict(run.spec)}) + "\n")
    for event in run.stream():
        line = {**asdict(event), "kind": event.kind.value, "at": event.at.isoformat() if event.at else None}
        kept = {name: value for name, value in line.items() if value not in (None, "", (), {})}
        file.write(json.dumps({"event": kept}) + "\n")
    for record in run.rounds():
        line = {**asdict(record), "metrics": {name: _finite(value) for name, value in record.metrics.items()}}
        file.write(json.dumps({"round": line}) + "\n")


def read_jsonl(file: TextIO) -> Archive:
    """Read a whole run."""
    lines = _json_lines(file)
    number, first = next(lines, (1, {}))
    if first.get("format") != RUN_FORMAT:
        raise DataFileError("The first line is not that of an exported run.")
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
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise DataFileError(f"Line {number} of the file cannot be read: {shown(error)}.") from error


def from_json(text: str | bytes, what: str) -> Any:
    """The value of JSON ``text``; DataFileError if it is not JSON, or is nested too deep."""
    try:
        return json.loads(text)
    except RecursionError:
        raise DataFileError(f"{_capital(what)} cannot be read: it is nested too deep.") from None
    except ValueError as error:
        raise DataFileError(f"{_capital(what)} is no JSON: {str(error).partition(';')[0]}.") from error


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependency("Parquet needs pyarrow: pip install 'activeclust[parquet]'.") from error
    return pyarrow, pyarrow.parquet


def _split(cluster: Cluster | None) -> tuple[str | None, str]:
    """A cluster's name as text, and its type: 1 and "1" look the same in a column of text."""
    if cluster is None:
        return None, ""
    return str(cluster), "int" if isinstance(cluster, int) else "str"


def _to_answer(line: Mapping[str, Any], where: str, places: Mapping[str, int] | None = None) -> Answer | None:
    """An answer; None for a line without one."""
    try:
        row = row_of(line, places)
        cluster = label(line["cluster"], "A cluster")
        kind = line.get("kind")
        if cluster is None and not kind:
            return None
        return Answer(
            row=row,
            kind=Kind(kind or "label"),
            cluster=_cluster(cluster, line.get("cluster_type"), Kind(kind or "label")),
            annotator=line.get("annotator") or "",
            at=_moment(line.get("at")),
            counts=str(line.get("counts", 1)) in ("1", "True", "true"),
        )
    except (TypeError, ValueError, OverflowError) as error:
        raise DataFileError(f"Cannot read {where}: {error}") from error


def row_of(line: Mapping[str, Any], places: Mapping[str, int] | None) -> int:
    """The row of a line: by its ``id`` if the run's rows have ids (``places``), else by its number.

    Examples
    --------
    >>> row_of({"row": 5, "id": "b"}, {"a": 0, "b": 1}), row_of({"row": 5, "id": "b"}, None)
    (1, 5)
    """
    if places is None or line.get("id") in (None, ""):
        return row_number(line.get("row"))
    if (name := str(line["id"])) not in places:
        raise ValueError(f"no row of the run has the id {shown(name)}")
    return places[name]


def _cluster(cluster: Cluster | None, stated: str | None, kind: Kind) -> Cluster | None:
    if kind not in ON_ROW:
        raise ValueError(f"a line says what one row is; {kind.value!r} is of another kind")
    if (kind in (Kind.LABEL, Kind.REVIEW)) != (cluster is not None):
        raise ValueError(f"a {kind.value} {'names a' if cluster is None else 'names no'} cluster")
    if stated not in (None, "", "int", "str"):
        raise ValueError(f"a cluster's type is 'int' or 'str', got {shown(stated)}")
    if stated == "int" and isinstance(cluster, str):
        if (number := as_integer(cluster)) is None:
            raise ValueError(f"the cluster {shown(cluster)} is no integer")
        cluster = number
    return None if cluster is None else check_cluster(cluster, "A cluster")


def row_number(value: Any) -> int:
    """A row number from a file; ValueError if it is not an integer from 0 upward.

    Examples
    --------
    >>> row_number("7"), row_number(7.0)
    (7, 7)
    """
    whole = None
    if isinstance(value, str) and _ROW.fullmatch(value.strip()):
        whole = int(value.strip().partition(".")[0])
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        whole = int(value) if value == value // 1 else None  # infinities and NaN fail this comparison
    if whole is None or not 0 <= whole < 10**18:
        raise ValueError(f"a row is a whole number from 0, got {shown(value)}")
    return whole


def _moment(at: Any) -> datetime | None:
    if at is None or at == "":
        return None
    if isinstance(at, datetime):
        return at
    return datetime.fromisoformat(f"{at[:-1]}+00:00" if str(at).endswith("Z") else at)


def _json_lines(file: TextIO) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(file, 1):
        line = from_json(text, f"line {number} of the file")
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
        raise DataFileError(f"The settings of the run in this file cannot be read: {error}.") from error


def _finite(value: float | int | None) -> float | int | str | None:
    """JSON has no NaN and no infinity; they are written as texts."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
