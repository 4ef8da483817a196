"""Reads the answers of a run, and writes answers from a file into a run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from activeclust.errors import DataFileError
from activeclust.store.base import Run
from activeclust.store.checks import NAME_LIMIT, shown
from activeclust.store.outcomes import same
from activeclust.store.records import Answer, Event, Kind

_Key = tuple[int, str, bool]  #: an annotator has one answer and one review per row


def current_answers(run: Run) -> list[Answer]:
    """All current answers of a run, rows in the order they were first answered, then by time.

    Examples
    --------
    >>> from activeclust.store import open_store
    >>> from activeclust.store.records import RunSpec
    >>> run = open_store().create_run(RunSpec("mine", "entropy", 0, 9, "", ""))
    >>> _ = run.append(Event(Kind.LABEL, row=3, cluster="cat", annotator="eva"))
    >>> [(answer.row, answer.cluster, answer.annotator) for answer in current_answers(run)]
    [(3, 'cat', 'eva')]
    """
    return list(run.answers())


def add_answers(run: Run, answers: Iterable[Answer]) -> int:
    """Write answers into a run, in their order.

    Answers that the run has already are skipped, and so are answers older than the same annotator's current answer to
    the same row: a file can be imported twice, and an old file does not replace newer answers.

    Returns
    -------
    int
        Number of answers written.

    Raises
    ------
    DataFileError
        If they contradict each other; see :func:`settled`.
    """
    given = settled(answers)
    known = {
        (vote.row, vote.annotator, vote.kind is Kind.REVIEW): vote
        for vote in run.votes(sorted({answer.row for answer in given}))
    }
    other = [answer for answer in given if answer.at is not None and _key(answer) in known]
    times = {event.seq: event.at for event in run.find(seqs=[known[_key(answer)].seq for answer in other])}
    fresh = []
    for answer in given:
        vote = known.get(_key(answer))
        if vote is not None:
            at = times.get(vote.seq)
            older = answer.at is not None and at is not None and answer.at < at
            if older or (vote.kind is answer.kind and same(vote.cluster, answer.cluster)):
                continue
        fresh.append(answer)
    return len(run.extend(to_events(fresh)))


def begin_with(run: Run, answers: Iterable[Answer]) -> int:
    """Write existing answers for rows without any event, before anybody is asked.

    Each is written once: if somebody changes or undoes such an answer, writing the same answers again has no effect.

    Returns
    -------
    int
        Number of answers written.

    Examples
    --------
    >>> from activeclust.store import open_store
    >>> from activeclust.store.records import RunSpec
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


def settled(answers: Iterable[Answer]) -> list[Answer]:
    """At most one answer of each annotator to each row: the latest one.

    Raises
    ------
    DataFileError
        If an annotator has two answers to a row, and their times do not say which is later.

    Examples
    --------
    >>> [answer.cluster for answer in settled([Answer(3, Kind.LABEL, "cat"), Answer(3, Kind.LABEL, "cat")])]
    ['cat']
    """
    found: dict[_Key, Answer] = {}
    for answer in answers:
        before = found.get(_key(answer))
        if before is None or (before.at is not None and answer.at is not None and before.at < answer.at):
            found.pop(_key(answer), None)  # answers are in the order in which they were given
            found[_key(answer)] = answer
        elif before.kind is answer.kind and same(before.cluster, answer.cluster):
            continue
        elif before.at is None or answer.at is None or before.at == answer.at:
            who = f"{shown(answer.annotator)} has" if answer.annotator else "The file has"
            raise DataFileError(
                f"{who} two answers to row {answer.row}: {_words(before)} and {_words(answer)}. Keep one of them in "
                "the file, or add a column 'annotator' (who gave the answer) or 'at' (when)."
            )
    return list(found.values())


def to_events(answers: Iterable[Answer]) -> Iterator[Event]:
    """The events for the answers."""
    for answer in answers:
        yield Event(
            answer.kind,
            row=answer.row,
            cluster=answer.cluster,
            annotator=answer.annotator,
            at=answer.at,
            details=answer.details,
        )


def _key(answer: Answer) -> _Key:
    return answer.row, answer.annotator, answer.kind is Kind.REVIEW


def _words(answer: Answer) -> str:
    return answer.kind.value if answer.cluster is None else shown(answer.cluster)
