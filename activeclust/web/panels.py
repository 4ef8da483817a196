"""Data of the page's other views: clusters with examples, past answers, curves and suspect answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from starlette.requests import Request
from starlette.routing import Route

from activeclust.store.log import sentence
from activeclust.store.outcomes import ON_CLUSTER, ON_ROW
from activeclust.store.records import Event
from activeclust.web.payload import cluster_id, number_of
from activeclust.web.tiles import Tiles

if TYPE_CHECKING:
    from activeclust.web.service import AnnotationService

EXAMPLES = 8
MOST_LINES = 100
CURVES = ("expected_accuracy", "agreement", "accuracy", "v_measure")


class Panels:
    """Handlers of these views; they only read."""

    def __init__(self, service: AnnotationService, tiles: Tiles) -> None:
        self.service, self.tiles = service, tiles

    def routes(self, reading: Callable[..., Any]) -> list[Route]:
        """The routes."""
        handlers = {
            "/api/clusters": self.clusters,
            "/api/answers": self.answers,
            "/api/curves": self.curves,
            "/api/suspects": self.suspects,
        }
        return [Route(path, reading(handler), methods=["GET"]) for path, handler in handlers.items()]

    def _item(self, row: int) -> dict[str, Any]:
        return self.tiles.of(row, self.service.page_state)

    def clusters(self, request: Request) -> dict[str, Any]:
        """Each cluster with its size, its first answers, and its most certain rows."""
        state = self.service.page_state
        sizes = state.sizes()
        free = np.setdiff1d(np.arange(self.service.n_rows), list(state.answered)).astype(int)
        shown = []
        for code, cluster in enumerate(state.clusters):
            answered = [row for row, given in state.answered.items() if given == cluster]
            shown.append(
                {
                    "id": cluster_id(cluster),
                    "text": str(cluster),
                    "rows": int(sizes[code]),
                    "answers": len(answered),
                    "anchors": [self._item(row) for row in answered[: EXAMPLES // 2]],
                    "examples": self.tiles.many(state.alike(code, free, EXAMPLES), state),
                }
            )
        return {"clusters": shown}

    def answers(self, request: Request) -> dict[str, Any]:
        """Events before event ``before``, newest first; only these are read, however long the log is."""
        before = request.query_params.get("before")
        first = None if before is None else number_of(before, "before")
        found = self.service.run.recent(MOST_LINES + 1, first)
        page, more = found[:MOST_LINES], len(found) > MOST_LINES
        undone = self.service.run.find(targets=[event.seq for event in page if event.seq is not None])
        taken_back = {event.target for event in undone}
        current = self._current([event.row for event in page if event.row is not None])
        return {
            "lines": [self._line(event, event.seq in taken_back, current) for event in page],
            "more": more,
        }

    def _current(self, rows: Sequence[int]) -> set[int]:
        """The answers that are valid now; with one annotator per row, the last answer of each row."""
        votes = self.service.run.votes(list(dict.fromkeys(rows))) if rows else []
        if self.service.several:
            return {vote.seq for vote in votes}
        last: dict[int, int] = {}
        for vote in votes:
            last[vote.row] = max(vote.seq, last.get(vote.row, 0))
        return set(last.values())

    def _line(self, event: Event, undone: bool, current: Collection[int]) -> dict[str, Any]:
        assert event.at is not None
        line: dict[str, Any] = {
            "seq": event.seq,
            "kind": event.kind.value,
            "says": sentence(event),
            "who": event.annotator,
            "at": event.at.isoformat(),
            "undone": undone,
            "note": str(event.details.get("note", "")),
            "check": "check" in event.details,
        }
        if event.kind in ON_ROW and event.row is not None:
            line |= self._item(event.row)
            line["replaced"] = not undone and event.seq not in current
            if event.cluster is not None:
                line["cluster"] = {"id": cluster_id(event.cluster), "text": str(event.cluster)}
        line["can_undo"] = not undone and (event.kind in ON_ROW or event.kind in ON_CLUSTER)
        return line

    def curves(self, request: Request) -> dict[str, Any]:
        """The metrics of the rounds against the answers."""
        state = self.service.page_state
        rounds: list[Mapping[str, Any]] = []
        for record in reversed(state.rounds):  # what was taken back since is no part of the curve
            if not rounds or record["budget"] < rounds[-1]["budget"]:
                rounds.append(record)
        known = [name for name in CURVES if any(r.get(name) is not None for r in rounds)]
        points = [[r["budget"], *(r.get(name) for name in known)] for r in reversed(rounds)]
        return {"names": known, "points": points, "converged": state.converged}

    def suspects(self, request: Request) -> dict[str, Any]:
        """Answers that the other answers contradict."""
        found = self.service.suspects(24)
        return {
            "suspects": [
                self._item(row) | {"cluster": {"id": cluster_id(c), "text": str(c)}, "score": round(score, 3)}
                for row, c, score in found
            ]
        }
