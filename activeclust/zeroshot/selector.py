"""A network that reads all candidate partitions of a data set and predicts how good each is.

It was trained on data sets of the prior (:mod:`activeclust.zeroshot.train`); its input are the features of
:mod:`activeclust.zeroshot.describe`. A candidate is a token; tokens attend to each other with the candidates'
agreement as a bias, so that a partition found by many independent families can get a higher score. The order of the
candidates does not matter.
"""

from __future__ import annotations

import functools
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from activeclust.pfn.weights_file import WeightsFile
from activeclust.zeroshot.describe import N_FEATURES, Description

WEIGHTS = Path(__file__).parent / "weights" / "partitions.safetensors"


@dataclass(frozen=True)
class SelectorConfig:
    """Size of the network.

    Attributes
    ----------
    members : int
        Number of networks whose scores are averaged.
    """

    width: int = 64
    blocks: int = 2
    heads: int = 4
    members: int = 4

    def as_dict(self) -> dict:
        """Plain values, for the model card."""
        return asdict(self)


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.slope = nn.Parameter(torch.linspace(0, 4, heads))
        self.feed = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor, agreement: Tensor, mask: Tensor) -> Tensor:
        B, p, w = x.shape
        q, k, v = self.qkv(self.norm(x)).view(B, p, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        logits = q @ k.transpose(-1, -2) / (w // self.heads) ** 0.5
        logits = logits + self.slope[:, None, None] * agreement[:, None]
        attention = logits.masked_fill(~mask[:, None, None], -1e9).softmax(-1)
        x = x + self.out((attention @ v).transpose(1, 2).reshape(B, p, w))
        return x + self.feed(self.norm2(x))


class _Member(nn.Module):
    centre: Tensor  # (f,) mean of the features of its training
    spread: Tensor  # (f,) their standard deviation

    def __init__(self, config: SelectorConfig, dropout: float) -> None:
        super().__init__()
        self.register_buffer("centre", torch.zeros(N_FEATURES))
        self.register_buffer("spread", torch.ones(N_FEATURES))
        self.embed = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(N_FEATURES, config.width),
            nn.GELU(),
            nn.Linear(config.width, config.width),
        )
        self.blocks = nn.ModuleList(_Block(config.width, config.heads, dropout) for _ in range(config.blocks))
        self.head = nn.Sequential(nn.LayerNorm(config.width), nn.Linear(config.width, 2))

    def forward(self, features: Tensor, agreement: Tensor, mask: Tensor) -> Tensor:
        x = self.embed(((features - self.centre) / self.spread).clamp(-4, 4))
        for block in self.blocks:
            x = block(x, agreement, mask)
        return self.head(x)


class Selector(nn.Module):
    """An ensemble of small set transformers, which may have been trained on different priors.

    Parameters
    ----------
    config : SelectorConfig
    dropout : float
        Of features and of hidden units, in training.
    """

    def __init__(self, config: SelectorConfig = SelectorConfig(), dropout: float = 0.0) -> None:
        super().__init__()
        self.config = config
        self.members = nn.ModuleList(_Member(config, dropout) for _ in range(config.members))

    def forward(self, features: Tensor, agreement: Tensor, mask: Tensor) -> Tensor:
        """(members, B, p, 2): the logit of being the best candidate, and that of the adjusted Rand index."""
        return torch.stack([member(features, agreement, mask) for member in self.members])

    @torch.inference_mode()
    def judge(self, description: Description) -> tuple[np.ndarray, np.ndarray]:
        """(p,) probability of each candidate of one data set to be the best, and (p,) its expected adjusted Rand index.

        Means of the members; the probabilities sum to 1.
        """
        features = torch.as_tensor(description.features)[None]
        agreement = torch.as_tensor(description.agreement)[None]
        mask = torch.ones(features.shape[:2], dtype=torch.bool)
        out = self(features, agreement, mask)[:, 0].double()
        return out[..., 0].softmax(-1).mean(0).numpy(), torch.sigmoid(out[..., 1]).mean(0).numpy()


@functools.lru_cache(maxsize=4)
def load_selector(path: str | Path = WEIGHTS) -> Selector:
    """The network at ``path``, read once per process.

    Raises
    ------
    WeightsError
        If the file or its card is missing, or is of another network.
    """
    return WeightsFile.read(path, "pretrain-zero-shot").into(
        lambda config: Selector(SelectorConfig(**config)), "selector"
    )
