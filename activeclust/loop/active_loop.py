"""The loop: posterior -> query strategy -> annotator -> store -> posterior ...

:class:`ActiveLoop` is the one controller behind the callback, the terminal and the page. It knows no
user interface, no SQL and no torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from activeclust import strategies
from activeclust._version import __version__
from activeclust.annotators.calling import AnnotatorCaller
from activeclust.annotators.oracles import LabelOracle
from activeclust.annotators.query import Query
from activeclust.errors import InvalidInput
from activeclust.labels import labels_of
from activeclust.loop.anchors import Anchors
from activeclust.loop.dialogue import Dialogue, positive
from activeclust.loop.history import History
from activeclust.loop.items import items_of
from activeclust.loop.posteriors import PosteriorCache
from activeclust.loop.resume import find_seed, find_store, open_run
from activeclust.loop.rounds import Rounds
from activeclust.loop.stopping import StopRule, parse_stop
from activeclust.store.base import RunSpec, Store
from activeclust.validation import check_rows, counted

__all__ = ["ActiveLoop", "History"]

#: ``progress(answered, budget, metrics)``, after every answer
Progress = Callable[[int, int, Mapping[str, Any]], None]


class ActiveLoop(Dialogue):
    """Ask, one round after another, which cluster a row belongs to.

    A *round* takes the metrics, lets the strategy choose ``batch_size`` rows, and asks about them.
    What is asked in round r depends on the answers before it and on ``(seed, r)`` alone; so a run that
    was killed and is resumed asks what the uninterrupted one would have asked, starting with the
    unanswered rest of its last round. An answer is in the store before the next question is asked.

    Parameters
    ----------
    X : array-like (n, d)
        Rows to be clustered.
    annotator : callable Query -> answer, or None
        See :mod:`activeclust.annotators`; None where only :meth:`ask` and :meth:`tell` are used.
    strategy : str or callable
        A name of :func:`activeclust.strategies.names`, a strategy function, or a modAL query strategy.
    clusterer : PFNClusterer, optional
        Anything with its ``prepare``, ``posterior`` and ``model_hash``.
    store : Store, path or URL, optional
        Where answers are kept: ``activeclust.db`` for a run with a name, memory for one without.
    name : str, optional
        The run's name in the store.
    items : sequence of length n, optional
        What a person looks at; the rows of X without it. The n-th entry belongs to the n-th row, whatever the
        index of a Series or DataFrame says; a row of a DataFrame is shown as a dict.
    batch_size : int
        Questions a round.
    random_state : int, optional
        Seed of every choice; drawn and recorded where none is given.
    labels_true : sequence of length n, optional
        For the metrics only; None, NaN or blank where unknown.
    resume : bool or "auto"
        Continue the stored run of that name; "auto" makes it where it is missing.
    strict : bool
        Refuse to resume with another strategy, seed, batch size or model (other rows always are refused).
    who : str
        The annotator's name in the log. With a name, a question is leased to its person, so that several
        processes can work on one run.
    source, options
        Kept with the run: where the rows came from, and anything else that is JSON.

    Raises
    ------
    InvalidInput
        Rows, items, labels or options that cannot be used.
    UnknownName
        A strategy that does not exist; the nearest is named.
    RunExists, RunNotFound, RunMismatch
        See :func:`activeclust.loop.resume.open_run`.

    Examples
    --------
    >>> from activeclust.datasets.loading import load
    >>> digits = load("digits")
    >>> loop = ActiveLoop(digits.X[:300], LabelOracle(digits.y[:300]), strategy="random", random_state=0)
    >>> history = loop.run(budget=5)
    >>> len(loop.anchors), history.ended
    (5, 'budget')
    """

    def __init__(
        self,
        X: Any,
        annotator: Callable[..., Any] | None,
        *,
        strategy: str | Callable[..., Any] = "auto",
        clusterer: Any = None,
        store: Store | str | os.PathLike[str] | None = None,
        name: str | None = None,
        items: Sequence[Any] | np.ndarray | None = None,
        batch_size: int = 1,
        random_state: int | None = None,
        labels_true: Sequence[Any] | np.ndarray | None = None,
        resume: bool | Literal["auto"] = False,
        strict: bool = True,
        who: str = "",
        source: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.X = check_rows(X)
        n = len(self.X)
        self.annotator = annotator
        self._asker = None if annotator is None else AnnotatorCaller(annotator)
        self.items = self.X if items is None else items_of(items, n)
        self.batch_size = positive(batch_size, "batch_size")
        self.labels_true = (
            None if labels_true is None else labels_of(labels_true, "labels_true", n_rows=n).tolist()
        )
        self.who = who
        chosen = strategies.get(strategy)
        if isinstance(annotator, LabelOracle) and len(annotator.labels) != n:
            raise InvalidInput(
                f"the oracle has {len(annotator.labels):,} entries for {counted(n, 'row')}; expected one per row."
            )
        store, name = find_store(store, name), name or "run"
        seed = find_seed(store, name, resume, random_state)
        self.clusterer = _default_clusterer(seed) if clusterer is None else clusterer
        self.prepared = self.clusterer.prepare(self.X)
        spec = RunSpec(
            name=name,
            strategy=strategies.name_of(strategy),
            seed=seed,
            n_rows=n,
            data_hash=self.prepared.data_hash,
            model_hash=self.clusterer.model_hash,
            batch_size=self.batch_size,
            source=source,
            package_version=__version__,
            options=options or {},
        )
        self.stored = open_run(store, spec, resume=resume, strict=strict)
        self.seed = self.stored.spec.seed
        self._answers = Anchors(self.stored)
        self._beliefs = PosteriorCache(self.clusterer, self.prepared)
        self._rounds = Rounds(
            self.stored,
            self._answers,
            self._beliefs,
            chosen,
            n_rows=n,
            batch_size=self.batch_size,
            who=who,
            labels_true=self.labels_true,
        )

    # ---------------------------------------------------------------- running

    def run(
        self, budget: int, progress: Progress | None = None, *, stop: str | StopRule | None = None
    ) -> History:
        """Ask the annotator until ``budget`` rows are answered.

        Parameters
        ----------
        budget : int
            Answered rows in all, those of a resumed run included. Skipped rows do not count.
        progress : callable, optional
            ``progress(answered, budget, metrics of the last round)``, after every answer.
        stop : str or callable, optional
            A rule of :mod:`activeclust.loop.stopping`, such as ``"converged"``, that may end the run early.

        Returns
        -------
        History
            Its ``ended`` says why it ended. Ctrl-C ends it cleanly ("interrupted").

        Raises
        ------
        AnnotatorFailed
            The annotator raised; the message names the row, and every earlier answer is kept.
        """
        asker = self._start(budget, stop)
        try:
            with asker:
                while queries := self._due(asker.whole_batches):
                    self._take(queries, asker.ask(queries), progress)
        except KeyboardInterrupt:
            self._interrupted()
        finally:
            self._leave()
        return self.history

    async def arun(
        self, budget: int, progress: Progress | None = None, *, stop: str | StopRule | None = None
    ) -> History:
        """:meth:`run` inside a running event loop, for an async annotator in a notebook or a server.

        ``budget``, ``progress`` and ``stop`` mean what they mean there.
        """
        asker = self._start(budget, stop)
        try:
            while queries := self._due(asker.whole_batches):
                self._take(queries, await asker.ask_async(queries), progress)
        except KeyboardInterrupt:
            self._interrupted()
        finally:
            self._leave()
        return self.history

    def _start(self, budget: int, stop: str | StopRule | None) -> AnnotatorCaller:
        if self._asker is None:
            raise InvalidInput("This loop has no annotator: use ask() and tell(), or make it with one.")
        self._budget = positive(budget, "budget")
        if self._budget > len(self.X):
            raise InvalidInput(
                f"A budget of {counted(self._budget, 'answer')} is larger than the pool of "
                f"{counted(len(self.X), 'row')}."
            )
        self._stop = parse_stop(stop) if isinstance(stop, str) else stop
        self._ended = None
        return self._asker

    def _due(self, whole: bool) -> list[Query]:
        rows = self._rows_to_ask()
        return [self._query(row) for row in (rows if whole else rows[:1])]

    def _take(self, queries: list[Query], answers: Any, progress: Progress | None) -> None:
        for query, answer in zip(queries, answers, strict=False):
            self.tell(query, answer)
            if self._ended == "stop":
                return
            if progress is not None:
                assert self._budget is not None
                progress(len(self._answers), self._budget, self._rounds.records[-1].metrics)

    def _interrupted(self) -> None:
        self._ended = "interrupted"
        self._answers.reload()  # the interrupt may have come between writing an answer and counting it
        self._rounds.reload()

    def _leave(self) -> None:
        self._budget = self._stop = None
        if self.who:
            self.stored.release(self.who)


def _default_clusterer(seed: int) -> Any:
    from activeclust.clusterer.estimator import PFNClusterer

    return PFNClusterer(random_state=seed)
