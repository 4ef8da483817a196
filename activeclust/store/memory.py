"""The store without a database: for experiments, and the plain model that the others are tested against."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

from activeclust.errors import RunExists, RunNotFound
from activeclust.store.base import (
    Event,
    Round,
    RunInfo,
    RunSpec,
)
from activeclust.store.checks import (
    NAME_LIMIT,
    check_spec,
    check_superseded,
    check_text,
)
from activeclust.store.memory_run import MemoryRun


class MemoryStore:
    """Runs that end with the process; safe among threads.

    Examples
    --------
    >>> from activeclust.store.base import Event, Kind
    >>> spec = RunSpec("mine", "entropy", seed=0, n_rows=3, data_hash="", model_hash="")
    >>> run = MemoryStore().create_run(spec)
    >>> run.append(Event(Kind.LABEL, row=2, cluster="cat")).seq
    1
    >>> [(anchor.row, anchor.cluster) for anchor in run.anchors()]
    [(2, 'cat')]
    """

    url = "memory:"

    def __init__(self) -> None:
        self._runs: dict[str, MemoryRun] = {}
        self._lock = threading.RLock()

    def create_run(
        self, spec: RunSpec, events: Iterable[Event] = (), rounds: Iterable[Round] = ()
    ) -> MemoryRun:
        """A new run, with its first events and rounds; RunExists where the name is taken."""
        run = MemoryRun(check_spec(spec))
        run.extend(events)
        for one in rounds:
            run.add_round(one)
        with self._lock:
            if spec.name in self._runs:
                raise RunExists(f"There is a run {spec.name!r} already: resume it, or take another name.")
            self._runs[spec.name] = run
            return run

    def open_run(self, name: str) -> MemoryRun:
        """An existing run; RunNotFound where there is none."""
        with self._lock:
            if name not in self._runs:
                raise RunNotFound(f"There is no run {name!r} in this store.")
            return self._runs[name]

    def runs(self) -> list[RunInfo]:
        """All runs, the newest last."""
        with self._lock:
            return [run.info() for run in self._runs.values()]

    def delete_run(self, name: str) -> None:
        """Remove a run with all its events."""
        with self._lock:
            self.open_run(name)._deleted = True
            del self._runs[name]

    def supersede(self, spec: RunSpec, events: Iterable[Event], *, before: str, last_seq: int) -> MemoryRun:
        """A new run in the place of the one of its name, which is kept as ``before``."""
        before = check_text(before, "A run's name", limit=NAME_LIMIT)
        made = MemoryRun(check_spec(spec))
        made.extend(events)
        with self._lock:
            old = self.open_run(spec.name)
            if before in self._runs:
                raise RunExists(f"There is a run {before!r} already: take another name.")
            check_superseded(spec.name, old.last_seq, last_seq, old.leased().values())
            old.spec = replace(old.spec, name=before)
            # in the order in which they were made
            self._runs = {run.spec.name: run for run in (*self._runs.values(), made)}
            return made

    def close(self) -> None:
        """Nothing to let go of."""
