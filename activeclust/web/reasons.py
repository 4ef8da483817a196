"""Why a row is asked about, in words, and the answered rows that are nearest to it."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from activeclust.web.page_state import PageState
from activeclust.web.payload import cluster_id
from activeclust.web.service import AnnotationService
from activeclust.web.tiles import Tiles

SAMPLE = 2_000  #: rows by which it is told how many a row stands for
NEAR = 3  #: answered rows that are shown
BETWEEN = 0.5  #: a second cluster so likely, as a share of the first, is named


class Reasons:
    """The text and the nearest answers beside a question."""

    def __init__(self, service: AnnotationService, tiles: Tiles) -> None:
        self.service, self.tiles = service, tiles
        self._known: set[int] = set()  # answered rows that the next one knows of
        self._nearest: np.ndarray | None = None  # the sample's distances to the nearest of them
        self._lock = threading.Lock()

    def of(self, row: int, state: PageState) -> dict[str, Any]:
        """Why the row is asked about, and its nearest answered rows with their clusters."""
        stands = self._stands_for(row, state)
        return {"why": why(state, row, stands), "near": self._near(row, state)}

    def _stands_for(self, row: int, state: PageState) -> int:
        """About how many rows are nearer to this row than to any answered row."""
        points = self.service.loop.prepared.views["diffusion"]
        step = max(1, len(points) // SAMPLE)
        some = points[::step]
        with self._lock:
            if self._nearest is None or not self._known <= state.answered.keys():
                self._known, self._nearest = set(), np.full(len(some), np.inf)
            nearest = self._nearest
            for other in state.answered.keys() - self._known:  # after an answer, that one alone
                nearest = np.minimum(nearest, _far(some, points[other]))
            self._known, self._nearest = set(state.answered), nearest
        return int((_far(some, points[row]) < nearest).sum()) * step

    def _near(self, row: int, state: PageState) -> list[dict[str, Any]]:
        others = np.array([other for other in state.answered if other != row], dtype=int)
        if not len(others):
            return []
        points = self.service.loop.prepared.views["pca"]
        order = others[np.argsort(_far(points[others], points[row]), kind="stable")[:NEAR]].tolist()
        named = ((other, state.answered[other]) for other in order)
        return [
            self.tiles.of(other, state) | {"cluster": {"id": cluster_id(c), "text": str(c)}}
            for other, c in named
        ]


def _far(points: np.ndarray, point: np.ndarray) -> np.ndarray:
    return ((points - point) ** 2).sum(axis=1)


def why(state: PageState, row: int, stands_for: int) -> str:
    """Why a row is worth a question.

    Parameters
    ----------
    state : PageState
    row : int
    stands_for : int
        How many rows are nearer to it than to any answered row.
    """
    if not state.clusters:
        return "It was chosen before the first answer."
    told = state.suggestions(row, 2)
    (first, p), none = told[0], float(state.new[row])
    beside = (
        f" About {stands_for:,} rows are nearer to it than to any answered row." if stands_for > 1 else ""
    )
    if none >= p:
        return f"New territory: it is most likely in none of the clusters.{beside}"
    if len(told) > 1 and told[1][1] >= BETWEEN * p:
        return f"It lies between {first} and {told[1][0]}.{beside}"
    if beside:
        return f"It stands for others.{beside}"
    return "A check: the model is fairly sure, and would learn most if it were wrong."
