"""The interface of a rule: a known method that scores how well each row fits each cluster, in closed form.

A :class:`Rule` is a description without state. Fitted to anchors it becomes a :class:`Fitted`, which gives a score for
any row and cluster, and for each anchor the score with that anchor left out; from these the network learns which rules
work on this data set.

Scores are (C, b): operations over the few clusters then read memory along the many rows (a log-softmax over ten
clusters is twenty times as fast).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from activeclust.pfn.anchor_set import AnchorSet, LeaveOneOutRelations, Relations

FLOOR = -8.0  # lower bound of log-probabilities


class RuleScores(NamedTuple):
    """A rule's scores of b rows, and the same scaled to about 1; (C, b) each."""

    score: Tensor
    bounded: Tensor


class Fitted(ABC):
    """A rule, fitted to the anchors of one posterior.

    Attributes
    ----------
    gain : Tensor or None
        How well the rule fits, scaled to about 1; None for rules without such a measure.
    """

    gain: Tensor | None = None

    @abstractmethod
    def at(self, relations: Relations) -> RuleScores:
        """The scores of rows that are not anchors."""

    @abstractmethod
    def leave_one_out(self, relations: LeaveOneOutRelations) -> RuleScores:
        """The scores of each centre, with that anchor left out."""


@dataclass(frozen=True)
class Rule(ABC):
    """A rule of the evidence.

    Attributes
    ----------
    name : str
        Name in other rules, figures and tests.
    """

    name: str

    #: factor from a score to a log-probability, before normalisation
    sharpness = 1.0

    @abstractmethod
    def fit(self, anchors: AnchorSet, earlier: Mapping[str, Fitted]) -> Fitted:
        """The rule fitted to anchors; ``earlier`` are the rules before it in the list, fitted."""

    def log_probability(self, score: Tensor) -> Tensor:
        """(C, b) log-probabilities over the clusters, at least :data:`FLOOR`."""
        return torch.log_softmax(self._logits(score), dim=0).clamp_min_(FLOOR)

    def _logits(self, score: Tensor) -> Tensor:
        return score * self.sharpness
