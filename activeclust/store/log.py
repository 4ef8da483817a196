"""The log as people read it: who answered what, when, and what it replaced."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from activeclust.store.base import Event, Kind, Run
from activeclust.store.outcomes import ON_ROW


@dataclass(frozen=True)
class LogLine:
    """An event with its neighbours in the log."""

    event: Event
    replaced: Event | None  #: the answer that this one took the place of, by the same annotator or not
    undone_by: int | None  #: the event that took this one back


def explain(events: Iterable[Event]) -> Iterator[LogLine]:
    """Each event with what it replaced and what took it back.

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


class LogReader:
    """A run's log for those who look at it again and again: only what is new since then is read.

    Events are never changed or removed, so what was read once stays true. Safe among threads.

    Parameters
    ----------
    run : Run

    Examples
    --------
    >>> from activeclust.store import open_store
    >>> from activeclust.store.base import RunSpec
    >>> run = open_store(None).create_run(RunSpec("mine", "random", 0, 10, "hash", "model"))
    >>> reader = LogReader(run)
    >>> _ = run.append(Event(Kind.LABEL, row=1, cluster="cat"))
    >>> [sentence(event) for event in reader.events()]
    ["row 1 is 'cat'"]
    """

    def __init__(self, run: Run) -> None:
        self._run = run
        self._read: list[Event] = []
        self._lock = threading.Lock()

    def events(self) -> list[Event]:
        """The whole log, oldest first."""
        with self._lock:
            last = self._read[-1].seq if self._read else 0
            self._read += self._run.events(after=last or 0)
            return list(self._read)


def sentence(event: Event) -> str:
    """What an event says, in a few words.

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
