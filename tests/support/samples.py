"""A run and its answers, for tests of stores that do not care which."""

from __future__ import annotations

from activeclust.store.records import Event, Kind, RunSpec

SPEC = RunSpec("mine", "entropy", 0, 1000, "h", "m")


def label(row: int, cluster: str = "cat", **rest) -> Event:
    """An answer about a row."""
    return Event(Kind.LABEL, row=row, cluster=cluster, **rest)
