"""Networks that the package does not have, for comparison with it: other attention between rows, and attention alone.

``DensePFN`` and ``WindowPFN`` have the parameters of the package's network and differ in what rows attend to.
``PureForm`` is the paper's method without what was added here: tokens of coordinates, and attention.
"""

from __future__ import annotations

import torch
from placed import COORDINATES, PlacedBatch
from torch import Tensor, nn

from activeclust.pfn.model import PFN, Config, Context, mixed

_QUERIES = 1024  # rows whose attention over all rows is held at a time
CONTEXT = 256  #: rows that the pure form's rows attend to beside the anchors, as in the package's network
_CODES = 512  # label embeddings; clusters beyond share them


class WholePFN(PFN):
    """Rows attend to other rows, so all rows of a data set are one batch.

    A subclass says what rows attend to in a block, by :meth:`read`, and what anchors do, by :meth:`seen`.
    """

    def read(
        self, block, rows: Tensor, anchors: Tensor, seen: Tensor, batch: PlacedBatch, bias: Tensor
    ) -> Tensor:
        """(B, n, d) the rows after a block."""
        raise NotImplementedError

    def seen(self, block, rows: Tensor, anchors: Tensor, mask: Tensor) -> Tensor:
        """(B, m, d) what everything attends to beside the anchors."""
        raise NotImplementedError

    def forward(self, batch: PlacedBatch, context=None) -> Tensor:
        """As the package's; the rows are their own context."""
        return self.with_attention(batch)[0]

    def with_attention(self, batch: PlacedBatch) -> tuple[Tensor, Tensor]:
        """As the package's."""
        pair, rows, anchors, anchor_bias = self.embedded(batch)
        context = Context([anchors], [], batch.codes, batch.task, batch.cluster_mask, batch.anchor_mask)
        *biases, distance = self._row_biases(batch.bias)
        for block, bias in zip(self.blocks, biases, strict=True):
            seen = self.seen(block, rows, anchors, batch.anchor_mask)
            rows_after = self.read(block, rows, anchors, seen, batch, bias)
            anchors = block(anchors, anchors, seen, batch.anchor_mask, mixed(anchor_bias, block.bias_weight))
            rows = rows_after
            context.anchors.append(anchors)
        return self._heads(pair, self.norm(rows), distance[:, 0], batch, context)


class DensePFN(WholePFN):
    """Every row attends to every row: O(n^2) work, memory of a chunk of queries."""

    def seen(self, block, rows: Tensor, anchors: Tensor, mask: Tensor) -> Tensor:
        """All rows."""
        return rows

    def read(
        self, block, rows: Tensor, anchors: Tensor, seen: Tensor, batch: PlacedBatch, bias: Tensor
    ) -> Tensor:
        """In chunks of queries."""
        parts = [
            block(
                rows[:, at : at + _QUERIES], anchors, seen, batch.anchor_mask, bias[:, :, at : at + _QUERIES]
            )
            for at in range(0, rows.shape[1], _QUERIES)
        ]
        return torch.cat(parts, 1)


class WindowPFN(WholePFN):
    """Local windows and global tokens, as in Longformer and BigBird, with the neighbour graph for an order.

    A row attends to the anchors, to global tokens, and to its nearest rows; the global tokens attend to all
    anchors and all rows. O(n) work.
    """

    def seen(self, block, rows: Tensor, anchors: Tensor, mask: Tensor) -> Tensor:
        """The global tokens, which have read everything."""
        everything = torch.cat([mask, mask.new_ones(rows.shape[:2])], 1)
        return block.induce(torch.cat([anchors, rows], 1), everything)

    def read(
        self, block, rows: Tensor, anchors: Tensor, seen: Tensor, batch: PlacedBatch, bias: Tensor
    ) -> Tensor:
        """One softmax over anchors, global tokens and the window."""
        read, (B, n, d) = block.read, rows.shape
        heads, width = read.heads, d // read.heads
        shared = torch.cat([anchors, seen], 1)
        mask = torch.cat([batch.anchor_mask, batch.anchor_mask.new_ones(seen.shape[:2])], 1)

        def keys_values(y: Tensor) -> Tensor:  # (2, B, heads, m, width)
            return read.keyvalue(read.norm_y(y)).view(B, y.shape[1], 2, heads, width).permute(2, 0, 3, 1, 4)

        Q = (read.query(read.norm_x(rows)) / width**0.5).view(B, n, heads, width).transpose(1, 2)
        (K, V), (K_own, V_own) = keys_values(shared), keys_values(rows)
        logits = Q @ K.transpose(-1, -2)
        logits[..., : bias.shape[-1]] += bias
        logits = logits.masked_fill(~mask[:, None, None], -1e4)
        of_task = torch.arange(B)[:, None, None]
        K_near = K_own.transpose(1, 2)[of_task, batch.near].permute(
            0, 3, 1, 2, 4
        )  # (B, heads, n, window, width)
        V_near = V_own.transpose(1, 2)[of_task, batch.near].permute(0, 3, 1, 2, 4)
        weights = torch.softmax(torch.cat([logits, (Q.unsqueeze(3) * K_near).sum(-1)], -1), -1)
        s = shared.shape[1]
        out = weights[..., :s] @ V + (weights[..., s:].unsqueeze(-1) * V_near).sum(3)
        return block.feed(rows + read.out(out.transpose(1, 2).reshape(B, n, d)))


