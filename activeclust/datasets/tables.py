"""Tables: ``.csv``, ``.tsv``, ``.xlsx``, ``.parquet``, ``.json``, ``.jsonl``, a folder of parquet files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activeclust.datasets.column_blocks import as_text
from activeclust.datasets.column_kinds import find_text_column
from activeclust.datasets.columns import TableEncoder
from activeclust.datasets.reading import FileOptions, column_named, read_frame, with_plain_names
from activeclust.datasets.row_content import of_frame
from activeclust.datasets.source import Source
from activeclust.errors import DataFileError, InvalidInput
from activeclust.identities import RowIds, by_content, ids_of
from activeclust.labels import compact, labels_of, written_labels
from activeclust.validation import check_rows

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TableOptions(FileOptions):
    """The roles of columns; the parameters of :func:`activeclust.datasets.load` of these names."""

    label_column: str | None = None
    id_column: str | None = None
    text_column: str | None = None
    columns: Sequence[str] | None = None
    drop: Sequence[str] = ()
    impute: bool = False
    words: bool = False

    @property
    def as_written(self) -> set[str]:
        """Columns to keep as text, in lower case."""
        named = (self.label_column or "label", self.id_column or "id", self.text_column)
        return {name.strip().lower() for name in named if name is not None}


class TableItems(Sequence):
    """The rows of a table as dicts of the columns, created when they are read."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def __len__(self) -> int:
        return len(self.frame)

    def __getitem__(self, row):
        # by column, so that each value keeps its column's type: integers beside fractions stay integers
        return {name: self.frame[name].iat[int(row)] for name in self.frame.columns}


def open_table(path: Path, options: TableOptions) -> Source:
    """Read a file that holds a table, or a folder of ``.parquet`` files."""
    frame, notes = read_frame(path, options, options.as_written)
    source = open_frame(frame, path.name, options)
    return replace(source, notes=(*notes, *source.notes))


def open_frame(frame: pd.DataFrame, what: str, options: TableOptions) -> Source:
    """A table in memory; ``what`` is how messages name it."""
    import pandas as pd

    if frame.empty:
        raise DataFileError(f"{what} holds no rows.")
    frame, notes = with_plain_names(frame, what, options.as_written)
    for name in options.drop:
        column_named(list(frame.columns), name, "", what)
    frame = frame.drop(columns=list(options.drop))
    names = list(frame.columns)
    label = column_named(names, options.label_column, "label", what)
    ident = column_named(names, options.id_column, "id", what)
    y = None if label is None else compact(_labels(frame[label], f"column {label!r} of {what}"))
    if ident is not None:
        # a Series of objects: ids stay integers even if some are missing
        ids = _labels(frame[ident], f"column {ident!r} of {what}")
        frame[ident] = pd.Series(ids, index=frame.index, dtype=object)
    if options.text_column is not None:
        column_named(names, options.text_column, "", what)

    def make_rows() -> tuple[np.ndarray, tuple[str, ...]]:
        chosen = _features(names, options.columns, {label, ident}, what)
        if options.text_column is not None and options.text_column not in chosen:
            chosen.append(options.text_column)
        X, notes = TableEncoder(
            what, impute=options.impute, text=options.text_column, words=options.words
        ).fit(frame[chosen])
        return check_rows(X, what), notes

    text = options.text_column or find_text_column(frame.drop(columns=[c for c in (label, ident) if c]))
    texts = None if text is None else as_text(frame[text])
    shown = frame.drop(columns=[label] if label else [])
    return Source(
        TableItems(shown),
        y,
        make_rows,
        texts=texts,
        notes=tuple(notes),
        make_ids=lambda: _ids(shown, ident),
        id_column=ident,
    )


def _labels(column: pd.Series, what: str) -> np.ndarray:
    """Labels as in the file; if all are texts and all are integers in their usual form, as integers."""
    labels = labels_of(column, what)
    if all(label is None or isinstance(label, str) for label in labels):
        return written_labels(labels.tolist())
    return labels


def _ids(frame: pd.DataFrame, column: str | None) -> RowIds:
    """The values of the id column if there is one for every row and all differ, else digests of the rows' content."""
    if column is not None:
        names = frame[column].tolist()
        if None not in names and len(set(map(str, names))) == len(names):
            return ids_of(names)
    return by_content(of_frame(frame))


# ---------------------------------------------------------------- columns


def _features(
    names: Sequence[str], asked: Sequence[str] | None, taken: set[str | None], what: str
) -> list[str]:
    if asked is None:
        chosen = [name for name in names if name not in taken]
    else:
        chosen = [str(column_named(names, name, "", what)) for name in asked]
        both = [name for name in chosen if name in taken]
        if both:
            raise InvalidInput(f"{', '.join(both)}: the label and the id cannot be features too.")
    if not chosen:
        raise InvalidInput(f"{what} has no column left to cluster by.")
    return chosen
