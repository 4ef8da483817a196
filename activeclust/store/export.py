"""Runs to files and back: CSV, Parquet, JSON lines, Label Studio.

JSON lines hold the whole run: its log, its rounds, what it was made from. The others hold the current
answers, one line for each annotator and row.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
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
from activeclust.store.answers import add_answers, current_answers
from activeclust.store.base import Run, RunSpec, Store
from activeclust.store.formats import (
    read_csv,
    read_jsonl,
    read_parquet,
    write_csv,
    write_jsonl,
    write_parquet,
)
from activeclust.store.label_studio import Suggestions, from_tasks, to_tasks

FORMATS = ("csv", "jsonl", "parquet", "label-studio")
_ENDINGS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".json": "label-studio",
}


def format_of(path: str | Path) -> str:
    """The format that a file's name tells.

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
    run: Run, format: str, file: BinaryIO, *, suggestions: Mapping[int, Suggestions] | None = None
) -> None:
    """Write a run into a binary file.

    Parameters
    ----------
    run : Run
    format : {"csv", "jsonl", "parquet", "label-studio"}
    file : binary file, writable
    suggestions : mapping of row to [(cluster, probability), ...], optional
        For Label Studio: what the model says of rows, answered or not.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    if format == "parquet":
        write_parquet(current_answers(run), file, run.spec)
        return
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    try:
        if format == "csv":
            write_csv(current_answers(run), text)
        elif format == "jsonl":
            write_jsonl(run, text)
        else:
            tasks = to_tasks(
                current_answers(run),
                suggestions=suggestions,
                model_version=run.spec.model_hash or "activeclust",
            )
            json.dump(tasks, text, ensure_ascii=False, allow_nan=False, indent=1)
            text.write("\n")
    finally:
        text.detach()  # the file is the caller's to close


def import_run(
    store: Store, format: str, file: BinaryIO, *, name: str | None = None, n_rows: int | None = None
) -> tuple[Run, int]:
    """Read a file into a run: a new one, or an existing one that is given more answers.

    Parameters
    ----------
    store : Store
    format : {"csv", "jsonl", "parquet", "label-studio"}
    file : binary file, readable
    name : str, optional
        The run's name; jsonl and parquet know their own.
    n_rows : int, optional
        How many rows the data have, for a new run from csv or label-studio, which do not tell.

    Returns
    -------
    run : Run
    n_events : int
        How many events were written; answers that the run holds already are passed over.

    Raises
    ------
    DataFileError
        The file is not of that format, or holds something that cannot be stored; nothing was written.
    RunExists
        A whole run (jsonl) can only become a new one.
    InvalidInput
        The name or the number of rows is missing.
    """
    if format not in FORMATS:
        raise UnknownName("format", format, FORMATS)
    if format == "jsonl":
        archive = read_jsonl(_text(file))
        spec = replace(archive.spec, name=name or archive.spec.name)
        return _import_archive(store, spec, archive.events, archive.rounds)
    stated: RunSpec | None = None
    if format == "csv":
        answers = read_csv(_text(file))
    elif format == "parquet":
        answers, stated = read_parquet(file)
    else:
        answers = from_tasks(_json(file))
    run, is_new = _open_or_create(store, stated, name, n_rows)
    try:
        return run, add_answers(run, answers)
    except InvalidInput as error:
        if is_new:
            store.delete_run(run.spec.name)
        raise DataFileError(f"The file holds an answer that cannot be stored: {error}") from error


def _import_archive(store: Store, spec: RunSpec, events: Any, rounds: Any) -> tuple[Run, int]:
    try:
        run = store.create_run(spec)
    except InvalidInput as error:
        raise DataFileError(f"The file holds a run that cannot be stored: {error}") from error
    try:
        written = run.extend(events)
        for record in rounds:
            run.add_round(record)
    except (InvalidInput, RoundTaken) as error:
        store.delete_run(spec.name)
        raise DataFileError(f"The file holds something that cannot be stored: {error}") from error
    return run, len(written)


def _open_or_create(
    store: Store, spec: RunSpec | None, name: str | None, n_rows: int | None
) -> tuple[Run, bool]:
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
        made = spec or RunSpec(name, "imported", 0, n_rows or 0, data_hash="", model_hash="")
        return store.create_run(replace(made, name=name)), True
    _check_same_rows(run.spec, spec)
    if n_rows is not None and n_rows != run.spec.n_rows:
        raise RunExists(
            f"Run {name!r} exists and has {run.spec.n_rows} rows, not {n_rows}: take another name."
        )
    return run, False


def _check_same_rows(there: RunSpec, given: RunSpec | None) -> None:
    if given is None:
        return
    hashes = {there.data_hash, given.data_hash} - {""}
    if there.n_rows != given.n_rows or len(hashes) > 1:
        raise RunMismatch(
            f"Run {there.name!r} exists and is of other rows than the file's answers: take another name."
        )


def _text(file: BinaryIO) -> io.StringIO:
    return io.StringIO(_decoded(file), newline="")


def _json(file: BinaryIO) -> Any:
    try:
        return json.loads(_decoded(file))
    except ValueError as error:
        raise DataFileError(f"The file is no JSON: {error}.") from error


def _decoded(file: BinaryIO) -> str:
    try:
        return file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataFileError(f"The file is not text in UTF-8: {error}.") from error
