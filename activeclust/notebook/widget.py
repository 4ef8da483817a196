"""The widget's state as JSON and the handling of its messages; the user interface is ``static/widget.js``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from activeclust.annotators.card import item_html
from activeclust.annotators.keys import ClusterKeys
from activeclust.annotators.query import SKIP, UNSURE, Answer
from activeclust.errors import ActiveClustError, InvalidInput
from activeclust.loop.limits import positive
from activeclust.store.records import Kind
from activeclust.web.items import is_picture
from activeclust.web.layout import Layout
from activeclust.web.page_state import OPEN, PageState
from activeclust.web.payload import answer_of, cluster_id, row_of, rows_of, to_cluster
from activeclust.web.tiles import Tiles

if TYPE_CHECKING:
    from activeclust.loop.active_loop import ActiveLoop

TILES = 24  #: rows of a grid
TILE_TEXT = 200  #: characters of a text on a tile
FULL = 65_535  #: side of the square that the map's points lie in; also the code of a row without cluster
STATIC = Path(__file__).parent / "static"
OF_THE_PAGE = [Path(__file__).parents[1] / "web" / "static" / name for name in ("colours.js", "letters.js")]


def _module() -> str:
    """The widget's JavaScript with the modules of the page that it imports: a notebook loads a single text."""
    lines = (STATIC / "widget.js").read_text(encoding="utf-8").splitlines()
    own = [line for line in lines if not line.startswith("import ")]
    return "\n".join([*(module.read_text(encoding="utf-8") for module in OF_THE_PAGE), *own])


