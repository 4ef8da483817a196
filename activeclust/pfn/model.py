"""The network: from the evidence of a few anchors to posterior cluster probabilities for every row.

Shapes: B tasks, C clusters, k anchors, s context rows, q query rows, d width, p pair width.

A row has one token (d) and one pair vector (p) per cluster. The network uses neither the number of a cluster nor the
position of a row, so the posterior is equivariant to permuting either, and C and k have no limit.

    context tokens ─┐
    anchor tokens ──┼─> inducing tokens ──> rows attend to {anchors, inducing tokens} ──> heads
                    └── (blocks of this)

Cost is O(n (k + m)) for n rows and m inducing tokens (Set Transformer, Lee et al., ICML 2019). Information about a
row's neighbours comes from the graph kernels of :mod:`activeclust.pfn.evidence`.

Output: for each row and cluster the sum of (1) the attention mass on the cluster's anchors, (2) the rules'
log-probabilities weighted by gates, which depend on the row's token and on the rules' reliability, (3) a bilinear form
of token and pair vector; and one more logit for *none of the clusters seen so far*.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import cast

import torch
from torch import Tensor, nn

from activeclust.errors import InvalidInput
from activeclust.pfn.evidence import N_BIAS, N_PAIR, N_ROW, N_TASK, SPEAKS_FOR, TASK_FEATURES
from activeclust.pfn.rules import RULES

_SIZES = sum(name.startswith("size:") for name in TASK_FEATURES)


@dataclass(frozen=True)
class Config:
    """Sizes of the network.

    Attributes
    ----------
    width, pair_width : int
        Numbers in a token, and in the vector of a row and a cluster; ``width`` is a multiple of ``heads``.
    blocks, heads, inducing : int
        Attention blocks, heads of each attention, inducing tokens.

    Raises
    ------
    InvalidInput
        If a size is less than 1, or ``width`` is not a multiple of ``heads``.
    """

    width: int = 128
    pair_width: int = 64
    blocks: int = 3
    heads: int = 8
    inducing: int = 16

    def __post_init__(self) -> None:
        for name, size in self.as_dict().items():
            if size < 1:
                raise InvalidInput(f"{name} must be at least 1, got {size}.")
        if self.width % self.heads:
            raise InvalidInput(
                f"width must be a multiple of the number of heads ({self.heads}), got {self.width}."
            )

    def as_dict(self) -> dict[str, int]:
        """Plain numbers, for the model card."""
        return asdict(self)


@dataclass
class Batch:
    """Evidence for B tasks, padded; masks are False at padding.

    Attributes
    ----------
    pair, row, bias : Tensor (B, q, C, N_PAIR), (B, q, N_ROW), (B, q, k, N_BIAS)
    anchor_pair, anchor_row, anchor_bias : Tensor (B, k, C, N_PAIR), (B, k, N_ROW), (B, k, k, N_BIAS)
    codes : Tensor (B, k) of int64
    task : Tensor (B, N_TASK)
    cluster_mask, anchor_mask : Tensor of bool (B, C), (B, k)
    """

    pair: Tensor
    row: Tensor
    bias: Tensor
    anchor_pair: Tensor
    anchor_row: Tensor
    anchor_bias: Tensor
    codes: Tensor
    task: Tensor
    cluster_mask: Tensor
    anchor_mask: Tensor


@dataclass
class Context:
    """The encoded anchors and context rows of each block; all that further rows need."""

    anchors: list[Tensor]  # (B, k, d) before each block and after the last
    inducing: list[Tensor]  # (B, m, d) per block
    codes: Tensor
    task: Tensor
    cluster_mask: Tensor
    anchor_mask: Tensor


class _Attention(nn.Module):
    """Multi-head attention of x to y, with an additive bias from pair features if they are given."""

    def __init__(self, width: int, heads: int, n_bias: int = 0) -> None:
        super().__init__()
        self.heads = heads
        self.norm_x, self.norm_y = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.keyvalue = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Linear(n_bias, heads, bias=False) if n_bias else None

    def forward(self, x: Tensor, y: Tensor, mask: Tensor | None = None, bias: Tensor | None = None) -> Tensor:
        B, q, d = x.shape
        y = self.norm_y(y)
        Q = self.query(self.norm_x(x)) / (d // self.heads) ** 0.5
        Q = Q.view(B, q, self.heads, d // self.heads).transpose(1, 2)
        K, V = self.keyvalue(y).view(B, y.shape[1], 2, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        # explicit products: on a CPU, training is three times as fast as with torch's fused attention
        logits = Q @ K.transpose(-1, -2)
        if bias is not None:
            logits[..., : bias.shape[-1]] += bias
        if mask is not None:
            logits = logits.masked_fill(~mask[:, None, None, :], -1e4)
        return x + self.out((torch.softmax(logits, -1) @ V).transpose(1, 2).reshape(B, q, d))


class _Feed(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class _Block(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.seeds = nn.Parameter(0.1 * torch.randn(config.inducing, config.width))
        self.gather = _Attention(config.width, config.heads)
        self.gather_feed = _Feed(config.width)
        # one more bias: whether query and key are anchors of the same cluster
        self.read = _Attention(config.width, config.heads, N_BIAS + 1)
        self.feed = _Feed(config.width)

    @property
    def bias_weight(self) -> Tensor:
        """(heads, N_BIAS + 1) weights of a pair's features in the block's second attention."""
        assert self.read.bias is not None
        return self.read.bias.weight

    def induce(self, tokens: Tensor, mask: Tensor | None) -> Tensor:
        seeds = self.seeds.expand(len(tokens), -1, -1)
        return self.gather_feed(self.gather(seeds, tokens, mask))

    def forward(
        self, x: Tensor, anchors: Tensor, inducing: Tensor, anchor_mask: Tensor | None, bias: Tensor
    ) -> Tensor:
        y = torch.cat([anchors, inducing], 1)
        mask = anchor_mask
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(len(x), inducing.shape[1])], 1)
        return self.feed(self.read(x, y, mask, bias))


class _Standing(nn.Module):
    """Adds a function of a rule's reliability features to its gate; the same function for all rules."""

    columns: Tensor

    def __init__(self, width: int = 32, named: int = 8) -> None:
        super().__init__()
        self.register_buffer("columns", torch.tensor(SPEAKS_FOR), persistent=False)
        self.names = nn.Parameter(0.1 * torch.randn(len(RULES), named))  # a learned vector per rule
        evidence = self.columns.shape[1]
        # a rule's own features, the mean over the rules, and the sizes, which come first
        self.layers = nn.Sequential(
            nn.Linear(2 * evidence + _SIZES + named, width), nn.GELU(), nn.Linear(width, width), nn.GELU(),
            nn.Linear(width, 1),
        )  # fmt: skip
        for begun in self.layers[-1].parameters():
            nn.init.zeros_(begun)

    def forward(self, task: Tensor) -> Tensor:
        """(B, rules) from the task features (B, N_TASK)."""
        own = task[:, self.columns]  # (B, rules, evidence)
        mean = own.mean(1, keepdim=True).expand_as(own)
        sizes = task[:, None, :_SIZES].expand(-1, len(RULES), -1)
        names = self.names.expand(len(task), -1, -1)
        return self.layers(torch.cat([own, mean, sizes, names], -1)).squeeze(-1)


