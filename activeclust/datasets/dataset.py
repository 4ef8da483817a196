"""A data set: rows, true labels if they are known, and the items that a person sees."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from activeclust.datasets.row_content import of_array
from activeclust.errors import InvalidInput
from activeclust.identities import RowIds, by_content
from activeclust.metrics import known_rows


@dataclass(frozen=True)
class Dataset:
    """Rows to be clustered.

    Attributes
    ----------
    X : ndarray (n, d) of float32
    y : ndarray (n,) or None
        True labels, integers or strings; None if the data set has none.
    items : sequence of length n
        What a person sees: an image (h, w), the Path of a picture, the columns of a table as a dict, or the row itself.
    name : str
        Short name, used to name runs.
    source : str
        The argument of :func:`activeclust.datasets.load`, so that a run can be resumed without naming the data again.
    notes : tuple of str
        What was done to the data, one sentence per step.
    make_ids : callable or None
        Computes ``row_ids`` when they are first read; None for digests of the rows' content.
    row_ids : RowIds
        What identifies the rows when the data change: the id column, the pictures' file names, or digests of the
        content.
    """

    X: np.ndarray
    y: np.ndarray | None
    items: Sequence[Any] | np.ndarray
    name: str
    source: str
    notes: tuple[str, ...] = ()
    make_ids: Callable[[], RowIds] | None = field(default=None, repr=False, compare=False)

    @cached_property
    def row_ids(self) -> RowIds:
        """What identifies the rows; computed when first read."""
        return by_content(of_array(self.X)) if self.make_ids is None else self.make_ids()

    def oracle_labels(self) -> np.ndarray:
        """The true labels, None for rows without one; :class:`InvalidInput`, with the remedy, if no row has one."""
        if self.y is None:
            raise InvalidInput(
                f"{self.source} holds no labels, and an oracle answers with them: name the column with "
                "--label-column (tables), or give the labels' file with --labels (arrays)."
            )
        if not known_rows(self.y).any():
            raise InvalidInput(f"No row of {self.source} has a label, and an oracle answers with them.")
        return self.y
