"""Gaussian-process interpolation: the posterior mean K_xA (K_AA + s^2 I)^-1 Y of a kernel.

With a graph's Green function and s -> 0 this is Laplace learning (Zhu, Ghahramani and Lafferty, ICML 2003). With an
anchor left out it is Y - (K_AA + s^2 I)^-1 Y / diag((K_AA + s^2 I)^-1) (Rasmussen and Williams, 2006, section 5.4.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, Look, OwnHidden
from activeclust.pfn.kernels import KERNELS
from activeclust.pfn.rules.rule import Fitted, Rule, Said

_NOISE = 0.1  # s^2, relative to the kernel's mean diagonal at the anchors


@dataclass(frozen=True)
class Interpolation(Rule):
    """Gaussian-process interpolation with the kernel ``kernel``."""

    kernel: str

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """One k x k inverse."""
        K = KERNELS[self.kernel].between(anchors, anchors.rows)
        A = K + _NOISE * K.diagonal().mean() * torch.eye(anchors.k, device=K.device)
        inverse = torch.linalg.inv(A.double()).float()
        weights = inverse @ anchors.onehot
        return _Interpolated(self.kernel, weights, anchors.onehot - weights / _positive(inverse.diagonal()))

    def _logits(self, score: Tensor) -> Tensor:
        return score.clamp_min(1e-5).log()  # the scores are probabilities already


@dataclass
class _Interpolated(Fitted):
    kernel: str
    weights: Tensor  # (k, C)
    left_out: Tensor  # (k, C)

    def at(self, look: Look) -> Said:
        return _said(self.weights.T @ look.kernel(self.kernel).T)

    def without_own(self, look: OwnHidden) -> Said:
        return _said(self.left_out.T)


def _said(score: Tensor) -> Said:
    return Said(score, score.clamp(-0.5, 1.5))


def _positive(diagonal: Tensor) -> Tensor:
    return diagonal[:, None].clamp_min(1e-9)
