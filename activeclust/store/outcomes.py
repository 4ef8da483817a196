"""The meaning of the log: the cluster of each row after a list of events.

Pure functions over one row at a time; all back ends use them, so that they cannot differ. A row's state depends only on
the events that name it and on the cluster operations (rename, merge, split). Undoing an event means reading the log as
if it had never been written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Protocol

from activeclust.errors import InvalidInput
from activeclust.store.records import Anchor, Cluster, Event, Kind, Vote

ANSWERS = (Kind.LABEL, Kind.SKIP, Kind.UNSURE)
ON_ROW = (*ANSWERS, Kind.REVIEW)
ON_CLUSTER = (Kind.RENAME, Kind.MERGE, Kind.SPLIT)


@dataclass(frozen=True)
class Policy:
    """How many people answer each row, and which answer counts if they disagree."""

    annotators: int = 1
    resolve: str = "majority"

    @classmethod
    def of(cls, options: Mapping[str, object]) -> Policy:
        """The policy in a run's options; :class:`InvalidInput` if it is not valid."""
        annotators, resolve = options.get("annotators", 1), options.get("resolve", "majority")
        if not isinstance(annotators, int) or isinstance(annotators, bool) or not 1 <= annotators < 2**31:
            raise InvalidInput("options['annotators'] is how many people answer a row, a number from 1.")
        if resolve not in ("majority", "review"):
            raise InvalidInput(f"options['resolve'] is 'majority' or 'review', got {resolve!r}.")
        return cls(annotators, str(resolve))


@dataclass(frozen=True)
class RowState:
    """All current answers to one row. ``first`` is the event that first answered it, 0 without one."""

    #: by (annotator, whether it is a review)
    votes: Mapping[tuple[str, bool], Vote] = field(default_factory=dict)
    first: int = 0

    def ordered(self) -> list[Vote]:
        """Votes in the order of their events."""
        return sorted(self.votes.values(), key=lambda vote: vote.seq)


@dataclass(frozen=True)
class Outcome:
    """The state of a row: an anchor (kind LABEL), withdrawn (SKIP, UNSURE) or disputed (REVIEW)."""

    row: int
    kind: Kind
    cluster: Cluster | None
    annotator: str
    seq: int
    first: int  #: sorts anchors in the order in which their rows were first answered

    def anchor(self) -> Anchor:
        """The outcome as an anchor."""
        assert self.cluster is not None
        return Anchor(self.row, self.cluster, self.annotator, self.seq)


class Transaction(Protocol):
    """The interface that :func:`record` needs of a back end: one run, inside one transaction."""

    def states(self, rows: Collection[int]) -> dict[int, RowState]:
        """States of those of ``rows`` that have any votes."""

    def rows_voting(self, clusters: Collection[Cluster]) -> dict[Cluster, list[int]]:
        """Rows with a current answer, for each of ``clusters``."""

    def event(self, seq: int) -> Event | None:
        """The event of that number."""

    def undone_by(self, seq: int) -> int | None:
        """The event that undid ``seq``."""

    def history(self, row: int) -> list[Event]:
        """Events of one row and operations on clusters by ``seq``, without UNDO and undone events."""

    def operations(self) -> list[Event]:
        """Operations on clusters by ``seq``, without those that were undone."""

    def given(self, seqs: Collection[int]) -> dict[int, Event]:
        """The events of those numbers."""

    def put(self, row: int, state: RowState, outcome: Outcome | None) -> None:
        """Store a row's new state; no outcome means that it has no answers any more."""


def numbered(event: Event, seq: int) -> Event:
    """A checked event with its number and its time; without a time it is now."""
    at = event.at or datetime.now(timezone.utc)
    # dataclasses.replace takes three times as long, which matters in an import of 100,000 answers
    return Event(
        event.kind,
        event.row,
        event.cluster,
        event.new_cluster,
        event.target,
        event.rows,
        event.annotator,
        event.client_id,
        event.details,
        seq,
        at,
    )


def step(state: RowState, row: int, event: Event) -> RowState:
    """One row's state after one event other than UNDO."""
    assert event.seq is not None
    if event.kind in ON_ROW:
        if event.row != row:
            return state
        vote = Vote(row, event.kind, event.cluster, event.annotator, event.seq)
        key = (event.annotator, event.kind is Kind.REVIEW)
        return RowState({**state.votes, key: vote}, state.first or event.seq)
    if event.kind is Kind.SPLIT and row not in event.rows:
        return state
    moved = {
        key: replace(vote, cluster=event.new_cluster) if same(vote.cluster, event.cluster) else vote
        for key, vote in state.votes.items()
    }
    return RowState(moved, state.first)


def same(a: Cluster | None, b: Cluster | None) -> bool:
    """Whether two cluster names are equal; 1 and "1" are different."""
    return type(a) is type(b) and a == b


def decide(row: int, state: RowState, policy: Policy) -> Outcome | None:
    """The outcome of a row's votes.

    A review has priority. With one annotator per row, the latest answer counts, whoever gave it. With several, the most
    frequent cluster counts; after a tie, or under ``resolve="review"`` after any disagreement, the row waits for a
    review.
    """
    votes = state.ordered()
    if not votes:
        return None
    reviews = [vote for vote in votes if vote.kind is Kind.REVIEW]
    labels = [vote for vote in votes if vote.kind is Kind.LABEL]
    if reviews:
        chosen, kind = reviews[-1], Kind.LABEL
    elif policy.annotators == 1 or not labels:
        chosen, kind = votes[-1], votes[-1].kind
    else:
        winner = _winner(labels, policy)
        if winner is None:
            return Outcome(row, Kind.REVIEW, None, "", votes[-1].seq, state.first)
        chosen, kind = winner, Kind.LABEL
    return Outcome(row, kind, chosen.cluster, chosen.annotator, chosen.seq, state.first)


