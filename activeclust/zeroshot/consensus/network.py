"""The consensus: several networks of :mod:`activeclust.zeroshot.consensus.member`, whose posteriors are averaged.

Networks that were trained from other first weights, or on other data sets, differ most where they are too sure; their
mean is better calibrated than each (Lakshminarayanan, Pritzel and Blundell, NIPS 2017).

Shapes: b rows, C clusters, P candidates, G parts of all candidates, E experts, M members.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from activeclust.pfn.weights_file import WeightsFile
from activeclust.zeroshot.consensus.experts import ExpertSupport
from activeclust.zeroshot.consensus.member import Member
from activeclust.zeroshot.consensus.support import Support

WEIGHTS = Path(__file__).parent / "weights" / "consensus.safetensors"


@dataclass(frozen=True)
class ConsensusConfig:
    """Sizes of the network.

    Attributes
    ----------
    width : int
    members : int
        Number of networks whose posteriors are averaged.
    """

    width: int = 48
    members: int = 2

    def as_dict(self) -> dict[str, int]:
        """Plain numbers, for the model card."""
        return asdict(self)


class Given(NamedTuple):
    """What a member says of one task before any row is looked at."""

    tables: Tensor  # (G, 2 C + 2)
    task: Tensor  # (N_TASK + N_SKILL,)


class Consensus(nn.Module):
    """The mean of M members.

    Parameters
    ----------
    config : ConsensusConfig
    """

    def __init__(self, config: ConsensusConfig = ConsensusConfig()) -> None:
        super().__init__()
        self.config = config
        self.members = nn.ModuleList(Member(config.width) for _ in range(config.members))

    def expert_weights(self, support: ExpertSupport) -> Tensor:
        """(E, 2 M) weights of the experts: in the products of the members, and then in their mixtures."""
        each = torch.stack([member.expert_weights(support) for member in self._members])  # (M, E, 2)
        return each.permute(1, 2, 0).flatten(1)

    def given(self, support: Support, experts: ExpertSupport, weights: Tensor) -> list[Given]:
        """What each member says of the task, with the experts' ``weights`` (E, 2 M)."""
        M = len(self.members)
        return [
            Given(member.tables(support), member.about(support, experts, weights[:, i::M]))
            for i, member in enumerate(self._members)
        ]

    def each(
        self, given: Sequence[Given], parts: Tensor, known: Tensor, new: Tensor, experts: Tensor
    ) -> list[tuple[Tensor, Tensor]]:
        """The posteriors of the members; see :meth:`forward`."""
        M = len(self.members)
        return [
            member(*given[i], parts, known, new, experts[..., i::M]) for i, member in enumerate(self._members)
        ]

    def forward(
        self, given: Sequence[Given], parts: Tensor, known: Tensor, new: Tensor, experts: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The combined posterior of b rows, which are independent of each other.

        Parameters
        ----------
        given : list of Given, length M
            From :meth:`given`.
        parts : Tensor (b, P) of int64
            From :meth:`activeclust.zeroshot.consensus.candidates.Candidates.parts`.
        known : Tensor (b, C)
            Log-posterior over the clusters.
        new : Tensor (b,)
            Logit of none of the clusters.
        experts : Tensor (b, C, 2 M)
            Their sums of log-probabilities and of probabilities, with the weights of :meth:`expert_weights`.

        Returns
        -------
        known, new : Tensor (b, C), (b,)
            As the arguments.
        """
        out = self.each(given, parts, known, new, experts)
        log_known = torch.stack([one for one, _ in out]).logsumexp(0) - math.log(len(out))
        return log_known, torch.stack([other for _, other in out]).mean(0)

    @property
    def _members(self) -> list[Member]:
        return cast("list[Member]", list(self.members))


@dataclass(frozen=True)
class Trained:
    """Weights in memory.

    Attributes
    ----------
    model : Consensus
        In evaluation mode.
    card : dict
        The model card.
    hash : str
        First 16 hexadecimal digits of the weight file's BLAKE2b hash.
    """

    model: Consensus
    card: dict
    hash: str


@functools.lru_cache(maxsize=4)
def load_consensus(path: str | Path = WEIGHTS) -> Trained:
    """The network at ``path``, read once per process.

    Raises
    ------
    WeightsError
        If the file or its card is missing, or is of another network.
    """
    file = WeightsFile.read(path, "pretrain-consensus")
    return Trained(
        file.into(lambda config: Consensus(ConsensusConfig(**config)), "consensus"), file.card, file.hash
    )
