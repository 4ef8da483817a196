"""Existing answers, read from a file with rows and their clusters."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activeclust.datasets.json_records import JSON_FILES
from activeclust.datasets.reading import SPREADSHEETS, FileOptions, read_frame
from activeclust.errors import DataFileError, InvalidInput
from activeclust.files.run_format import RUN_FORMAT
from activeclust.identities import RowIds
from activeclust.labels import Label, as_integer, is_missing, written_labels

if TYPE_CHECKING:
    import pandas as pd

KINDS = (".csv", ".tsv", *SPREADSHEETS, ".parquet", *JSON_FILES)
#: columns that identify a row, in the order in which they are searched for
_NAMING = ("id", "file", "filename")


@dataclass(frozen=True)
class GivenAnswer:
    """A row, its cluster, and the annotator ("" if the file does not say)."""

    row: int
    cluster: Label
    annotator: str = ""


def read_answers(
    path: Path,
    ids: RowIds,
    *,
    id_column: str | None = None,
    label_column: str | None = None,
    encoding: str | None = None,
    sheet: str | None = None,
) -> tuple[list[GivenAnswer], tuple[str, ...]]:
    """The answers in a file.

    Parameters
    ----------
    path : Path
        A table (``.csv`` with commas, semicolons or tabs, ``.tsv``, ``.xlsx``, ``.parquet``, ``.json``, ``.jsonl``)
        with a column that names rows and a column ``cluster`` or ``label``. A row with a blank cluster has no answer.
        Rows are identified by their ids or file names (a column ``id``, ``file`` or ``filename``) if the data have
        them, else by their numbers from 0 (a column ``row``). Tables written by ``activeclust export`` can be read; its
        log of a run cannot.
    ids : RowIds
        The identities of the rows of the data.
    id_column, label_column : str, optional
        Columns of the file with other names.
    encoding, sheet : str, optional
        As for :func:`activeclust.datasets.load`.

    Returns
    -------
    answers : list of GivenAnswer
        In the order of the file.
    notes : tuple of str

    Raises
    ------
    DataFileError
        For a file that is missing, cannot be read, lacks these columns, or is the log of a run.
    InvalidInput
        For a row that is not in the data, or that has two clusters; the message names the line.
    """
    if not path.is_file():
        raise DataFileError(f"There is no file of answers {path}.")
    if path.suffix.lower() not in KINDS:
        raise DataFileError(
            f"{path} is not a table of answers; expected a file ending in {', '.join(KINDS)}."
        )
    frame, notes = read_frame(path, FileOptions(encoding=encoding, sheet=sheet), texts=None)
    names = list(frame.columns)
    if _is_log(frame):
        raise DataFileError(
            f"{path} is the log of a run, not a table of answers. `activeclust import {path.name}` makes the run "
            "again; `activeclust export -o answers.csv` writes its answers as a table."
        )
    cluster = label_column if label_column in names else _of(names, "cluster") or _of(names, "label")
    naming, by_number = _naming(names, ids, id_column)
    if cluster is None or naming is None:
        by = f"row, {' or '.join(_NAMING)}" if ids.named else "row"
        raise DataFileError(
            f"{path} must have the columns row and cluster: one that names rows ({by}) and one with their clusters "
            f"(cluster or label); it has {', '.join(names)}."
        )
    clusters = _clusters(frame, cluster)
    annotator = _of(names, "annotator")
    people = [None] * len(frame) if annotator is None else _texts(frame[annotator])
    at = {name: row for row, name in enumerate(ids.values)}
    found: dict[tuple[int, str], GivenAnswer] = {}
    # a table in text has a line of names first
    place, start = ("record", 1) if path.suffix.lower() in JSON_FILES else ("line", 2)
    for line, (said, name, who) in enumerate(
        zip(clusters, _texts(frame[naming]), people, strict=True), start=start
    ):
        if said is None:
            continue
        where = f"{path}, {place} {line}"
        row = _row(name, len(ids), where) if by_number else at.get(name or "")
        if row is None:
            raise InvalidInput(f"{where}: there is no row {name!r} in the data.")
        answer = GivenAnswer(row, said, who or "")
        first = found.setdefault((row, answer.annotator), answer)
        if (type(first.cluster), first.cluster) != (type(said), said):
            raise InvalidInput(f"{where}: row {name} is in two clusters, {first.cluster!r} and {said!r}.")
    if not found:
        raise InvalidInput(f"{path} holds no answers.")
    return list(found.values()), notes


def _is_log(frame: pd.DataFrame) -> bool:
    """Whether the table is the log of a run that ``activeclust export`` wrote."""
    return "format" in frame and len(frame) > 0 and frame["format"].iloc[0] == RUN_FORMAT


def _of(names: list[str], wanted: str) -> str | None:
    return next((name for name in names if name.lower() == wanted), None)


def _naming(names: list[str], ids: RowIds, id_column: str | None) -> tuple[str | None, bool]:
    """The column that identifies rows, and whether it holds row numbers."""
    if ids.named:
        by_name = id_column if id_column in names else None
        by_name = by_name or next((column for d in _NAMING if (column := _of(names, d))), None)
        if by_name is not None:
            return by_name, False
    return _of(names, "row"), True


def _row(name: str | None, n_rows: int, where: str) -> int:
    row = as_integer(name or "")
    if row is None or not 0 <= row < n_rows:
        raise InvalidInput(f"{where}: row {name!r} is not a number from 0 to {n_rows - 1}.")
    return row


def _clusters(frame: pd.DataFrame, column: str) -> list[Label | None]:
    """The clusters; None for a blank one, and for an exported answer that does not count."""
    texts = _texts(frame[column])
    clusters: list[Any] = written_labels(texts).tolist()
    types, kinds, counts = (_of(list(frame.columns), name) for name in ("cluster_type", "kind", "counts"))
    if types is not None:
        stated = _texts(frame[types])
        clusters = [
            text if text is None or kind != "int" else as_integer(text)
            for text, kind in zip(texts, stated, strict=True)
        ]
    for name, meant in ((kinds, ("label", "review")), (counts, ("1", "True"))):
        if name is not None:
            said = _texts(frame[name])
            clusters = [c if word in (None, *meant) else None for c, word in zip(clusters, said, strict=True)]
    return clusters


def _texts(column: pd.Series) -> list[str | None]:
    """Cells as texts; whole numbers of a spreadsheet without a fraction."""
    found: list[str | None] = []
    for value in column.tolist():
        if is_missing(value):
            found.append(None)
        elif isinstance(value, float) and value.is_integer():
            found.append(str(int(value)))
        else:
            found.append(str(value))
    return found
