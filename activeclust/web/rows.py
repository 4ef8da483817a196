"""Search for rows by text, cluster, certainty, annotator and state."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.routing import Route

from activeclust.errors import InvalidInput
from activeclust.store.records import Kind, Vote
from activeclust.web.page_state import ANSWERED, ASIDE, OPEN, PageState
from activeclust.web.payload import cluster_id, number_of, to_cluster
from activeclust.web.search import RowTexts
from activeclust.web.service import AnnotationService
from activeclust.web.tiles import Tiles

PAGE = 24  #: rows shown at once
STATES = ("", "open", "answered", "skipped", "unsure", "disputed")
ORDERS = ("row", "doubtful", "certain")


class Rows:
    """The handler of the search."""

    def __init__(self, service: AnnotationService, tiles: Tiles, texts: RowTexts) -> None:
        self.service, self.tiles, self.texts = service, tiles, texts

    def routes(self, reading: Callable[..., Any]) -> list[Route]:
        """The route."""
        return [Route("/api/find", reading(self.find), methods=["GET"])]

    def find(self, request: Request) -> dict[str, Any]:
        """Rows with a ``text`` (or a row number), of a ``cluster``, in a ``state``, answered by ``who``."""
        given = request.query_params
        wanted, order = given.get("state", ""), given.get("order", "row")
        if wanted not in STATES or order not in ORDERS:
            raise InvalidInput(f"A state is {', '.join(STATES[1:])}; an order is {', '.join(ORDERS)}.")
        state = self.service.page_state
        votes = self.service.run.votes()
        rows = self._matching(state, votes, given, wanted)
        if order != "row":
            sign = 1 if order == "doubtful" else -1
            rows = rows[np.argsort(sign * state.confidence[rows], kind="stable")]
        start = number_of(given.get("from", "0"), "from")
        page = rows[start : start + PAGE].tolist()
        said: dict[int, list[Vote]] = {}
        for vote in votes:
            said.setdefault(vote.row, []).append(vote)
        return {
            "found": len(rows),
            "from": start,
            "page": PAGE,
            "people": sorted({vote.annotator for vote in votes if vote.annotator}),
            "rows": [self._row(row, state, said.get(row, [])) for row in page],
        }

    def _matching(
        self, state: PageState, votes: Sequence[Vote], given: Mapping[str, str], wanted: str
    ) -> np.ndarray:
        fits = np.ones(self.service.n_rows, dtype=bool)
        kinds = {"open": OPEN, "answered": ANSWERED}
        if wanted in kinds:
            fits &= state.kinds == kinds[wanted]
        elif wanted:
            fits &= _marked(self._in_state(state, votes, wanted), len(fits))
        if cluster := given.get("cluster"):
            name = to_cluster(cluster)
            code = state.clusters.index(name) if name in state.clusters else -2
            fits &= state.codes == code
        if who := given.get("who"):
            fits &= _marked({vote.row for vote in votes if vote.annotator == who}, len(fits))
        if text := given.get("text", "").strip():
            fits &= self.texts.holding(text)
        return np.flatnonzero(fits)

    def _in_state(self, state: PageState, votes: Sequence[Vote], wanted: str) -> set[int]:
        if wanted == "disputed":
            return disputed(votes)
        kind = Kind.SKIP if wanted == "skipped" else Kind.UNSURE
        return {vote.row for vote in votes if vote.kind is kind and state.kinds[vote.row] == ASIDE}

    def _row(self, row: int, state: PageState, votes: Sequence[Vote]) -> dict[str, Any]:
        code = int(state.codes[row])
        said = [
            {
                "who": vote.annotator,
                "kind": vote.kind.value,
                "text": vote.kind.value if vote.cluster is None else str(vote.cluster),
                "id": None if vote.cluster is None else cluster_id(vote.cluster),
            }
            for vote in votes
        ]
        likely = None
        if code >= 0:
            cluster = state.clusters[code]
            likely = {"id": cluster_id(cluster), "text": str(cluster)}
        kind = {OPEN: "open", ANSWERED: "answered"}.get(int(state.kinds[row]), "set aside")
        open_dispute = len({vote.cluster for vote in votes if vote.kind is Kind.LABEL}) > 1
        decided = any(vote.kind is Kind.REVIEW for vote in votes)
        return self.tiles.of(row, state) | {
            "cluster": likely,
            "state": kind,
            "said": said,
            "disputed": open_dispute and not decided,
        }


def disputed(votes: Sequence[Vote]) -> set[int]:
    """Rows that annotators put into different clusters, without a decision.

    Examples
    --------
    >>> disputed([Vote(1, Kind.LABEL, "cat", "ann", 1), Vote(1, Kind.LABEL, "dog", "bob", 2)])
    {1}
    """
    given: dict[int, set[Any]] = {}
    for vote in votes:
        if vote.kind is Kind.LABEL:
            given.setdefault(vote.row, set()).add(vote.cluster)
    decided = {vote.row for vote in votes if vote.kind is Kind.REVIEW}
    return {row for row, clusters in given.items() if len(clusters) > 1} - decided


def _marked(rows: set[int], n: int) -> np.ndarray:
    mask = np.zeros(n, dtype=bool)
    mask[list(rows)] = True
    return mask
