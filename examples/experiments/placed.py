"""Tasks that also say where their rows lie and which of them are neighbours, for networks that look at that.

The rows of a task come as 16 random rows with 7 of their nearest rows each, so that windows over the
neighbour graph hold in training what they hold afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.basis import Basis
from activeclust.pfn.evidence import Evidence
from activeclust.pfn.inference import Session
from activeclust.pfn.model import Batch
from activeclust.pfn.tasks import QUERIES, Task, collate, draw_anchors
from activeclust.pfn.train import TaskStream
from activeclust.views.views import Views

COORDINATES = 32  #: leading principal coordinates that say where a row lies
WINDOW = 8  #: neighbours of a row
_SEEDS = 16


@dataclass
class PlacedTask(Task):
    """A task with ``place`` (q, COORDINATES), ``anchor_place`` (k, COORDINATES) and ``near`` (q, WINDOW)."""

    place: Tensor
    anchor_place: Tensor
    near: Tensor


@dataclass
class PlacedBatch(Batch):
    """A batch with ``place`` (B, q, ·), ``anchor_place`` (B, k, ·) and ``near`` (B, q, WINDOW) of its rows."""

    place: Tensor
    anchor_place: Tensor
    near: Tensor


def places(views: Views) -> Tensor:
    """(n, COORDINATES), zeros beyond the coordinates there are; each about as large as 1."""
    pca = torch.as_tensor(views.pca[:, :COORDINATES], dtype=torch.float32) * views.pca.shape[1] ** 0.5
    return torch.nn.functional.pad(pca, (0, COORDINATES - pca.shape[1]))


def draw_placed(views: Views, basis: Basis, y: np.ndarray, rng: np.random.Generator) -> PlacedTask:
    """A task on a data set whose views are there; anchors as in training the package's network, none wrong."""
    anchors = draw_anchors(views, y, rng)
    names, codes = np.unique(y[anchors], return_inverse=True)
    column = np.full(int(y.max()) + 1, len(names))
    column[names] = np.arange(len(names))
    others = np.setdiff1d(np.arange(len(y)), anchors)
    seeds = rng.choice(others, min(_SEEDS, len(others)), replace=False)
    near = np.concatenate([seeds, views.neighbors[seeds][:, : WINDOW - 1].ravel()])
    chosen = np.intersect1d(near, others)[:QUERIES]
    left = np.setdiff1d(others, chosen)
    missing = QUERIES - len(chosen)
    more = rng.choice(left if len(left) else others, missing, replace=len(left) < missing) if missing else []
    queries = np.concatenate([chosen, more]).astype(np.int64)
    evidence = Evidence(basis, torch.as_tensor(anchors), torch.as_tensor(codes))
    place = places(views)
    apart = torch.cdist(place[queries], place[queries]).fill_diagonal_(torch.inf)
    return PlacedTask(
        *evidence.at(torch.as_tensor(queries)), evidence.at_anchors(), evidence.anchors.centre_codes, evidence.task,
        torch.as_tensor(column[y[queries]]), evidence.C, place[queries], place[evidence.anchors.centre_rows],
        apart.topk(WINDOW, largest=False).indices,
    )  # fmt: skip


def collate_placed(tasks: list[PlacedTask]) -> tuple[PlacedBatch, Tensor]:
    """As :func:`activeclust.pfn.tasks.collate`, with places."""
    batch, targets = collate(list(tasks))
    anchor_place = torch.zeros(*batch.codes.shape, COORDINATES)
    for i, task in enumerate(tasks):
        anchor_place[i, : len(task.codes)] = task.anchor_place
    return PlacedBatch(
        **{field.name: getattr(batch, field.name) for field in fields(Batch)},
        place=torch.stack([task.place for task in tasks]), anchor_place=anchor_place,
        near=torch.stack([task.near for task in tasks]),
    ), targets  # fmt: skip


class PlacedStream(TaskStream):
    """A stream of placed tasks."""

    draw_task = staticmethod(draw_placed)
    collate = staticmethod(collate_placed)


def whole(session: Session, rows: np.ndarray, codes: np.ndarray) -> PlacedBatch:
    """All rows of a data set as one batch."""
    from activeclust.pfn.batches import batch_of

    evidence = session.evidence(rows, codes)
    batch = batch_of(evidence, slice(0, session.basis.n))
    place = places(session.views)
    near = torch.as_tensor(session.views.neighbors[:, :WINDOW].astype(np.int64))
    near = torch.nn.functional.pad(near, (0, WINDOW - near.shape[1]))
    return PlacedBatch(
        **{field.name: getattr(batch, field.name) for field in fields(Batch)},
        place=place[None], anchor_place=place[evidence.anchors.centre_rows][None], near=near[None],
    )  # fmt: skip


def only_places(session: Session, rows: np.ndarray, codes: np.ndarray) -> PlacedBatch:
    """All rows as one batch that holds nothing but places: no rule is evaluated."""
    place, nothing = places(session.views), torch.zeros(1, 0)
    ones = torch.ones(1, max(len(rows), int(codes.max()) + 1), dtype=torch.bool)
    clusters, k = int(codes.max()) + 1, len(rows)
    return PlacedBatch(
        nothing, nothing, nothing, nothing, nothing, nothing, torch.as_tensor(codes)[None], nothing, ones[:, :clusters],
        ones[:, :k], place[None], place[rows][None], nothing,
    )  # fmt: skip
