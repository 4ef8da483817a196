"""Tables: ``.csv``, ``.tsv``, ``.parquet``, a folder of parquet files."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activeclust.datasets.columns import TableEncoder, as_text, find_text_column
from activeclust.datasets.row_content import of_frame
from activeclust.datasets.source import Source
from activeclust.errors import DataFileError, InvalidInput, MissingDependency, UnknownName
from activeclust.identities import RowIds, by_content, ids_of
from activeclust.labels import compact, labels_of, written_labels
from activeclust.validation import check_rows, counted

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TableOptions:
    """Which columns are what; the parameters of :func:`activeclust.datasets.load` of these names."""

    label_column: str | None = None
    id_column: str | None = None
    text_column: str | None = None
    columns: Sequence[str] | None = None
    impute: bool = False


class TableItems(Sequence):
    """The rows of a table as dicts of the columns, made when looked at."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, row):
        # each value of its own column's type: a row of integers and fractions would be fractions
        return {name: self.frame[name].iat[int(row)] for name in self.frame.columns}


def open_table(path: Path, options: TableOptions) -> Source:
    """Read a ``.csv``, ``.tsv`` or ``.parquet`` file, or a folder of ``.parquet`` files."""
    notes: list[str] = []
    is_parquet = path.is_dir() or path.suffix.lower() == ".parquet"
    frame = _read_parquet(path) if is_parquet else _read_text(path, notes, options)
    source = open_frame(frame, path.name, options)
    return replace(source, notes=(*notes, *source.notes))


def open_frame(frame: pd.DataFrame, what: str, options: TableOptions) -> Source:
    """A table in memory; ``what`` is how messages name it."""
    if frame.empty:
        raise DataFileError(f"{what} holds no rows.")
    frame.columns = [str(name) for name in frame.columns]
    label = _column(frame, options.label_column, "label", what)
    ident = _column(frame, options.id_column, "id", what)
    y = None if label is None else compact(labels_of(frame[label], f"column {label!r} of {what}"))
    if options.text_column is not None:
        _column(frame, options.text_column, "", what)

    def make_rows() -> tuple[np.ndarray, tuple[str, ...]]:
        chosen = _features(frame, options.columns, {label, ident}, what)
        if options.text_column is not None and options.text_column not in chosen:
            chosen.append(options.text_column)
        X, notes = TableEncoder(what, impute=options.impute, text=options.text_column).fit(frame[chosen])
        return check_rows(X, what), notes

    text = options.text_column or find_text_column(frame.drop(columns=[c for c in (label, ident) if c]))
    texts = None if text is None else as_text(frame[text])
    shown = frame.drop(columns=[label] if label else [])
    return Source(TableItems(shown), y, make_rows, texts=texts, make_ids=lambda: _ids(shown, ident))


def _ids(frame: pd.DataFrame, column: str | None) -> RowIds:
    """The id column where it names every row and no two alike, else what the rows hold."""
    if column is not None:
        names = labels_of(frame[column], f"column {column!r}").tolist()
        if None not in names and len(set(map(str, names))) == len(names):
            return ids_of(names)
    return by_content(of_frame(frame))


# ---------------------------------------------------------------- reading


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(path).reset_index(drop=True)
    except ImportError as error:
        raise MissingDependency(
            f"Reading {path.name} needs pyarrow: pip install 'activeclust[parquet]'."
        ) from error
    except Exception as error:  # pyarrow has its own exception tree, which is not always installed
        raise DataFileError(f"{path} cannot be read as a parquet file: {error}") from error


def _read_text(path: Path, notes: list[str], options: TableOptions) -> pd.DataFrame:
    import pandas as pd

    if path.stat().st_size == 0:
        raise DataFileError(f"{path} is empty.")
    try:
        separator = "\t" if path.suffix.lower() == ".tsv" else _separator(path)
        first = next(_lines(path, separator), (1, [""]))[1]
        _check_ragged(path, separator)
        header = not all(_is_number(field) for field in first)
        names = [field.lstrip() if header else f"column{i}" for i, field in enumerate(first)]
        written = _written(names, options)
        frame = pd.read_csv(
            path,
            sep=separator,
            header=0 if header else None,
            index_col=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
        )
    except UnicodeDecodeError as error:
        raise DataFileError(f"{path} is not text in UTF-8: {error.reason}.") from error
    except (pd.errors.ParserError, csv.Error) as error:
        raise DataFileError(f"{path} cannot be read as a table: {str(error).strip()}") from error
    if written:
        _put_written(frame, written, [fields for _, fields in _lines(path, separator)][header:], path)
    if not header:
        frame.columns = names
        notes.append("The first line holds numbers only, so it was read as a row, not as a header.")
    return frame


def _written(names: list[str], options: TableOptions) -> list[int]:
    """Positions of the label and the id column, which are the texts in the file."""
    wanted = ((options.label_column, "label"), (options.id_column, "id"))
    found = []
    for asked, default in wanted:
        match = (i for i, name in enumerate(names) if (name == asked if asked else name.lower() == default))
        found.append(next(match, None))
    return sorted({position for position in found if position is not None})


def _put_written(frame: pd.DataFrame, positions: list[int], rows: list[list[str]], path: Path) -> None:
    """Replace columns that pandas guessed (1 for 01, nothing for NA) by what the file says."""
    import pandas as pd

    if len(rows) != len(frame):
        raise DataFileError(
            f"{path} has {len(rows):,} lines with fields, of which {len(frame):,} were read as rows; "
            "remove lines that hold only blanks."
        )
    for position in positions:
        found = written_labels([fields[position] for fields in rows])
        # a Series of objects: an id stays an integer beside blank ones, whatever its size
        frame[frame.columns[position]] = pd.Series(found, index=frame.index, dtype=object)


def _lines(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    """(line number, fields) of every line that is not blank."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file, delimiter=separator, skipinitialspace=True)
        for fields in reader:
            if fields:
                yield reader.line_num, fields


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig") as file:
        line = next((line for line in file if line.strip()), "")
    return max(",;\t", key=line.count)


def _check_ragged(path: Path, separator: str) -> None:
    # pandas fills short lines with NaN and shifts columns when all lines are long: look before it does
    lines = _lines(path, separator)
    number, fields = next(lines, (1, []))
    for line, other in lines:
        if len(other) != len(fields):
            raise DataFileError(
                f"{path} is ragged: line {number} has {counted(len(fields), 'field')}, "
                f"line {line} has {len(other)}."
            )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- columns


def _column(frame: pd.DataFrame, asked: str | None, default: str, what: str) -> str | None:
    if asked is not None:
        if asked not in frame.columns:
            raise UnknownName(f"column in {what} named", asked, frame.columns)
        return asked
    return next((name for name in frame.columns if name.lower() == default), None)


def _features(
    frame: pd.DataFrame, asked: Sequence[str] | None, taken: set[str | None], what: str
) -> list[str]:
    if asked is None:
        chosen = [name for name in frame.columns if name not in taken]
    else:
        chosen = [str(_column(frame, name, "", what)) for name in asked]
        both = [name for name in chosen if name in taken]
        if both:
            raise InvalidInput(f"{', '.join(both)}: the label and the id cannot be features too.")
    if not chosen:
        raise InvalidInput(f"{what} has no column left to cluster by.")
    return chosen
