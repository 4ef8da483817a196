"""The interface of stores: runs, an append-only log of events, and the anchors derived from it.

Back ends implement :class:`Store` and :class:`Run`; the contract tests run over all of them. A store
knows row numbers, cluster names and times; it never sees the data themselves.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol, overload

from activeclust.identities import RowIds

Cluster = str | int


class Kind(str, enum.Enum):
    """The kind of an event. Only ``LABEL`` makes an anchor; the others change which answers count."""

    LABEL = "label"  #: row -> cluster; a later one of the same row and annotator replaces it (relabel)
    SKIP = "skip"  #: do not ask about this row again
    UNSURE = "unsure"  #: the annotator could not decide
    UNDO = "undo"  #: undoes the event with the ``seq`` ``target``
    RENAME = "rename"  #: cluster -> new_cluster, a name not in use
    MERGE = "merge"  #: cluster -> new_cluster, a name in use
    SPLIT = "split"  #: the listed rows leave ``cluster`` for ``new_cluster``
    REVIEW = "review"  #: row -> cluster, decided after a disagreement; has priority over answers


@dataclass(frozen=True)
class RunSpec:
    """The settings that a run was made with; stored once, compared when it is resumed.

    Attributes
    ----------
    name, strategy : str
        The run's unique name; the query strategy's.
    seed, n_rows, batch_size : int
    data_hash, model_hash : str
        Hashes of the rows and the weights.
    source : str
        Where the rows came from, as the user named it.
    package_version : str
    options : mapping
        Anything else, as JSON.
    row_ids : RowIds or None
        The identities of the rows, so that answers can be assigned to them after the file was sorted or changed. None
        in lists of runs.
    """

    name: str
    strategy: str
    seed: int
    n_rows: int
    data_hash: str
    model_hash: str
    batch_size: int = 1
    source: str = ""  #: where the rows came from, as the user named it
    package_version: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)  #: anything else, as JSON
    row_ids: RowIds | None = None


@dataclass(frozen=True)
class Event:
    """One line of the log. ``seq`` (1, 2, 3, ... within the run) is given by the store, and so is ``at``
    (UTC, timezone-aware) if it is None; an import has its own times.

    Attributes
    ----------
    kind : Kind
    row : int or None
        LABEL, SKIP, UNSURE, REVIEW: the row.
    rows : tuple of int
        SPLIT: the rows that leave.
    cluster, new_cluster : str, int or None
        The given name (LABEL, REVIEW) or the old name (RENAME, MERGE, SPLIT), and the new name.
    target : int or None
        UNDO: the ``seq`` of the undone event.
    annotator : str
        The annotator's name.
    client_id : str or None
        A second event with the same ``client_id`` is a repetition and is not stored again.
    details : mapping
        E.g. the seconds taken, the suggestions shown.
    """

    kind: Kind
    row: int | None = None
    cluster: Cluster | None = None
    new_cluster: Cluster | None = None
    target: int | None = None
    rows: tuple[int, ...] = ()
    annotator: str = ""
    client_id: str | None = None  #: a second event with the same one is a repetition (idempotent)
    details: Mapping[str, Any] = field(default_factory=dict)  #: e.g. seconds taken, suggestions shown
    seq: int | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Anchor:
    """A row with its current cluster, the ``annotator`` of that answer, and its event ``seq``."""

    row: int
    cluster: Cluster
    annotator: str
    seq: int


class AnchorColumns(Sequence[Anchor]):
    """Anchors, kept by columns: of half a million, each is made an object only where it is looked at.

    Equal to any sequence of the same anchors.

    Parameters
    ----------
    rows, clusters, annotators, seqs : sequences of one length
        The anchors' attributes.

    Examples
    --------
    >>> AnchorColumns([3, 5], ["cat", "dog"], ["eva", "eva"], [1, 2])[1]
    Anchor(row=5, cluster='dog', annotator='eva', seq=2)
    """

    def __init__(
        self,
        rows: Sequence[int],
        clusters: Sequence[Cluster],
        annotators: Sequence[str],
        seqs: Sequence[int],
    ) -> None:
        self.rows, self.clusters, self.annotators, self.seqs = rows, clusters, annotators, seqs

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, at: int) -> Anchor: ...

    @overload
    def __getitem__(self, at: slice) -> AnchorColumns: ...

    def __getitem__(self, at: int | slice) -> Anchor | AnchorColumns:
        if isinstance(at, slice):
            return AnchorColumns(self.rows[at], self.clusters[at], self.annotators[at], self.seqs[at])
        return Anchor(self.rows[at], self.clusters[at], self.annotators[at], self.seqs[at])

    def __iter__(self) -> Iterator[Anchor]:
        return map(Anchor, self.rows, self.clusters, self.annotators, self.seqs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and len(self) == len(other) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"AnchorColumns({list(self)!r})"


@dataclass(frozen=True)
class Vote:
    """One ``annotator``'s current answer for one row: the last one that was not undone.

    ``kind`` and ``cluster`` are the answer, ``seq`` is its event.
    """

    row: int
    kind: Kind  #: LABEL, SKIP, UNSURE or REVIEW
    cluster: Cluster | None
    annotator: str
    seq: int


@dataclass(frozen=True)
class Snapshot:
    """The state of a run, read in one transaction.

    Attributes
    ----------
    anchors : sequence of Anchor
        In the order in which their rows were first answered.
    withdrawn : mapping of int to Kind
        Rows that are not asked about again although they are not anchors.
    last_seq : int
        The newest event.
    """

    anchors: Sequence[Anchor]
    withdrawn: Mapping[int, Kind]
    last_seq: int

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Clusters with an anchor, in the order of their earliest anchors."""
        return tuple(dict.fromkeys(cluster for _, cluster in self.labels()))

    def labels(self) -> Iterator[tuple[int, Cluster]]:
        """Rows and clusters of the anchors, in their order."""
        if isinstance(self.anchors, AnchorColumns):
            return zip(self.anchors.rows, self.anchors.clusters, strict=True)
        return ((anchor.row, anchor.cluster) for anchor in self.anchors)


