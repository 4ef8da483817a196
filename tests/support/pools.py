"""Pools small enough to work a strategy's choice out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from activeclust.strategy import PoolState


def on_circle(degrees: Sequence[float]) -> np.ndarray:
    """(n, 2) unit rows at these angles: their distances can be read off."""
    angle = np.deg2rad(np.asarray(degrees, dtype=float))
    return np.column_stack([np.cos(angle), np.sin(angle)]).astype(np.float32)


def pool(
    full_posterior: Any = None,
    *,
    points: np.ndarray | None = None,
    density: Sequence[float] | None = None,
    anchors: Sequence[int] = (),
    codes: Sequence[int] | None = None,
    **model_calls: Any,
) -> PoolState:
    """A pool from what is known of it; all that is not given is the same for every row.

    ``full_posterior`` (n, C + 1) has *none of these* as its last column; without it there is one cluster, sure for
    every row, or none where there is no anchor.
    """
    n = len(points if points is not None else full_posterior)
    rows = np.asarray(anchors, dtype=np.intp)
    if full_posterior is None:
        full_posterior = np.ones((n, 1)) if len(rows) == 0 else np.tile([1.0, 0.0], (n, 1))
    full = np.asarray(full_posterior, dtype=float)
    new = full[:, -1]
    known = full[:, :-1] / np.maximum(full[:, :-1].sum(axis=1, keepdims=True), 1e-12)
    points = on_circle(np.arange(n) * 360 / n) if points is None else points
    return PoolState(
        posterior=known,
        new_cluster_proba=new,
        views={"pca": points, "diffusion": points},
        neighbors=np.argsort(-(points @ points.T), axis=1, kind="stable")[:, 1:3],
        density=np.ones(n) if density is None else np.asarray(density, dtype=float),
        anchors=rows,
        anchor_codes=np.zeros(len(rows), np.intp) if codes is None else np.asarray(codes, np.intp),
        candidates=np.setdiff1d(np.arange(n), rows),
        **model_calls,
    )
