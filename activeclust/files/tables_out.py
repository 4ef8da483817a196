"""Writes tables, in the format that the file's name ends in."""

from __future__ import annotations

from pathlib import Path

from activeclust.errors import InvalidInput
from activeclust.files.table_formats import NEEDED, TABLE_FORMATS, Columns
from activeclust.resources.output import write_atomically


def write_table(path: Path, columns: Columns) -> None:
    """Write a table as ``.csv``, ``.tsv``, ``.xlsx``, ``.jsonl`` or ``.parquet``.

    Parameters
    ----------
    path : Path
    columns : mapping of str to sequence of length n

    Raises
    ------
    InvalidInput, MissingDependency
        As :func:`check_table_name`.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "clusters.jsonl"
    >>> write_table(path, {"row": [0, 1], "cluster": ["cat", None]})
    >>> print(path.read_text())
    {"row": 0, "cluster": "cat"}
    {"row": 1, "cluster": null}
    <BLANKLINE>
    """
    content = TABLE_FORMATS[check_table_name(path)](columns)
    with write_atomically(path) as file:
        file.write(content)


def check_table_name(path: Path) -> str:
    """The end of the name, in lower case, after a check that a table of that name can be written.

    Raises
    ------
    InvalidInput
        For another end of the name.
    MissingDependency
        For ``.xlsx`` without openpyxl, and ``.parquet`` without pyarrow.

    Examples
    --------
    >>> check_table_name(Path("clusters.CSV"))
    '.csv'
    """
    suffix = path.suffix.lower()
    if suffix not in TABLE_FORMATS:
        raise InvalidInput(
            f"A table is written to a file whose name ends in {', '.join(TABLE_FORMATS)}; got {path.name!r}."
        )
    NEEDED.get(suffix, lambda: None)()
    return suffix
