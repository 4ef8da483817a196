"""Parts of ours alone: the network without partitions; each of its rules, their mean, the one leave-one-out picks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from activeclust import PFNClusterer
from activeclust.clusterer import Prepared

MEAN, CHOSEN = "mean of the rules", "rule by leave-one-out"
ALONE = "network alone"  # its posterior, not combined with candidate partitions
_CHUNK = 4096  # rows


@dataclass
class RuleEvidence:
    """What each rule says by itself, before any network.

    Attributes
    ----------
    names : tuple of str
        R rules.
    log_p : ndarray (R, n, C)
        Log-probabilities over the clusters, of every given row.
    held_out : ndarray (R, k, C)
        The same at the anchors, each with itself left out.
    codes : ndarray (k,)
        The anchors' clusters. The network sees anchors that are equal rows as one.
    """

    names: tuple[str, ...]
    log_p: np.ndarray
    held_out: np.ndarray
    codes: np.ndarray


def rule_evidence(
    model: PFNClusterer, prepared: Prepared, anchors: np.ndarray, codes: np.ndarray
) -> RuleEvidence:
    """The rules fitted to ``anchors``: the only place in the benchmarks that knows how the package keeps them."""
    from activeclust.clusterer.anchors import distinct_anchors
    from activeclust.pfn.evidence import RULE_NAMES

    at, label = distinct_anchors(prepared, np.asarray(anchors), np.asarray(codes))
    session = model._session(prepared)
    R, n = len(RULE_NAMES), session.basis.n
    with torch.inference_mode():
        evidence = session.evidence(at, label)

        def logs(pair: torch.Tensor) -> np.ndarray:
            return pair[..., R : 2 * R].permute(2, 0, 1).float().cpu().numpy()

        parts = [logs(evidence.at(slice(start, min(start + _CHUNK, n)))[0]) for start in range(0, n, _CHUNK)]
        held_out = logs(evidence.at_anchors()[0])
    distinct = np.concatenate(parts, axis=1)
    whole = np.stack([prepared.source.spread(of_rule) for of_rule in distinct])
    return RuleEvidence(RULE_NAMES, whole, held_out, label)


def network_free(
    model: PFNClusterer, prepared: Prepared, anchors: np.ndarray, codes: np.ndarray
) -> dict[str, np.ndarray]:
    """Arm -> posterior (n, C). A rule's name starts with ``rule: ``."""
    evidence = rule_evidence(model, prepared, anchors, codes)
    each = {
        f"rule: {name}": _normalised(log_p)
        for name, log_p in zip(evidence.names, evidence.log_p, strict=True)
    }
    mean = _normalised(evidence.log_p.mean(axis=0))
    best = chosen(evidence)
    return {MEAN: mean, CHOSEN: mean if best is None else each[f"rule: {best}"]} | each


def chosen(evidence: RuleEvidence) -> str | None:
    """The rule that gives the anchors left out the largest mean log-probability of their own cluster.

    Only anchors whose cluster has another anchor can be judged. Where none has, there is nothing to choose
    by: None, and the mean of the rules stands in.
    """
    counts = np.bincount(evidence.codes)
    judged = np.flatnonzero(counts[evidence.codes] > 1)
    if not len(judged):
        return None
    own = evidence.held_out[:, judged, evidence.codes[judged]]
    return evidence.names[int(own.mean(axis=1).argmax())]


def _normalised(log_p: np.ndarray) -> np.ndarray:
    p = np.exp(log_p - log_p.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)
