"""The current anchors of a run with their cluster codes, and the rows that may be asked about."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from activeclust.labels import label
from activeclust.store.base import Run
from activeclust.store.records import Cluster, Event, Kind, Snapshot


class Anchors:
    """The current anchors of a run, kept in agreement with its store.

    Clusters are coded 0, 1, 2, ... by their earliest anchor, so the codes follow from the stored
    answers alone and a resumed run has those of an uninterrupted one.

    Parameters
    ----------
    run : Run
    at : int, optional
        Read the answers after that event; without it, the current ones.
    """

    def __init__(self, run: Run, at: int | None = None) -> None:
        self.run = run
        self._count(run.snapshot(at))

    def reload(self) -> None:
        """Read the anchors from the store, not the whole log."""
        self._count(self.run.snapshot())

    def _count(self, snapshot: Snapshot) -> None:
        clusters: dict[Cluster, int] = {}
        codes: dict[int, int] = {}  # row -> code, in the order the rows were first answered
        for row, cluster in snapshot.labels():
            codes[row] = clusters.setdefault(cluster, len(clusters))
        # put in place when they are whole: another thread that reads meanwhile sees no half of them
        self.seq = snapshot.last_seq
        self.withdrawn: dict[int, Kind] = dict(snapshot.withdrawn)
        self._clusters, self._codes = clusters, codes

    def refresh(self) -> bool:
        """Read new events of other writers; returns whether there were any."""
        if self.run.last_seq == self.seq:
            return False
        self.reload()
        return True

    def write(self, *events: Event) -> list[Event]:
        """Write events (all or none), then update the anchors."""
        written = self.run.extend(events)
        last = written[-1]
        simple = (
            len(written) == 1
            and last.kind is Kind.LABEL
            and last.seq == self.seq + 1
            and last.row not in self._codes
            and last.row not in self.withdrawn
            and self.run.spec.options.get("annotators", 1) == 1
        )
        if simple:
            assert last.row is not None and last.cluster is not None and last.seq is not None
            self._codes[last.row] = self._clusters.setdefault(last.cluster, len(self._clusters))
            self.seq = last.seq
        else:
            self.reload()
        return written

    def begin_with(self, anchors: Mapping[int, Cluster], who: str) -> None:
        """Write existing answers for those of their rows that have no answer."""
        events = [
            Event(Kind.LABEL, row=row, cluster=label(cluster, f"anchors[{row!r}]"), annotator=who)
            for row, cluster in anchors.items()
        ]
        new = [event for event in events if event.row is not None and self.is_open(event.row)]
        if new:
            self.write(*new)

    def __len__(self) -> int:
        return len(self._codes)

    def __contains__(self, row: object) -> bool:
        return row in self._codes

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """(C,) cluster names by code."""
        return tuple(self._clusters)

    @property
    def offered(self) -> tuple[Cluster, ...]:
        """Clusters that may be given as answers: those with an anchor, then the run's other classes."""
        known = self.run.spec.options.get("classes", ())
        return tuple(dict.fromkeys((*self._clusters, *known)))

    @property
    def rows(self) -> np.ndarray:
        """(k,) int: answered rows in the order they were first answered."""
        return np.fromiter(self._codes, dtype=np.int64, count=len(self._codes))

    @property
    def codes(self) -> np.ndarray:
        """(k,) int: their clusters' codes."""
        return np.fromiter(self._codes.values(), dtype=np.int64, count=len(self._codes))

    def named(self) -> dict[int, Cluster]:
        """Answered rows with their cluster names."""
        clusters = self.clusters
        return {row: clusters[code] for row, code in self._codes.items()}

    def open_rows(self, n_rows: int) -> np.ndarray:
        """(p,) int, ascending: rows that are neither answered nor withdrawn."""
        free = np.ones(n_rows, dtype=bool)
        free[self.rows] = False
        free[list(self.withdrawn)] = False
        return np.flatnonzero(free)

    def is_open(self, row: int) -> bool:
        """Whether a row is neither answered nor withdrawn."""
        return row not in self._codes and row not in self.withdrawn


def renamed(run: Run, names: np.ndarray, since: int) -> np.ndarray:
    """Labels given before event ``since``, with the current names of their clusters."""
    later = run.events(after=since)
    undone = {event.target for event in later if event.kind is Kind.UNDO}
    names = names.copy()
    for event in later:
        if event.kind in (Kind.RENAME, Kind.MERGE) and event.seq not in undone:
            names[names == event.cluster] = event.new_cluster
    return names
