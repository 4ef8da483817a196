"""The store in memory: for experiments, and as the reference with which the other stores are compared in tests."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import replace

from activeclust.errors import RunExists, RunNotFound
from activeclust.store.checks import (
    NAME_LIMIT,
    check_spec,
    check_superseded,
    check_text,
)
from activeclust.store.memory_run import MemoryRun
from activeclust.store.records import Event, Round, RunInfo, RunSpec


class MemoryStore:
    """Runs that are lost at the end of the process. Safe to share between threads.

    Examples
    --------
    >>> from activeclust.store.records import Event, Kind
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
        """A new run, with its first events and rounds; RunExists if the name is in use."""
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
        """An existing run; RunNotFound if it does not exist."""
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
        """Replace the run of that name by a new one; the old one is kept as ``before``."""
        before = check_text(before, "A run's name", limit=NAME_LIMIT)
        made = MemoryRun(check_spec(spec))
        made.extend(events)
        with self._lock:
            old = self.open_run(spec.name)
            if before in self._runs:
                raise RunExists(f"There is a run {before!r} already: take another name.")
            check_superseded(spec.name, old.last_seq, last_seq, old.leased().values())
            old.spec = replace(old.spec, name=before)
            # in the order of their creation
            self._runs = {run.spec.name: run for run in (*self._runs.values(), made)}
            return made

    def close(self) -> None:
        """Nothing to close."""
