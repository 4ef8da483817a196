"""Gaussian-process interpolation: the posterior mean K_xA (K_AA + s^2 I)^-1 Y of a kernel.

With a graph's Green function and s -> 0 this is Laplace learning (Zhu, Ghahramani and Lafferty, ICML 2003). With an
anchor left out it is Y - (K_AA + s^2 I)^-1 Y / diag((K_AA + s^2 I)^-1) (Rasmussen and Williams, 2006, section 5.4.2).

With more anchors than centres it is the subset of regressors, K_xm (s^2 K_mm + K_mA K_Am)^-1 K_mA Y (section 8.3.1
there), which is the same if all anchors are centres.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, LeaveOneOutRelations, Relations
from activeclust.pfn.kernels import KERNELS
from activeclust.pfn.rules.rule import Fitted, Rule, RuleScores
from activeclust.pfn.triangular import inverse_lower, lower_square

_NOISE = 0.1  # s^2, relative to the kernel's mean diagonal at the anchors
_RIDGE = 1e-4  # likewise, added to the centres' kernel: above what is rounded off it


@dataclass(frozen=True)
class Interpolation(Rule):
    """Gaussian-process interpolation with the kernel ``kernel``."""

    kernel: str

    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """Fit by one Cholesky factorisation of m x m for m centres, at most 768."""
        if anchors.m < anchors.k:
            return self._regressed(anchors)
        A = KERNELS[self.kernel].between(anchors, anchors.rows).double()
        A.diagonal().add_(_NOISE * A.diagonal().mean())
        onehot = anchors.onehot.double()
        root, indefinite = torch.linalg.cholesky_ex(A)
        if indefinite:  # squared distances of rows far from the mean are rounded by more than they differ
            inverse = torch.linalg.inv(A)
            weights, diagonal = inverse @ onehot, inverse.diagonal()
        else:
            weights, diagonal = torch.cholesky_solve(onehot, root), inverse_lower(root).square().sum(0)
        left_out = onehot - weights / diagonal[:, None].clamp_min(1e-9)
        return _Interpolated(self.kernel, weights.float(), left_out.float())

    def _regressed(self, anchors: AnchorSet) -> Fitted:
        """The labels of all anchors regressed on the kernels of the centres.

        In double precision: products of kernels have the squares of their eigenvalues, and in single precision the
        smallest of them are rounding errors, which the solution would amplify.
        """
        beside = KERNELS[self.kernel].between(anchors, anchors.rows).double()  # (k, m)
        of_centres, onehot = beside[anchors.centres], anchors.onehot[anchors.centres]
        scale = of_centres.diagonal().mean()
        A = lower_square(beside).addcmul_(of_centres, _NOISE * scale)
        A.diagonal().add_(_NOISE * scale * _RIDGE * scale)
        sums = beside.T @ anchors.onehot.double()
        root, indefinite = torch.linalg.cholesky_ex(A)
        if indefinite:
            whole = A.tril() + A.tril(-1).T
            weights, towards = torch.linalg.solve(whole, torch.cat([sums, of_centres.T], 1)).split(
                [anchors.C, anchors.m], 1
            )
            own = (of_centres * towards.T).sum(1, keepdim=True)
        else:
            weights = torch.cholesky_solve(sums, root)
            towards = torch.linalg.solve_triangular(root, of_centres.T, upper=False)
            own = towards.square_().sum(0)[:, None]
        # own is the leverage: the share of a label in its own prediction
        left_out = (of_centres @ weights - own * onehot) / (1.0 - own).clamp_min(1e-3)
        return _Interpolated(self.kernel, weights.float(), left_out.float())

    def _logits(self, score: Tensor) -> Tensor:
        return score.clamp_min(1e-4).log()  # the scores are probabilities already


@dataclass
class _Interpolated(Fitted):
    kernel: str
    weights: Tensor  # (m, C)
    left_out: Tensor  # (m, C)

    def at(self, relations: Relations) -> RuleScores:
        return _scores(self.weights.T @ relations.kernel(self.kernel).T)

    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        return _scores(self.left_out.T)


def _scores(score: Tensor) -> RuleScores:
    return RuleScores(score, score.clamp(-0.5, 1.5))
