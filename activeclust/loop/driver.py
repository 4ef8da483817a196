"""Asks an annotator, passes its answers on, and ends at a limit, at STOP, or at Ctrl-C."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from activeclust.annotators.calling import AnnotatorCaller
from activeclust.annotators.oracles import LabelOracle
from activeclust.annotators.query import Answer, Query
from activeclust.errors import InvalidInput
from activeclust.loop.limits import Limits
from activeclust.loop.questions import Questions
from activeclust.store.base import Run
from activeclust.validation import counted

#: ``progress(answered, budget, metrics)``, after every answer
Progress = Callable[[int, int, Mapping[str, Any]], None]


class AnnotatorDriver:
    """A context in which one annotator answers a run's questions. Ctrl-C ends it without an error.

    Parameters
    ----------
    caller : AnnotatorCaller or None
        None, as in a loop without an annotator, raises InvalidInput.
    questions : Questions
    tell : callable (Query, Answer)
        Writes an answer.
    limits : Limits
    progress : callable, optional
    who : str
        The annotator's name, whose leases are released at the end.
    """

    def __init__(
        self,
        caller: AnnotatorCaller | None,
        questions: Questions,
        tell: Callable[[Query, Answer], Any],
        limits: Limits,
        progress: Progress | None,
        who: str,
    ) -> None:
        if caller is None:
            raise InvalidInput("This loop has no annotator: use ask() and tell(), or make it with one.")
        self.run: Run = questions.anchors.run
        wanted = self.run.spec.options.get("annotators", 1)
        if wanted != 1 and not who:
            raise InvalidInput(
                f"Every row of run {self.run.spec.name!r} is answered by {wanted} annotators: give each a name, "
                'who="..." (--who NAME).'
            )
        self.caller, self.questions, self.limits = caller, questions, limits
        self._tell, self._progress, self._who = tell, progress, who

    def __enter__(self) -> AnnotatorDriver:
        self.questions.ended = None
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> bool:
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        if interrupted:
            self.questions.ended = "interrupted"
            self.questions.reload()  # the interrupt may have come between writing an answer and counting it
        if self._who:
            self.run.release(self._who)
        return interrupted

    def next(self) -> list[Query]:
        """The next questions: a batch, or one question for an annotator without batches; none at the end."""
        due = self.questions.due(self.limits)
        return due if self.caller.whole_batches else due[:1]

    def tell(self, queries: Iterable[Query], answers: Iterable[Answer]) -> None:
        """Store the answers one by one, up to STOP, and report the progress after each."""
        for query, answer in zip(queries, answers, strict=False):
            self._tell(query, answer)
            if self.questions.ended == "stop":
                return
            if self._progress is not None and self.limits.budget is not None:
                rounds = self.questions.rounds.records
                self._progress(len(self.questions.anchors), self.limits.budget, rounds[-1].metrics)


def caller_of(annotator: Callable[..., Any], n_rows: int) -> AnnotatorCaller:
    """The caller of an annotator for ``n_rows``; InvalidInput for an oracle of another number of rows."""
    if isinstance(annotator, LabelOracle) and len(annotator.labels) != n_rows:
        raise InvalidInput(
            f"the oracle has {len(annotator.labels):,} entries for {counted(n_rows, 'row')}; expected one per row."
        )
    return AnnotatorCaller(annotator)