class AnnotationWidget(anywidget.AnyWidget):
    """See :func:`activeclust.notebook.annotate`.

    Attributes
    ----------
    state : dict
        What is shown: the question, the clusters, the progress, and what went wrong.
    """

    _esm = _module()
    _css = STATIC / "widget.css"
    state = traitlets.Dict().tag(sync=True)

    def __init__(self, loop: ActiveLoop, budget: int | None = None) -> None:
        super().__init__()
        self.loop = loop
        self.budget = None if budget is None else positive(budget, "budget")
        self._layout = Layout(loop.prepared)
        self._keys = ClusterKeys()
        self._tiles = Tiles(loop.items, "")
        self._wanted: int | None = None  # the row that somebody asked to be asked about
        self.on_msg(self._receive)
        self._show()

    # ---------------------------------------------------------------- what is shown

    def _show(self, trouble: str = "") -> None:
        loop = self.loop
        loop.refresh()
        sizes: dict[Any, int] = {}
        for name in loop.labels:
            sizes[name] = sizes.get(name, 0) + 1
        ended = self.budget is not None and len(loop.anchors) >= self.budget
        question = None if ended and self._wanted is None else self._question()
        keys = self._keys.of(loop.clusters)
        confidence = loop.history.last.get("expected_accuracy")
        self.state = {
            "answered": len(loop.anchors),
            "rows": len(loop.X),
            "budget": self.budget,
            "clusters": [
                {
                    "id": cluster_id(name),
                    "text": str(name),
                    "rows": sizes.get(name, 0),
                    "key": keys.get(name, ""),
                }
                for name in loop.clusters
            ],
            "expected": None if confidence is None else round(float(confidence), 4),
            "question": question,
            "ended": "budget" if ended else None if question else "pool",
            "trouble": trouble,
            "who": loop.who,
        }

    def _question(self) -> dict[str, Any] | None:
        loop = self.loop
        if self._wanted is not None:
            query = loop.query(self._wanted)
        else:
            due = loop.ask()
            if not due:
                return None
            query = due[0]
        suggestions = [
            {"id": cluster_id(name), "text": str(name), "p": round(p, 4)} for name, p in query.suggestions
        ]
        answer = loop.anchors.get(query.row)
        return {
            "row": query.row,
            "html": item_html(query.item),
            "suggestions": suggestions,
            "new": round(query.new_cluster_probability, 4),
            "answer": None if answer is None else str(answer),
        }

    # ---------------------------------------------------------------- messages

    def _receive(self, _widget: Any, message: Any, _buffers: Any) -> None:
        trouble = ""
        try:
            handlers: dict[str, Callable[[dict[str, Any]], bool | None]] = {
                "answer": self._answer, "many": self._many, "undo": self._undo, "question": self._ask_about,
                "grid": self._grid, "map": self._map, "row": self._row,
            }  # fmt: skip
            if not isinstance(message, dict) or message.get("do") not in handlers:
                raise InvalidInput(f"A message does one of {', '.join(handlers)}, got {str(message)[:80]!r}.")
            if handlers[message["do"]](message) is False:
                return  # nothing has changed
        except ActiveClustError as error:
            trouble = str(error)
        self._show(trouble)

    def _answer(self, message: dict[str, Any]) -> None:
        row = row_of(message.get("row"), len(self.loop.X))
        self.loop.tell(row, self._meaning(message))
        if self._wanted == row:
            self._wanted = None

    def _many(self, message: dict[str, Any]) -> None:
        rows = rows_of(message.get("rows"), len(self.loop.X))
        self.loop.tell_many(rows, self._meaning(message))
        if self._wanted in rows:
            self._wanted = None

    def _meaning(self, message: dict[str, Any]) -> Answer:
        kind, cluster = answer_of(message, self.loop.clusters)
        if kind is Kind.LABEL:
            assert cluster is not None
            return cluster
        return SKIP if kind is Kind.SKIP else UNSURE

    def _undo(self, _message: dict[str, Any]) -> None:
        event = self.loop.undo()
        if event is None:
            raise InvalidInput("There is no answer to undo.")
        back = self.loop.stored.find(seqs=[event.target] if event.target is not None else [])
        self._wanted = back[0].row if back else None

    def _ask_about(self, message: dict[str, Any]) -> None:
        self._wanted = row_of(message.get("row"), len(self.loop.X))

    # ---------------------------------------------------------------- grid and map

    def _seen(self) -> PageState:
        seq = self.loop.stored.last_seq
        return PageState.of(self.loop, seq, seq, (), 0.0)

    def _grid(self, message: dict[str, Any]) -> bool:
        """Open rows that look most like a cluster."""
        cluster, seen = to_cluster(message.get("cluster")), self._seen()
        tiles: list[dict[str, Any]] = []
        if cluster in seen.clusters:
            rows = seen.alike(seen.clusters.index(cluster), np.flatnonzero(seen.kinds == OPEN), TILES)
            tiles = [
                {
                    "row": row,
                    "html": self._tile_html(row, seen),
                    "p": round(float(seen.confidence[row]), 4),
                }
                for row in rows
            ]
        wide = not is_picture(self.loop.items[0])
        self.send({"kind": "grid", "cluster": cluster_id(cluster), "tiles": tiles, "wide": wide})
        return False

    def _tile_html(self, row: int, seen: PageState) -> str:
        """A row among others: the columns that tell it apart, a text's beginning, or the whole picture."""
        brief = self._tiles.item(row, seen)
        if "brief" in brief:
            return item_html(dict(brief["brief"]))
        item = self.loop.items[row]
        return item_html(f"{item[:TILE_TEXT]} …" if isinstance(item, str) and len(item) > TILE_TEXT else item)

    def _map(self, message: dict[str, Any]) -> bool:
        """Where rows lie (16-bit pairs), their codes (16 bits), certainties and kinds (bytes)."""
        seen, status = self._seen(), self._layout.status()
        points = (
            self._layout.points if self._layout.points is not None else self.loop.prepared.views["pca"][:, :2]
        )
        codes = np.where(seen.codes < 0, FULL, seen.codes).astype("<u2")
        certainty = np.round(255 * np.clip(seen.confidence, 0, 1)).astype(np.uint8)
        clusters = [cluster_id(cluster) for cluster in seen.clusters]
        self.send(
            {"kind": "map", "layout": status, "clusters": clusters},
            buffers=[_square(points).tobytes(), codes.tobytes(), certainty.tobytes(), seen.kinds.tobytes()],
        )
        return False

    def _row(self, message: dict[str, Any]) -> bool:
        """One row, for the card beside its point."""
        row = row_of(message.get("row"), len(self.loop.X))
        self.send({"kind": "row", "row": row, "html": item_html(self.loop.items[row])})
        return False


def _square(points: np.ndarray) -> np.ndarray:
    """(n, 2) points as 16-bit numbers, both axes to one scale; a single axis lies in the middle."""
    wide = np.zeros((len(points), 2))
    wide[:, : points.shape[1]] = points
    low, high = wide.min(axis=0), wide.max(axis=0)
    reach = float((high - low).max()) or 1.0
    scaled = (wide - (low + high) / 2) / reach * FULL + FULL / 2
    return np.clip(np.round(scaled), 0, FULL).astype("<u2")
