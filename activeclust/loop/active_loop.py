"""The loop: posterior -> query strategy -> annotator -> store -> posterior ...

:class:`ActiveLoop` controls a run for callbacks, the terminal and the page. It does not depend on a user interface, on
SQL or on torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from activeclust import strategies
from activeclust._version import __version__
from activeclust.annotators.query import STOP, UNDO, Answer, Query, check_answer
from activeclust.errors import InvalidInput
from activeclust.identities import RowIds, ids_of
from activeclust.loop.anchors import Anchors
from activeclust.loop.classes import check_classes, distinct_classes
from activeclust.loop.driver import AnnotatorDriver, Progress, caller_of
from activeclust.loop.events import event_of
from activeclust.loop.history import History
from activeclust.loop.limits import Limits, positive
from activeclust.loop.model import clusterer_of, fit_to_run
from activeclust.loop.new_rows import names_at, probabilities_of, typed
from activeclust.loop.pool import pool_of
from activeclust.loop.posteriors import PosteriorCache
from activeclust.loop.questions import Questions
from activeclust.loop.resume import find_seed, find_store, open_run
from activeclust.loop.rounds import Rounds
from activeclust.loop.stopping import StopRule
from activeclust.store.base import Store
from activeclust.store.records import Cluster, Event, Kind, RunSpec
from activeclust.strategy.state import PoolState

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer

__all__ = ["ActiveLoop", "History"]


class ActiveLoop:
    """Ask in rounds which clusters rows belong to.

    A *round* computes the metrics, lets the strategy choose ``batch_size`` rows, and asks about them. The questions of
    round r depend only on the earlier answers and on ``(seed, r)``, so a resumed run asks what an uninterrupted one
    would have asked, beginning with the unanswered rows of its last round. An answer is stored before the next question
    is asked.

    Parameters
    ----------
    X : array-like, DataFrame, sparse matrix, list of dicts or texts; n rows
        Rows to be clustered. Texts, tables with categories, dates, texts or gaps, and sparse matrices go through
        :class:`activeclust.datasets.preparation.Preparation`, as files do through ``load``.
    annotator : callable Query -> answer, or None
        See :mod:`activeclust.annotators`; None if only :meth:`ask` and :meth:`tell` are used.
    strategy : str or callable
        A name of :func:`activeclust.strategies.names`, a strategy function, or a modAL query strategy.
    clusterer : Clusterer, optional
        Any object that fulfils :class:`activeclust.clusterer.protocol.Clusterer` [default: a ``PFNClusterer``]. A
        scikit-learn estimator is copied, and is not changed.
    store : Store, path or URL, optional
        Where answers are stored [default: ``activeclust.db`` for a run with a name, else memory].
    name : str, optional
        The run's name in the store.
    items : sequence of length n, optional
        What a person looks at; the rows of X without it, of a prepared table as they were given. The n-th entry
        belongs to the n-th row, whatever the index of a Series or DataFrame says; a row of a DataFrame is shown as a
        dict.
    batch_size : int
        Questions per round.
    random_state : int, RandomState or Generator, optional
        Seed of all random choices; if it is not a number, a seed is drawn from it and recorded.
    anchors : mapping of row to cluster, optional
        Existing answers. Those about rows without an answer are stored before the first question; they count towards a
        budget.
    classes : sequence of cluster names, optional
        The names of all clusters, if known: other answers are refused, and once each has an answer, *none of these* has
        probability 0. Stored with the run.
    labels_true : sequence of length n, optional
        True labels, for the metrics only; None, NaN or blank for rows without one.
    resume : bool or "auto"
        Continue the stored run of that name; "auto" creates it if it does not exist.
    strict : bool
        Refuse to resume with other rows, another strategy, seed, batch size or model. Without it, answers are
        carried over to other rows by ``row_ids`` (see :attr:`carried_over`).
    row_ids : sequence of length n, or RowIds, optional
        Unique ids of the rows, such as the values of an id column. Stored with the run, so that its answers can be
        assigned to their rows after the data have been sorted or changed.
    who : str
        The annotator's name in the log. With a name, questions are leased to that person, so that several processes can
        work on one run.
    annotators : int, optional
        Number of named annotators who answer every row [default: as stored with the run, else 1]. :meth:`ask` and
        :meth:`run` begin with rows that others have answered and ``who`` has not.
    source, options
        Stored with the run: the origin of the rows, and any JSON.

    Attributes
    ----------
    X : ndarray (n, d)
        The rows as numbers.
    preparation : Preparation or None
        How a table or a sparse matrix was converted; ``notes`` describes it. New rows are converted in the same way.
    carried_over : CarriedOver or None
        How answers were assigned to the rows of a run that was resumed with other rows.

    Raises
    ------
    InvalidInput
        If rows, items, labels or options cannot be used.
    UnknownName
        If the strategy does not exist; the message names the closest one.
    RunExists, RunNotFound, RunMismatch
        See :func:`activeclust.loop.resume.open_run`.

    Examples
    --------
    >>> from activeclust.annotators import LabelOracle
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
        clusterer: Clusterer | None = None,
        store: Store | str | os.PathLike[str] | None = None,
        name: str | None = None,
        items: Sequence[Any] | np.ndarray | None = None,
        batch_size: int = 1,
        random_state: int | np.random.RandomState | np.random.Generator | None = None,
        anchors: Mapping[int, Cluster] | None = None,
        classes: Sequence[Cluster] | None = None,
        labels_true: Sequence[Any] | np.ndarray | None = None,
        resume: bool | Literal["auto"] = False,
        strict: bool = True,
        row_ids: Sequence[Any] | RowIds | None = None,
        who: str = "",
        annotators: int | None = None,
        source: str = "",
        options: Mapping[str, Any] | None = None,
    ) -> None:
        pool = pool_of(X, items, labels_true)
        self.X, self.preparation, self._pool = pool.X, pool.preparation, pool
        self.items, self.labels_true = pool.items, pool.labels_true
        n = len(self.X)
        self.annotator, self.who = annotator, who
        self._caller = None if annotator is None else caller_of(annotator, n)
        self.batch_size = positive(batch_size, "batch_size")
        chosen = strategies.get(strategy)
        store, name = find_store(store, name), name or "run"
        known = None if classes is None else distinct_classes(classes)
        asked = {"annotators": annotators, "classes": known}
        self.clusterer = clusterer_of(clusterer)
        self.prepared = self.clusterer.prepare(self.X)
        spec = RunSpec(
            name=name,
            strategy=strategies.name_of(strategy),
            seed=find_seed(store, name, resume, random_state),
            n_rows=n,
            data_hash=self.prepared.data_hash,
            model_hash=self.clusterer.model_hash,
            batch_size=self.batch_size,
            source=source,
            package_version=__version__,
            options=dict(options or {}) | {key: value for key, value in asked.items() if value is not None},
            row_ids=None if row_ids is None else ids_of(row_ids, n),
        )
        self.stored, self.carried_over = open_run(
            store, spec, resume=resume, strict=strict, seed_given=random_state is not None
        )
        self.seed = self.stored.spec.seed
        check_classes(self.stored.spec, known)
        fit_to_run(self.clusterer, self.stored.spec, seeded=clusterer is None)
        self._anchors = Anchors(self.stored)
        self._anchors.begin_with(anchors or {}, who)
        self._posteriors = PosteriorCache(self.clusterer, self.prepared)
        self._rounds = Rounds(
            self.stored,
            self._anchors,
            self._posteriors,
            chosen,
            n_rows=n,
            batch_size=self.batch_size,
            who=who,
            labels_true=self.labels_true,
        )
        self._questions = Questions(self._anchors, self._rounds, self.items)

    def __repr__(self) -> str:
        spec = self.stored.spec
        return (
            f"ActiveLoop({spec.name!r}: {spec.n_rows:,} rows, {len(self._anchors):,} answers, "
            f"{len(self.clusters):,} clusters, strategy {spec.strategy!r})"
        )

    def _repr_html_(self) -> str:
        """A card with the run's rows, answers and clusters, which is how a notebook shows a loop."""
        from activeclust.loop.cards import loop_html

        return loop_html(self)

    def run(
        self, budget: int, progress: Progress | None = None, *, stop: str | StopRule | None = None
    ) -> History:
        """Ask the annotator until ``budget`` rows are answered.

        Parameters
        ----------
        budget : int
            Total number of answered rows, those of a resumed run included. Skipped rows do not count, and a row that
            several annotators answer counts once.
        progress : callable, optional
            ``progress(answered, budget, metrics of the last round)``, after every answer.
        stop : str or callable, optional
            A rule of :mod:`activeclust.loop.stopping`, such as ``"converged"``, that can end the run early.

        Returns
        -------
        History
            Its ``ended`` is the reason of the end. Ctrl-C ends a run without an error ("interrupted").

        Raises
        ------
        AnnotatorFailed
            If the annotator raises; the message names the row, and every earlier answer is stored.
        """
        driver = self._driver(budget, progress, stop)
        with driver, driver.caller:
            while queries := driver.next():
                driver.tell(queries, driver.caller.ask(queries))
        return self.history

    async def arun(
        self, budget: int, progress: Progress | None = None, *, stop: str | StopRule | None = None
    ) -> History:
        """:meth:`run` inside a running event loop, for an async annotator in a notebook or a server.

        ``budget``, ``progress`` and ``stop`` are those of :meth:`run`.
        """
        with self._driver(budget, progress, stop) as driver:
            while queries := driver.next():
                driver.tell(queries, await driver.caller.ask_async(queries))
        return self.history

    def _driver(self, budget: int, progress: Progress | None, stop: str | StopRule | None) -> AnnotatorDriver:
        limits = Limits.of(budget, stop, len(self.X))
        return AnnotatorDriver(self._caller, self._questions, self.tell, limits, progress, self.who)

    def ask(self) -> list[Query]:
        """The open questions of this round, else those of the next round.

        Returns
        -------
        list of Query
            At most ``batch_size`` (more if answers of earlier rounds were undone); empty if every row is answered or
            withdrawn, and after STOP.
        """
        return self._questions.due()

    def query(self, row: int) -> Query:
        """The question about any ``row``, whether or not it was asked about or answered."""
        return self._questions.query(self._questions.check_row(row))

    def propose(self, n: int, *, without: Sequence[int] = (), may_be_chosen: Sequence[int] = ()) -> list[int]:
        """Compute the metrics and choose rows to ask about next, while earlier questions may be open.

        For a user interface that prefetches questions. A round begins without questions; :meth:`note_asked` records
        which of the rows were shown.

        Parameters
        ----------
        n : int
            Number of rows, the best first.
        without : sequence of int
            Rows that are being shown. They, and all leased rows, are treated as answered with their most probable
            cluster, so that no similar row is chosen.
        may_be_chosen : sequence of int
            Leased rows that have not been shown yet: they can be chosen like any other row.
        """
        self.refresh()
        return self._rounds.propose(positive(n, "n"), without, may_be_chosen)

    def note_asked(self, rows: Sequence[int]) -> None:
        """Record that ``rows`` of the last :meth:`propose` were shown; a resumed run asks about them first."""
        self._rounds.note_asked([self._questions.check_row(row) for row in rows])

    def refresh(self) -> bool:
        """Read new answers of others from the store; True if there were any."""
        return self._questions.refresh()

    def tell(
        self,
        query: Query | int,
        answer: Answer,
        *,
        client_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Event | None:
        """Store an answer durably.

        Parameters
        ----------
        query : Query or int
            The question, or the number of any row. An answer for an answered row relabels it.
        answer : cluster name, SKIP, UNSURE, UNDO or STOP
            UNDO takes back the last answer, of earlier sessions too, whichever row it was about.
        client_id : str, optional
            The same answer sent twice with one id counts once.
        details : mapping, optional
            Stored in the log as JSON.

        Returns
        -------
        Event or None
            The stored event; None for STOP, and for UNDO if there is nothing to undo.
        """
        row = query.row if isinstance(query, Query) else self._questions.check_row(query)
        answer = check_answer(answer, row)
        if answer is STOP:
            self._questions.ended = "stop"
            return None
        if answer is UNDO:
            return self.undo()
        return self._write(event_of(row, answer, who=self.who, client_id=client_id, details=details))[0]

    def tell_many(self, rows: Sequence[int], answer: Answer) -> list[Event]:
        """Store one answer for several rows, durably: for all of them or, where it fails, for none.

        Parameters
        ----------
        rows : sequence of int
            Numbers of rows; a repeated row counts once.
        answer : cluster name, SKIP or UNSURE

        Returns
        -------
        list of Event
            The stored events, one a row; none without rows.

        Raises
        ------
        InvalidInput
            For a row that is not there, and for an answer that is about no row.

        Examples
        --------
        >>> import numpy as np
        >>> loop = ActiveLoop(np.eye(6), None, strategy="random")
        >>> [event.row for event in loop.tell_many([4, 1], "corner")]
        [4, 1]
        >>> loop.anchors
        {4: 'corner', 1: 'corner'}
        """
        numbers = list(dict.fromkeys(self._questions.check_row(row) for row in rows))
        answers = [check_answer(answer, row) for row in numbers]
        if answer is STOP or answer is UNDO:
            raise InvalidInput(f"Expected a cluster name, SKIP or UNSURE for the rows, got {answer.name}.")
        if not numbers:
            return []
        return self._write(
            *(event_of(row, given, who=self.who) for row, given in zip(numbers, answers, strict=True))
        )

    def undo(self) -> Event | None:
        """Undo the last answer; its row is asked about first. None if there is nothing to undo."""
        last = self.stored.last_undoable(self.who or None)
        if last is None:
            return None
        return self._write(Event(Kind.UNDO, target=last.seq, annotator=self.who))[0]

    def rename(self, cluster: Cluster, new: Cluster) -> Event:
        """Rename ``cluster`` to ``new``, a name that is not in use."""
        return self._write(Event(Kind.RENAME, cluster=cluster, new_cluster=new, annotator=self.who))[0]

    def merge(self, cluster: Cluster, into: Cluster) -> Event:
        """Merge ``cluster`` into the cluster ``into``."""
        return self._write(Event(Kind.MERGE, cluster=cluster, new_cluster=into, annotator=self.who))[0]

    def _write(self, *events: Event) -> list[Event]:
        written = self._anchors.write(*events)
        if any(event.kind not in (Kind.LABEL, Kind.SKIP, Kind.UNSURE) for event in events):
            self._rounds.forget_shown()
        self._questions.ended = None
        return written

    @property
    def state(self) -> PoolState:
        """The state that a strategy receives now."""
        return self._rounds.state()

    @property
    def posterior(self) -> np.ndarray:
        """(n, C) probability of each of :attr:`clusters`, given that the row is of one of them."""
        return self._posteriors.of(self._anchors).posterior

    @property
    def new_cluster_proba(self) -> np.ndarray:
        """(n,) probability of being of none of :attr:`clusters`."""
        return self._posteriors.of(self._anchors).new

    @property
    def labels(self) -> np.ndarray:
        """(n,) the most probable cluster of each row; answered rows have their own.

        The dtype is integer or text if all clusters are, else object; before the first answer all values are None.
        """
        return typed(self._posteriors.of(self._anchors).labels()[0], self.clusters)

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """The clusters with an anchor, in the order of their earliest anchors."""
        return self._anchors.clusters

    @property
    def anchors(self) -> dict[int, Cluster]:
        """Answered rows with their clusters, in the order of the first answers."""
        return self._anchors.named()

    @property
    def history(self) -> History:
        """The rounds so far, and the reason why the last :meth:`run` ended."""
        return History(self._rounds.records, self._questions.ended)

    def predict(self, X: Any) -> np.ndarray:
        """(m,) the most probable cluster of each row of ``X`` (m, d), whether or not it is one of the loop's rows.

        ``X`` has the form of the loop's rows: a table if they were a table. Each row is predicted on its own, from the
        posteriors of the loop's rows near it.

        Raises
        ------
        InvalidInput
            Before the first answer, for rows with other columns, and for a clusterer without ``unseen``.

        Examples
        --------
        >>> X = np.array([[0.0, 0.0], [0.3, 0.1], [9.0, 9.0], [9.2, 9.1]])
        >>> loop = ActiveLoop(X, None, anchors={0: "left", 2: "right"})
        >>> loop.predict([[0.1, 0.3], [8.0, 9.0]]).tolist()
        ['left', 'right']
        """
        return names_at(self.predict_proba(X).argmax(axis=1), self.clusters)

    def predict_proba(self, X: Any) -> np.ndarray:
        """(m, C) probability of each of :attr:`clusters` at the rows of ``X`` (m, d), given that it is one of them.

        See :meth:`predict`. Raises InvalidInput before the first answer, and for a clusterer without ``unseen``.
        """
        return probabilities_of(
            self._pool.later(X), self.clusterer, self.prepared, self._posteriors.of(self._anchors)
        )

    def metrics(self) -> dict[str, float | int | None]:
        """Metrics of the current answers, as the next round will record them."""
        self.refresh()
        return self._rounds.measure()
