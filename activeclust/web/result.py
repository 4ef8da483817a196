"""The result: clusters, their accuracy, and files with every row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from activeclust.errors import InvalidInput, MissingDependency
from activeclust.files.table_formats import NEEDED, TABLE_FORMATS
from activeclust.store.records import Kind
from activeclust.web.checks import newest
from activeclust.web.items import shown_name
from activeclust.web.page_state import OPEN
from activeclust.web.payload import cluster_id, json_response
from activeclust.web.rows import disputed
from activeclust.web.service import AnnotationService
from activeclust.web.tiles import Tiles

SHOWN = 6  #: typical rows of a cluster, and as many doubtful ones
OWN_COLUMNS = ("row", "cluster", "probability", "new_cluster_probability", "answered", "answered_by")
FORMS = ("csv", "xlsx", "parquet", "jsonl")


class Result:
    """Handlers of the result."""

    def __init__(self, service: AnnotationService, tiles: Tiles) -> None:
        self.service, self.tiles = service, tiles

    def routes(self, reading: Callable[..., Any]) -> list[Route]:
        """The routes."""
        return [
            Route("/api/result", reading(self.summary), methods=["GET"]),
            Route("/result/{form}", reading(self.download), methods=["GET"]),
        ]

    def summary(self, request: Request) -> dict[str, Any]:
        """Clusters with typical and uncertain rows, and the newest check."""
        state = self.service.page_state
        clusters = []
        for code, cluster in enumerate(state.clusters):
            members = np.flatnonzero(state.codes == code)
            free = members[state.kinds[members] == OPEN]
            order = free[np.argsort(-state.confidence[free], kind="stable")].tolist()
            half = (len(order) + 1) // 2
            clusters.append(
                {
                    "id": cluster_id(cluster),
                    "text": str(cluster),
                    "rows": len(members),
                    "answers": int((state.kinds[members] == 1).sum()),
                    "expected": round(float(state.confidence[members].mean()), 4) if len(members) else None,
                    "typical": self.tiles.many(order[: min(SHOWN, half)], state),
                    "doubtful": self.tiles.many(order[::-1][: min(SHOWN, len(order) - half)], state),
                }
            )
        found = newest(self.service.checked.read())
        check = None
        if found is not None:
            check = {"said": found.said, "of": found.of}
            if (audit := found.audit) is not None:
                check |= {"asked": audit.asked, "right": audit.right}
                check |= {name: round(getattr(audit, name), 4) for name in ("accuracy", "low", "high")}
        expected = float(state.confidence.mean()) if state.clusters else None
        last = state.rounds[-1] if state.rounds else {}
        aside = int((state.kinds == 2).sum())
        return {
            "clusters": clusters,
            "rows": self.service.n_rows,
            "answered": len(state.answered),
            "aside": aside,
            "disputed": len(disputed(self.service.run.votes())) if self.service.several else 0,
            "expected": expected,
            "expected_low": last.get("expected_low"),
            "expected_high": last.get("expected_high"),
            "check": check,
            "forms": [form for form in FORMS if _is_installed(form)],
        }

    def download(self, request: Request) -> Response:
        """Every row as a file."""
        form = request.path_params["form"]
        if form not in FORMS:
            return json_response({"error": f"Formats are {', '.join(FORMS)}."}, 404)
        table = every_row(self.service)
        body = TABLE_FORMATS[f".{form}"](table)
        headers = {"Content-Disposition": f'attachment; filename="clusters.{form}"'}
        return Response(body, media_type="application/octet-stream", headers=headers)


def _is_installed(form: str) -> bool:
    try:
        NEEDED.get(f".{form}", lambda: None)()
    except MissingDependency:
        return False
    return True


def every_row(service: AnnotationService) -> dict[str, list[Any]]:
    """Every row by columns: its number, its own columns, its cluster, probabilities, and who answered.

    A column of the data that is named like one of ours has ``data_`` before its name.
    """
    state = service.page_state
    if not state.clusters:
        raise InvalidInput("There is no cluster yet: the result begins with the first answer.")
    table: dict[str, list[Any]] = {"row": list(range(service.n_rows))}
    own = own_columns(service.items)
    ids = service.run.spec.row_ids
    if ids is not None and ids.named and not any(_same(values, ids.values) for values in own.values()):
        own = {"row_id" if "id" in own else "id": list(ids.values)} | own
    for name, values in own.items():
        table[f"data_{name}" if name in OWN_COLUMNS else name] = values
    people: dict[int, list[str]] = {}
    for vote in service.run.votes():
        if vote.kind in (Kind.LABEL, Kind.REVIEW):
            people.setdefault(vote.row, []).append(vote.annotator)
    known = state.answered
    answered = [int(row in known) for row in range(service.n_rows)]
    none = np.where(answered, 0.0, state.new)
    table["cluster"] = [state.clusters[code] for code in state.codes.tolist()]
    table["probability"] = np.round(state.confidence.astype(float), 6).tolist()
    table["new_cluster_probability"] = np.round(none.astype(float), 6).tolist()
    table["answered"] = answered
    table["answered_by"] = ["; ".join(filter(None, people.get(row, []))) for row in range(service.n_rows)]
    return table


def _same(values: Sequence[Any], names: Sequence[str]) -> bool:
    return all(str(value) == name for value, name in zip(values, names, strict=True))


def own_columns(items: Any) -> dict[str, list[Any]]:
    """What the data themselves have: a table's columns, file names, texts; nothing for arrays of numbers."""
    frame = getattr(items, "frame", None)
    if frame is not None:
        if frame.ndim == 1:
            return {str(frame.name or "text"): frame.tolist()}
        return {str(name): frame.iloc[:, i].tolist() for i, name in enumerate(frame.columns)}
    first = items[0]
    if isinstance(first, Path):
        return {"file": [shown_name(item) if isinstance(item, Path) else str(item) for item in items]}
    if isinstance(first, str):
        return {"text": [str(item) for item in items]}
    if isinstance(first, Mapping):
        columns = dict.fromkeys(str(name) for item in items if isinstance(item, Mapping) for name in item)
        return {
            name: [item.get(name) if isinstance(item, Mapping) else None for item in items]
            for name in columns
        }
    return {}
