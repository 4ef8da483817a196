"""Computes rows in chunks, and in smaller chunks if a device runs out of memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from activeclust.errors import NotEnoughMemory
from activeclust.resources.progress import report

SMALLEST = 64


def in_chunks(
    n: int, chunk: int, serve: Callable[[int, int], np.ndarray], step: str = "posterior"
) -> np.ndarray:
    """The results of ``serve(start, end)`` for all rows 0..n, concatenated.

    The result of a row must not depend on the other rows of its chunk. If the device has not enough memory for a chunk,
    this and the later chunks have half as many rows.

    Parameters
    ----------
    n, chunk : int
    serve : callable
        Returns (end - start, ...).
    step : str
        The name under which progress is reported.

    Raises
    ------
    NotEnoughMemory
        If not even 64 rows fit.

    Examples
    --------
    >>> in_chunks(5, 2, lambda start, end: np.arange(start, end)).tolist()
    [0, 1, 2, 3, 4]
    """
    parts: list[np.ndarray] = []
    start = 0
    while start < n:
        end = min(start + chunk, n)
        try:
            parts.append(serve(start, end))
        except torch.OutOfMemoryError as error:
            if chunk <= SMALLEST:
                raise NotEnoughMemory(
                    f"The device has no memory for a posterior of even {SMALLEST} rows ({error}). Use the "
                    "processor with --device cpu (device='cpu'), or fewer rows with --landmarks."
                ) from error
            chunk = max(SMALLEST, chunk // 2)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()  # free memory is fragmented in pieces of the old size
            continue
        start = end
        report(step, start, n)
    return np.concatenate(parts)
