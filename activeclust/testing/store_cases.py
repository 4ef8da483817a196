"""Runs, events and labels for the contract tests of stores."""

from __future__ import annotations

from typing import Any

import numpy as np

from activeclust.store.base import Run
from activeclust.store.records import Event, Kind, RunSpec

N_ROWS = 50

#: Labels that are difficult for databases, file formats and pages.
LABELS = (
    "cat", "1", 1, 0, -1, 2**63 - 1, -(2**63), "na\u00efve", "\u732b", "\U0001f408\u200d\u2b1b", "\u05e9",
    "a\nb\r\n\tc", " padded ", "''", '"', "%", "\\", "'; DROP TABLE activeclust_event; --", "{}",
    "null", "None", "true", "1.0", "x" * 10_000, "\u00e9", "e\u0301", "\ufeff", "<script>alert(1)</script>",
    "-1", "=1+1", "\x7f\x1b[31m", "NA", "nan",
)  # fmt: skip
REFUSED: tuple[Any, ...] = (
    "",
    "  ",
    "\n",
    "a\0b",
    "\ud800",
    True,
    1.5,
    b"cat",
    2**63,
    ["cat"],
    np.bool_(True),
)


def spec(name: str = "mine", **changes: Any) -> RunSpec:
    """A run of 50 rows."""
    given: dict[str, Any] = {
        "strategy": "entropy",
        "seed": 7,
        "n_rows": N_ROWS,
        "data_hash": "abc",
        "model_hash": "m",
    }
    return RunSpec(name, **{**given, **changes})


def label(row: Any, cluster: Any, **rest: Any) -> Event:
    """A LABEL event."""
    return Event(Kind.LABEL, row=row, cluster=cluster, **rest)


def undo(event: Event) -> Event:
    """An UNDO of ``event``."""
    return Event(Kind.UNDO, target=event.seq)


def clusters(run: Run) -> dict[int, Any]:
    """Answered rows with their clusters, in the order of the anchors."""
    return {anchor.row: anchor.cluster for anchor in run.anchors()}
