"""All rows as points: positions as 16-bit numbers, clusters and certainties as bytes.

For 70,000 rows, positions are 280 KB per pair of axes, sent once; clusters and certainties are 280 KB, sent again only
for a new posterior.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from activeclust.errors import InvalidInput
from activeclust.web.items import KEPT
from activeclust.web.layout import Layout
from activeclust.web.payload import LONGEST_NAME, MOST_ROWS, cluster_id, number_of
from activeclust.web.search import RowTexts

if TYPE_CHECKING:
    from activeclust.web.page_state import PageState
    from activeclust.web.service import AnnotationService

AXES = 6  #: principal axes a view is shown by, in pairs
FULL = 65_535  #: the longer side of the map
NO_CLUSTER = 65_535  #: code of a row before any answer
VIEWS = ("pca", "diffusion")
LAYOUT = "layout"


def principal_axes(rows: np.ndarray, m: int = AXES) -> np.ndarray:
    """The first ``m`` principal axes of rows, in decreasing order of variance; zeros if there are fewer.

    Parameters
    ----------
    rows : ndarray (n, d)
    m : int

    Returns
    -------
    ndarray (n, m) of float32
        Each axis turned so that its longer tail points up: the same rows give the same picture.

    Examples
    --------
    >>> line = np.outer([0.0, 1.0, 5.0], [3.0, 4.0])
    >>> principal_axes(line, 2).round(1).tolist()
    [[-10.0, 0.0], [-5.0, 0.0], [15.0, 0.0]]
    """
    centred = rows - rows.mean(axis=0, dtype=np.float64)
    _, vectors = np.linalg.eigh(centred.T @ centred)
    axes = centred @ vectors[:, ::-1][:, :m]
    axes *= np.where(axes.max(axis=0) < -axes.min(axis=0), -1, 1)
    out = np.zeros((len(rows), m), dtype=np.float32)
    out[:, : axes.shape[1]] = np.where(np.abs(axes) < 1e-9, 0, axes)
    return out


def packed(points: np.ndarray) -> bytes:
    """(n, 2) points as little-endian 16-bit pairs; both axes have one scale, and the points are centred in the square.

    Examples
    --------
    >>> np.frombuffer(packed(np.array([[0.0, 0.0], [2.0, 1.0]])), "<u2").tolist()
    [0, 16384, 65535, 49151]
    """
    low, high = points.min(axis=0), points.max(axis=0)
    middle, reach = (low + high) / 2, float((high - low).max()) or 1.0
    scaled = (points - middle) / reach * FULL + FULL / 2
    return np.clip(np.round(scaled), 0, FULL).astype("<u2").tobytes()


def looks(view: PageState) -> bytes:
    """The state of every row: the length of a JSON header, the header, then codes, certainties and kinds.

    ``uint32 length | header | uint16 code (n) | uint8 certainty (n) | uint8 kind (n)``, little-endian. The
    header is padded to four bytes; a certainty of 255 is a probability of 1; the kinds are those of
    :class:`~activeclust.web.page_state.PageState`.
    """
    header = {"seq": view.seq, "clusters": [cluster_id(cluster) for cluster in view.clusters]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 4)
    codes = np.where(view.codes < 0, NO_CLUSTER, view.codes).astype("<u2")
    certainty = np.round(np.clip(view.confidence, 0, 1) * 255).astype(np.uint8)
    length = len(text).to_bytes(4, "little")
    return b"".join((length, text, codes.tobytes(), certainty.tobytes(), view.kinds.tobytes()))


class Map:
    """Handlers of the map; they only read."""

    def __init__(self, service: AnnotationService, texts: RowTexts) -> None:
        self.service, self.texts = service, texts
        self.layout = Layout(service.loop.prepared)
        self._axes: dict[str, np.ndarray] = {}
        self._lock = threading.Lock()

    def routes(self, reading: Callable[[Callable[[Request], Any]], Any]) -> list[Route]:
        """The routes."""
        return [
            Route("/api/map/layout", reading(self.progress), methods=["GET"]),
            Route("/api/map/find", reading(self.find), methods=["GET"]),
            Route("/map/{view}/{pair}", reading(self.points), methods=["GET"]),
            Route("/api/map", reading(self.states), methods=["GET"]),
        ]

    def points(self, request: Request) -> Response:
        """The rows on axes ``2 pair`` and ``2 pair + 1`` of a view, or in the layout once it is computed."""
        name, pair = request.path_params["view"], number_of(request.path_params["pair"], "A pair of axes")
        if name == LAYOUT:
            if self.layout.points is None:
                return JSONResponse(self.layout.status(), 404)
            return Response(packed(self.layout.points), media_type="application/octet-stream", headers=KEPT)
        if name not in self.available or not pair < AXES // 2:
            raise InvalidInput(
                f"The map has the views {', '.join(self.available)}, three pairs of axes each."
            )
        axes = self._axes_of(name)[:, 2 * pair : 2 * pair + 2]
        return Response(packed(axes), media_type="application/octet-stream", headers=KEPT)

    def progress(self, request: Request) -> dict[str, Any]:
        """Progress of the layout; the first request starts it."""
        return self.layout.status()

    def find(self, request: Request) -> dict[str, Any]:
        """Rows that contain the text ``q``."""
        text = request.query_params.get("q", "")[:LONGEST_NAME]
        return {"rows": self.texts.find(text, MOST_ROWS), "most": MOST_ROWS}

    @property
    def available(self) -> list[str]:
        """Views that the map can show."""
        return [name for name in VIEWS if name in self._views]

    @property
    def _views(self) -> Mapping[str, np.ndarray]:
        return self.service.loop.prepared.views

    def _axes_of(self, name: str) -> np.ndarray:
        with self._lock:
            if name not in self._axes:
                self._axes[name] = principal_axes(self._views[name])
            return self._axes[name]

    def states(self, request: Request) -> Response:
        """The newest posterior of every row; status 204 if it has no event after ``since``."""
        view = self.service.page_state
        if request.query_params.get("since") == str(view.seq):
            return Response(status_code=204)
        return Response(looks(view), media_type="application/octet-stream")
