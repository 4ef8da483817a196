"""Export and import of runs: CSV, Parquet, JSON lines, Label Studio.

JSON lines hold the whole run: its log, its rounds, its settings. The other formats hold the current answers, one line
for each annotator and row.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from activeclust.errors import (
    DataFileError,
    InvalidInput,
    RoundTaken,
    RunExists,
    RunMismatch,
    RunNotFound,
    UnknownName,
)
from activeclust.files.delimited import decoded
from activeclust.identities import RowIds
from activeclust.store.answers import add_answers, settled, to_events
from activeclust.store.base import Run, Store
from activeclust.store.checks import check_event, check_spec
from activeclust.store.formats import (
    Archive,
    from_json,
    read_csv,
    read_jsonl,
    read_parquet,
    rows_own,
    write_csv,
    write_jsonl,
    write_parquet,
)
from activeclust.store.label_studio import Suggestions, from_tasks, tasks, write_tasks
from activeclust.store.records import Answer, Event, RunSpec

FORMATS = ("csv", "jsonl", "parquet", "label-studio")
_ENDINGS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".json": "label-studio",
}


def format_of(path: str | Path) -> str:
    """The format of a file, by its extension.

    Examples
    --------
    >>> format_of("answers.parquet")
    'parquet'
    """
    ending = Path(path).suffix.lower()
    if ending not in _ENDINGS:
        raise InvalidInput(f"Cannot tell the format of {path} by its name: give one of {', '.join(FORMATS)}.")
    return _ENDINGS[ending]


def export_run(
    run: Run,
    format: str,
    file: BinaryIO,
    *,
    suggestions: Mapping[int, Suggestions] | None = None,
    columns: Mapping[str, Sequence[Any]] | None = None,
) -> None:
    """Write a run into a binary file.

    Parameters
    ----------
    run : Run
    format : {"csv", "jsonl", "parquet", "label-studio"}
    file : binary file, writable
    suggestions : mapping of row to [(cluster, probability), ...], optional
        For Label Studio: the model's suggestions for rows, answered or not.
    columns : mapping of str to sequence of length n, optional
        Columns of the data to write beside the answers; ids and file names are always written.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    own = rows_own(run.spec.row_ids, columns)
    if format == "parquet":
        write_parquet(run.answers(), file, run.spec, own)
        return
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        if format == "csv":
            write_csv(run.answers(), text, own)
        elif format == "jsonl":
            write_jsonl(run, text)
        else:
            version = run.spec.model_hash or "activeclust"
            made = tasks(
                run.answers(),
                suggestions=suggestions,
                data=lambda row: {name: values[row] for name, values in own.items()},
                model_version=version,
            )
            write_tasks(made, text)
    finally:
        text.detach()  # the caller closes the file


