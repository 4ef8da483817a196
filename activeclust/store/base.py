"""The interface of stores: runs, an append-only log of events, and the anchors derived from it.

Back ends implement :class:`Store` and :class:`Run`; the contract tests run over all of them. A store
knows row numbers, cluster names and times; it never sees the data themselves. What it keeps and gives is defined in
:mod:`activeclust.store.records`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from activeclust.store.records import Anchor, Answer, Event, Kind, Round, RunInfo, RunSpec, Snapshot, Vote


class Run(Protocol):
    """One run's events, anchors and rounds. Every method that writes has committed when it returns."""

    spec: RunSpec

    def append(self, event: Event) -> Event:
        """Write one event durably, and return it with ``seq`` and ``at``."""

    def extend(self, events: Iterable[Event]) -> list[Event]:
        """Write several events in one transaction: all or none."""

    def describe(self, spec: RunSpec) -> None:
        """Set rows, strategy, seed and model of a run that was imported as answers only.

        Such a run has an empty ``data_hash``. The number of annotators per row, and the rule for disagreements, do not
        change. Raises :class:`~activeclust.errors.RunMismatch` if the run has its rows already, or another number of
        rows than ``spec``.
        """

    def anchors(self) -> list[Anchor]:
        """Current anchors, in the order in which their rows were first answered."""

    def withdrawn(self) -> dict[int, Kind]:
        """Rows that are not asked about again although they are not anchors: SKIP or UNSURE, not undone since.

        REVIEW marks rows whose annotators disagree and that wait for a decision.
        """

    def snapshot(self, at: int | None = None) -> Snapshot:
        """Anchors, withdrawn rows and the last event's number in a consistent state: now, or after event ``at``. An
        earlier state is computed from the current one and the events since, without reading the whole log.
        """

    @property
    def last_seq(self) -> int:
        """Number of the newest event, 0 without events."""

    def votes(self, rows: Sequence[int] | None = None) -> list[Vote]:
        """The current answers of all annotators (for ``rows``), in the order of :meth:`anchors`, then by ``seq``."""

    def unfinished(self, annotator: str) -> list[int]:
        """Rows that others have answered and that still need an answer of ``annotator``, oldest first. A run with
        ``options={"annotators": 3}`` needs three answers per row. Ask about these rows first.
        """

    def events(self, after: int = 0) -> list[Event]:
        """The log from the first event with ``seq > after``, oldest first."""

    def stream(self, after: int = 0) -> Iterator[Event]:
        """Iterate over the events after number ``after``; a log may be larger than memory."""

    def answers(self) -> Iterator[Answer]:
        """Iterate over a consistent state of all annotators' current answers, in the order of :meth:`votes`."""

    def find(
        self,
        *,
        seqs: Sequence[int] | None = None,
        targets: Sequence[int] | None = None,
        client_prefix: str | None = None,
        noted: str | None = None,
    ) -> list[Event]:
        """The events that fulfil all given conditions, oldest first, without reading the whole log.

        ``seqs``: events with these numbers. ``targets``: the UNDO events of these events. ``client_prefix``: events
        whose ``client_id`` begins with it, e.g. of one gesture that answered many rows. ``noted``: events with this key
        in their ``details``.
        """

    def recent(self, n: int, before: int | None = None) -> list[Event]:
        """The newest ``n`` events except UNDO, newest first; only those before event ``before`` if it is given."""

    def last_undoable(self, annotator: str | None = None) -> Event | None:
        """The newest LABEL, SKIP or UNSURE (of ``annotator``) that has not been undone."""

    def add_round(self, record: Round, *, replaces: Round | None = None) -> None:
        """Write the round ``record``; writing the same record again changes nothing.

        An existing round of that index is replaced only if it is ``replaces``: of two processes that write one index,
        the second gets :class:`~activeclust.errors.RoundTaken`.
        """

    def rounds(self) -> list[Round]:
        """All rounds by index."""

    def lease(self, rows: Sequence[int], n: int, annotator: str, seconds: float) -> list[int]:
        """Lease up to ``n`` free ones of ``rows`` to ``annotator``, atomically.

        Rows that are answered, withdrawn or leased to somebody else are skipped; leases of ``annotator`` are renewed.
        In a run with ``options={"annotators": m}`` a row can be leased to and answered by up to ``m`` people, once
        each. A lease ends with the answer, with :meth:`release`, or after ``seconds``.
        """

    def leased(self, annotator: str | None = None) -> dict[int, str]:
        """Rows with a valid lease (of ``annotator``), and the annotators who hold them."""

    def release(self, annotator: str, rows: Sequence[int] | None = None) -> None:
        """Release the leases of ``annotator``, or those on ``rows`` only."""


class Store(Protocol):
    """A collection of runs."""

    url: str

    def create_run(self, spec: RunSpec, events: Iterable[Event] = (), rounds: Iterable[Round] = ()) -> Run:
        """Create the run of ``spec`` with its first ``events`` and ``rounds``, all or nothing.

        Raises :class:`~activeclust.errors.RunExists` if its name is in use, and
        :class:`~activeclust.errors.InvalidInput` if an event or a round cannot be stored.
        """

    def open_run(self, name: str) -> Run:
        """The run ``name``; :class:`~activeclust.errors.RunNotFound` if it does not exist."""

    def runs(self) -> list[RunInfo]:
        """All runs, the newest last."""

    def delete_run(self, name: str) -> None:
        """Remove the run ``name`` with all its events."""

    def supersede(self, spec: RunSpec, events: Iterable[Event], *, before: str, last_seq: int) -> Run:
        """Replace the run of ``spec``'s name by a new run with its first ``events``, in one transaction.

        The old run is kept under the name ``before``; ``last_seq`` is the number of its last event that the caller
        has read. Raises :class:`~activeclust.errors.RunMismatch` if it has newer events or leased rows,
        :class:`~activeclust.errors.RunNotFound` if it does not exist, :class:`~activeclust.errors.RunExists` if
        ``before`` is in use, and :class:`~activeclust.errors.InvalidInput` for an event that cannot be stored; then
        nothing has changed.
        """

    def close(self) -> None:
        """Close all connections; committed data stay."""
