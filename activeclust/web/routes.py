"""The page's addresses: GET reads, POST writes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from activeclust.annotators.query import SUGGESTIONS
from activeclust.errors import ActiveClustError, InvalidInput
from activeclust.store.export import FORMATS, export_run
from activeclust.store.records import Cluster, Event, Kind
from activeclust.web import payload
from activeclust.web.bodies import json_object
from activeclust.web.checks import CHECKED, Checks
from activeclust.web.items import KEPT, Pictures, is_picture, item_json
from activeclust.web.map import Map
from activeclust.web.panels import Panels
from activeclust.web.payload import cluster_id, json_response
from activeclust.web.reasons import Reasons
from activeclust.web.result import Result
from activeclust.web.rows import Rows
from activeclust.web.search import RowTexts
from activeclust.web.security import Access, Visitor
from activeclust.web.service import AnnotationService, complaint
from activeclust.web.tiles import Tiles

MOST_SHOWN = 60  #: rows that are looked at together
MOST_AHEAD = 12  #: rows that one page may hold

Answer = dict[str, Any] | Response
Endpoint = Callable[[Request], Awaitable[Response]]


def run_id(service: AnnotationService) -> str:
    """Identifies the run for answers that wait in a browser."""
    spec = service.run.spec
    return hashlib.sha256(f"{spec.name}\0{spec.data_hash}\0{spec.seed}".encode()).hexdigest()[:16]


def query_json(service: AnnotationService, tiles: Tiles, row: int) -> dict[str, Any]:
    """One question."""
    state = service.page_state
    shown = state.suggestions(row, SUGGESTIONS)
    answer = state.answered.get(row)
    return {
        "row": row,
        "item": tiles.item(row, state),
        "suggestions": [{"id": cluster_id(name), "text": str(name), "p": round(p, 4)} for name, p in shown],
        "new": round(float(state.new[row]), 4),
        "answer": None if answer is None else {"id": cluster_id(answer), "text": str(answer)},
    }


def state_json(service: AnnotationService) -> dict[str, Any]:
    """The state of the run."""
    state = service.page_state
    sizes = dict(zip(state.clusters, state.sizes().tolist(), strict=True))
    given: dict[Cluster, int] = {}
    for cluster in state.answered.values():
        given[cluster] = given.get(cluster, 0) + 1
    last = state.rounds[-1] if state.rounds else {}
    metrics = (
        "agreement", "expected_accuracy", "expected_low", "expected_high", "answers_to_goal", "expected_gain",
        "accuracy", "v_measure",
    )  # fmt: skip
    clusters = service.clusters()
    keys = service.keys.of(clusters)
    return {
        "version": state.version,
        "seq": state.seq,
        "behind": service.behind,
        "seconds": round(state.seconds, 3),
        "rows": service.n_rows,
        "answered": service.answered(),
        "budget": service.budget,
        "clusters": [
            {
                "id": cluster_id(c),
                "text": str(c),
                "rows": sizes.get(c, 0),
                "answers": given.get(c, 0),
                "key": keys.get(c, ""),
            }
            for c in clusters
        ],
        "metrics": {name: last.get(name) for name in metrics},
        "converged": state.converged,
        "moved": None
        if state.moved is None
        else {"rows": state.moved.rows, "from": str(state.moved.before), "to": str(state.moved.after)},
        "ended": service.ended(),
        "trouble": service.worker.trouble,
    }


class Routes:
    """Handlers of the page."""

    def __init__(self, service: AnnotationService, access: Access) -> None:
        self.service, self.access = service, access
        self.pictures = Pictures(service.items)
        self.tiles = Tiles(service.items, run_id(service))
        ids = service.run.spec.row_ids
        self.texts = RowTexts(service.items, ids.values if ids is not None and ids.named else None)
        self.checks = Checks()
        self.reasons = Reasons(service, self.tiles)

    def routes(self) -> list[Route]:
        """The routes."""
        reads = {
            "/api/state": self.state,
            "/api/about": self.about,
            "/api/rows": self.some,
            "/api/rows/{row}": self.row,
            "/picture/{row}": self.picture,
            "/export/{form}": self.export,
        }
        writes = {
            "/api/who": self.who,
            "/api/next": self.next,
            "/api/answer": self.answer,
            "/api/label-many": self.label_many,
            "/api/alike": self.alike,
            "/api/undo": self.undo,
            "/api/rename": self.rename,
            "/api/merge": self.merge,
            "/api/put-back": self.put_back,
            "/api/go-on": self.go_on,
            "/api/check": self.check,
            "/api/review": self.review,
        }
        return [
            *(Route(path, reading(handler), methods=["GET"]) for path, handler in reads.items()),
            *Panels(self.service, self.tiles).routes(reading),
            *Result(self.service, self.tiles).routes(reading),
            *Rows(self.service, self.tiles, self.texts).routes(reading),
            *Map(self.service, self.texts).routes(reading),
            *(Route(path, writing(handler), methods=["POST"]) for path, handler in writes.items()),
        ]

    # ---------------------------------------------------------------- reading

    def state(self, request: Request) -> Answer:
        """The state of the run; ``same`` if nothing has changed since ``since``."""
        state = state_json(self.service)
        since = request.query_params.get("since")
        still = since == f"{state['version']}" and not state["behind"] and not state["trouble"]
        return {"same": True} if still else state | self._whose(visitor_of(request))

    def about(self, request: Request) -> Answer:
        """What the rows are, and how they were turned into numbers."""
        spec = self.service.run.spec
        data = spec.options.get("data")
        embedded = bool(data.get("embed") or data.get("features")) if isinstance(data, dict) else False
        notes = spec.options.get("preparation")
        return {
            "rows": self.service.n_rows,
            "source": spec.source,
            "notes": [str(note) for note in notes] if isinstance(notes, list) else [],
            "kind": item_json(self.service.items[0], 0, "")["kind"],
            "embedded": embedded,
            "people": self.access.names(),
        }

    def _whose(self, visitor: Visitor) -> dict[str, Any]:
        """The person's name, and whether the page should ask for one."""
        return {"who": visitor.name, "ask_who": visitor.asked}

    def row(self, request: Request) -> Answer:
        """Any row, answered or not."""
        return {"query": self._question(self._row(request))}

    def _question(self, row: int) -> dict[str, Any]:
        """A row with why it is asked about."""
        return query_json(self.service, self.tiles, row) | self.reasons.of(row, self.service.page_state)

    def _row(self, request: Request) -> int:
        number = payload.number_of(request.path_params["row"], "A row")
        return payload.row_of(number, self.service.n_rows)

    def some(self, request: Request) -> Answer:
        """A few rows, named by ``of=1,2,3``."""
        numbers = request.query_params.get("of", "").split(",")
        given = [payload.number_of(number, "A row of of=1,2,3") for number in numbers]
        rows = payload.rows_of(given, self.service.n_rows, MOST_SHOWN)
        return {"queries": [query_json(self.service, self.tiles, row) for row in rows]}

    def picture(self, request: Request) -> Answer:
        """A row's picture, by its number; ``wide`` is how many pixels will be shown."""
        row = self._row(request)
        if not is_picture(self.service.items[row]):
            return json_response({"error": f"Row {row} is not a picture."}, 404)
        wide = request.query_params.get("wide")
        png = self.pictures.png(row, None if wide is None else payload.number_of(wide, "wide"))
        return Response(png, media_type="image/png", headers=KEPT)

    def export(self, request: Request) -> Answer:
        """The run as a file."""
        form = request.path_params["form"]
        if form not in FORMATS:
            return json_response({"error": f"Formats are {', '.join(FORMATS)}."}, 404)
        file = io.BytesIO()
        export_run(self.service.run, form, file)
        ending = {"label-studio": "json"}.get(form, form)
        headers = {"Content-Disposition": f'attachment; filename="answers.{ending}"'}
        return Response(file.getvalue(), media_type="application/octet-stream", headers=headers)

    # ---------------------------------------------------------------- writing

    def who(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """The name of the person at this browser; rows leased under the previous name are released."""
        name = payload.text_of(body, "name", 100).strip()
        if name != visitor.name:
            before = self.access.rename(visitor, name)
            self.service.leave(before)
        visitor.asked = False
        return self._whose(visitor)

    def next(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """Rows to be asked about next, with their suggestions."""
        want = min(max(payload.row_of(body.get("want", 3), 1000), 0), MOST_AHEAD)
        have = payload.rows_of(body.get("have", []), self.service.n_rows, MOST_AHEAD * 8)
        unseen = payload.rows_of(body.get("unseen", []), self.service.n_rows, MOST_AHEAD * 8)
        rows = self.service.take(visitor.name, have, want, unseen)
        state = state_json(self.service) | self._whose(visitor)
        return {"queries": [self._question(row) for row in rows], "state": state}

    def answer(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """One row's answer; a second one for a row replaces the first."""
        kind, cluster = payload.answer_of(body, self.service.clusters())
        row, details = payload.row_of(body.get("row"), self.service.n_rows), payload.details_of(body)
        check = self.checks.of(visitor.name, row) if body.get("check") else None
        if check is not None:
            details |= check.details(row)
        event = Event(
            kind,
            row=row,
            cluster=cluster,
            annotator=visitor.name,
            client_id=_client(body),
            details=details,
        )
        written = self.service.answer(event)
        more = self.next(visitor, body) if "want" in body else {}
        assert isinstance(more, dict)
        return {"seq": written.seq, "cluster": _named(written.cluster)} | more

    def label_many(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """One answer for many rows: a grid, a lasso."""
        kind, cluster = payload.answer_of(body, self.service.clusters())
        rows = payload.rows_of(body.get("rows"), self.service.n_rows)
        if kind is not Kind.LABEL or cluster is None or not rows:
            raise InvalidInput("Rows that are answered together need one cluster, and at least one row.")
        how = {"gesture": payload.text_of(body, "gesture", 20)}
        written = self.service.label_many(rows, cluster, visitor.name, _client(body), how)
        return {"seq": written[-1].seq, "cluster": _named(cluster), "rows": len(written)}

    def alike(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """Unanswered rows that are similar to a cluster."""
        n = min(payload.row_of(body.get("n", 24), 1000), 60)
        rows = self.service.lease_alike(visitor.name, payload.to_cluster(body.get("cluster")), n)
        return {"queries": [query_json(self.service, self.tiles, row) for row in rows]}

    def undo(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """Undo one's own last answer, or the event ``target``."""
        target = body.get("target")
        if target is not None:
            target = payload.row_of(target, 2**53)
        back, _ = self.service.undo(visitor.name, _client(body), target)
        undone = [{"row": e.row, "kind": e.kind.value, "cluster": _named(e.cluster)} for e in back]
        rows = [query_json(self.service, self.tiles, e.row) for e in back[:MOST_AHEAD] if e.row is not None]
        return {"undone": undone, "queries": rows}

    def rename(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """Another name for a cluster."""
        cluster, name = payload.to_cluster(body.get("cluster")), payload.check_name(body.get("name"))
        reply = self._change(Kind.RENAME, visitor, body, name)
        self.service.keys.rename(cluster, name)
        return reply

    def merge(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """One cluster becomes part of another."""
        return self._change(Kind.MERGE, visitor, body, payload.to_cluster(body.get("into")))

    def _change(self, kind: Kind, visitor: Visitor, body: dict[str, Any], new: Cluster) -> Answer:
        cluster = payload.to_cluster(body.get("cluster"))
        event = Event(kind, cluster=cluster, new_cluster=new, annotator=visitor.name, client_id=_client(body))
        written = self.service.write(event)[0]
        return {"seq": written.seq, "cluster": _named(written.new_cluster)}

    def put_back(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """Release rows that the person was to be asked about."""
        self.service.put_back(visitor.name, payload.rows_of(body.get("rows"), self.service.n_rows, 200))
        return {}

    def go_on(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """Continue beyond the budget or the stop rule."""
        more = body.get("more")
        self.service.go_on(None if more is None else max(1, payload.row_of(more, 100_001)))
        return state_json(self.service) | self._whose(visitor)

    def check(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """Begin a check: random rows, without what the model says of them."""
        n = payload.row_of(body.get("n", CHECKED), 1001)
        state = self.service.page_state
        check = self.checks.begin(state, visitor.name, self.service.run.spec.seed, n)
        self.service.hold(visitor.name, list(check.judged))
        hidden = {"suggestions": [], "new": 0, "check": True, "answer": None}
        return {"queries": [query_json(self.service, self.tiles, row) | hidden for row in check.judged]}

    def review(self, visitor: Visitor, body: dict[str, Any]) -> Answer:
        """A decision on a row that annotators disagree about; it takes precedence over their answers."""
        cluster = payload.to_cluster(body.get("cluster"))
        row = payload.row_of(body.get("row"), self.service.n_rows)
        event = Event(Kind.REVIEW, row=row, cluster=cluster, annotator=visitor.name, client_id=_client(body))
        return {"seq": self.service.write(event)[0].seq, "cluster": _named(cluster)}


def _client(body: dict[str, Any]) -> str:
    given = payload.text_of(body, "client_id", 100)
    if not given:
        raise InvalidInput("A write has a client_id of its own, so that sent twice it counts once.")
    return given


def _named(cluster: Cluster | None) -> dict[str, str] | None:
    return None if cluster is None else {"id": cluster_id(cluster), "text": str(cluster)}


# ---------------------------------------------------------------- request and response


def visitor_of(request: Request) -> Visitor:
    """The browser that sent a request."""
    visitor = request.state.visitor
    assert isinstance(visitor, Visitor)
    return visitor


def reading(handler: Callable[[Request], Answer]) -> Endpoint:
    """The endpoint of a handler that reads."""

    async def endpoint(request: Request) -> Response:
        return await _answered(handler, request)

    return endpoint


def writing(handler: Callable[[Visitor, dict[str, Any]], Answer]) -> Endpoint:
    """The endpoint of a handler that writes; the handler gets the browser and the body."""

    async def endpoint(request: Request) -> Response:
        body = await json_object(request)
        if isinstance(body, Response):
            return body
        return await _answered(handler, visitor_of(request), body)

    return endpoint


async def _answered(handler: Callable[..., Answer], *given: Any) -> Response:
    try:
        result = await run_in_threadpool(handler, *given)
    except ActiveClustError as error:
        text, status = complaint(error)
        return json_response({"error": text}, status)
    return result if isinstance(result, Response) else json_response(result)
