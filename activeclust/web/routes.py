"""The page's addresses: GET reads, POST writes."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from activeclust.annotators.query import SUGGESTIONS
from activeclust.errors import ActiveClustError, InvalidInput
from activeclust.store.base import Cluster, Event, Kind
from activeclust.store.export import FORMATS, export_run
from activeclust.web import payload
from activeclust.web.items import KEPT, is_picture, item_json, picture
from activeclust.web.map import Scatter
from activeclust.web.panels import Panels
from activeclust.web.payload import cluster_id
from activeclust.web.security import TooLarge
from activeclust.web.service import complaint

if TYPE_CHECKING:
    from activeclust.web.service import Desk

MOST_SHOWN = 60  #: rows that are looked at together
MOST_AHEAD = 12  #: rows that one page may hold

Answer = dict[str, Any] | Response
Endpoint = Callable[[Request], Awaitable[Response]]


def run_id(desk: Desk) -> str:
    """Which run this is, for what waits in a browser."""
    spec = desk.run.spec
    return hashlib.sha256(f"{spec.name}\0{spec.data_hash}\0{spec.seed}".encode()).hexdigest()[:16]


def query_json(desk: Desk, row: int) -> dict[str, Any]:
    """One question."""
    view = desk.view
    shown = view.suggestions(row, SUGGESTIONS)
    answer = view.answered.get(row)
    return {
        "row": row,
        "item": item_json(desk.items[row], row, run_id(desk)),
        "suggestions": [{"id": cluster_id(name), "text": str(name), "p": round(p, 4)} for name, p in shown],
        "new": round(float(view.new[row]), 4),
        "answer": None if answer is None else {"id": cluster_id(answer), "text": str(answer)},
    }


def state_json(desk: Desk) -> dict[str, Any]:
    """Where the run stands."""
    view = desk.view
    sizes = dict(zip(view.clusters, view.sizes().tolist(), strict=True))
    given: dict[Cluster, int] = {}
    for cluster in view.answered.values():
        given[cluster] = given.get(cluster, 0) + 1
    last = view.rounds[-1] if view.rounds else {}
    metrics = ("agreement", "expected_accuracy", "expected_gain", "accuracy", "v_measure")
    return {
        "version": view.version,
        "seq": view.seq,
        "behind": desk.behind,
        "seconds": round(view.seconds, 3),
        "rows": desk.n_rows,
        "answered": len(view.answered),
        "budget": desk.budget,
        "clusters": [
            {"id": cluster_id(c), "text": str(c), "rows": sizes.get(c, 0), "answers": given.get(c, 0)}
            for c in desk.clusters()
        ],
        "metrics": {name: last.get(name) for name in metrics},
        "converged": view.converged,
        "ended": desk.ended(),
        "trouble": desk.trouble,
    }


class Routes:
    """Handlers over one desk."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    def routes(self) -> list[Route]:
        """All of them."""
        reads = {
            "/api/state": self.state,
            "/api/rows": self.some,
            "/api/rows/{row:int}": self.row,
            "/picture/{row:int}": self.picture,
            "/export/{form}": self.export,
        }
        writes = {
            "/api/next": self.next,
            "/api/answer": self.answer,
            "/api/label-many": self.label_many,
            "/api/alike": self.alike,
            "/api/undo": self.undo,
            "/api/rename": self.rename,
            "/api/merge": self.merge,
            "/api/put-back": self.put_back,
        }
        return [
            *(Route(path, _reading(handler), methods=["GET"]) for path, handler in reads.items()),
            *Panels(self.desk, run_id(self.desk)).routes(_reading),
            *Scatter(self.desk).routes(_reading),
            *(Route(path, _writing(handler), methods=["POST"]) for path, handler in writes.items()),
        ]

    # ---------------------------------------------------------------- reading

    def state(self, request: Request) -> Answer:
        """Where the run stands; ``same`` where nothing is new since ``since``."""
        state = state_json(self.desk)
        since = request.query_params.get("since")
        still = since == f"{state['version']}" and not state["behind"] and not state["trouble"]
        return {"same": True} if still else state

    def row(self, request: Request) -> Answer:
        """Any row, answered or not."""
        row = payload.row_of(request.path_params["row"], self.desk.n_rows)
        return {"query": query_json(self.desk, row)}

    def some(self, request: Request) -> Answer:
        """A few rows, named by ``of=1,2,3``."""
        numbers = request.query_params.get("of", "").split(",")
        if not all(number.isascii() and number.isdigit() and len(number) < 12 for number in numbers):
            raise InvalidInput("of lists row numbers, as in of=1,2,3.")
        rows = payload.rows_of([int(number) for number in numbers], self.desk.n_rows, MOST_SHOWN)
        return {"queries": [query_json(self.desk, row) for row in rows]}

    def picture(self, request: Request) -> Answer:
        """A row's picture, by its number."""
        row = payload.row_of(request.path_params["row"], self.desk.n_rows)
        item = self.desk.items[row]
        if not is_picture(item):
            return JSONResponse({"error": f"Row {row} is no picture."}, 404)
        return Response(picture(item), media_type="image/png", headers=KEPT)

    def export(self, request: Request) -> Answer:
        """The run as a file."""
        form = request.path_params["form"]
        if form not in FORMATS:
            return JSONResponse({"error": f"Formats are {', '.join(FORMATS)}."}, 404)
        file = io.BytesIO()
        export_run(self.desk.run, form, file)
        ending = {"label-studio": "json"}.get(form, form)
        headers = {"Content-Disposition": f'attachment; filename="answers.{ending}"'}
        return Response(file.getvalue(), media_type="application/octet-stream", headers=headers)

    # ---------------------------------------------------------------- writing

    def next(self, body: dict[str, Any]) -> Answer:
        """Rows to be asked about next, with today's suggestions."""
        want = min(max(payload.row_of(body.get("want", 3), 1000), 0), MOST_AHEAD)
        have = payload.rows_of(body.get("have", []), self.desk.n_rows, MOST_AHEAD * 8)
        rows = self.desk.take(_who(body), have, want)
        return {"queries": [query_json(self.desk, row) for row in rows], "state": state_json(self.desk)}

    def answer(self, body: dict[str, Any]) -> Answer:
        """One row's answer; a second one for a row replaces the first."""
        desk = self.desk
        kind, cluster = payload.answer_of(body, desk.clusters())
        event = Event(
            kind,
            row=payload.row_of(body.get("row"), desk.n_rows),
            cluster=cluster,
            annotator=_who(body),
            client_id=_client(body),
            details=payload.details_of(body),
        )
        written = desk.write(event)[0]
        more = self.next(body) if "want" in body else {}
        assert isinstance(more, dict)
        return {"seq": written.seq, "cluster": _named(written.cluster)} | more

    def label_many(self, body: dict[str, Any]) -> Answer:
        """One answer for many rows: a grid, a lasso."""
        kind, cluster = payload.answer_of(body, self.desk.clusters())
        rows = payload.rows_of(body.get("rows"), self.desk.n_rows)
        if kind is not Kind.LABEL or cluster is None or not rows:
            raise InvalidInput("Many rows are answered with a cluster, and there must be one at least.")
        how = {"gesture": payload.text_of(body, "gesture", 20)}
        written = self.desk.label_many(rows, cluster, _who(body), _client(body), how)
        return {"seq": written[-1].seq, "cluster": _named(cluster), "rows": len(written)}

    def alike(self, body: dict[str, Any]) -> Answer:
        """Open rows that look like a cluster."""
        n = min(payload.row_of(body.get("n", 24), 1000), 60)
        rows = self.desk.lease_alike(_who(body), payload.to_cluster(body.get("cluster")), n)
        return {"queries": [query_json(self.desk, row) for row in rows]}

    def undo(self, body: dict[str, Any]) -> Answer:
        """Take the last answer back, or the event ``target``."""
        target = body.get("target")
        if target is not None:
            target = payload.row_of(target, 2**53)
        back, _ = self.desk.undo(_who(body), _client(body), target)
        undone = [{"row": e.row, "kind": e.kind.value, "cluster": _named(e.cluster)} for e in back]
        rows = [query_json(self.desk, e.row) for e in back[:MOST_AHEAD] if e.row is not None]
        return {"undone": undone, "queries": rows}

    def rename(self, body: dict[str, Any]) -> Answer:
        """Another name for a cluster."""
        return self._change(Kind.RENAME, body, payload.check_name(body.get("name")))

    def merge(self, body: dict[str, Any]) -> Answer:
        """One cluster becomes part of another."""
        return self._change(Kind.MERGE, body, payload.to_cluster(body.get("into")))

    def _change(self, kind: Kind, body: dict[str, Any], new: Cluster) -> Answer:
        cluster = payload.to_cluster(body.get("cluster"))
        event = Event(kind, cluster=cluster, new_cluster=new, annotator=_who(body), client_id=_client(body))
        written = self.desk.write(event)[0]
        return {"seq": written.seq, "cluster": _named(written.new_cluster)}

    def put_back(self, body: dict[str, Any]) -> Answer:
        """Give up rows that one was to be asked about."""
        self.desk.put_back(_who(body), payload.rows_of(body.get("rows"), self.desk.n_rows, 200))
        return {}


def _who(body: dict[str, Any]) -> str:
    return payload.text_of(body, "who", 100).strip()


def _client(body: dict[str, Any]) -> str:
    given = payload.text_of(body, "client_id", 100)
    if not given:
        raise InvalidInput("A write has a client_id of its own, so that sent twice it counts once.")
    return given


def _named(cluster: Cluster | None) -> dict[str, str] | None:
    return None if cluster is None else {"id": cluster_id(cluster), "text": str(cluster)}


# ---------------------------------------------------------------- request and response


def _reading(handler: Callable[[Request], Answer]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await _answered(handler, request)

    return endpoint


def _writing(handler: Callable[[dict[str, Any]], Answer]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            body = await request.json()
        except TooLarge:
            return JSONResponse({"error": "The request is too large."}, 413)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            return JSONResponse({"error": "The body is a JSON object."}, 400)
        return await _answered(handler, body)

    return endpoint


async def _answered(handler: Callable[[Any], Answer], given: Any) -> Response:
    try:
        result = await run_in_threadpool(handler, given)
    except ActiveClustError as error:
        text, status = complaint(error)
        return JSONResponse({"error": text}, status)
    return result if isinstance(result, Response) else JSONResponse(result)
