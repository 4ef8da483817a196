"""The loop: posterior -> query strategy -> annotator -> store -> posterior ...

:class:`ActiveLoop` is the one controller behind the callback, the terminal and the page. It knows no
user interface, no SQL and no torch.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from activeclust import strategies
from activeclust._version import __version__
from activeclust.annotators.calling import AnnotatorCaller
from activeclust.annotators.oracles import LabelOracle
from activeclust.annotators.query import SKIP, STOP, UNDO, Answer, Query, Signal, check_answer
from activeclust.errors import InvalidInput, RunMismatch
from activeclust.identities import RowIds, ids_of
from activeclust.labels import label, labels_of
from activeclust.loop.anchors import Anchors
from activeclust.loop.history import History
from activeclust.loop.items import items_of
from activeclust.loop.limits import Limits, positive
from activeclust.loop.posteriors import PosteriorCache
from activeclust.loop.questions import Questions
from activeclust.loop.resume import find_seed, find_store, open_run
from activeclust.loop.rounds import Rounds
from activeclust.loop.stopping import StopRule
from activeclust.store.base import Cluster, Event, Kind, RunSpec, Store
from activeclust.strategy.state import PoolState
from activeclust.validation import check_new_rows, check_rows, counted, generator_of

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer

__all__ = ["ActiveLoop", "History"]

#: ``progress(answered, budget, metrics)``, after every answer
Progress = Callable[[int, int, Mapping[str, Any]], None]


class ActiveLoop:
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
    clusterer : Clusterer, optional
        Anything that keeps :class:`activeclust.clusterer.protocol.Clusterer`; a ``PFNClusterer`` without it. A
        scikit-learn estimator is copied, and stays as it is.
    store : Store, path or URL, optional
        Where answers are kept: ``activeclust.db`` for a run with a name, memory for one without.
    name : str, optional
        The run's name in the store.
    items : sequence of length n, optional
        What a person looks at; the rows of X without it. The n-th entry belongs to the n-th row, whatever the
        index of a Series or DataFrame says; a row of a DataFrame is shown as a dict.
    batch_size : int
        Questions a round.
    random_state : int, RandomState or Generator, optional
        Seed of every choice; drawn, from it or afresh, and recorded where no number is given.
    anchors : mapping of row to cluster, optional
        Answers that are known already. Those about rows that have no answer yet are written before anything is
        asked; they count towards a budget.
    classes : sequence of cluster names, optional
        The clusters, where they are known: no other can be answered, and once each has an answer, *none of these* has
        no probability. Kept with the run.
    labels_true : sequence of length n, optional
        For the metrics only; None, NaN or blank where unknown.
    resume : bool or "auto"
        Continue the stored run of that name; "auto" makes it where it is missing.
    strict : bool
        Refuse to resume with other rows, another strategy, seed, batch size or model. Without it, answers are
        carried over to other rows by ``row_ids`` (see :attr:`carried_over`).
    row_ids : sequence of length n, or RowIds, optional
        What tells the rows apart, such as the values of an id column, no two alike. Kept with the run, so that its
        answers find their rows when the data have been sorted or have other rows.
    who : str
        The annotator's name in the log. With a name, a question is leased to its person, so that several
        processes can work on one run.
    annotators : int, optional
        How many annotators, each with a name of their own, answer every row; as stored where a run is resumed, 1 for
        a new one. :meth:`ask` and :meth:`run` begin with rows that others have answered and ``who`` has not.
    source, options
        Kept with the run: where the rows came from, and anything else that is JSON.

    Attributes
    ----------
    carried_over : CarriedOver or None
        What became of the answers of a run that was resumed with other rows.

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
        self.X = check_rows(X)
        n = len(self.X)
        self.annotator = annotator
        self._caller = None if annotator is None else AnnotatorCaller(annotator)
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
        seed = find_seed(store, name, resume, _seed_of(random_state))
        known = None if classes is None else _distinct(classes)
        self.clusterer = _default_clusterer(seed) if clusterer is None else _copy_of(clusterer)
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
            options=dict(options or {})
            | ({} if annotators is None else {"annotators": annotators})
            | ({} if known is None else {"classes": known}),
            row_ids=None if row_ids is None else ids_of(row_ids, n),
        )
        self.stored, self.carried_over = open_run(
            store, spec, resume=resume, strict=strict, seed_given=random_state is not None
        )
        self.seed = self.stored.spec.seed
        if (
            clusterer is None and self.seed != seed
        ):  # another process has made the run meanwhile, with its seed
            self.clusterer = _default_clusterer(self.seed)
            self.prepared = self.clusterer.prepare(self.X)
        self._know_classes(known)
        self._anchors = Anchors(self.stored)
        self._begin_with(anchors or {})
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

    def _know_classes(self, given: list[Cluster] | None) -> None:
        """Tell the model how many clusters there are, where the run knows them."""
        stored = self.stored.spec.options.get("classes")
        if given is not None and (stored is None or {*map(repr, stored)} != {*map(repr, given)}):
            made = "no classes" if stored is None else f"the classes {', '.join(map(repr, stored))}"
            raise RunMismatch(
                f"Run {self.stored.spec.name!r} was made with {made}, now it is to have {', '.join(map(repr, given))}. "
                "Give the same, or another name for a new run."
            )
        if stored is not None:
            told: Mapping[str, Any] = getattr(self.clusterer, "get_params", dict)()
            if "n_clusters" not in told:
                raise InvalidInput(
                    f"classes are for a clusterer that can be told n_clusters; {type(self.clusterer).__name__} "
                    "has no such setting."
                )
            self.clusterer.set_params(n_clusters=len(stored))  # type: ignore[attr-defined]

    def _begin_with(self, anchors: Mapping[int, Cluster]) -> None:
        """Write the answers that are known, about rows without one."""
        events = [
            Event(Kind.LABEL, row=row, cluster=label(cluster, f"anchors[{row!r}]"), annotator=self.who)
            for row, cluster in anchors.items()
        ]
        new = [event for event in events if event.row is not None and self._anchors.is_open(event.row)]
        if new:
            self._anchors.write(*new)

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

    # ---------------------------------------------------------------- running

    def run(
        self, budget: int, progress: Progress | None = None, *, stop: str | StopRule | None = None
    ) -> History:
        """Ask the annotator until ``budget`` rows are answered.

        Parameters
        ----------
        budget : int
            Answered rows in all, those of a resumed run included. Skipped rows do not count, and a row that several
            annotators answer counts once.
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
        caller, limits = self._start(budget, stop)
        try:
            with caller:
                while queries := self._next(caller, limits):
                    self._tell_all(queries, caller.ask(queries), budget, progress)
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
        caller, limits = self._start(budget, stop)
        try:
            while queries := self._next(caller, limits):
                self._tell_all(queries, await caller.ask_async(queries), budget, progress)
        except KeyboardInterrupt:
            self._interrupted()
        finally:
            self._leave()
        return self.history

    def _start(self, budget: int, stop: str | StopRule | None) -> tuple[AnnotatorCaller, Limits]:
        if self._caller is None:
            raise InvalidInput("This loop has no annotator: use ask() and tell(), or make it with one.")
        wanted = self.stored.spec.options.get("annotators", 1)
        if wanted != 1 and not self.who:
            raise InvalidInput(
                f"Every row of run {self.stored.spec.name!r} is answered by {wanted} annotators: give each a name, "
                'who="..." (--who NAME).'
            )
        limits = Limits.of(budget, stop, len(self.X))
        self._questions.ended = None
        return self._caller, limits

    def _next(self, caller: AnnotatorCaller, limits: Limits) -> list[Query]:
        due = self._questions.due(limits)
        return due if caller.whole_batches else due[:1]

    def _tell_all(
        self, queries: list[Query], answers: Iterable[Answer], budget: int, progress: Progress | None
    ) -> None:
        for query, answer in zip(queries, answers, strict=False):
            self.tell(query, answer)
            if self._questions.ended == "stop":
                return
            if progress is not None:
                progress(len(self._anchors), budget, self._rounds.records[-1].metrics)

    def _interrupted(self) -> None:
        self._questions.ended = "interrupted"
        self._questions.reload()  # the interrupt may have come between writing an answer and counting it

    def _leave(self) -> None:
        if self.who:
            self.stored.release(self.who)

    # ---------------------------------------------------------------- asking and telling

    def ask(self) -> list[Query]:
        """The open questions of this round; those of the next one where none is open.

        Returns
        -------
        list of Query
            At most ``batch_size`` (more where answers of earlier rounds were undone); empty when every
            row is answered or withdrawn, and after STOP.
        """
        return self._questions.due()

    def query(self, row: int) -> Query:
        """The question about any ``row``, answered or not, asked about or not."""
        return self._questions.query(self._questions.check_row(row))

    def propose(self, n: int, *, without: Sequence[int] = (), may_be_chosen: Sequence[int] = ()) -> list[int]:
        """Measure the answers and choose rows to ask about next, while earlier questions may be open.

        For an interface that keeps the next questions ready. A round begins, and has asked nothing until
        :meth:`note_asked` says which of the rows were shown.

        Parameters
        ----------
        n : int
            How many rows, the best first.
        without : sequence of int
            Rows that somebody is looking at. They, and all leased rows, count as answered by the posterior's best
            guess, so that no twin of theirs is chosen.
        may_be_chosen : sequence of int
            Leased rows that nobody has looked at yet: they may be chosen like any other row.
        """
        self.refresh()
        return self._rounds.propose(positive(n, "n"), without, may_be_chosen)

    def note_asked(self, rows: Sequence[int]) -> None:
        """Record that rows of the last :meth:`propose` were shown; a resumed run asks about them first."""
        self._rounds.note_asked([self._questions.check_row(row) for row in rows])

    def refresh(self) -> bool:
        """Read the answers that others have written to the store since; whether there were any."""
        return self._questions.refresh()

    def tell(
        self,
        query: Query | int,
        answer: Answer,
        *,
        client_id: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> Event | None:
        """Take an answer, durably.

        Parameters
        ----------
        query : Query or int
            The question, or a row number; any row may be answered, asked about or not, and an answered
            one again (that is a relabel).
        answer : cluster name, SKIP, UNSURE, UNDO or STOP
            UNDO takes back the last answer, whichever row it was about, also of an earlier session.
        client_id : str, optional
            The same answer told twice under one id counts once.
        details : mapping, optional
            Kept in the log, as JSON.

        Returns
        -------
        Event or None
            What was written; None for STOP, and for UNDO with nothing to undo.
        """
        row = query.row if isinstance(query, Query) else self._questions.check_row(query)
        answer = check_answer(answer, row)
        if answer is STOP:
            self._questions.ended = "stop"
            return None
        if answer is UNDO:
            return self.undo()
        event = Event(Kind.LABEL, row=row, client_id=client_id, details=details or {}, annotator=self.who)
        if isinstance(answer, Signal):
            return self._write(replace(event, kind=Kind.SKIP if answer is SKIP else Kind.UNSURE))
        return self._write(replace(event, cluster=answer))

    def undo(self) -> Event | None:
        """Take the last answer back; its row is asked again first. None where there is nothing to undo."""
        last = self.stored.last_undoable(self.who or None)
        if last is None:
            return None
        return self._write(Event(Kind.UNDO, target=last.seq, annotator=self.who))

    def rename(self, cluster: Cluster, new: Cluster) -> Event:
        """Give ``cluster`` the name ``new``, one that is not in use."""
        return self._write(Event(Kind.RENAME, cluster=cluster, new_cluster=new, annotator=self.who))

    def merge(self, cluster: Cluster, into: Cluster) -> Event:
        """Make ``cluster`` a part of the cluster ``into``."""
        return self._write(Event(Kind.MERGE, cluster=cluster, new_cluster=into, annotator=self.who))

    def _write(self, event: Event) -> Event:
        written = self._anchors.write(event)[0]
        if event.kind not in (Kind.LABEL, Kind.SKIP, Kind.UNSURE):
            self._rounds.forget_shown()
        self._questions.ended = None
        return written

    # ---------------------------------------------------------------- what is known now

    @property
    def state(self) -> PoolState:
        """What a strategy sees now."""
        return self._rounds.state()

    @property
    def posterior(self) -> np.ndarray:
        """(n, C) probability of each of :attr:`clusters`, given that the row belongs to one of them."""
        return self._posteriors.of(self._anchors).posterior

    @property
    def new_cluster_proba(self) -> np.ndarray:
        """(n,) probability of belonging to none of the clusters seen so far."""
        return self._posteriors.of(self._anchors).new

    @property
    def labels(self) -> np.ndarray:
        """(n,) each row's likeliest cluster, an answered row's own.

        Integers where all clusters are, texts where all are; objects where both are among them, and None in every
        row before any answer.
        """
        return _typed(self._posteriors.of(self._anchors).labels()[0], self.clusters)

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """Clusters that have an anchor, by the earliest of them."""
        return self._anchors.clusters

    @property
    def anchors(self) -> dict[int, Cluster]:
        """Answered rows with their clusters, in the order they were first answered."""
        return self._anchors.named()

    @property
    def history(self) -> History:
        """The rounds so far, and why the last :meth:`run` ended."""
        return History(self._rounds.records, self._questions.ended)

    def predict(self, X: Any) -> np.ndarray:
        """(m,) the likeliest cluster of each row of ``X`` (m, d), one of the loop's rows or not.

        Each row is served on its own, by the posteriors of the loop's rows near it.

        Raises
        ------
        InvalidInput
            Before the first answer, for rows of other columns, and where the clusterer has no ``unseen``.

        Examples
        --------
        >>> X = np.array([[0.0, 0.0], [0.3, 0.1], [9.0, 9.0], [9.2, 9.1]])
        >>> loop = ActiveLoop(X, None, anchors={0: "left", 2: "right"})
        >>> loop.predict([[0.1, 0.3], [8.0, 9.0]]).tolist()
        ['left', 'right']
        """
        return _typed(_objects(self.clusters)[self.predict_proba(X).argmax(axis=1)], self.clusters)

    def predict_proba(self, X: Any) -> np.ndarray:
        """(m, C) probability of each of :attr:`clusters` at the rows of ``X`` (m, d), given that it is one of them.

        See :meth:`predict`. Raises InvalidInput for a clusterer that knows the loop's rows alone, and where no row is
        answered yet.
        """
        unseen = getattr(self.clusterer, "unseen", None)
        if unseen is None:
            raise InvalidInput(
                f"{type(self.clusterer).__name__} knows the loop's rows alone: it has no method unseen(prepared, X, "
                "posterior, new)."
            )
        if not len(self._anchors):
            raise InvalidInput("No row is answered yet: there is no cluster to predict.")
        X = check_new_rows(X, self.X.shape[1])
        if len(X) == 0:
            return np.empty((0, len(self.clusters)))
        known = unseen(self.prepared, X, self.posterior, self.new_cluster_proba)[:, :-1]
        return known / np.maximum(known.sum(axis=1, keepdims=True), 1e-300)

    def metrics(self) -> dict[str, float | int | None]:
        """Metrics of the present answers, as the next round will record them."""
        self.refresh()
        return self._rounds.measure()


def _default_clusterer(seed: int) -> Clusterer:
    from activeclust.clusterer.estimator import PFNClusterer

    return PFNClusterer(random_state=seed)


def _copy_of(clusterer: Clusterer) -> Clusterer:
    """A scikit-learn estimator's unfitted copy; any other clusterer itself."""
    if not hasattr(clusterer, "get_params"):
        return clusterer
    from sklearn.base import clone

    return clone(clusterer)


def _seed_of(random_state: Any) -> int | None:
    """A seed as it is; one drawn from a RandomState or a Generator."""
    if isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        return int(generator_of(random_state).integers(2**31))
    return random_state


def _distinct(classes: Sequence[Cluster]) -> list[Cluster]:
    names = labels_of(classes, "classes").tolist()
    if not names or None in names or len(set(names)) < len(names):
        raise InvalidInput(f"classes are the distinct names of one cluster or more, got {names!r}.")
    return names


def _objects(clusters: Sequence[Cluster]) -> np.ndarray:
    names = np.empty(len(clusters), dtype=object)
    names[:] = clusters
    return names


def _typed(names: np.ndarray, clusters: Sequence[Cluster]) -> np.ndarray:
    """Names as integers or as texts, where all clusters are such."""
    kinds = {type(cluster) for cluster in clusters}
    return names.astype(kinds.pop()) if len(kinds) == 1 else names
