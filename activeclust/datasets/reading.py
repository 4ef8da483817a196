"""Reads files that hold a table: delimited text, spreadsheets, parquet, JSON.

Values stay as written: a column of codes such as 007 is text, an integer column with missing values stays integer, and
``NA`` means "missing" only in columns of numbers or dates.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.datasets.column_kinds import DATE
from activeclust.datasets.json_records import JSON_FILES, read_json
from activeclust.errors import DataFileError, InvalidInput, MissingDependency, UnknownName
from activeclust.files.delimited import find_encoding, find_separator, lines
from activeclust.validation import counted

if TYPE_CHECKING:
    import pandas as pd

SPREADSHEETS = (".xlsx", ".xlsm")
#: these mean "missing" in a column of numbers or dates; in other columns they are names
MARKERS = frozenset(
    ["NA", "N/A", "n/a", "<NA>", "#N/A", "#NA", "NaN", "nan", "-nan", "-NaN", "NULL", "null", "None", "none", "NaT",
     "#NUM!", "#VALUE!", "#DIV/0!", "?", "-"]
)  # fmt: skip
#: a code, not a number: as an integer it would lose its leading zeros
_CODE = re.compile(r"[-+]?0\d")


@dataclass(frozen=True)
class FileOptions:
    """How a file is read; the parameters of :func:`activeclust.datasets.load` of these names."""

    encoding: str | None = None
    decimal: str = "."
    sheet: str | None = None


def read_frame(
    path: Path, options: FileOptions, texts: Collection[str] | None = ()
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The table in a file.

    Parameters
    ----------
    path : Path
        ``.csv``, ``.tsv``, ``.xlsx``, ``.parquet``, ``.json``, ``.jsonl``, or a folder of parquet files.
    options : FileOptions
    texts : collection of str, or None
        Columns of delimited text to keep as text, by their names in lower case; all for None.

    Returns
    -------
    frame : DataFrame
        Blank cells are missing. Column names are stripped and distinct.
    notes : tuple of str

    Raises
    ------
    DataFileError
        For a file that cannot be read; the message names the line if it is known.
    MissingDependency
        Where an extra is needed.
    """
    suffix = path.suffix.lower()
    is_parquet, is_sheet, is_json = (
        path.is_dir() or suffix == ".parquet", suffix in SPREADSHEETS, suffix in JSON_FILES,
    )  # fmt: skip
    for given, holds, option, kind in (
        (options.sheet is not None, is_sheet, "--sheet", "spreadsheets (.xlsx)"),
        (
            options.encoding is not None,
            not is_sheet and not is_parquet,
            "--encoding",
            "text (.csv, .tsv, .json)",
        ),
        (options.decimal != ".", not (is_sheet or is_parquet or is_json), "--decimal", "text (.csv, .tsv)"),
    ):
        if given and not holds:
            raise InvalidInput(f"{option} is for {kind}; {path.name} is not such a file.")
    notes: Sequence[str] = ()
    if is_parquet:
        frame = _read_parquet(path)
    elif is_sheet:
        frame, notes = _read_sheet(path, options.sheet)
    elif is_json:
        frame, notes = read_json(path, options.encoding)
    else:
        frame, notes = _read_text(path, options, texts)
    frame, notes_of_columns = with_plain_names(frame, path.name, texts or ())
    settled = (
        [] if texts is None else _settle(frame, {name for name in frame.columns if name.lower() in texts})
    )
    return frame, (*notes, *settled, *notes_of_columns)


# ---------------------------------------------------------------- kinds of files


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError as error:
        raise MissingDependency(
            f"Reading {path.name} needs pyarrow: pip install 'activeclust[parquet]'."
        ) from error
    except Exception as error:  # pyarrow's own exceptions may not be importable
        raise DataFileError(f"{path} cannot be read as a parquet file: {error}") from error
    # a named index, as set_index("id") creates it, is a column
    nameless = all(name is None for name in frame.index.names)
    return frame.reset_index(drop=nameless)


