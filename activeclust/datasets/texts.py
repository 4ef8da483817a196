"""Texts without a table: a ``.txt`` file with one text on each line, or a folder of ``.txt`` files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from activeclust.datasets.folders import file_ids, file_names, find_files, labels_of_files
from activeclust.datasets.source import Source, read_labels
from activeclust.datasets.tables import TableOptions, open_frame
from activeclust.errors import DataFileError
from activeclust.files.delimited import decoded, split_lines
from activeclust.validation import counted

if TYPE_CHECKING:
    import pandas as pd

TEXT_FILES = (".txt",)
_TEXT, _FILE = "text", "file"


def open_lines(path: Path, options: TableOptions, labels: Path | None = None) -> Source:
    """The lines of a file that are not blank, each of them a text.

    Parameters
    ----------
    path : Path
    options : TableOptions
        Of which ``encoding`` and ``words`` are for texts.
    labels : Path, optional
        One label per text.

    Raises
    ------
    DataFileError
        For a file without texts, or whose lines are those of a table.
    """
    import pandas as pd

    text, notes = decoded(path.read_bytes(), path.name, options.encoding)
    lines = split_lines(text)
    texts = [line.strip() for line in lines if line.strip()]
    if not texts:
        raise DataFileError(f"{path} holds no texts; expected one on each line.")
    tabs = {line.count("\t") for line in lines if line.strip()}
    if len(texts) > 1 and len(tabs) == 1 and 0 not in tabs:
        raise DataFileError(
            f"{path} is a table: every line has {tabs.pop() + 1} fields with tabs between them. Give it a name that "
            "ends in .tsv."
        )
    blank = len(lines) - len(texts) - (not lines[-1])
    left_out = f", {counted(blank, 'blank line')} left out" if blank else ""
    source = _of_texts(pd.DataFrame({_TEXT: texts}), path.name, options)
    y, said = (None, ()) if labels is None else read_labels(labels, len(texts), options.encoding)
    return replace(
        source, y=y, notes=(*notes, f"{counted(len(texts), 'text')}, one on each line{left_out}.", *said)
    )


def open_text_files(
    folder: Path, files: Sequence[Path], options: TableOptions, labels: Path | None = None
) -> Source:
    """The ``.txt`` files of a folder and its subfolders, in the order of their paths, each of them a text.

    If every file lies in a direct subfolder, the subfolders' names are the labels.

    Parameters
    ----------
    folder : Path
    files : sequence of Path
        From :func:`find_text_files`.
    options : TableOptions
        Of which ``encoding`` and ``words`` are for texts.
    labels : Path, optional
        One label per text, in the same order, instead of the subfolders' names.
    """
    import pandas as pd

    texts, notes = [], dict[str, None]()
    for file in files:
        text, said = decoded(file.read_bytes(), file.name, options.encoding)
        texts.append(text.strip())
        notes |= dict.fromkeys(said)
    y, said = labels_of_files(files, folder, labels, options.encoding)
    frame = pd.DataFrame({_FILE: file_names(files, folder), _TEXT: texts})
    source = _of_texts(frame, f"{folder}", options)
    first = f"{counted(len(files), 'text')} in {folder}, in the order of their paths."
    return replace(source, y=y, notes=(first, *notes, *said), make_ids=lambda: file_ids(files, folder))


def find_text_files(folder: Path, labels: Path | None = None) -> list[Path]:
    """Paths of the text files under a folder, ordered by their parts; the file of labels is not one of them."""
    return [file for file in find_files(folder, TEXT_FILES) if labels is None or not _same(file, labels)]


def _same(file: Path, labels: Path) -> bool:
    return labels.exists() and file.samefile(labels)


def _of_texts(frame: pd.DataFrame, what: str, options: TableOptions) -> Source:
    return open_frame(frame, what, replace(options, columns=[_TEXT], text_column=_TEXT))
