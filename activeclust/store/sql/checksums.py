"""Checksums of stored data, so that altered or lost data are never read without an error.

An event's checksum depends on the one before it: the log is a chain. Lines of the other tables have checksums of their
own, and a run's line has the sums of those of its votes, outcomes and rounds, so that a missing line is detected, too.
All are computed from the meaning of a line, not from its representation in the database.

Migration 0004 has a copy of these functions as they were then: whoever changes them adds a migration.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from typing import Any
from zlib import crc32

from activeclust.errors import ForeignDatabase
from activeclust.identities import RowIds
from activeclust.store.records import Cluster, Event, Kind, Round, RunSpec

_ENCODE = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode
_SUM = 2**62  #: sums are taken modulo this, so that they fit a signed integer of 64 bits
START = 0  #: the checksum before the first event
MENDING = "`activeclust db check` lists what is damaged, `activeclust db repair` mends what can be mended."


def of_event(event: Event, annotator_id: int, before: int) -> int:
    """The checksum of a numbered event after one with the checksum ``before``."""
    assert event.at is not None
    said = [
        event.seq,
        event.kind.value,
        event.row,
        event.cluster,
        event.new_cluster,
        event.target,
        event.rows,
        annotator_id,
        event.client_id,
        event.details,
        event.at.isoformat(),
        before,
    ]
    return int.from_bytes(blake2b(_ENCODE(said).encode(), digest_size=8).digest(), "big") >> 1


def of_run(spec: RunSpec) -> int:
    """The checksum of a run's settings."""
    return _of(
        [
            spec.name,
            spec.strategy,
            spec.seed,
            spec.n_rows,
            spec.data_hash,
            spec.model_hash,
            spec.batch_size,
            spec.source,
            spec.package_version,
            dict(spec.options),
        ]
    )


def of_row_ids(ids: RowIds | None) -> int:
    """The checksum of the identities of a run's rows, 0 without any."""
    return 0 if ids is None else _of([ids.by, ids.values])


def of_sums(spec_checksum: int, last_seq: int, votes: int, outcomes: int, rounds: int, row_ids: int) -> int:
    """The checksum of a run's line: its settings, its last event, and the sums of its tables."""
    return crc32(f"{spec_checksum} {last_seq} {votes} {outcomes} {rounds} {row_ids}".encode())


def of_vote(row: int, annotator_id: int, kind: Kind, cluster: Cluster | None, seq: int, first: int) -> int:
    """The checksum of one line of votes, and of the event ``first`` that answered its row."""
    return crc32(f"{row!r} {annotator_id!r} {kind.value} {seq!r} {first!r} {typed(cluster)}".encode())


def of_outcome(
    row: int, annotator_id: int | None, kind: Kind, cluster: Cluster | None, seq: int, first: int
) -> int:
    """The checksum of one line of outcomes."""
    return crc32(f"{row!r} {annotator_id!r} {kind.value} {seq!r} {first!r} {typed(cluster)}".encode())


def of_round(record: Round) -> int:
    """The checksum of a round."""
    return _of([record.index, record.budget, dict(record.metrics), record.asked, record.last_seq])


def of_name(name: str) -> int:
    """The checksum of an annotator's name."""
    return crc32(name.encode())


def summed(checksums: Iterable[int], start: int = 0) -> int:
    """The sum of the checksums of a set of lines."""
    return (start + sum(checksums)) % _SUM


def damaged(what: str) -> ForeignDatabase:
    """The error for data that were altered or lost."""
    return ForeignDatabase(f"The database is damaged: {what}. {MENDING}")


def _of(value: Sequence[Any] | Mapping[str, Any]) -> int:
    return crc32(_ENCODE(value).encode())


def typed(cluster: Cluster | None) -> str:
    """What stands for a cluster's name in checksums."""
    return f"{type(cluster).__name__} {cluster}"  # 1 and "1" are different clusters
