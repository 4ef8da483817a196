"""The tasks that the consensus is trained on: data sets of the prior, each with several sets of anchors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.experts import ExpertEvidence
from activeclust.pfn.inference import Network, Session, load_network
from activeclust.pfn.prior import Prior, draw_dataset
from activeclust.pfn.tasks import distinct_labels, draw_anchors
from activeclust.views.views import Views, make_views
from activeclust.zeroshot.consensus.candidates import Candidates
from activeclust.zeroshot.consensus.combine import log_of, logit_of
from activeclust.zeroshot.consensus.experts import ExpertSupport, expert_support
from activeclust.zeroshot.consensus.options import ConsensusOptions
from activeclust.zeroshot.consensus.support import Support, support
from activeclust.zeroshot.search import search

TASKS = 7  #: sets of anchors per data set
_QUERIES = 200  # number of rows per task in the loss
_QUERY_STREAM = 7  # of random numbers
_LEAST_ROWS, _MOST_ROWS = 16, 1500  # distinct rows of a data set
_WRONG = 0.15  # share of tasks with wrong labels
_HALF = ("known", "log_probability", "left_out")  # kept as float16


@dataclass
class Task:
    """One task: the support of the likely candidates and of the experts, and q rows whose clusters are to be predicted.

    Attributes
    ----------
    support : Support
    experts : ExpertSupport
    log_probability : Tensor (q, C, E) of float16
        Of the experts.
    parts : Tensor (q, P) of int32
    known, new : Tensor (q, C), (q,)
        Log-posterior over the clusters and logit of none of them, without the candidates.
    target : Tensor (q,) of int64
        0 to C - 1, or C for none of the clusters that have an anchor.
    """

    support: Support
    experts: ExpertSupport
    log_probability: Tensor
    parts: Tensor
    known: Tensor
    new: Tensor
    target: Tensor


def draw_judged(
    options: ConsensusOptions, index: int, network: Network | None = None
) -> dict[str, np.ndarray]:
    """Data set ``index`` of a training, as the arrays of a file."""
    network = load_network() if network is None else network
    rng, queries = np.random.default_rng([options.seed, index]), np.random.default_rng([_QUERY_STREAM, index])
    views, truth = _drawn(options, rng)
    candidates = Candidates.of(search(views))
    arrays: dict[str, np.ndarray] = {"truth": truth.astype(np.int16)}
    if candidates is not None:
        arrays |= candidates.pack()
    session = Session(views, network, torch.device("cpu"))
    for t in range(TASKS):
        rows = draw_anchors(views, truth, rng)
        names, codes = np.unique(_mistaken(truth[rows], rng), return_inverse=True)
        others = np.setdiff1d(np.arange(len(truth)), rows)
        at = np.sort(queries.choice(others, min(_QUERIES, len(others)), replace=False))
        posterior = session.posterior(rows, codes)
        told = session.experts(rows, codes, at)
        task = {"rows": rows, "codes": codes, "names": names, "known": posterior.known, "new": posterior.new}
        task |= {name: value.numpy() for name, value in vars(told).items() if name != "rows"} | {"at": at}
        arrays |= {f"{name}{t}": _small(name, array) for name, array in task.items()}
    return arrays


def _small(name: str, array: np.ndarray) -> np.ndarray:
    """In as few bytes as serve."""
    if array.dtype == np.bool_:
        return array
    if np.issubdtype(array.dtype, np.integer):
        return array.astype(np.int16)
    return array.astype(np.float16 if name in _HALF else np.float32)


def _drawn(options: ConsensusOptions, rng: np.random.Generator) -> tuple[Views, np.ndarray]:
    """Views of a data set, and the true cluster of each distinct row."""
    easier = rng.random() < options.easier_share
    while True:
        prior = options.easier if easier else _shorter(options.prior, rng)
        X, y = draw_dataset(prior, rng)
        views = make_views(X)
        if _LEAST_ROWS <= views.n_rows <= _MOST_ROWS:
            return views, distinct_labels(views, y)


def _shorter(prior: Prior, rng: np.random.Generator) -> Prior:
    """One of the prior's variants, with at most 1,400 rows."""
    weights, variants = prior.variants()
    chosen = variants[rng.choice(len(weights), p=weights)]
    return replace(chosen, rows=(min(chosen.rows[0], 1400), min(chosen.rows[1], 1400)))


def _mistaken(codes: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    names = np.unique(codes)
    if len(names) > 1 and rng.random() < _WRONG:
        wrong = rng.random(len(codes)) < rng.uniform(0.02, 0.25)
        codes = np.where(wrong, rng.choice(names, len(codes)), codes)
    return codes


def read_tasks(file: Path) -> Iterator[Task]:
    """The tasks of a file of :func:`draw_judged`."""
    with np.load(file) as z:
        if "labels" not in z:
            return
        candidates = Candidates.unpack(z)
        truth = z["truth"].astype(np.int64)
        for t in range(TASKS):
            rows, codes, names, at = (
                z[f"{name}{t}"].astype(np.int64) for name in ("rows", "codes", "names", "at")
            )
            column = np.full(int(truth.max()) + 1, len(names))
            column[names] = np.arange(len(names))
            about = ("log_probability", "left_out", "right", "alone")
            told = ExpertEvidence(torch.as_tensor(at), *(torch.as_tensor(z[f"{name}{t}"]) for name in about))
            known, new = torch.as_tensor(z[f"known{t}"].astype(np.float32)), torch.as_tensor(z[f"new{t}"])
            target = torch.as_tensor(column[truth])[at]
            yield task_of(candidates, torch.as_tensor(rows), torch.as_tensor(codes), known, new, told, target)


def task_of(
    candidates: Candidates, rows: Tensor, codes: Tensor, known: Tensor, new: Tensor, told: ExpertEvidence,
    target: Tensor,
) -> Task:  # fmt: skip
    """The task of predicting ``target`` (q,) at the rows of ``told``, from anchors and their posterior of all rows."""
    likely, at = candidates.likely(rows, codes), told.rows
    given = support(likely, rows, codes, known[likely.rows], new[likely.rows])
    return Task(
        given, expert_support(likely, rows, codes, told), told.log_probability, likely.parts(at).to(torch.int32),
        log_of(known[at]), logit_of(new[at]), target,
    )  # fmt: skip
