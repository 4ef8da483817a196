"""Carries answers over to a run whose rows have changed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from activeclust.errors import RunMismatch
from activeclust.identities import moved
from activeclust.store.answers import current_answers, settled, to_events
from activeclust.store.base import Run, Store
from activeclust.store.checks import NAME_LIMIT
from activeclust.store.records import RunSpec
from activeclust.validation import counted


@dataclass(frozen=True)
class CarriedOver:
    """The result of carrying over answers.

    Attributes
    ----------
    answers, lost : int
        Answers whose rows were found, and answers whose rows were removed.
    removed, added : int
        Rows that were removed, and rows that are new.
    by : str
        What identified the rows: ``"id"``, ``"file name"`` or ``"content"``.
    before : str
        New name of the previous run.
    """

    answers: int
    lost: int
    removed: int
    added: int
    by: str
    before: str

    def __str__(self) -> str:
        lost = f"; {counted(self.lost, 'answer')} belonged to removed rows" if self.lost else ""
        return (
            f"{counted(self.answers, 'answer')} carried over by {self.by}{lost}. "
            f"{counted(self.removed, 'row')} removed, {counted(self.added, 'row')} added. "
            f"The previous run is kept as {self.before!r}."
        )


def carry_over(store: Store, run: Run, spec: RunSpec) -> tuple[Run, CarriedOver]:
    """A new run over the rows of ``spec`` under the name of ``run``, with those of its answers whose rows still exist.

    The current answers of all annotators are carried over. The log and the rounds stay with the previous run, which
    gets another name. All of it happens in one transaction.

    Parameters
    ----------
    store : Store
    run : Run
        The stored run; its spec holds the ids of its rows.
    spec : RunSpec
        The settings of the new run, with the ids of its rows.

    Raises
    ------
    RunMismatch
        If one of the two has no row ids, if no answered row exists any more, or while somebody is answering.
    InvalidInput
        If the rows were identified differently than now.
    """
    then, now = run.spec.row_ids, spec.row_ids
    if then is None or now is None:
        raise RunMismatch(
            f"Run {spec.name!r} has no row ids, so its answers cannot be carried over "
            "to other rows: give the same data, or another name for a new run."
        )
    last_seq = run.last_seq
    at = moved(then, now)
    answers = current_answers(run)
    kept = [replace(answer, row=at[answer.row]) for answer in answers if answer.row in at]
    if answers and not kept:
        raise RunMismatch(
            f"None of the {counted(len({answer.row for answer in answers}), 'answered row')} of run {spec.name!r} is "
            f"among these {counted(spec.n_rows, 'row')}, identified by {now.words}: give the data it was made "
            "from, name the column with the rows' ids (--id-column), or take another name for a new run."
        )
    taken = {info.spec.name for info in store.runs()}
    stem = f"{spec.name[: NAME_LIMIT - 30]} until {datetime.now(timezone.utc):%Y-%m-%d}"
    new = replace(spec, options={**run.spec.options, **spec.options})
    before = _free(stem, taken)
    made = store.supersede(new, to_events(settled(kept)), before=before, last_seq=last_seq)
    carried = CarriedOver(
        answers=len(kept),
        lost=len(answers) - len(kept),
        removed=len(then) - len(at),
        added=len(now) - len(at),
        by=now.words,
        before=before,
    )
    return made, carried


def _free(name: str, taken: Collection[str]) -> str:
    numbered = (name if i == 1 else f"{name} ({i})" for i in range(1, len(taken) + 2))
    return next(candidate for candidate in numbered if candidate not in taken)
