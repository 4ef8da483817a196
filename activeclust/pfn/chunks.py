"""Rows in chunks, and smaller chunks where a device runs out of memory."""

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
    """``serve(start, end)`` for all of 0..n, one below another.

    Each row must be served on its own, so that the size of a chunk changes nothing. Where the device has no
    memory left for a chunk, it is tried again with half as many rows, and the work goes on with those.

    Parameters
    ----------
    n, chunk : int
    serve : callable
        Gives (end - start, ...).
    step : str
        The name under which progress is reported.

    Raises
    ------
    NotEnoughMemory
        Where not even 64 rows fit.

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
                torch.cuda.empty_cache()  # what is free is in pieces of the old size
            continue
        start = end
        report(step, start, n)
    return np.concatenate(parts)