def _read_sheet(path: Path, sheet: str | None) -> tuple[pd.DataFrame, list[str]]:
    import pandas as pd

    try:
        book = pd.ExcelFile(path, engine="openpyxl")
    except ImportError as error:
        raise MissingDependency(
            f"Reading {path.name} needs openpyxl: pip install 'activeclust[excel]'."
        ) from error
    except Exception as error:  # openpyxl, zipfile and the XML parser raise many kinds of errors
        raise DataFileError(f"{path} cannot be read as a spreadsheet: {error}") from error
    with book:
        sheets = [str(name) for name in book.sheet_names]
        if sheet is not None and sheet not in sheets:
            raise UnknownName(f"sheet in {path.name} named", sheet, sheets)
        chosen = sheet or sheets[0]
        try:
            cells = pd.read_excel(
                book, sheet_name=chosen, header=None, dtype=object, keep_default_na=False, na_values=[""]
            )
        except Exception as error:
            raise DataFileError(f"Sheet {chosen!r} of {path} cannot be read: {error}") from error
    cells = cells[~cells.isna().all(axis=1)]  # a sheet may have formatted but empty lines at its end
    if not len(cells):
        raise DataFileError(f"Sheet {chosen!r} of {path} is empty.")
    frame = cells.iloc[1:].reset_index(drop=True)
    frame.columns = pd.Index(
        ["" if gap else str(v) for v, gap in zip(cells.iloc[0], cells.iloc[0].isna(), strict=True)]
    )
    notes = (
        [f"Sheet {chosen!r}, the first of {len(sheets)}: --sheet names another."]
        if len(sheets) > 1 and not sheet
        else []
    )
    return frame.infer_objects(), notes


def _read_text(
    path: Path, options: FileOptions, texts: Collection[str] | None
) -> tuple[pd.DataFrame, list[str]]:
    import pandas as pd

    if path.stat().st_size == 0:
        raise DataFileError(f"{path} is empty.")
    if options.decimal not in (".", ","):
        raise InvalidInput(f"--decimal is . or , (the sign before the fraction), got {options.decimal!r}.")
    with path.open("rb") as raw:
        encoding = find_encoding(raw, path.name, options.encoding)
    try:
        with path.open(encoding=encoding.name, newline="") as file:
            separator = "\t" if path.suffix.lower() == ".tsv" else find_separator(file)
            first, has_codes = _check_lines(file, separator, path)
        header, notes = _header(first)
        read = partial(_read_columns, path, encoding.name, separator, len(first), header)
        as_text: dict[str, Any] = {
            str(i): object for i, field in enumerate(first)
            if texts is None or (header and field.strip().lower() in texts)
        }  # fmt: skip
        frame = _typed_columns(read, options.decimal, as_text, has_codes)
    except (pd.errors.ParserError, csv.Error) as error:
        raise DataFileError(
            f"{path} cannot be read as a table: {str(error).strip()}. A text with a quote in it is written with "
            'the quote doubled, within quotes: "so ""called"" text".'
        ) from error
    frame.columns = pd.Index(first if header else [f"column{i}" for i in range(len(first))])
    return frame, [*encoding.notes, *notes]


def _header(first: list[str]) -> tuple[bool, list[str]]:
    """Whether the fields of the ``first`` line are the names of the columns; and notes."""
    if len(first) > 2 and first == [str(i) for i in range(len(first))]:
        return True, ["The first line counts the columns, so it was read as a header."]
    if all(_is_number(field) for field in first):
        return False, ["The first line holds numbers only, so it was read as a row, not as a header."]
    return True, []


def _read_columns(
    path: Path, encoding: str, separator: str, n_columns: int, header: bool, **options: Any
) -> pd.DataFrame:
    """The table with its columns named "0", "1", ...; ``options`` are those of ``pandas.read_csv``."""
    import pandas as pd

    with path.open(encoding=encoding, newline="") as file:
        return pd.read_csv(
            file, sep=separator, header=0 if header else None, names=[str(i) for i in range(n_columns)],
            index_col=False, skipinitialspace=True, keep_default_na=False, na_values=[""], **options,
        )  # fmt: skip


def _typed_columns(
    read: Callable[..., pd.DataFrame], decimal: str, as_text: dict[str, Any], has_codes: bool
) -> pd.DataFrame:
    """Columns as numbers if all values are numbers; as text those ``as_text``, and those with codes such as 007."""
    frame = read(decimal=decimal, dtype=as_text)
    whole = [name for name in frame.columns if name not in as_text and frame[name].dtype.kind in "iu"]
    if has_codes and whole:
        written = read(usecols=whole, dtype=object)
        for name in whole:
            if written[name].map(lambda text: bool(_CODE.match(text))).any():
                frame[name] = written[name]
    return frame


def _check_lines(file: Any, separator: str, path: Path) -> tuple[list[str], bool]:
    """The first line's fields, and whether any cell begins with a zero and a digit; lines of different lengths are
    refused.

    pandas fills short lines with NaN and shifts columns if all lines are too long, so such files are refused here.
    """
    code = re.compile(rf'(?:^|[{separator}"])\s*[-+]?0\d')
    has_codes = False

    def watched() -> Iterator[str]:
        nonlocal has_codes
        for line in file:
            has_codes = has_codes or code.search(line) is not None
            yield line

    found = lines(watched(), separator)
    number, first = next(found, (1, [""]))
    for line, fields in found:
        if len(fields) != len(first):
            raise DataFileError(
                f"{path} is ragged: line {number} has {counted(len(first), 'field')}, line {line} has {len(fields)}. "
                f"A text that holds {separator!r} is written in double quotes."
            )
    return first, has_codes


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- names of columns


