"""Calls annotators of every form: synchronous or async, one query at a time or in batches."""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from activeclust.annotators.query import STOP, Answer, Query, check_answer
from activeclust.errors import AnnotatorFailed, InvalidInput


class AnnotatorCaller:
    """Calls an annotator and returns one checked answer per query.

    ``ActiveLoop.run`` runs coroutines on one event loop of its own for the whole run, so that a client opened at the
    first query still works at the last. Inside a running event loop (a notebook, a server) that is impossible; use
    ``ActiveLoop.arun`` there.

    Parameters
    ----------
    annotator : callable
    """

    def __init__(self, annotator: Any) -> None:
        if not callable(annotator):
            raise InvalidInput(
                f"An annotator is a function Query -> answer, got {annotator!r} ({type(annotator).__name__})."
            )
        self.annotator = annotator
        self.whole_batches = bool(getattr(annotator, "answers_batches", False))
        self._loop: asyncio.AbstractEventLoop | None = None

    def __enter__(self) -> AnnotatorCaller:
        return self

    def __exit__(self, *_: object) -> None:
        loop, self._loop = self._loop, None
        if loop is None:
            return
        for task in asyncio.all_tasks(loop):  # Ctrl-C leaves the coroutine it interrupted
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    def ask(self, queries: Sequence[Query]) -> Iterator[Answer]:
        """Yield the answers, each checked as it arrives, so that those before an invalid one count."""
        with _blaming(queries):
            result = self._call(queries)
            if inspect.isawaitable(result):
                result = self._wait(result)
        return self._checked(queries, result)

    async def ask_async(self, queries: Sequence[Query]) -> Iterator[Answer]:
        """The same inside a running event loop."""
        with _blaming(queries):
            result = self._call(queries)
            if inspect.isawaitable(result):
                result = await result
        return self._checked(queries, result)

    def _call(self, queries: Sequence[Query]) -> Any:
        try:
            return self.annotator(list(queries) if self.whole_batches else queries[0])
        except StopIteration:  # an annotator made from an iterator: no more answers
            return [STOP] if self.whole_batches else STOP

    def _wait(self, result: Any) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            result.close() if inspect.iscoroutine(result) else None
            raise InvalidInput(
                "run() cannot wait for an async annotator inside a running event loop (a notebook or an "
                "async program): use `await loop.arun(budget)` there."
            )
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(_awaited(result))

    def _checked(self, queries: Sequence[Query], result: Any) -> Iterator[Answer]:
        if not self.whole_batches:
            yield check_answer(result, queries[0].row)
            return
        answers = _in_order(queries, result)
        if len(answers) != len(queries) and STOP not in answers:
            raise InvalidInput(
                f"The batch annotator was asked {len(queries)} questions and gave {len(answers)} answers."
            )
        for query, answer in zip(queries, answers, strict=False):
            yield check_answer(answer, query.row)


def _in_order(queries: Sequence[Query], result: Any) -> list[Any]:
    """The answers of a batch annotator in the order of the questions: from a list, or from a dict by row."""
    if isinstance(result, Mapping):
        missing = [query.row for query in queries if query.row not in result]
        if missing:
            rows = ", ".join(map(str, missing[:5]))
            raise InvalidInput(
                "A batch annotator that answers with a dict needs one entry per query, with its row number as the "
                f"key; there is none for row{'s' if len(missing) > 1 else ''} {rows}, the keys are "
                f"{list(result)[:5]!r}."
            )
        return [result[query.row] for query in queries]
    if isinstance(result, (str, bytes, AbstractSet)) or not hasattr(result, "__len__"):
        raise InvalidInput(
            "A batch annotator answers with a list, one answer per query in their order, or with a dict from row to "
            f"answer; got {result!r}."
        )
    return list(result)


async def _awaited(result: Any) -> Any:
    return await result


@contextlib.contextmanager
def _blaming(queries: Sequence[Query]) -> Iterator[None]:
    """Turn what the annotator raises into AnnotatorFailed, which names the rows."""
    try:
        yield
    except (AnnotatorFailed, InvalidInput):
        raise
    except Exception as error:
        rows = ", ".join(str(query.row) for query in queries[:5]) + (", ..." if len(queries) > 5 else "")
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise AnnotatorFailed(
            f"The annotator failed on row{'s' if len(queries) > 1 else ''} {rows} ({said}). "
            "Every answer before it is kept; run again to continue with this question.",
            row=queries[0].row,
        ) from error
