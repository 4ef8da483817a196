"""Runs that go out into a file, or come in from one."""

from __future__ import annotations

import io

from activeclust.store import open_store
from activeclust.store.export import export_run, import_run
from activeclust.store.records import RunSpec

N_ROWS = 40
ANSWERS = ("csv", "parquet", "label-studio")  #: formats that hold the current answers


def make_run(log, options=None, name="mine"):
    run = open_store().create_run(RunSpec(name, "entropy", 3, N_ROWS, "hash", "model", options=options or {}))
    run.extend(log)
    return run


def exported(run, format, **more) -> bytes:
    file = io.BytesIO()
    export_run(run, format, file, **more)
    return file.getvalue()


def imported(content: bytes, format: str, like=None, **more):
    """Into a new store; a run like ``like`` waits there where the format does not tell of its policy."""
    store = open_store()
    if like is not None:
        store.create_run(like.spec)
    return import_run(store, format, io.BytesIO(content), name="mine", **more)[0]


def standing(run) -> tuple:
    """All that counts, without the events' numbers."""
    anchors = [(a.row, type(a.cluster), a.cluster, a.annotator) for a in run.anchors()]
    votes = [(v.row, v.kind, type(v.cluster), v.cluster, v.annotator) for v in run.votes()]
    return anchors, run.withdrawn(), votes


def task(row, *chosen, name="kind", **rest):
    """A task as Label Studio exports it, with one annotation."""
    result = [{"from_name": name, "to_name": "x", "type": "choices", "value": {"choices": list(chosen)}}]
    return {"data": {"row": row}, "annotations": [{"id": 1, "result": result, **rest}]}
