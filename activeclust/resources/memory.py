"""Checks available memory before a large step."""

from __future__ import annotations

import os
from pathlib import Path

from activeclust.errors import InvalidInput, NotEnoughMemory

#: environment variable: gigabytes that may be used, if less than the free memory
LIMIT = "ACTIVECLUST_MEMORY_GB"


def available() -> int:
    """Bytes that this process can still allocate, by the machine, its control group, ``ACTIVECLUST_MEMORY_GB``."""
    import psutil

    free = psutil.virtual_memory().available
    used = psutil.Process().memory_info().rss
    for bound in (_of_control_group(), _given()):
        if bound is not None:
            free = min(free, max(0, bound - used))
    return free


def require_memory(needed: int, what: str, remedy: str) -> None:
    """Raise :class:`NotEnoughMemory` if ``needed`` bytes are not available.

    Parameters
    ----------
    needed : int
        An estimate of the peak, in bytes.
    what : str
        The step, as the beginning of a sentence: ``"Views of 1,000 x 3"``.
    remedy : str
        A sentence with the option that reduces the memory.

    Examples
    --------
    >>> require_memory(1000, "A small step", "Nothing to do.")
    >>> require_memory(10**18, "Views of the world", "Take fewer rows.")
    Traceback (most recent call last):
    ...
    activeclust.errors.NotEnoughMemory: Views of the world need about 1,000,000,000.0 GB of memory, and ...
    """
    free = available()
    if needed > free:
        raise NotEnoughMemory(
            f"{what} need about {needed / 1e9:,.1f} GB of memory, and {free / 1e9:,.1f} GB are free. {remedy}"
        )


def _given() -> int | None:
    given = os.environ.get(LIMIT, "")
    if not given:
        return None
    try:
        return int(float(given) * 1e9)
    except ValueError as error:
        raise InvalidInput(f"{LIMIT} is a number of gigabytes, got {given!r}.") from error


def _of_control_group() -> int | None:
    for file in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            text = Path(file).read_text().strip()
        except OSError:
            continue
        return int(text) if text.isdigit() and int(text) < 2**60 else None
    return None
