"""Arms of a comparison: a strategy, and the model whose posterior it receives and whose labels are scored."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from activeclust import strategies as registry
from activeclust.errors import InvalidInput

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer


@dataclass(frozen=True)
class Arm:
    """A strategy with its own model, so that the effects of the two can be separated.

    Attributes
    ----------
    strategy : str or callable
        What :func:`activeclust.strategies.get` takes.
    clusterer : Clusterer, optional
        The model; without it the model of the comparison.

    Examples
    --------
    modAL's loop as its documentation runs it, the same strategy with our posterior, and our strategy with its model::

        from sklearn.linear_model import LogisticRegression
        from activeclust.integrations.classifier import Classifier

        model = Classifier(LogisticRegression(max_iter=1000))
        compare(X, y, strategies={
            "modAL": Arm("modal:margin_sampling", model),
            "modAL, our posterior": "modal:margin_sampling",
            "auto, logistic regression": Arm("auto", model),
        }, budget=100)
    """

    strategy: str | Callable[..., Any]
    clusterer: Clusterer | None = None


Strategies = Sequence[str | Callable[..., Any]] | Mapping[str, str | Callable[..., Any] | Arm]


def arms_of(strategies: Strategies) -> dict[str, Arm]:
    """The arms by name.

    Parameters
    ----------
    strategies : sequence of str or callable, or mapping of str to str, callable or Arm
        A sequence is named by :func:`activeclust.strategies.name_of`.

    Raises
    ------
    UnknownName
        For an unknown strategy.
    InvalidInput
        If there is no strategy, a name is empty or occurs twice, or something is not a strategy.

    Examples
    --------
    >>> list(arms_of(["least-confidence", "auto"])), list(arms_of({"mine": "auto"}))
    (['least_confidence', 'auto'], ['mine'])
    """
    if isinstance(strategies, str):
        raise InvalidInput(f"Expected a list of strategies or a mapping, got the text {strategies!r}.")
    if isinstance(strategies, Mapping):
        pairs = [(str(name), given) for name, given in strategies.items()]
    else:
        for strategy in strategies:
            registry.get(strategy)
        pairs = [(registry.name_of(strategy), strategy) for strategy in strategies]
    arms = {name: given if isinstance(given, Arm) else Arm(given) for name, given in pairs}
    if len(arms) < len(pairs) or not arms or "" in arms:
        raise InvalidInput(
            f"Expected one or more different strategies, got {[name for name, _ in pairs]}; a mapping from names "
            "tells functions of one name apart."
        )
    for arm in arms.values():
        registry.get(arm.strategy)
    return arms
