"""The desk behind the page: answers go straight to the store, and a worker makes the next posterior behind.

Requests never wait for the model. They write to the store, read the last :class:`View`, and take rows from
a *shelf* that the worker has filled; every posterior replaces what is left there, so the shelf is as
fresh as the model is fast. Only the worker touches the loop.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.errors import ActiveClustError, InvalidInput
from activeclust.loop.stopping import parse_stop
from activeclust.store import LEASE_SECONDS
from activeclust.store.base import Cluster, Event, Kind
from activeclust.store.log import LogReader
from activeclust.store.outcomes import ANSWERS
from activeclust.web.page_state import OPEN, View

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop

SHELF = 12  #: rows that are ready to be asked about, beyond those that people hold
RESERVE = 200  #: rows looked at where somebody is faster than the model
FOLDS = 5  #: posteriors that looking for suspect answers takes
LOOK_AGAIN = 2.0  #: seconds between looks for answers that other processes have written


class Desk:
    """What requests ask for, for one run.

    Parameters
    ----------
    loop : ActiveLoop
    who : str
        The name that the page begins with.
    budget : int, optional
    stop : str, optional
        A stop rule's name.
    ahead : int
        Rows that are chosen ahead of the questions.
    """

    def __init__(
        self,
        loop: ActiveLoop,
        *,
        who: str = "",
        budget: int | None = None,
        stop: str | None = None,
        ahead: int = SHELF,
    ) -> None:
        self.loop, self.run, self.items = loop, loop.stored, loop.items
        self.log = LogReader(self.run)
        self.who, self.budget, self.ahead = who, budget, ahead
        self._stop = parse_stop(stop) if stop else None
        self.n_rows = self.run.spec.n_rows
        self.trouble = ""  #: what keeps the worker from working, in words
        self._shelf: list[int] = []
        self._given: set[int] = set()  # answered since the last view
        self._shown: list[int] = []  # handed out since the worker's last turn
        self._known: dict[Cluster, None] = {}  # clusters named here that no view holds yet
        self._seq = self._version = 0
        self._lock, self._undoing = threading.Lock(), threading.Lock()
        self._model = threading.Lock()
        self._wake = threading.Condition()
        self._due, self._closing, self._turning = False, False, False
        self.view: View
        self._turn()  # the first page has something to show
        self._worker = threading.Thread(target=self._work, name="posterior", daemon=True)

    def __enter__(self) -> Desk:
        self._worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._worker.join()
        self._note_shown()

    # ---------------------------------------------------------------- the worker

    def _work(self) -> None:
        while not self._closing:
            with self._wake:
                self._wake.wait_for(lambda: self._due or self._closing, timeout=LOOK_AGAIN)
                due, self._due = self._due, False
            if self._closing:
                return
            try:
                if due or self.run.last_seq != self.view.seq:
                    self._turn()
                self.trouble = ""
            except (
                Exception
            ) as error:  # shown on the page; answers are still taken, and the next turn may go well
                self.trouble = f"{type(error).__name__}: {error}"
                time.sleep(LOOK_AGAIN)
                self.wake()

    def _turn(self) -> None:
        self._turning = True
        try:
            self._think()
        finally:
            self._turning = False

    def _think(self) -> None:
        began = time.perf_counter()
        self._note_shown()
        seq = self.run.last_seq
        with self._model:
            self.loop.refresh()
            if self._version:  # what people look at need not wait for the choice of the next rows
                self._publish(seq, self.view.order, began)
            rows = self.loop.propose(self.ahead, without=list(self.run.leased()))
        self._publish(seq, tuple(rows), began)
        with self._lock:
            self._shelf = rows

    def _publish(self, seq: int, order: tuple[int, ...], began: float) -> None:
        self._version += 1
        view = View.of(self.loop, self._version, seq, order, time.perf_counter() - began)
        with self._lock:
            self.view, self._seq = view, max(self._seq, seq)
            if seq >= self._seq:
                self._known, self._given = {}, set()

    def _note_shown(self) -> None:
        with self._lock:
            shown, self._shown = self._shown, []
        if shown:
            self.loop.note_asked(shown)

    def wake(self) -> None:
        """Have the worker look at what is new."""
        with self._wake:
            self._due = True
            self._wake.notify_all()

    @property
    def behind(self) -> bool:
        """Whether answers wait for their posterior."""
        return self.view.seq < self._seq

    @property
    def settled(self) -> bool:
        """Whether the posterior and the order of the next rows are those of all answers."""
        return not (self.behind or self._due or self._turning)

    def clusters(self) -> list[Cluster]:
        """All clusters, those that the last posterior does not know of included."""
        return list(dict.fromkeys((*self.view.clusters, *self._known)))

    # ---------------------------------------------------------------- asking

    def ended(self) -> str | None:
        """Why nothing new is asked, or None."""
        view = self.view
        if self.budget is not None and len(view.answered) >= self.budget:
            return "budget"
        if self._stop is not None and self._stop(view.rounds):
            return "converged"
        return None

    def take(self, who: str, have: Sequence[int], want: int) -> list[int]:
        """Rows for a person to be asked about, up to ``want`` beside those they ``have``; leased to them."""
        mine = [row for row in have if self._still_open(row)]
        for row in [*self.run.leased(who), *self.run.unfinished(who)]:
            if len(mine) < want and row not in mine:
                mine.append(row)
        mine = self.run.lease(mine, len(mine), who, LEASE_SECONDS) if mine else []
        if len(mine) < want and self.ended() is None:
            mine += self._from_shelf(who, want - len(mine))
        return mine

    def _still_open(self, row: int) -> bool:
        return row not in self.view.answered

    def _from_shelf(self, who: str, n: int) -> list[int]:
        with self._lock:  # the lease is taken under the lock, so that two requests get two rows
            held = self.run.leased()  # also what was handed out while the shelf was being filled
            rows = self.run.lease([row for row in self._shelf if row not in held], n, who, LEASE_SECONDS)
            self._shelf = [row for row in self._shelf if row not in rows and row not in held]
            if len(rows) < n:  # faster than the model: nobody waits for it
                reserve = self._reserve([*held, *rows, *self._given])
                rows += self.run.lease(reserve, n - len(rows), who, LEASE_SECONDS)
            self._shown += rows
            low = len(self._shelf) < self.ahead // 2
        if low:
            self.wake()
        return rows

    def _reserve(self, without: Sequence[int]) -> list[int]:
        """Open rows that the last posterior is least certain of, for where the shelf is empty."""
        view = self.view
        free = view.kinds == OPEN
        free[list(without)] = False
        rows = np.random.default_rng([self.run.spec.seed, view.version]).permutation(np.flatnonzero(free))
        return rows[np.argsort(view.confidence[rows], kind="stable")[:RESERVE]].tolist()

    def put_back(self, who: str, rows: Sequence[int]) -> None:
        """Give up rows that a person was to be asked about."""
        self.run.release(who, rows)

    def lease_alike(self, who: str, cluster: Cluster, n: int) -> list[int]:
        """Open rows that look most like a cluster, leased to a person: for answering them all at once."""
        view = self.view
        if cluster not in view.clusters:
            return []
        taken = [row for row, holder in self.run.leased().items() if holder != who]
        free = np.setdiff1d(np.arange(self.n_rows), [*view.answered, *self.run.withdrawn(), *taken])
        code = view.clusters.index(cluster)
        rows = view.alike(code, free.astype(int), 2 * n)
        rows = self.run.lease(rows, n, who, LEASE_SECONDS)
        with self._lock:
            self._shown += rows
        return rows

    # ---------------------------------------------------------------- answers

    def write(self, *events: Event) -> list[Event]:
        """Write events durably, all or none; the same ``client_id`` again gives the first event again."""
        written = self.run.extend(events)
        with self._lock:
            self._seq = max(self._seq, *(event.seq or 0 for event in written))
            self._given |= {event.row for event in written if event.row is not None}
            for event in written:
                for cluster in (event.cluster, event.new_cluster):
                    if cluster is not None and event.kind is Kind.LABEL:
                        self._known[cluster] = None
        self.wake()
        return written

    def undo(self, who: str, client_id: str, target: int | None = None) -> tuple[list[Event], list[Event]]:
        """Take back a person's last answer, or event ``target``: (the events taken back, the undo events).

        Rows that were answered with one gesture are taken back together. The same ``client_id`` again
        takes nothing more back.
        """
        with self._undoing:
            before = self.run.find(client_prefix=f"{client_id}:")
            done = [event for event in before if event.kind is Kind.UNDO]
            if not done and (targets := self._targets(who, target)):
                undo = Event(Kind.UNDO, annotator=who)
                done = self.write(
                    *(replace(undo, target=t.seq, client_id=f"{client_id}:{t.seq}") for t in targets)
                )
            taken_back = self.run.find(seqs=[event.target for event in done if event.target is not None])
            rows = [event.row for event in taken_back if event.row is not None]
            if rows:
                self.run.lease(rows, len(rows), who, LEASE_SECONDS)
            return taken_back, done

    def _targets(self, who: str, target: int | None) -> list[Event]:
        if target is not None:
            return self._standing(self.run.find(seqs=[target]))
        last = self.run.last_undoable(who or None)
        if last is None:
            return []
        batch = last.details.get("batch")
        if not batch:
            return [last]
        return self._standing(
            [event for event in self.run.find(client_prefix=f"{batch}:") if event.kind in ANSWERS]
        )

    def _standing(self, events: Sequence[Event]) -> list[Event]:
        """Those that have not been taken back."""
        seqs = [event.seq for event in events if event.seq is not None]
        undone = {event.target for event in self.run.find(targets=seqs)}
        return [event for event in events if event.seq not in undone]

    def label_many(
        self, rows: Iterable[int], cluster: Cluster, who: str, client_id: str, details: dict[str, Any]
    ) -> list[Event]:
        """One cluster for many rows, in one transaction."""
        event = Event(
            Kind.LABEL, row=0, cluster=cluster, annotator=who, details=details | {"batch": client_id}
        )
        return self.write(*(replace(event, row=row, client_id=f"{client_id}:{row}") for row in rows))

    # ---------------------------------------------------------------- a second look

    def suspects(self, limit: int) -> list[tuple[int, Cluster, float]]:
        """Answered rows that the other answers contradict most: (row, cluster, contradiction)."""
        from activeclust.clusterer.estimator import contradictions

        view = self.view
        if len(view.answered) < 3:
            return []
        rows = np.fromiter(view.answered, dtype=np.int64)
        place = {cluster: code for code, cluster in enumerate(view.clusters)}
        codes = np.array([place[cluster] for cluster in view.answered.values()])
        rng = np.random.default_rng(self.run.spec.seed)
        with self._model:
            score = contradictions(self.loop.clusterer, self.loop.prepared, rows, codes, FOLDS, rng)
        order = np.argsort(-score, kind="stable")[:limit]
        return [(int(rows[i]), view.clusters[codes[i]], float(score[i])) for i in order if score[i] > 0.5]


def complaint(error: ActiveClustError) -> tuple[str, int]:
    """What a request hears of an error: (sentence, status)."""
    return str(error), 422 if isinstance(error, InvalidInput) else 503