class PFN(nn.Module):
    """The prior-fitted network. See the module's text for the shapes.

    Parameters
    ----------
    config : Config
    """

    def __init__(self, config: Config | None = None) -> None:
        super().__init__()
        self.config = config = config or Config()
        d, p = config.width, config.pair_width
        self.pair_encoder = nn.Sequential(nn.Linear(N_PAIR, 2 * p), nn.GELU(), nn.Linear(2 * p, p))
        self.row_encoder = nn.Sequential(
            nn.Linear(N_ROW + N_TASK + 3 * p, 2 * d), nn.GELU(), nn.Linear(2 * d, d)
        )
        self.roles = nn.Parameter(torch.zeros(2, d))  # of an anchor, of a row
        self.own_cluster = nn.Linear(p, d)  # an anchor's token includes the pair vector of its own cluster
        self.blocks = nn.ModuleList(_Block(config) for _ in range(config.blocks))
        self.norm = nn.LayerNorm(d)
        self.query, self.key = nn.Linear(d, d), nn.Linear(d, d)
        self.trust = nn.Linear(d, 1)  # weight of an anchor's label
        self.distance = nn.Linear(N_BIAS, 1, bias=False)
        self.gates = nn.Linear(d, len(RULES) + 1)
        self.standing = _Standing()
        self.bilinear = nn.Linear(d, p)
        self.pair_score = nn.Sequential(nn.Linear(p, p), nn.GELU(), nn.Linear(p, 1))
        self.new_cluster_head = nn.Sequential(nn.Linear(d + 2 * p, d), nn.GELU(), nn.Linear(d, 1))
        with torch.no_grad():  # begin as a uniform mixture of the rules
            self.gates.weight.mul_(0.1)
            self.gates.bias.fill_(1.0 / len(RULES))
            self.bilinear.weight.mul_(0.1)

    def forward(self, batch: Batch, context: Batch | None = None) -> Tensor:
        """(B, q, C + 1) log-probabilities, the last for *none of these*; padding is about -1e4.

        The context rows default to the query rows.
        """
        return self.decode(self.encode(batch if context is None else context), batch)

    def encode(self, batch: Batch) -> Context:
        """Encode anchors and context rows as a :class:`Context`."""
        _, rows, anchors, anchor_bias = self.embedded(batch)
        anchor_mask = _unless_full(batch.anchor_mask)
        mask = anchor_mask
        if mask is not None:
            mask = torch.cat([mask, mask.new_ones(rows.shape[:2])], 1)
        context = Context([anchors], [], batch.codes, batch.task, batch.cluster_mask, batch.anchor_mask)
        blocks = cast("list[_Block]", self.blocks)
        for block, row_bias in zip(blocks, self._row_biases(batch.bias), strict=False):
            inducing = block.induce(torch.cat([anchors, rows], 1), mask)
            rows = block(rows, anchors, inducing, anchor_mask, row_bias)
            bias = mixed(anchor_bias, block.bias_weight)
            anchors = block(anchors, anchors, inducing, anchor_mask, bias)
            context.inducing.append(inducing)
            context.anchors.append(anchors)
        return context

    def embedded(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Pair vectors and tokens of the rows, tokens of the anchors, and the biases among these.

        An anchor's token includes the pair vector of its own cluster; the last bias says whether two anchors are of the
        same cluster.
        """
        pair, rows = self._embed(batch.pair, batch.row, batch.task, batch.cluster_mask, False)
        of_anchors, anchors = self._embed(
            batch.anchor_pair, batch.anchor_row, batch.task, batch.cluster_mask, True
        )
        index = batch.codes[:, :, None, None].expand(-1, -1, 1, of_anchors.shape[-1])
        anchors = anchors + self.own_cluster(of_anchors.gather(2, index).squeeze(2))
        same = (batch.codes[:, :, None] == batch.codes[:, None]).float().unsqueeze(-1)
        return pair, rows, anchors, torch.cat([batch.anchor_bias, same], -1)

    def decode(self, context: Context, batch: Batch) -> Tensor:
        """Posterior of the batch's query rows, which are independent of each other given the context."""
        return self._heads(*self._read(context, batch), batch, context)[0]

    def with_attention(self, batch: Batch, share: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The posterior of :meth:`forward`, and log-probabilities (B, q, C) from the attention alone.

        ``share`` (B,) multiplies the attention's part in the posterior of each task; None for one everywhere.
        """
        context = self.encode(batch)
        return self._heads(*self._read(context, batch), batch, context, share)

    def attention(self, context: Context, batch: Batch) -> Tensor:
        """(B, q, k) share of each anchor in the attention of each query row; rows sum to 1."""
        _, x, distance = self._read(context, batch)
        return self._mass(x, distance, context)

    def _read(self, context: Context, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Pair vectors and final tokens of the query rows, and the distance bias of the last attention."""
        pair, x = self._embed(batch.pair, batch.row, context.task, context.cluster_mask, False)
        mask = _unless_full(context.anchor_mask)
        *biases, distance = self._row_biases(batch.bias)
        for block, anchors, inducing, bias in zip(
            self.blocks, context.anchors[:-1], context.inducing, biases, strict=True
        ):
            x = block(x, anchors, inducing, mask, bias)
        return pair, self.norm(x), distance[:, 0]

    def _row_biases(self, features: Tensor) -> list[Tensor]:
        """(B, heads, q, k) for each block, and (B, 1, q, k) for the last attention: one product for all."""
        weights = [block.bias_weight[:, :N_BIAS] for block in cast("list[_Block]", self.blocks)]
        weights.append(self.distance.weight)
        return list(mixed(features, torch.cat(weights)).split([len(w) for w in weights], dim=1))

    def _embed(
        self, pair: Tensor, row: Tensor, task: Tensor, cluster_mask: Tensor, is_anchor: bool
    ) -> tuple[Tensor, Tensor]:
        # in memory the order is features, clusters, rows: reading it in this order needs no copy
        e = self.pair_encoder(pair.transpose(1, 2)).transpose(1, 2)  # (B, q, C, p)
        if _unless_full(cluster_mask) is None:
            mean, best = e.mean(2), e.amax(2)
            spread = torch.sqrt((e - mean[:, :, None]).square().mean(2) + 1e-6)
        else:
            mask = cluster_mask[:, None, :, None]
            mean = (e * mask).sum(2) / mask.sum(2)
            best = e.masked_fill(~mask, -1e4).amax(2)
            spread = torch.sqrt(((e - mean[:, :, None]) * mask).square().sum(2) / mask.sum(2) + 1e-6)
        task = task[:, None].expand(-1, row.shape[1], -1)
        return e, self.row_encoder(torch.cat([row, task, mean, best, spread], -1)) + self.roles[
            0 if is_anchor else 1
        ]

    def _mass(self, x: Tensor, distance: Tensor, context: Context) -> Tensor:
        anchors = self.norm(context.anchors[-1])
        logits = self.query(x) @ self.key(anchors).transpose(1, 2) / x.shape[-1] ** 0.5
        logits = logits + distance + self.trust(anchors).transpose(1, 2)
        mask = _unless_full(context.anchor_mask)
        return torch.softmax(logits if mask is None else logits.masked_fill(~mask[:, None], -1e4), -1)

    def _heads(
        self,
        pair: Tensor,
        x: Tensor,
        distance: Tensor,
        batch: Batch,
        context: Context,
        share: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        mass = self._mass(x, distance, context)
        C = pair.shape[2]
        onehot = nn.functional.one_hot(context.codes, C).to(mass.dtype) * context.anchor_mask[..., None]
        attention = (mass @ onehot + 1e-4).log()
        # (B, rules, C, q): in this order, sums over rules and clusters read memory along the rows
        rules = batch.pair[..., len(RULES) : 2 * len(RULES)].permute(0, 3, 2, 1)
        gates = self.gates(x).transpose(1, 2).contiguous()[:, :, None]
        standing = self.standing(context.task)[:, :, None, None]
        voice = gates[:, -1] if share is None else gates[:, -1] * share[:, None, None]
        score = (rules * (gates[:, :-1] + standing)).sum(1) + attention.transpose(1, 2) * voice
        other = (self.bilinear(x)[:, :, None] * pair).sum(-1) + self.pair_score(pair).squeeze(-1)
        score = (score + other.transpose(1, 2)).float()
        mask = _unless_full(context.cluster_mask)
        best = pair
        if mask is not None:
            score = score.masked_fill(~mask[:, :, None], -1e4)
            best = pair.masked_fill(~mask[:, None, :, None], -1e4)
        score = torch.log_softmax(score, 1).transpose(1, 2)
        best = best.amax(2)
        mean = (score.exp().unsqueeze(-1) * pair).sum(2)
        new = self.new_cluster_head(torch.cat([x, best, mean], -1)).float()
        known = nn.functional.logsigmoid(-new)
        return torch.cat([score + known, nn.functional.logsigmoid(new)], -1), attention.float()


def mixed(features: Tensor, weight: Tensor) -> Tensor:
    """(B, o, q, k) linear mixtures, by ``weight`` (o, f), of pair features (B, q, k, f).

    In memory the features come first, so this is one product, without a copy.
    """
    B, q, k, f = features.shape
    return (weight @ features.movedim(-1, 1).reshape(B, f, q * k)).view(B, len(weight), q, k)


def _unless_full(mask: Tensor) -> Tensor | None:
    """The mask; None if it hides nothing, as for a batch of one."""
    return None if bool(mask.all()) else mask
