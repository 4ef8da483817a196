"""How the consensus is trained."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from activeclust.pfn.prior import PACKAGE_PRIOR, Prior
from activeclust.zeroshot.consensus.network import ConsensusConfig
from activeclust.zeroshot.drawn import check_counts
from activeclust.zeroshot.train import PARTITION_PRIOR

#: data sets whose clusters can be recognised, so that partitions are right more often
EASIER_PRIOR = replace(PARTITION_PRIOR, rows=(60, 1000))
HELD_EVERY = 12  #: one data set in this many is held out


@dataclass(frozen=True)
class ConsensusOptions:
    """How to train.

    Attributes
    ----------
    prior : Prior
        With its numbers of rows limited to 1,400.
    easier : Prior
        A second prior, of data sets whose clusters can be recognised.
    easier_share : float
        Share of the data sets that are drawn from it.
    config : ConsensusConfig
    datasets : int
        Total number of data sets, including those already in the folder.
    epochs : int
        Passes over them.
    learning_rate, weight_decay : float
        Of AdamW; the rate falls to zero along a cosine.
    batch : int
        Tasks per step.
    seed : int
    workers : int
        Processes that draw data sets.
    """

    prior: Prior = PACKAGE_PRIOR
    easier: Prior = EASIER_PRIOR
    easier_share: float = 0.4
    config: ConsensusConfig = field(default_factory=ConsensusConfig)
    datasets: int = 2000
    epochs: int = 6
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    batch: int = 16
    seed: int = 0
    workers: int = 1

    def __post_init__(self) -> None:
        check_counts(self, ("epochs", "batch"), HELD_EVERY)
