"""The page's background worker: it computes posteriors and chooses the next rows while people answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from activeclust.web.page_state import OPEN, PageState

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop

AHEAD = 12  #: rows that are ready to be asked about, beyond those that people hold
LOOK_AGAIN = 2.0  #: seconds between looks for answers that other processes have written


class PosteriorWorker:
    """A thread that computes posteriors from answers. Nothing else uses the loop.

    Parameters
    ----------
    loop : ActiveLoop
    ahead : int
        Rows that are chosen ahead of the questions.

    Attributes
    ----------
    page_state : PageState
        The run as the newest posterior sees it; replaced as a whole, so that who has one may keep reading it.
    trouble : str
        What keeps the worker from working, in words.
    model : Lock
        Held while the clusterer works; for those who ask it something of their own.
    """

    def __init__(self, loop: ActiveLoop, ahead: int = AHEAD) -> None:
        self.loop, self.run, self.ahead = loop, loop.stored, ahead
        self.trouble = ""
        self.model = threading.Lock()
        self._prefetched: list[int] = []
        self._returned: list[int] = []  # given back unanswered: before all others
        self._unseen: dict[int, int] = {}  # held, not looked at yet -> last event when it was chosen
        self._chosen = 0  # last event that the choice of the ready rows knows of
        self._shown: list[int] = []  # looked at since the last turn
        self._version = 0
        self._lock = threading.Lock()
        self._wake = threading.Condition()
        self._due, self._closing, self._turning = False, False, False
        self.page_state: PageState
        self._turn()  # the first page has something to show
        self._thread = threading.Thread(target=self._work, name="posterior", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; rows that were shown are recorded."""
        with self._wake:
            self._closing = True
            self._wake.notify_all()
        self._thread.join()
        self._note_shown()

    def wake(self) -> None:
        """Make the worker look for new answers."""
        with self._wake:
            self._due = True
            self._wake.notify_all()

    @property
    def idle(self) -> bool:
        """Whether the worker has nothing to do."""
        return not (self._due or self._turning)

    # ---------------------------------------------------------------- rows that are ready

    def prefetched(self) -> list[int]:
        """Rows to be asked about next, in order."""
        with self._lock:
            return list(dict.fromkeys((*self._returned, *self._prefetched)))

    def hand_out(self, rows: Collection[int]) -> None:
        """Remove rows that have been leased from the prefetched ones."""
        with self._lock:
            self._returned = [row for row in self._returned if row not in rows]
            self._prefetched = [row for row in self._prefetched if row not in rows]
            self._unseen |= dict.fromkeys(rows, self._chosen)
            low = len(self._prefetched) < self.ahead // 2
        if low:
            self.wake()

    def looked_at(self, rows: Collection[int]) -> None:
        """Record rows that somebody is looking at: they belong to the round, and are not exchanged."""
        with self._lock:
            self._shown += [row for row in rows if self._unseen.pop(row, None) is not None]

    def stale(self, rows: Collection[int]) -> list[int]:
        """Those of ``rows`` that nobody has looked at, and that were chosen before the newest answers were known."""
        with self._lock:
            return [row for row in rows if self._unseen.get(row, self._chosen) < self._chosen]

    def put_back(self, rows: Sequence[int]) -> None:
        """Put rows that were not answered before the other prefetched ones."""
        with self._lock:
            self._returned = list(dict.fromkeys((*rows, *self._returned)))

    # ---------------------------------------------------------------- the thread

    def _work(self) -> None:
        while not self._closing:
            with self._wake:
                self._wake.wait_for(lambda: self._due or self._closing, timeout=LOOK_AGAIN)
                due, self._due = self._due, False
            if self._closing:
                return
            try:
                if due or self.run.last_seq != self.page_state.seq:
                    self._turn()
                self.trouble = ""
            except (
                Exception
            ) as error:  # shown on the page; answers are still taken, the next turn may go well
                self.trouble = f"{type(error).__name__}: {error}"
                time.sleep(LOOK_AGAIN)
                self.wake()

    def _turn(self) -> None:
        self._turning = True
        try:
            self._make()
        finally:
            self._turning = False

    def _make(self) -> None:
        began = time.perf_counter()
        self._note_shown()
        seq = self.run.last_seq
        with self.model:
            self.loop.refresh()
            if self._version:  # what people look at need not wait for the choice of the next rows
                self._publish(seq, self.page_state.order, began)
            # a row that nobody has looked at may be chosen again, or left for a better one
            leased = self.run.leased()
            with self._lock:
                self._unseen = {row: chosen for row, chosen in self._unseen.items() if row in leased}
                unseen = list(self._unseen)
            rows = self.loop.propose(self.ahead + len(unseen), without=[*leased], may_be_chosen=unseen)
        self._publish(seq, tuple(rows), began)
        with self._lock:
            self._prefetched, self._chosen = rows, seq
            self._returned = [row for row in self._returned if self.page_state.kinds[row] == OPEN]

    def _publish(self, seq: int, order: tuple[int, ...], began: float) -> None:
        self._version += 1
        state = PageState.of(self.loop, self._version, seq, order, time.perf_counter() - began)
        if self._version > 1:
            before = self.page_state
            # a turn may know of an answer already that was written while it began: the next one moves nothing
            news = before.answered != state.answered or before.clusters != state.clusters
            moved = state.moved_since(before) if news else before.moved
            state = replace(state, moved=moved)
        self.page_state = state

    def _note_shown(self) -> None:
        with self._lock:
            shown, self._shown = self._shown, []
        if shown:
            self.loop.note_asked(shown)
