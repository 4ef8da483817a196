"""Checks of rows, used wherever rows are read."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput


def check_rows(X: Any, what: str = "X") -> np.ndarray:
    """Rows as a C-ordered array of floats; :class:`InvalidInput` names the problem and the rows.

    Parameters
    ----------
    X : array-like (n, d)
        Two or more rows, not all the same, finite numbers. More than two axes (images) are flattened.
    what : str
        How the message names the data, for instance the file it came from.

    Returns
    -------
    ndarray (n, d)
        float32 where that holds every value of the given type, else float64: nothing is rounded.

    Examples
    --------
    >>> check_rows([[0, 1], [2, 3]]).dtype, check_rows(np.eye(2, dtype=np.int16)).dtype
    (dtype('float64'), dtype('float32'))
    >>> check_rows([[0, 1], [2, float("nan")]])
    Traceback (most recent call last):
    ...
    activeclust.errors.InvalidInput: X has NaN or infinite values in row 1 (counted from 0); every...
    """
    array = _numeric(X, what)
    if array.ndim < 2:
        raise InvalidInput(
            f"{what} must be a table of rows and columns, got {array.ndim} axis: "
            "use X.reshape(-1, 1) where each row is a single number."
        )
    array = array.reshape(len(array), -1)
    if len(array) < 2:
        raise InvalidInput(f"{what} has {counted(len(array), 'row')}; clustering needs two or more.")
    if array.shape[1] == 0:
        raise InvalidInput(f"{what} has no columns; clustering needs one or more.")
    array = np.ascontiguousarray(array, np.float32 if np.can_cast(array.dtype, np.float32) else np.float64)
    broken = _broken_rows(array)
    if len(broken):
        raise InvalidInput(
            f"{what} has NaN or infinite values in {some_rows(broken)}; every value must be a finite number: "
            "drop these rows, or fill the gaps first."
        )
    if all((part == array[0]).all() for part in _parts(array)):
        raise InvalidInput(f"All {len(array)} rows of {what} are identical: there is nothing to tell apart.")
    return array


def _parts(array: np.ndarray) -> Iterator[np.ndarray]:
    """The rows in blocks, so that checking a large or memory-mapped array does not copy it."""
    step = max(1, 4_000_000 // array.shape[1])
    return (array[start : start + step] for start in range(0, len(array), step))


def _broken_rows(array: np.ndarray) -> np.ndarray:
    return np.flatnonzero(~np.concatenate([np.isfinite(part).all(axis=1) for part in _parts(array)]))


def _numeric(X: Any, what: str) -> np.ndarray:
    if isinstance(X, np.ma.MaskedArray):
        # a masked number is missing
        X = np.ma.filled(X.astype(np.float64), np.nan)
    try:
        array = np.asarray(X)
    except ValueError as error:  # a list of rows of different lengths
        raise InvalidInput(f"The rows of {what} have different numbers of columns.") from error
    if array.dtype == object:
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidInput(f"{what} is not numeric: {error}.") from error
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"{what} is not numeric: its values are {array.dtype}, expected numbers.")
    return array


def check_new_rows(X: Any, columns: int, what: str = "X") -> np.ndarray:
    """Rows to be predicted: as :func:`check_rows`, but any number of rows with the given number of columns.

    Examples
    --------
    >>> check_new_rows([[1, 2]], 2).shape
    (1, 2)
    """
    array = _numeric(X, what)
    array = array.reshape(len(array), math.prod(array.shape[1:])) if array.ndim > 1 else array
    if array.ndim != 2 or array.shape[1] != columns:
        raise InvalidInput(f"{what} holds rows of {counted(columns, 'column')}, got shape {np.shape(X)}.")
    broken = _broken_rows(array) if len(array) else np.empty(0, int)
    if len(broken):
        raise InvalidInput(f"{what} has NaN or infinite values in {some_rows(broken)}.")
    return np.ascontiguousarray(array, np.float32 if np.can_cast(array.dtype, np.float32) else np.float64)


def generator_of(random_state: Any) -> np.random.Generator:
    """scikit-learn's ``random_state`` as a Generator.

    Parameters
    ----------
    random_state : None, int, numpy.random.RandomState, numpy.random.Generator or SeedSequence
        A number gives the same draws every time; draws from a generator object change its state.

    Examples
    --------
    >>> a, b = (generator_of(7).integers(1000) for _ in range(2))
    >>> bool(a == b)
    True
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint32))
    is_seed = isinstance(random_state, numbers.Integral) and not isinstance(random_state, bool)
    if random_state is None or isinstance(random_state, np.random.SeedSequence):
        return np.random.default_rng(random_state)
    if is_seed and random_state >= 0:
        return np.random.default_rng(int(random_state))
    raise InvalidInput(
        f"random_state is None, an integer from 0 upward, a RandomState or a Generator; got {random_state!r}."
    )


def counted(n: int, noun: str) -> str:
    """``"1 row"``, ``"2 rows"``, ``"5,000 rows"``.

    Examples
    --------
    >>> counted(1, "row"), counted(5000, "row")
    ('1 row', '5,000 rows')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def some_rows(rows: Sequence[int] | np.ndarray, limit: int = 5) -> str:
    """A few row numbers for a message.

    Examples
    --------
    >>> some_rows([3]), some_rows([3, 4])
    ('row 3 (counted from 0)', 'rows 3, 4 (counted from 0)')
    """
    shown = ", ".join(str(int(row)) for row in rows[:limit])
    more = f" and {len(rows) - limit:,} more" if len(rows) > limit else ""
    return f"row{'s' if len(rows) > 1 else ''} {shown}{more} (counted from 0)"
