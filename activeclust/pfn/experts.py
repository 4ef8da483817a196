"""The experts of one posterior: the rules, and the network that reads them; what each says of rows and of anchors.

The network gates the rules by features that are means over the anchors. How likely the answers are given an expert is a
product over the anchors instead. Whoever weights the experts by it (:mod:`activeclust.zeroshot.consensus`) gets both
from here.

Shapes: k anchors, m of them centres, C clusters, E experts, b rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from activeclust.pfn.evidence import Evidence
from activeclust.pfn.rules import FLOOR, RULES

#: The rules in their order, and the network.
EXPERTS = (*(rule.name for rule in RULES), "network")


@dataclass(frozen=True)
class ExpertEvidence:
    """What the experts say given the anchors of one posterior, on the processor.

    Attributes
    ----------
    rows : Tensor (q,) of int64
        Some random rows that are not anchors; if there are none, the centres.
    log_probability : Tensor (q, C, E)
        Log-probabilities of each expert at ``rows``; of a rule at a centre, as if it were no anchor.
    left_out : Tensor (m, E)
        Log-probability of the cluster of each centre. To a rule the centre is no anchor; the network reads the rules in
        this way, too, but has encoded it with the other anchors, so it is somewhat too sure.
    right : Tensor (m, E) of bool
        Whether that cluster is the likeliest.
    alone : Tensor (m,) of bool
        Whether a centre is the only anchor of its cluster: no rule can be right about it.
    """

    rows: Tensor
    log_probability: Tensor
    left_out: Tensor
    right: Tensor
    alone: Tensor

    @classmethod
    def of(
        cls, evidence: Evidence, rows: Tensor, pair: Tensor, posterior: Tensor, at_anchors: Tensor
    ) -> ExpertEvidence:
        """From the network's input and output.

        Parameters
        ----------
        evidence : Evidence
        rows : Tensor (q,) of int64
        pair : Tensor (q, C, N_PAIR)
            Its pair features at ``rows``.
        posterior, at_anchors : Tensor (q, C + 1), (m, C + 1)
            The network's log-posterior at ``rows`` and at the centres.
        """
        anchors = evidence.anchors
        own = anchors.centre_codes
        by_rules = _of_rules(evidence.at_anchors().pair)
        of_centres = torch.cat([by_rules, at_anchors[:, :-1, None].clamp_min(FLOOR)], -1)
        left_out = of_centres.gather(1, own[:, None, None].expand(-1, 1, len(EXPERTS))).squeeze(1)
        alone = torch.bincount(anchors.codes, minlength=anchors.C)[own] < 2
        told = (rows, opinions(pair, posterior)) if len(rows) else (anchors.centre_rows, of_centres)
        tensors = (*told, left_out, of_centres.argmax(1) == own[:, None], alone)
        return cls(*(tensor.cpu() for tensor in tensors))


@dataclass(frozen=True)
class Weighed:
    """The experts with weights.

    Attributes
    ----------
    told : ExpertEvidence
        What the weights are for.
    weights : Tensor (E, 2 M)
        Of M products, and of M mixtures.
    sums : ndarray (n, C, 2 M) of float32
        Weighted sums of the experts' log-probabilities, and of their probabilities.
    """

    told: ExpertEvidence
    weights: Tensor
    sums: np.ndarray


#: Weights (E, 2 M) of the experts in M products and in M mixtures, from what they say.
Weigh = Callable[[ExpertEvidence], Tensor]


def opinions(pair: Tensor, posterior: Tensor) -> Tensor:
    """(b, C, E) the experts' log-probabilities of the clusters.

    Parameters
    ----------
    pair : Tensor (b, C, N_PAIR)
    posterior : Tensor (b, C + 1)
        The network's log-posterior at the same rows.
    """
    own = torch.log_softmax(posterior[:, :-1], 1).clamp_min(FLOOR)
    return torch.cat([_of_rules(pair), own[..., None]], -1)


def weighted(opinions: Tensor, weights: Tensor) -> Tensor:
    """(b, C, 2 M) the experts' weighted sums: of log-probabilities (b, C, E), and of probabilities.

    Parameters
    ----------
    opinions : Tensor (b, C, E)
    weights : Tensor (E, 2 M)
        Of M products, and of M mixtures.
    """
    products, mixtures = weights.chunk(2, dim=1)
    return torch.cat([opinions @ products, opinions.exp() @ mixtures], dim=-1)


def _of_rules(pair: Tensor) -> Tensor:
    """(b, C, R) the rules' log-probabilities among pair features (b, C, N_PAIR)."""
    return pair[..., len(RULES) : 2 * len(RULES)]
