"""Tasks for training: a data set of the prior with anchors similar to those in use.

From one to a few hundred anchors; chosen at random, among typical rows, by spread, near boundaries; with
whole clusters missing, and with a share of wrong labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.basis import Basis
from activeclust.pfn.evidence import Evidence
from activeclust.pfn.model import Batch
from activeclust.pfn.padded import joined
from activeclust.views.views import Views

QUERIES = 128
MAX_ANCHORS = 256
MAX_EACH = 640  # maximum number of anchors if every cluster has equally many
# Shares of tasks in which some clusters are left without an anchor. Where every seen cluster has as many as
# the others, the rows alone can tell whether all are seen, and that must be learned; where anchors fall as
# they may, few of them miss clusters anyhow.
_HIDING_EACH, _HIDING = 0.18, 0.2
_EACH = (0.34, 0.24, 0.14, 0.1, 0.12, 0.02, 0.02, 0.02)  # one to eight anchors for each cluster


@dataclass
class Task:
    """One task: evidence at a sample of rows and at the anchors, and the true clusters of the sample."""

    pair: Tensor
    row: Tensor
    bias: Tensor
    anchor: tuple[Tensor, Tensor, Tensor]
    codes: Tensor
    features: Tensor
    target: Tensor  # (q,) 0 .. C - 1, or C for none of the clusters that have an anchor
    C: int


def distinct_labels(views: Views, y: np.ndarray) -> np.ndarray:
    """(n,) the cluster of each distinct row, 0 to C - 1 without gaps (of equal rows that of the last one)."""
    labels = np.empty(views.n_rows, dtype=np.int64)
    labels[views.inverse] = y
    return np.unique(labels, return_inverse=True)[1]


def draw_task(views: Views, basis: Basis, y: np.ndarray, rng: np.random.Generator) -> Task:
    """A task on a data set with its views.

    Parameters
    ----------
    views, basis : Views, Basis
    y : ndarray (n,) of int
        True cluster of each distinct row.
    rng : numpy.random.Generator
    """
    anchors = draw_anchors(views, y, rng)
    names, codes = np.unique(y[anchors], return_inverse=True)
    column = np.full(int(y.max()) + 1, len(names))
    column[names] = np.arange(len(names))
    if len(names) > 1 and rng.random() < 0.15:
        wrong = rng.random(len(codes)) < rng.uniform(0.02, 0.25)
        codes = np.where(wrong, rng.integers(0, len(names), len(codes)), codes)
        present, codes = np.unique(codes, return_inverse=True)
        column = np.full_like(column, len(present))
        column[names[present]] = np.arange(len(present))
    others = np.setdiff1d(np.arange(len(y)), anchors)
    queries = rng.choice(others, QUERIES, replace=len(others) < QUERIES)
    evidence = Evidence(basis, torch.as_tensor(anchors), torch.as_tensor(codes))
    pair, row, bias = evidence.at(torch.as_tensor(queries))
    target = torch.as_tensor(column[y[queries]])
    return Task(
        pair,
        row,
        bias,
        evidence.at_anchors(),
        evidence.anchors.centre_codes,
        evidence.task,
        target,
        evidence.C,
    )


def draw_anchors(views: Views, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distinct rows to be anchors, as people and strategies choose them."""
    C = int(y.max()) + 1
    way = rng.choice(["random", "each", "typical", "spread", "boundary"], p=[0.24, 0.44, 0.12, 0.11, 0.09])
    seen = np.arange(C)
    if C > 1 and rng.random() < (_HIDING_EACH if way == "each" else _HIDING):
        seen = rng.choice(C, rng.integers(1, C), replace=False)
    pool = np.flatnonzero(np.isin(y, seen))
    if way == "each":
        per = min(int(rng.choice(len(_EACH), p=_EACH)) + 1, max(1, MAX_EACH // len(seen)))
        chosen = [
            rng.choice(rows, min(per, max(1, len(rows) // 2)), replace=False) for rows in _by_cluster(y, seen)
        ]
        return np.concatenate(chosen)
    if way == "typical" and rng.random() < 0.5:
        return np.array(
            [_weighted(rows, views.density[rows] ** 3, 1, rng)[0] for rows in _by_cluster(y, seen)]
        )
    most = np.clip(len(pool) * 0.5, 1, MAX_ANCHORS)
    if rng.random() < 0.3:  # the first questions: clusters with one anchor, and clusters with none
        most = min(most, 3 * C)
    k = int(np.exp(rng.uniform(0, np.log(most))))
    k = max(1, min(k, len(pool) - 1))
    if way == "typical":
        return _weighted(pool, views.density[pool] ** 2, k, rng)
    if way == "spread":
        return _spread(views, pool, k, rng)
    if way == "boundary":
        mixed = (y[views.neighbors[pool][:, :10]] != y[pool][:, None]).mean(1)
        return _weighted(pool, 0.03 + mixed, k, rng)
    return rng.choice(pool, k, replace=False)


def _by_cluster(y: np.ndarray, seen: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(y == c) for c in seen]


def _weighted(pool: np.ndarray, weight: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(pool, k, replace=False, p=weight / weight.sum())


def _spread(views: Views, pool: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Rows drawn one after another far from the earlier ones (k-means++), in the diffusion or the PCA coordinates."""
    E = views.refined.eigenvectors[:, :24] if rng.random() < 0.6 else views.pca
    E = E[pool] / (np.linalg.norm(E[pool], axis=1, keepdims=True) + 1e-9) if rng.random() < 0.6 else E[pool]
    chosen = [int(rng.integers(len(pool)))]
    distance = ((E - E[chosen[0]]) ** 2).sum(1) + 1e-12
    for _ in range(min(k, 60) - 1):
        distance[chosen] = 0
        if distance.sum() <= 0:
            break
        chosen.append(int(rng.choice(len(pool), p=distance / distance.sum())))
        distance = np.minimum(distance, ((E - E[chosen[-1]]) ** 2).sum(1))
    return pool[np.unique(chosen)]


def collate(tasks: list[Task]) -> tuple[Batch, Tensor]:
    """Tasks as one padded batch and targets (B, q); the none-of-these target is the last column."""
    return joined([(_as_batch(task), task.target[None]) for task in tasks])


def _as_batch(task: Task) -> Batch:
    anchor_pair, anchor_row, anchor_bias = task.anchor
    clusters, anchors = (torch.ones(1, size, dtype=torch.bool) for size in (task.C, len(task.codes)))
    return Batch(
        task.pair[None], task.row[None], task.bias[None], anchor_pair[None], anchor_row[None], anchor_bias[None],
        task.codes[None], task.features[None], clusters, anchors,
    )  # fmt: skip
