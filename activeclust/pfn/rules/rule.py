"""What a rule is: a known method that says of each row how well it fits each cluster, in closed form.

A :class:`Rule` is a description without state. Fitted to anchors it becomes a :class:`Fitted`, which says a score of
any row and cluster, and of each anchor what it would say with that anchor left out: so the network can read off which
rule holds on this data set.

Scores are (C, b), clusters above rows: whatever is done over the few clusters then runs along the many rows in memory
(a log-softmax over ten clusters is twenty times faster so).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, Look, OwnHidden

FLOOR = -8.0  # log-probabilities are cut here


class Said(NamedTuple):
    """What a rule says of b rows: its score, and the same on a scale of about one; (C, b) each."""

    score: Tensor
    bounded: Tensor


class Fitted(ABC):
    """A rule, fitted to the anchors of one posterior.

    Attributes
    ----------
    gain : Tensor or None
        What the fit alone says for the rule, on a scale of about one; None where it says nothing.
    """

    gain: Tensor | None = None

    @abstractmethod
    def at(self, look: Look) -> Said:
        """What the rule says of rows that are not anchors."""

    @abstractmethod
    def without_own(self, look: OwnHidden) -> Said:
        """What it says of each centre with that anchor left out."""


@dataclass(frozen=True)
class Rule(ABC):
    """A rule of the evidence.

    Attributes
    ----------
    name : str
        By which other rules, figures and tests call it.
    """

    name: str

    #: from a score to a log-probability before it is made to sum to one
    sharpness = 1.0

    @abstractmethod
    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """The rule fitted to anchors; ``earlier`` are the rules before it in the list, fitted."""

    def log_probability(self, score: Tensor) -> Tensor:
        """(C, b) log-probabilities over the clusters, cut at :data:`FLOOR`."""
        return torch.log_softmax(self._logits(score), dim=0).clamp_min_(FLOOR)

    def _logits(self, score: Tensor) -> Tensor:
        return score * self.sharpness