class PureForm(nn.Module):
    """Tokens of coordinates, and attention: no kernel, no graph, no rule.

    Anchors carry an embedding of their cluster's number; four layers of attention to the anchors and to a sample of
    rows; the posterior is the share of the last attention on each cluster's anchors, and one more logit says *none of
    these*. About as many parameters as the package's network.
    """

    def __init__(self, config: Config, layers: int = 4) -> None:
        super().__init__()
        d = config.width
        self.place = nn.Sequential(nn.Linear(COORDINATES, 2 * d), nn.GELU(), nn.Linear(2 * d, d))
        self.label = nn.Embedding(_CODES, d)
        nn.init.normal_(self.label.weight, std=0.3)
        self.roles = nn.Parameter(torch.zeros(2, d))
        self.layers = nn.ModuleList(_Layer(d, config.heads) for _ in range(layers))
        self.norm = nn.LayerNorm(d)
        self.query, self.key, self.new = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, 1)

    def forward(self, batch: PlacedBatch, context=None) -> Tensor:
        """(B, q, C + 1) log-probabilities."""
        return self.with_attention(batch)[0]

    def with_attention(self, batch: PlacedBatch) -> tuple[Tensor, Tensor]:
        """The posterior, and the log of the attention on each cluster (B, q, C)."""
        anchors = self.place(batch.anchor_place) + self.label(batch.codes % _CODES) + self.roles[0]
        rows = self.place(batch.place) + self.roles[1]
        mask = torch.cat(
            [batch.anchor_mask, batch.anchor_mask.new_ones(len(rows), min(CONTEXT, rows.shape[1]))], 1
        )
        for layer in self.layers:
            y = torch.cat([anchors, rows[:, :CONTEXT]], 1)
            anchors, rows = layer(anchors, y, mask), layer(rows, y, mask)
        anchors, rows = self.norm(anchors), self.norm(rows)
        logits = self.query(rows) @ self.key(anchors).transpose(1, 2) / rows.shape[-1] ** 0.5
        mass = torch.softmax(logits.masked_fill(~batch.anchor_mask[:, None], -1e4).float(), -1)
        onehot = (
            nn.functional.one_hot(batch.codes, batch.cluster_mask.shape[1]).float()
            * batch.anchor_mask[..., None]
        )
        known = (mass @ onehot + 1e-6).log().masked_fill(~batch.cluster_mask[:, None], -1e4)
        known = torch.log_softmax(known, -1)
        new = self.new(rows).float()
        return torch.cat([known + nn.functional.logsigmoid(-new), nn.functional.logsigmoid(new)], -1), known


class _Layer(nn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.norm_x, self.norm_y = nn.LayerNorm(d), nn.LayerNorm(d)
        self.attend = nn.MultiheadAttention(d, heads, batch_first=True)
        self.feed = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.GELU(), nn.Linear(2 * d, d))

    def forward(self, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        y = self.norm_y(y)
        x = x + self.attend(self.norm_x(x), y, y, key_padding_mask=~mask, need_weights=False)[0]
        return x + self.feed(x)
