"""What a store keeps and gives: the settings of a run, events, anchors, votes, rounds and answers.

Events are written; anchors, votes and answers are derived from them. :mod:`activeclust.store.base` defines the stores.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, overload

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
