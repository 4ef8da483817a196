"""What counts as a label, and which labels are missing; used wherever labels are read.

A label is a text or an integer. Missing are None, NaN, NaT, ``pandas.NA``, masked entries and blank texts, in
every container and dtype; nothing else is. 1 and "1" are different labels, 1 and 1.0 are the same.
"""

from __future__ import annotations

import datetime
import numbers
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput

Label = str | int

#: types that name a moment or a range; as labels they are the text they print as. By name, so that pandas is not
#: imported here
_PRINTED = {"Timestamp", "Timedelta", "Period", "Interval", "UUID"}


def is_missing(value: Any) -> bool:
    """Whether a value is missing: None, NaN, NaT, ``pandas.NA``, masked, or a blank text.

    Examples
    --------
    >>> [is_missing(value) for value in (None, float("nan"), np.datetime64("NaT"), np.ma.masked, " ", 0, "nan")]
    [True, True, True, True, True, False, False]
    """
    if value is None or value is np.ma.masked:
        return True
    if isinstance(value, str):
        return not value.strip()
    if isinstance(value, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(value))
    if type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, numbers.Number):  # floats of every width, Decimal, complex
        return bool(value != value)
    return isinstance(value, bytes) and not value.strip()


def label(value: Any, what: str = "A label") -> Label | None:
    """One label in its stored form: a str, an int, or None if it is missing.

    Parameters
    ----------
    value : object
        A text, bytes in UTF-8, a whole number of any type, a bool (0 or 1), or a date, which becomes its text.
    what : str
        How a message names it.

    Raises
    ------
    InvalidInput
        For fractions, infinities and everything else that is not a name.

    Examples
    --------
    >>> label(np.float32(3)), label(np.str_("01")), label(True), label(float("nan"))
    (3, '01', 1, None)
    """
    if is_missing(value):
        return None
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            raise InvalidInput(
                f"{what} is a name or an integer, got bytes not in UTF-8: {value!r}."
            ) from None
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return label(value[()], what)
    if isinstance(value, (numbers.Integral, np.bool_)):
        return int(value)
    if isinstance(value, numbers.Number) and not isinstance(value, numbers.Complex | np.complexfloating):
        return _whole(value, what)  # Decimal
    if isinstance(value, numbers.Real):
        return _whole(value, what)
    if isinstance(value, (datetime.date, datetime.time, np.datetime64)) or type(value).__name__ in _PRINTED:
        return str(value)
    raise InvalidInput(f"{what} is a name or an integer, got {value!r} ({type(value).__name__}).")


def _whole(value: Any, what: str) -> int:
    try:
        whole = int(value)
    except (OverflowError, ValueError):
        raise InvalidInput(f"{what} is a name or an integer, got {value}.") from None
    if whole != value:
        raise InvalidInput(
            f"{what} is a name or an integer, got fractions such as {value}; "
            "write them as texts where they are names."
        )
    return whole


def labels_of(
    values: Any, what: str = "y", *, n_rows: int | None = None, unlabelled: int | None = None
) -> np.ndarray:
    """One label per row, in the order of the container.

    Parameters
    ----------
    values : list, tuple, ndarray, masked array, Series of any dtype, pyarrow array, torch tensor, length n
        The n-th entry is the label of the n-th row; an index is ignored.
    what : str
        How messages name them.
    n_rows : int, optional
        How many there must be.
    unlabelled : int, optional
        A number that stands for "no label": -1 by the convention of ``sklearn.semi_supervised``.

    Returns
    -------
    ndarray (n,) of object
        str, int, or None where the label is missing.

    Raises
    ------
    InvalidInput
        For another length, more than one column, or an entry that is no label; the message names the row.

    Examples
    --------
    >>> labels_of([1.0, np.nan, np.int64(-1)], unlabelled=-1).tolist()
    [1, None, None]
    """
    entries = _entries(values, what)
    if n_rows is not None and len(entries) != n_rows:
        raise InvalidInput(
            f"{what} has {len(entries):,} entries for {n_rows:,} row{'' if n_rows == 1 else 's'}; "
            "expected one per row."
        )
    out = np.empty(len(entries), dtype=object)
    seen: dict[Any, Label | None] = {}
    for row, value in enumerate(entries):
        kind = type(value)
        if kind is str or kind is int:  # by far the most frequent case
            out[row] = seen[value] if value in seen else seen.setdefault(value, label(value))
        else:
            out[row] = label(value, f"Row {row} of {what}")
        if unlabelled is not None and type(out[row]) is int and out[row] == unlabelled:
            out[row] = None
    return out


def _entries(values: Any, what: str) -> list[Any]:
    """The entries of a container in order, as Python or NumPy scalars."""
    if type(values).__module__.split(".")[0] == "torch":
        values = values.detach().cpu().numpy()
    if hasattr(values, "__array__") and not isinstance(values, Iterable):
        values = np.asarray(values)
    if isinstance(values, (str, bytes, Mapping, set, frozenset)) or not isinstance(values, Iterable):
        raise InvalidInput(f"{what} must hold one label per row in their order, got {type(values).__name__}.")
    shape = getattr(values, "shape", None)
    if shape is not None and len(shape) == 2 and shape[1] == 1:  # a column
        table: Any = values
        values = table.iloc[:, 0] if hasattr(table, "iloc") else table[:, 0]
    elif shape is not None and len(shape) != 1:
        raise InvalidInput(f"{what} must hold one label per row, got an array of shape {tuple(shape)}.")
    if isinstance(values, np.ndarray) and values.dtype.kind in "mM":
        return list(values)  # tolist() makes integers of nanoseconds
    for method in ("to_pylist", "tolist", "to_list"):
        if hasattr(values, method):
            return list(getattr(values, method)())
    return list(values)


def compact(labels: np.ndarray) -> np.ndarray:
    """Labels as int64 if all are integers of at most 64 bits, else unchanged.

    Examples
    --------
    >>> compact(labels_of([1.0, 2.0])).dtype, compact(labels_of([1, None])).dtype
    (dtype('int64'), dtype('O'))
    """
    if all(type(value) is int and -(2**63) <= value < 2**63 for value in labels):
        return labels.astype(np.int64)
    return labels


def written_labels(texts: Sequence[str | None]) -> np.ndarray:
    """Labels from the text of a file, one per row. They stay texts, unless all are integers in their usual form: "1"
    and "2" are 1 and 2, while "01", "1" and "1.0" are three texts. A blank text is a missing label; "NA" and "None" are
    names.

    Parameters
    ----------
    texts : sequence of str or None, length n

    Returns
    -------
    ndarray (n,) of object

    Examples
    --------
    >>> written_labels(["1", "", "2"]).tolist(), written_labels(["01", "1", "NA"]).tolist()
    ([1, None, 2], ['01', '1', 'NA'])
    """
    found = labels_of(texts, "The labels")
    distinct = {text for text in found if text is not None}
    numbered = {text: as_integer(text) for text in distinct}
    if None not in numbered.values():
        found[:] = [None if text is None else numbered[text] for text in found]
    return found


def as_integer(text: str) -> int | None:
    """The integer of at most 64 bits that prints as exactly this text, or None.

    Examples
    --------
    >>> as_integer("7"), as_integer("07"), as_integer("7.0"), as_integer("-0")
    (7, None, None, None)
    """
    if not (text.isascii() and text.lstrip("-").isdigit() and len(text) <= 20):
        return None
    try:
        number = int(text)
    except ValueError:  # "--1"
        return None
    return number if str(number) == text and -(2**63) <= number < 2**63 else None
