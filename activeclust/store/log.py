"""The log for readers: who answered what, when, and what it replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from activeclust.store.base import Run
from activeclust.store.outcomes import ON_ROW
from activeclust.store.records import Event, Kind


@dataclass(frozen=True)
class LogLine:
    """An event with the events that it replaced or that undid it."""

    event: Event
    replaced: Event | None  #: the answer that this one replaced, by the same annotator or another
    undone_by: int | None  #: the event that undid this one


def explain(events: Iterable[Event]) -> Iterator[LogLine]:
    """Each event with the answer it replaced and the event that undid it.

    Parameters
    ----------
    events : iterable of Event
        A whole log, oldest first.

    Examples
    --------
    >>> lines = list(explain([
    ...     Event(Kind.LABEL, row=1, cluster="cat", seq=1),
    ...     Event(Kind.LABEL, row=1, cluster="dog", seq=2),
    ...     Event(Kind.UNDO, target=2, seq=3),
    ... ]))
    >>> lines[1].replaced.cluster, lines[1].undone_by, lines[2].replaced.cluster
    ('cat', 3, 'dog')
    """
    events = list(events)
    by_seq = {event.seq: event for event in events}
    undone_by = {event.target: event.seq for event in events if event.kind is Kind.UNDO}
    answers: dict[int, list[Event]] = {}
    for event in events:
        replaced = None
        if event.kind is Kind.UNDO:
            replaced = by_seq.get(event.target)
            if replaced is not None and replaced.row is not None:
                answers[replaced.row].remove(replaced)
        elif event.kind in ON_ROW and event.row is not None:
            before = answers.setdefault(event.row, [])
            replaced = before[-1] if before else None
            before.append(event)
        yield LogLine(event, replaced, undone_by.get(event.seq))


@dataclass(frozen=True)
class Noted:
    """Events of one sort, oldest first, and those that were undone."""

    events: tuple[Event, ...]
    undone: frozenset[int]  #: numbers of undone events; others may be included


class LogReader:
    """The events of a run with a certain key in their details; each call reads only new events from the store.

    Events are never changed or removed, so events read before remain valid. Safe to share between threads.

    Parameters
    ----------
    run : Run
    key : str
        The key of ``details``.

    Examples
    --------
    >>> from activeclust.store import open_store
    >>> from activeclust.store.records import RunSpec
    >>> run = open_store(None).create_run(RunSpec("mine", "random", 0, 10, "hash", "model"))
    >>> reader = LogReader(run, "check")
    >>> written = run.extend([Event(Kind.LABEL, row=1, cluster="cat", details={"check": "1-eva"}),
    ...                       Event(Kind.LABEL, row=2, cluster="cat")])
    >>> [sentence(event) for event in reader.read().events]
    ["row 1 is 'cat'"]
    """

    def __init__(self, run: Run, key: str) -> None:
        self._run, self._key = run, key
        self._noted = Noted((), frozenset())
        self._last: int | None = None  # the newest event that was read
        self._lock = threading.Lock()

    def read(self) -> Noted:
        """All of them."""
        with self._lock:
            if self._last is None:
                last = self._run.last_seq
                found = [event for event in self._run.find(noted=self._key) if (event.seq or 0) <= last]
                undone = self._run.find(targets=[event.seq for event in found if event.seq is not None])
                self._last = last
            else:
                new = self._run.events(after=self._last)
                found = [event for event in new if self._key in event.details]
                undone = [event for event in new if event.kind is Kind.UNDO]
                self._last = new[-1].seq if new else self._last
            taken_back = {event.target for event in undone if event.target is not None}
            self._noted = Noted((*self._noted.events, *found), self._noted.undone | taken_back)
            return self._noted


def sentence(event: Event) -> str:
    """An event in a few words.

    Examples
    --------
    >>> sentence(Event(Kind.MERGE, cluster="cat", new_cluster=1))
    "merged 'cat' into 1"
    """
    cluster, new = _short(event.cluster), _short(event.new_cluster)
    return {
        Kind.LABEL: f"row {event.row} is {cluster}",
        Kind.SKIP: f"skipped row {event.row}",
        Kind.UNSURE: f"unsure about row {event.row}",
        Kind.UNDO: f"took back event {event.target}",
        Kind.RENAME: f"renamed {cluster} to {new}",
        Kind.MERGE: f"merged {cluster} into {new}",
        Kind.SPLIT: f"split {len(event.rows)} rows of {cluster} off to {new}",
        Kind.REVIEW: f"decided that row {event.row} is {cluster}",
    }[event.kind]


def _short(cluster: object, width: int = 40) -> str:
    text = ascii(cluster) if isinstance(cluster, str) and not cluster.isprintable() else repr(cluster)
    return text if len(text) <= width else text[: width - 3] + "..."