@dataclass(frozen=True)
class Round:
    """The ``index``-th round of the loop: ``metrics`` after ``budget`` answers, and the rows ``asked`` next.

    ``last_seq`` is the last event before the metrics were computed.
    """

    index: int
    budget: int  #: number of answered rows (anchors) when the metrics were computed
    metrics: Mapping[str, float | int | None]
    asked: tuple[int, ...] = ()  #: rows asked next, in order
    last_seq: int = 0  #: the last event before the metrics were computed


@dataclass(frozen=True)
class RunInfo:
    """Summary of a run, as a line of ``activeclust runs``.

    Attributes
    ----------
    spec : RunSpec
    created_at, updated_at : datetime
        UTC; ``updated_at`` is that of the last event or round.
    n_anchors, n_clusters, n_rounds : int
    last_metrics : mapping
        Metrics of the newest round; empty without one.
    """

    spec: RunSpec
    created_at: datetime
    updated_at: datetime
    n_anchors: int
    n_clusters: int
    n_rounds: int
    last_metrics: Mapping[str, float | int | None]


@dataclass(frozen=True)
class Answer:
    """One annotator's answer for one row.

    Attributes
    ----------
    row : int
    kind : Kind
        LABEL, SKIP, UNSURE or REVIEW.
    cluster : str, int or None
        None for SKIP and UNSURE.
    annotator : str
    at : datetime, timezone-aware, or None
        None if a file does not contain it.
    counts : bool
        Whether this answer makes the row an anchor.
    details : mapping
        ``suggestions``, a list of [cluster, probability], and ``seconds``, if they are known.
    """

    row: int
    kind: Kind
    cluster: Cluster | None
    annotator: str = ""
    at: datetime | None = None
    counts: bool = field(default=True, compare=False)
    details: Mapping[str, Any] = field(default_factory=dict, compare=False)


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