def import_run(
    store: Store,
    format: str,
    file: BinaryIO,
    *,
    name: str | None = None,
    n_rows: int | None = None,
    control: str | None = None,
) -> tuple[Run, int]:
    """Import a file into a new or an existing run, all or nothing.

    Parameters
    ----------
    store : Store
    format : {"csv", "jsonl", "parquet", "label-studio"}
    file : binary file, readable
    name : str, optional
        The run's name; jsonl and parquet files contain it.
    n_rows : int, optional
        Number of rows of the data, for a new run from csv or label-studio, which do not contain it.
    control : str, optional
        For label-studio: the name of the ``<Choices>`` in which clusters were chosen. Needed only if several were used
        and none is called "cluster".

    Returns
    -------
    run : Run
    n_events : int
        Number of events written; answers that the run has already are skipped, and so is a whole run that exists
        unchanged.

    Raises
    ------
    DataFileError
        If the file is not of that format, or holds something that cannot be stored; nothing was written.
    RunExists
        If a different run of that name exists: a whole run (jsonl) can only become a new run.
    InvalidInput
        If the name or the number of rows is missing.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    if format == "jsonl":
        archive = read_jsonl(_text(file))
        spec = replace(archive.spec, name=name or archive.spec.name)
        return _import_archive(store, archive, spec)
    stated: RunSpec | None = None
    if format == "csv":
        answers = read_csv(_text(file), _ids_of(store, name))
    elif format == "parquet":
        answers, stated = read_parquet(
            file, lambda spec: _ids_of(store, name or (spec.name if spec else None))
        )
    else:
        given = from_json(_decoded(file), "the file")
        answers = from_tasks(given, control=control, ids=_ids_of(store, name))
    return _import_answers(store, stated, answers, name, n_rows)


def _import_archive(store: Store, archive: Archive, spec: RunSpec) -> tuple[Run, int]:
    """Import a whole run in one transaction; a run that holds all of it already is not changed."""
    try:
        run = store.create_run(spec, archive.events, archive.rounds)
    except RunExists:
        run = store.open_run(spec.name)
        same_rows = (run.spec.n_rows, run.spec.data_hash) == (spec.n_rows, spec.data_hash)
        if not same_rows or not _begins_with(run, archive.events):
            raise
        return run, 0
    except (InvalidInput, RoundTaken) as error:
        raise DataFileError(f"The file holds something that cannot be stored: {error}") from error
    return run, run.last_seq


def _begins_with(run: Run, events: Sequence[Event]) -> bool:
    stored = run.stream()
    return all(
        there is not None and check_event(event, run.spec.n_rows) == replace(there, seq=None)
        for event, there in zip(events, itertools.chain(stored, itertools.repeat(None)), strict=False)
    )


def _import_answers(
    store: Store, spec: RunSpec | None, answers: list[Answer], name: str | None, n_rows: int | None
) -> tuple[Run, int]:
    name = name or (spec.name if spec else None)
    if name is None:
        raise InvalidInput("The file does not name its run: give a name.")
    try:
        run = store.open_run(name)
    except RunNotFound:
        if spec is None and n_rows is None:
            raise InvalidInput(
                f"There is no run {name!r} yet and the file does not tell how many rows the data have: "
                "give that number, or the name of an existing run."
            ) from None
        made = replace(
            spec or RunSpec(name, "imported", 0, n_rows or 0, data_hash="", model_hash=""), name=name
        )
        made, given = check_spec(made), settled(answers)
        try:
            run = store.create_run(made, to_events(given))
        except InvalidInput as error:
            raise DataFileError(f"The file holds an answer that cannot be stored: {error}") from error
        return run, len(given)
    _check_same_rows(run.spec, spec)
    if n_rows is not None and n_rows != run.spec.n_rows:
        raise RunExists(
            f"Run {name!r} exists and has {run.spec.n_rows} rows, not {n_rows}: take another name."
        )
    try:
        return run, add_answers(run, answers)
    except InvalidInput as error:
        raise DataFileError(f"The file holds an answer that cannot be stored: {error}") from error


def _check_same_rows(there: RunSpec, given: RunSpec | None) -> None:
    if given is None or (_has_ids(there) and _has_ids(given)):  # answers were assigned to their rows by id
        return
    hashes = {there.data_hash, given.data_hash} - {""}
    if there.n_rows != given.n_rows or len(hashes) > 1:
        raise RunMismatch(
            f"Run {there.name!r} exists and is of other rows than the file's answers: take another name."
        )


def _text(file: BinaryIO) -> io.StringIO:
    return io.StringIO(_decoded(file), newline="")


def _decoded(file: BinaryIO) -> str:
    text, notes = decoded(file.read(), "The file")
    for note in notes:
        warnings.warn(note.partition(":")[0] + ".", stacklevel=4)
    return text


def _has_ids(spec: RunSpec) -> bool:
    return spec.row_ids is not None and spec.row_ids.named


def _ids_of(store: Store, name: str | None) -> RowIds | None:
    """The identities of the rows of an existing run."""
    with contextlib.suppress(RunNotFound):
        return None if name is None else store.open_run(name).spec.row_ids
    return None
