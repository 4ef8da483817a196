"""Current answers as plain lines, on their way to a file or from one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from activeclust.store.base import Cluster, Event, Kind, Run
from activeclust.store.checks import NAME_LIMIT


@dataclass(frozen=True)
class Answer:
    """What one annotator says of one row.

    Attributes
    ----------
    row : int
    kind : Kind
        LABEL, SKIP, UNSURE or REVIEW.
    cluster : str, int or None
        None for SKIP and UNSURE.
    annotator : str
    at : datetime, timezone-aware, or None
        None where a file does not tell.
    counts : bool
        Whether this is the answer by which the row is an anchor; the answers that count are the anchors.
    details : mapping
        ``suggestions``, a list of [cluster, probability], and ``seconds``, where they are known.
    """

    row: int
    kind: Kind
    cluster: Cluster | None
    annotator: str = ""
    at: datetime | None = None
    counts: bool = field(default=True, compare=False)
    details: Mapping[str, Any] = field(default_factory=dict, compare=False)


def current_answers(run: Run) -> list[Answer]:
    """All current answers of a run, rows in the order they were first answered, then by time.

    Examples
    --------
    >>> from activeclust.store import open_store
    >>> from activeclust.store.base import RunSpec
    >>> run = open_store().create_run(RunSpec("mine", "entropy", 0, 9, "", ""))
    >>> _ = run.append(Event(Kind.LABEL, row=3, cluster="cat", annotator="eva"))
    >>> [(answer.row, answer.cluster, answer.annotator) for answer in current_answers(run)]
    [(3, 'cat', 'eva')]
    """
    events = {event.seq: event for event in run.events()}
    anchors = {anchor.seq for anchor in run.anchors()}
    return [
        Answer(
            vote.row,
            vote.kind,
            vote.cluster,
            vote.annotator,
            at=events[vote.seq].at,
            counts=vote.seq in anchors,
            details=events[vote.seq].details,
        )
        for vote in run.votes()
        if vote.seq in events  # a vote given after the log was read is not in this export
    ]


def add_answers(run: Run, answers: Iterable[Answer]) -> int:
    """Write answers into a run, in their order; those that it holds already are passed over.

    Returns
    -------
    int
        How many were written.
    """
    known = {(vote.row, vote.kind, vote.annotator): vote.cluster for vote in run.votes()}
    fresh = []
    for answer in answers:
        key = (answer.row, answer.kind, answer.annotator)
        if key in known and (type(known[key]), known[key]) == (type(answer.cluster), answer.cluster):
            continue
        fresh.append(
            Event(
                answer.kind,
                row=answer.row,
                cluster=answer.cluster,
                annotator=answer.annotator,
                at=answer.at,
                details=answer.details,
            )
        )
    return len(run.extend(fresh))


def begin_with(run: Run, answers: Iterable[Answer]) -> int:
    """Write answers that were there before anybody was asked, where nothing is said of their rows yet.

    Each is written once: a row that somebody answers otherwise, or whose answer is taken back, stays so when the
    same answers come again.

    Returns
    -------
    int
        How many were written.

    Examples
    --------
    >>> from activeclust.store import open_store
    >>> from activeclust.store.base import RunSpec
    >>> run = open_store().create_run(RunSpec("mine", "entropy", 0, 9, "", ""))
    >>> begin_with(run, [Answer(3, Kind.LABEL, "cat")]), begin_with(run, [Answer(3, Kind.LABEL, "dog")])
    (1, 0)
    """
    answered = {vote.row for vote in run.votes()}
    seen = {event.client_id for event in run.find(client_prefix="given ")}
    fresh = [
        Event(
            answer.kind,
            row=answer.row,
            cluster=answer.cluster,
            annotator=answer.annotator,
            client_id=client_id,
            at=answer.at,
        )
        for answer in answers
        if answer.row not in answered
        and (client_id := f"given {answer.row} {answer.annotator}"[:NAME_LIMIT]) not in seen
    ]
    return len(run.extend(fresh)) if fresh else 0