def with_plain_names(
    frame: pd.DataFrame, what: str, single: Collection[str] = ()
) -> tuple[pd.DataFrame, list[str]]:
    """The table with stripped, distinct names, and without columns of row numbers.

    Parameters
    ----------
    frame : DataFrame
    what : str
        How messages name the table.
    single : collection of str
        Names, in lower case, that only one column may have: those of labels and ids.

    Raises
    ------
    DataFileError
        If several columns have such a name.
    """
    import pandas as pd

    bare = [str(name).strip() for name in frame.columns]
    names: list[str] = []
    keep, notes = [], []
    for i, name in enumerate(bare):
        column = frame.iloc[:, i]
        if not name or re.fullmatch(r"Unnamed: \d+", name):
            if column.isna().all():  # lines that end with a separator
                continue
            if i == 0 and _counts(column):
                notes.append("The first column has no name and counts the rows: left out.")
                continue
            name = f"column{i}"
        elif bare.index(name) < i:
            if name.lower() in single:
                raise DataFileError(
                    f"{what} has two columns named {name!r} (columns {bare.index(name) + 1} and {i + 1}): give one of "
                    "them another name."
                )
            numbered = (f"{name} ({k})" for k in range(2, len(bare) + 2))
            name = next(fresh for fresh in numbered if fresh not in bare and fresh not in names)
            notes.append(f"Column {i + 1}, another one named {bare[i]!r}, is called {name!r} here.")
        keep.append(i)
        names.append(name)
    frame = frame.iloc[:, keep].copy(deep=False)
    frame.columns = pd.Index(names, dtype=object)
    return frame, notes


def _counts(column: pd.Series) -> bool:
    try:
        values = column.to_numpy(dtype=np.float64)
    except (TypeError, ValueError):
        return False
    return bool((values == np.round(values)).all() and len(np.unique(values)) == len(values))


# ---------------------------------------------------------------- values of columns


def _settle(frame: pd.DataFrame, as_written: Collection[str]) -> list[str]:
    """Convert columns to the types of their values, in place."""
    import pandas as pd

    named: Counter[str] = Counter()
    for name in frame.columns:
        if name in as_written:
            continue
        column = given = frame[name]
        if column.dtype == object or isinstance(column.dtype, pd.StringDtype):
            settled = _marked(column)
            if settled is None:
                named[name] = sum(isinstance(v, str) and v.strip() in MARKERS for v in frame[name])
                continue
            column = settled
        if pd.api.types.is_float_dtype(column) and column.isna().any():
            known = column.dropna().to_numpy(dtype=np.float64)
            if len(known) and (known == np.round(known)).all() and np.abs(known).max() < 2**53:
                column = column.astype("Int64")
        if column is not given:
            frame[name] = column
    return [
        f"Column {name!r}: 'NA', 'None' and the like count as names there ({counted(times, 'cell')}); blank is missing."
        for name, times in named.items() if times
    ]  # fmt: skip


def _marked(column: pd.Series) -> pd.Series | None:
    """Numbers or dates, with markers such as NA as missing; None for any other column."""
    import pandas as pd

    known = column.dropna()
    if not len(known) or not known.map(lambda value: isinstance(value, (str, int, float))).all():
        return None
    texts = known.map(lambda value: str(value).strip())
    marks = texts.isin(MARKERS)
    if not marks.any() or marks.all():
        return None
    rest = texts[~marks]
    if rest.map(lambda text: bool(DATE.fullmatch(text))).all():
        return column.where(~column.index.isin(texts.index[marks]))
    numbers = pd.to_numeric(rest, errors="coerce")
    if numbers.isna().any() or rest.map(lambda text: bool(_CODE.match(text))).any():
        return None
    return numbers.reindex(column.index)


def column_named(names: Sequence[str], asked: str | None, default: str, what: str) -> str | None:
    """The requested column, else the one of the default name (upper or lower case), else None.

    Raises
    ------
    UnknownName
        For a column that does not exist.
    DataFileError
        If several names match the default in different cases.
    """
    if asked is not None:
        if asked not in names:
            raise UnknownName(f"column in {what} named", asked, names)
        return asked
    found = [name for name in names if name.lower() == default]
    if len(found) > 1:
        raise DataFileError(
            f"{what} has columns {', '.join(found)}: say which is meant with --{default}-column."
        )
    return found[0] if found else None
