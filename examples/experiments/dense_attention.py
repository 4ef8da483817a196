"""The dense twin of the network, for the experiment on sparse attention: every row attends to every row.

It has the same parameters as the network of the package, and is trained beside a fresh copy of it
(:mod:`alike`).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.batches import batch_of
from activeclust.pfn.inference import Posterior, Session
from activeclust.pfn.model import PFN, Batch, Context, mixed


class DensePFN(PFN):
    """Rows attend to {anchors, all context rows} where the package's network has {anchors, inducing tokens}."""

    def encode(self, batch: Batch) -> Context:
        """The context; the tokens of its rows stand where the inducing tokens are."""
        return self._encode(batch)[0]

    def forward(self, batch: Batch, context: Batch | None = None) -> Tensor:
        """As the package's; where the rows are their own context their tokens are made once."""
        return super().forward(batch, context) if context is not None else self.with_attention(batch)[0]

    def with_attention(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """As the package's, from tokens that are made once."""
        made, pair, rows = self._encode(batch)
        distance = self._row_biases(batch.bias)[-1][:, 0]
        return self._heads(pair, self.norm(rows), distance, batch, made)

    def _encode(self, batch: Batch) -> tuple[Context, Tensor, Tensor]:
        pair, rows, anchors, anchor_bias = self.embedded(batch)
        context = Context([anchors], [], batch.codes, batch.task, batch.cluster_mask, batch.anchor_mask)
        for block, row_bias in zip(self.blocks, self._row_biases(batch.bias), strict=False):
            before = rows
            rows = block(before, anchors, before, batch.anchor_mask, row_bias)
            anchors = block(
                anchors, anchors, before, batch.anchor_mask, mixed(anchor_bias, block.bias_weight)
            )
            context.inducing.append(before)
            context.anchors.append(anchors)
        return context, pair, rows


class DenseSession(Session):
    """A session in which all rows are one batch and each other's context."""

    def dense_posterior(self, rows: np.ndarray, codes: np.ndarray) -> Posterior:
        """The posterior of all rows, from one pass over n x n attention."""
        with torch.inference_mode():
            whole = batch_of(self.evidence(rows, codes), slice(0, self.basis.n))
            out = self.network.model(whole)[0].double().exp().numpy()
        known = out[:, :-1] / np.maximum(out[:, :-1].sum(1, keepdims=True), 1e-12)
        return Posterior(known, out[:, -1])
