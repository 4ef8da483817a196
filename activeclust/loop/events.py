"""The event under which an answer is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from activeclust.annotators.query import SKIP, Answer, Signal
from activeclust.store.records import Event, Kind


def event_of(
    row: int,
    answer: Answer,
    *,
    who: str,
    client_id: str | None = None,
    details: Mapping[str, Any] | None = None,
) -> Event:
    """A label, or a skip or unsure, of ``row`` by ``who``; not of STOP or UNDO, which are about no row."""
    if isinstance(answer, Signal):
        kind, cluster = (Kind.SKIP if answer is SKIP else Kind.UNSURE), None
    else:
        kind, cluster = Kind.LABEL, answer
    return Event(kind, row=row, cluster=cluster, client_id=client_id, details=details or {}, annotator=who)