def _winner(labels: list[Vote], policy: Policy) -> Vote | None:
    counts = Counter(vote.cluster for vote in labels).most_common(2)
    if len(counts) > 1 and (policy.resolve == "review" or counts[0][1] == counts[1][1]):
        return None
    return [vote for vote in labels if same(vote.cluster, counts[0][0])][-1]


def replay(events: Iterable[Event], row: int) -> RowState:
    """One row's state from its whole history, which has neither UNDO nor undone events."""
    state = RowState()
    for event in events:
        state = step(state, row, event)
    return state


def admit(event: Event, transaction: Transaction) -> None:
    """Refuse an event that is not possible in the current state; its fields have been checked."""
    if event.kind is Kind.UNDO:
        _admit_undo(event, transaction)
    if event.kind not in ON_CLUSTER:
        return
    assert event.cluster is not None and event.new_cluster is not None
    voting = transaction.rows_voting([event.cluster, event.new_cluster])  # read together: it takes a while
    holders = set(voting[event.cluster])
    if not holders:
        raise InvalidInput(
            f"Cannot {event.kind.value} {event.cluster!r}: no row is in a cluster of that name."
        )
    taken = bool(voting[event.new_cluster])
    if event.kind is Kind.RENAME and taken:
        raise InvalidInput(
            f"Cannot rename {event.cluster!r} to {event.new_cluster!r}: that name is in use. "
            "Merge the two instead."
        )
    if event.kind is Kind.MERGE and not taken:
        raise InvalidInput(
            f"Cannot merge {event.cluster!r} into {event.new_cluster!r}: no row is there. Rename it instead."
        )
    if event.kind is Kind.SPLIT and (others := set(event.rows) - holders):
        raise InvalidInput(
            f"Cannot split row {min(others)} off {event.cluster!r}: it is not in that cluster."
        )


def _admit_undo(event: Event, transaction: Transaction) -> None:
    assert event.target is not None
    target = transaction.event(event.target)
    if target is None:
        raise InvalidInput(f"Cannot undo event {event.target}: there is none of that number in this run.")
    if target.kind is Kind.UNDO:
        raise InvalidInput(f"Event {event.target} is an undo itself; answer the row again instead.")
    if (by := transaction.undone_by(event.target)) is not None:
        raise InvalidInput(f"Event {event.target} was taken back already, by event {by}.")


def record(event: Event, transaction: Transaction, policy: Policy) -> None:
    """Update the rows of ``transaction`` with ``event``, which has been checked and numbered.

    For an UNDO, ``transaction.history`` must already leave the target out.
    """
    if event.kind is Kind.UNDO:
        assert event.target is not None
        target = transaction.event(event.target)
        assert target is not None
        new = _replayed(target, transaction)
    else:
        assert event.cluster is not None or event.row is not None
        rows = _touched(event, transaction)
        old = transaction.states(rows)
        new = {row: step(old.get(row, RowState()), row, event) for row in rows}
    for row, state in new.items():
        transaction.put(row, state, decide(row, state, policy))


def _touched(event: Event, transaction: Transaction) -> list[int]:
    if event.row is not None:
        return [event.row]
    assert event.cluster is not None
    if event.kind is Kind.SPLIT:
        return list(event.rows)
    return transaction.rows_voting([event.cluster])[event.cluster]


def _replayed(target: Event, transaction: Transaction) -> dict[int, RowState]:
    if target.row is not None:
        return {target.row: replay(transaction.history(target.row), target.row)}
    return _put_back(target, transaction)


def _put_back(target: Event, transaction: Transaction) -> dict[int, RowState]:
    """States as if an operation on clusters had not happened, for the rows that it may have moved. Their cluster now
    has the operation's new name, or the name that later operations gave to it.
    """
    assert target.seq is not None and target.new_cluster is not None
    operations = transaction.operations()
    names = [target.new_cluster]
    for later in operations:
        if _follows(later, target.seq) and any(same(later.cluster, name) for name in names):
            assert later.new_cluster is not None
            names.append(later.new_cluster)
    rows = {row for voting in transaction.rows_voting(names).values() for row in voting}
    states = transaction.states(rows)
    moved = [vote for state in states.values() for vote in state.votes.values() if vote.seq < target.seq]
    given = transaction.given([vote.seq for vote in moved if vote.cluster is not None])
    listed = [(later, frozenset(later.rows)) for later in operations]
    changed: dict[int, RowState] = {}
    for row, state in states.items():
        votes = dict(state.votes)
        for key, vote in state.votes.items():
            if vote.seq in given and vote.seq < target.seq:
                name = given[vote.seq].cluster
                for later, of in listed:
                    if _follows(later, vote.seq) and same(later.cluster, name) and (not of or row in of):
                        name = later.new_cluster
                votes[key] = replace(vote, cluster=name)
        if votes != state.votes:
            changed[row] = RowState(votes, state.first)
    return changed


def _follows(event: Event, seq: int) -> bool:
    return event.seq is not None and event.seq > seq


def replay_rows(events: Iterable[Event]) -> dict[int, RowState]:
    """The states of all rows that ``events`` name, each from its own history, without UNDO."""
    by_row: dict[int, list[Event]] = {}
    for event in events:
        if event.row is None:
            for seen in by_row.values():
                seen.append(event)
        else:
            # operations before a row's first event do not affect it
            by_row.setdefault(event.row, []).append(event)
    return {row: replay(history, row) for row, history in by_row.items()}
