"""What requests can do: lease rows, store answers, undo them, read the run.

Requests never wait for the model. They write to the store, read the worker's last :class:`PageState`, and take
rows that the worker has prefetched; every new posterior replaces those that are left.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from activeclust.annotators.keys import ClusterKeys
from activeclust.errors import ActiveClustError, InvalidInput
from activeclust.loop.stopping import parse_stop
from activeclust.store import LEASE_SECONDS
from activeclust.store.log import LogReader
from activeclust.store.outcomes import ANSWERS, Policy
from activeclust.store.records import Cluster, Event, Kind
from activeclust.web.checks import checked_rows
from activeclust.web.page_state import OPEN, PageState
from activeclust.web.worker import AHEAD, PosteriorWorker

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop

RESERVE = 200  #: rows looked at where somebody is faster than the model
FOLDS = 5  #: posteriors that looking for suspect answers takes
TOGETHER = " (together)"  #: behind the name of who holds rows that are looked at many at a time


class AnnotationService:
    """The operations of one run's page.

    Parameters
    ----------
    loop : ActiveLoop
    budget : int, optional
        Number of answered rows after which no further row is asked about.
    stop : str, optional
        A stop rule's name.
    ahead : int
        Number of rows that are chosen in advance.
    """

    def __init__(
        self, loop: ActiveLoop, *, budget: int | None = None, stop: str | None = None, ahead: int = AHEAD
    ) -> None:
        self.loop, self.run, self.items = loop, loop.stored, loop.items
        self.checked = LogReader(self.run, "check")
        # rows that were asked about in checks are beyond the budget
        self.budget = None if budget is None else budget + len(checked_rows(self.checked.read()))
        self._stop = parse_stop(stop) if stop else None
        self.n_rows = self.run.spec.n_rows
        self.keys = ClusterKeys()
        self._since: dict[
            int, tuple[int, bool]
        ] = {}  # row -> (event, answered) of what no posterior knows yet
        self._named: dict[Cluster, int] = {}  # clusters named here, with the event that did
        self._asked = {row for record in self.run.rounds() for row in record.asked}
        self._seq = 0
        self._lock, self._leasing, self._undoing = threading.Lock(), threading.Lock(), threading.Lock()
        self.worker = PosteriorWorker(loop, ahead)

    def __enter__(self) -> AnnotationService:
        self.worker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.worker.stop()

    @property
    def page_state(self) -> PageState:
        """The run according to the newest posterior."""
        return self.worker.page_state

    @property
    def several(self) -> bool:
        """Whether several people answer each row."""
        return Policy.of(self.run.spec.options).annotators > 1

    @property
    def behind(self) -> bool:
        """Whether there are answers that the posterior does not know yet."""
        return self.page_state.seq < self._seq

    @property
    def settled(self) -> bool:
        """Whether the posterior and the next rows take all answers into account."""
        return not self.behind and self.worker.idle

    def clusters(self) -> list[Cluster]:
        """All clusters, including those that the posterior does not know yet."""
        state = self.page_state
        with self._lock:
            self._named = {cluster: seq for cluster, seq in self._named.items() if seq > state.seq}
            return list(dict.fromkeys((*state.clusters, *self._named)))

    # ---------------------------------------------------------------- asking

    def ended(self) -> str | None:
        """Why no further row is asked about, or None."""
        if self.budget is not None and self.answered() >= self.budget:
            return "budget"
        if self._stop is not None and self._stop(self.page_state.rounds):
            return "converged"
        return None

    def go_on(self, more: int | None) -> None:
        """Continue with ``more`` answers, or without a limit; the stop rule is switched off."""
        self.budget = None if more is None else min(self.n_rows, self.answered() + more)
        self._stop = None

    def answered(self) -> int:
        """Number of answered rows, including those that the posterior does not know yet."""
        state = self.page_state
        with self._lock:
            self._since = {row: said for row, said in self._since.items() if said[0] > state.seq}
            known = sum(row in state.answered for row in self._since)
            return len(state.answered) - known + sum(answered for _, answered in self._since.values())

    def _left(self, beside: Collection[int]) -> int:
        """What the budget leaves beside all rows that somebody holds, those of ``beside`` not counted."""
        if self.budget is None:
            return self.n_rows
        return max(0, self.budget - self.answered() - len(self.run.leased().keys() - set(beside)))

    def take(self, who: str, have: Sequence[int], want: int, unseen: Sequence[int] = ()) -> list[int]:
        """Rows for a person to be asked about, up to ``want``, those they ``have`` first; leased to them.

        Rows ``unseen`` by the person are exchanged for better ones where a newer posterior has chosen. A budget is kept
        to the answer, whoever holds what: who holds more than it leaves gives the rest back.
        """
        with self._leasing:  # two requests get two rows
            held = list(self.run.leased(who))
            want = min(want, self._left(held))
            self.worker.looked_at([row for row in have if row not in unseen])
            stale = [row for row in self.worker.stale(unseen) if row in held]
            wanted = dict.fromkeys((*have, *held, *self.run.unfinished(who)))
            mine = self.run.lease([row for row in wanted if row not in stale], want, who, LEASE_SECONDS)
            if spare := [row for row in held if row not in mine]:
                self.run.release(who, spare)
            if len(mine) < want and self.ended() is None:
                mine += self._new_rows(who, want - len(mine), stale)
            if not have:
                self.worker.looked_at(mine[:1])
        with self._lock:
            self._asked |= set(mine)
        return mine

    def _new_rows(self, who: str, n: int, stale: Sequence[int]) -> list[int]:
        held = self.run.leased()  # also what was handed out while these rows were being chosen
        ready = [row for row in self.worker.prefetched() if row not in held]
        rows = self.run.lease(list(dict.fromkeys((*ready, *stale))), n, who, LEASE_SECONDS)
        if len(rows) < n:  # faster than the model: nobody waits for it
            reserve = self._reserve([*held, *rows])
            rows += self.run.lease(reserve, n - len(rows), who, LEASE_SECONDS)
        self.worker.hand_out(rows)
        return rows

    def _reserve(self, without: Sequence[int]) -> list[int]:
        """Unanswered rows that the posterior is least certain of, used if no row is prefetched."""
        state = self.page_state
        with self._lock:
            given = list(self._since)
        free = state.kinds == OPEN
        free[[*without, *given]] = False
        rows = np.random.default_rng([self.run.spec.seed, state.version]).permutation(np.flatnonzero(free))
        return rows[np.argsort(state.confidence[rows], kind="stable")[:RESERVE]].tolist()

    def put_back(self, who: str, rows: Sequence[int]) -> None:
        """Release rows that a person was to be asked about, one by one or in a grid."""
        held = self.run.leased(who)
        mine = [row for row in rows if row in held]
        self.run.release(who, rows)
        self.run.release(who + TOGETHER, rows)
        self.worker.put_back(mine)

    def leave(self, who: str) -> None:
        """A person changes their name: release what they held."""
        self.put_back(who, list(self.run.leased(who)))

    def lease_alike(self, who: str, cluster: Cluster, n: int) -> list[int]:
        """Unanswered rows most similar to a cluster, leased to a person, to be answered together."""
        state = self.page_state
        if cluster not in state.clusters:
            return []
        holder = who + TOGETHER
        with self._leasing:
            leased = self.run.leased()
            taken = [row for row, other in leased.items() if other != holder]
            n = min(n, self._left([row for row in leased if row not in taken]))
            free = np.setdiff1d(np.arange(self.n_rows), [*state.answered, *self.run.withdrawn(), *taken])
            rows = state.alike(state.clusters.index(cluster), free.astype(int), 2 * n)
            return self.run.lease(rows, n, holder, LEASE_SECONDS)

    def hold(self, who: str, rows: Sequence[int]) -> None:
        """Lease the rows of a check, so that nobody else is asked about them."""
        self.run.lease(rows, len(rows), who + TOGETHER, LEASE_SECONDS)

    # ---------------------------------------------------------------- answers

    def answer(self, event: Event) -> Event:
        """Write one answer, durably. The budget is kept: what was asked is taken, and what was answered may change.

        Rows of a check are beyond the budget.
        """
        if self.budget is not None and event.row is not None and "check" in event.details:
            if event.row not in checked_rows(self.checked.read()):
                self.budget += 1
            return self.write(event)[0]
        if self.budget is not None and event.row is not None and event.kind is Kind.LABEL:
            with self._lock:
                asked = event.row in self._asked
            if not asked:
                self._check_budget([event.row])
        return self.write(event)[0]

    def _check_budget(self, rows: Sequence[int]) -> None:
        if self.budget is None:
            return
        new = [row for row in rows if row not in self.page_state.answered]
        left = self._left(rows)
        if len(new) > left:
            raise InvalidInput(
                f"The budget of {self.budget:,} answers leaves {left:,}, and these are {len(new):,}: select fewer "
                "rows, or continue beyond the budget under Result."
            )

    def write(self, *events: Event) -> list[Event]:
        """Store events durably, all or none; a repeated ``client_id`` returns the first event."""
        written = self.run.extend(events)
        self._note(written)
        self.worker.wake()
        return written

    def _note(self, written: Sequence[Event]) -> None:
        targets = [event.target for event in written if event.target is not None]
        undone = self.run.find(seqs=targets) if targets else []
        unsure = [e.row for e in (*written, *undone) if e.row is not None and e.kind is not Kind.LABEL]
        unsure += [event.row for event in undone if event.row is not None]
        labelled = (
            {vote.row for vote in self.run.votes(unsure) if vote.kind is Kind.LABEL} if unsure else set()
        )
        last = max(event.seq or 0 for event in written)
        with self._lock:
            self._seq = max(self._seq, last)
            for event in written:
                if event.kind is Kind.LABEL and event.row is not None and event.cluster is not None:
                    self._since[event.row] = event.seq or 0, True
                    self._named.setdefault(event.cluster, event.seq or 0)
            for row in unsure:
                self._since[row] = last, row in labelled

    def undo(self, who: str, client_id: str, target: int | None = None) -> tuple[list[Event], list[Event]]:
        """Take back a person's last answer, or event ``target``: (the events taken back, the undo events).

        Rows that were answered with one gesture are taken back together. The same ``client_id`` again
        takes nothing more back.

        Raises
        ------
        InvalidInput
            For a ``target`` that is somebody else's.
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
            if len(rows) == 1:  # it is asked again; rows of a grid or a lasso are rows like others
                self.run.lease(rows, 1, who, LEASE_SECONDS)
                with self._lock:
                    self._asked |= set(rows)
            return taken_back, done

    def _targets(self, who: str, target: int | None) -> list[Event]:
        if target is not None:
            found = self._standing(self.run.find(seqs=[target]))
            for event in found:
                if event.annotator not in (who, ""):
                    raise InvalidInput(
                        f"That answer is by {event.annotator!r}, and only they can undo it; you can answer the row "
                        "yourself."
                    )
            return found
        last = self.run.last_undoable(who)
        if last is None:
            return []
        batch = last.details.get("batch")
        if not batch:
            return [last]
        return self._standing(
            [event for event in self.run.find(client_prefix=f"{batch}:") if event.kind in ANSWERS]
        )

    def _standing(self, events: Sequence[Event]) -> list[Event]:
        """Those that have not been undone."""
        seqs = [event.seq for event in events if event.seq is not None]
        undone = {event.target for event in self.run.find(targets=seqs)}
        return [event for event in events if event.seq not in undone]

    def label_many(
        self, rows: Sequence[int], cluster: Cluster, who: str, client_id: str, details: dict[str, Any]
    ) -> list[Event]:
        """Label many rows with one cluster, in one transaction."""
        if not self.run.find(client_prefix=f"{client_id}:"):  # sent twice, it is no more than once
            self._check_budget(rows)
        event = Event(
            Kind.LABEL, row=0, cluster=cluster, annotator=who, details=details | {"batch": client_id}
        )
        written = self.write(*(replace(event, row=row, client_id=f"{client_id}:{row}") for row in rows))
        self.run.release(who + TOGETHER, rows)
        return written

    # ---------------------------------------------------------------- a second look

    def suspects(self, limit: int) -> list[tuple[int, Cluster, float]]:
        """Answered rows that the other answers contradict most: (row, cluster, contradiction)."""
        from activeclust.clusterer.contradictions import contradictions

        state = self.page_state
        if len(state.answered) < 3:
            return []
        rows = np.fromiter(state.answered, dtype=np.int64)
        place = {cluster: code for code, cluster in enumerate(state.clusters)}
        codes = np.array([place[cluster] for cluster in state.answered.values()])
        rng = np.random.default_rng(self.run.spec.seed)
        with self.worker.model:
            score = contradictions(self.loop.clusterer, self.loop.prepared, rows, codes, FOLDS, rng)
        order = np.argsort(-score, kind="stable")[:limit]
        return [(int(rows[i]), state.clusters[codes[i]], float(score[i])) for i in order if score[i] > 0.5]


def complaint(error: ActiveClustError) -> tuple[str, int]:
    """The response to an error: (sentence, status)."""
    return str(error), 422 if isinstance(error, InvalidInput) else 503
