"""The map's layout of neighbours: computed in a separate process when the map is first opened."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from activeclust.errors import MissingDependency
from activeclust.resources.progress import listening

AT_ONCE = 0.3  #: seconds that the first request waits, so that a layout that was kept is there at once


class Layout:
    """The layout of one run's rows.

    Parameters
    ----------
    prepared : PreparedRows
        With a method ``layout() -> (n, 2)``; a model of one's own may have none.

    Attributes
    ----------
    points : ndarray (n, 2) or None
        None until it is there.
    """

    def __init__(self, prepared: Any) -> None:
        self._prepared = prepared
        self.points: np.ndarray | None = None
        self._done = 0.0
        self._why = ""
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def status(self) -> dict[str, Any]:
        """``ready``, the share ``done``, and ``why`` there is no layout; starts the computation if necessary."""
        with self._lock:
            if not hasattr(self._prepared, "layout"):
                self._why = "The model of this run makes no layout."
            elif self._thread is None:
                self._thread = threading.Thread(target=self._work, name="layout", daemon=True)
                self._thread.start()
                self._thread.join(AT_ONCE)
        return {"ready": self.points is not None, "done": round(self._done, 3), "why": self._why}

    def wait(self) -> None:
        """Wait until the layout is computed or has failed."""
        self.status()
        if self._thread is not None:
            self._thread.join()

    def _work(self) -> None:
        try:
            with listening(self._note):
                self.points = self._prepared.layout()
        except MissingDependency as error:
            self._why = str(error)
        except Exception as error:  # the other views of the map are there all the same
            self._why = f"The layout could not be made: {error}"

    def _note(self, step: str, done: float, total: float) -> None:
        self._done = done / total
