"""What identifies a row: an id, a file name, or a digest of its content.

Row numbers change when a file is sorted or gets more rows; identities do not. They are stored with a run, so that
its answers can be assigned to their rows again.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from activeclust.errors import InvalidInput
from activeclust.labels import labels_of

By = Literal["id", "file", "content"]
_WORDS = {"id": "id", "file": "file name", "content": "content"}


@dataclass(frozen=True)
class RowIds:
    """One unique name per row.

    Attributes
    ----------
    by : {"id", "file", "content"}
        What the names are: values of an id column, file names, or digests of the rows' content.
    values : tuple of str, length n

    Examples
    --------
    >>> RowIds("id", ("a", "b")).words
    'id'
    """

    by: By
    values: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.by not in get_args(By):
            raise InvalidInput(f"Rows are identified by one of {', '.join(get_args(By))}, got {self.by!r}.")
        if len(set(self.values)) != len(self.values):
            twice = next(name for name, times in Counter(self.values).items() if times > 1)
            raise InvalidInput(f"An id names one row, and {twice!r} names several.")

    @property
    def words(self) -> str:
        """The kind of the names, in words for messages."""
        return _WORDS[self.by]

    @property
    def named(self) -> bool:
        """Whether the names are readable for people: ids and file names are, digests are not."""
        return self.by != "content"

    def __len__(self) -> int:
        return len(self.values)


def ids_of(values: Sequence[object] | RowIds, n_rows: int | None = None, by: By = "id") -> RowIds:
    """Names given as values of an id column, one per row.

    Parameters
    ----------
    values : sequence of str or int, or RowIds, length n
        What :func:`activeclust.labels.labels_of` takes, none of them missing, no two alike as text.
    n_rows : int, optional
        How many there must be.
    by : {"id", "file", "content"}

    Raises
    ------
    InvalidInput
        For a missing name, a name of two rows, or another number of names.

    Examples
    --------
    >>> ids_of([7, "b"]).values
    ('7', 'b')
    """
    if isinstance(values, RowIds):
        ids = values
    else:
        found = labels_of(values, "The ids")
        for row, name in enumerate(found):
            if name is None:
                raise InvalidInput(f"Row {row} has no id; every row needs one.")
        ids = RowIds(by, tuple(str(name) for name in found))
    if n_rows is not None and len(ids) != n_rows:
        raise InvalidInput(f"There are {len(ids):,} ids for {n_rows:,} rows; expected one per row.")
    return ids


def by_content(rows: Iterable[bytes]) -> RowIds:
    """Names from the rows' content: digests of 64 bits; equal rows are numbered.

    Examples
    --------
    >>> first, second, copy = by_content([b"1,2", b"3,4", b"1,2"]).values
    >>> first != second, copy == f"{first}-2"
    (True, True)
    """
    seen: Counter[str] = Counter()
    names = []
    for row in rows:
        name = hashlib.blake2b(row, digest_size=8).hexdigest()
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return RowIds("content", tuple(names))


def moved(then: RowIds, now: RowIds) -> dict[int, int]:
    """Mapping from row numbers ``then`` to row numbers ``now``, for the rows that are in both.

    Raises
    ------
    InvalidInput
        If the two are identified differently.

    Examples
    --------
    >>> moved(RowIds("id", ("a", "b", "c")), RowIds("id", ("c", "a")))
    {0: 1, 2: 0}
    """
    if then.by != now.by:
        raise InvalidInput(
            f"The rows were identified by their {then.words} before, and by their {now.words} now: "
            "name the same column with --id-column."
        )
    at = {name: row for row, name in enumerate(now.values)}
    return {row: at[name] for row, name in enumerate(then.values) if name in at}
