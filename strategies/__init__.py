"""Query strategies, one per file: which rows to ask about next.

``strategies/NAME.py`` holds the function ``NAME(state, n, rng) -> rows``; adding a file adds a strategy.
Packages add theirs through the entry-point group ``activeclust.strategies``; ``modal:NAME`` and
``skactiveml:NAME`` are adapted strategies of those libraries.

Examples
--------
>>> from activeclust import strategies
>>> "entropy" in strategies.names()
True
>>> strategies.get("entropy").__name__
'entropy'
"""

from __future__ import annotations

if __name__ != "activeclust.strategies":
    raise ImportError(
        f"This folder was imported as {__name__!r}; it is the package 'activeclust.strategies': install "
        "activeclust (pip install -e .) and import it under that name."
    )

import importlib
import importlib.metadata
import inspect
import pkgutil
from collections.abc import Callable
from typing import Any

from activeclust.errors import InvalidInput, UnknownName
from activeclust.strategy import Strategy

ENTRY_POINTS = "activeclust.strategies"

#: group of entry points PREFIX = MODULE with ``by_name(name) -> Strategy`` for the strategies PREFIX:NAME of
#: another
#: library, imported when the prefix is used
ADAPTERS = "activeclust.strategy_adapters"


def builtin_names() -> list[str]:
    """Names of the strategies in this folder, sorted."""
    return sorted(m.name for m in pkgutil.iter_modules(__path__) if not m.name.startswith("_"))


def names() -> list[str]:
    """Names that :func:`get` knows, sorted: built-in strategies and those of installed packages.

    The adapted ones (``modal:NAME``, ``skactiveml:NAME``) are listed by ``activeclust.integrations.modal.names()`` and
    ``activeclust.integrations.skactiveml.names()``, which import their libraries.
    """
    return sorted({*builtin_names(), *_third_party()})


def get(strategy: str | Callable[..., Any]) -> Strategy:
    """The strategy of that name; a function is returned unchanged, a modAL query strategy is adapted.

    Parameters
    ----------
    strategy : str or callable
        One of :func:`names` (``-`` and ``_`` are equivalent), ``"modal:NAME"``, ``"skactiveml:NAME"``, a function
        ``(state, n, rng) -> rows``, or a modAL query strategy ``(learner, X, n_instances=1)``.

    Raises
    ------
    UnknownName
        With the closest existing name.
    InvalidInput
        For anything that is neither a name nor a callable.
    """
    if not isinstance(strategy, str):
        return _from_callable(strategy)
    prefix, colon, rest = strategy.partition(":")
    if colon and (adapters := importlib.metadata.entry_points(group=ADAPTERS, name=prefix)):
        return next(iter(adapters)).load().by_name(rest)
    name = strategy.strip().lower().replace("-", "_")
    if name in builtin_names():
        return getattr(importlib.import_module(f"{__name__}.{name}"), name)
    third_party = _third_party()
    if strategy in third_party:
        return _from_callable(third_party[strategy].load())
    raise UnknownName(
        "strategy",
        strategy,
        names(),
        hint="modAL's are called modal:NAME; packages add more through the entry-point group "
        f"{ENTRY_POINTS!r}.",
    )


def name_of(strategy: str | Callable[..., Any]) -> str:
    """The name under which a run records its strategy.

    Examples
    --------
    >>> name_of("least-confidence"), name_of(get("entropy"))
    ('least_confidence', 'entropy')
    """
    if isinstance(strategy, str):
        return strategy if ":" in strategy else strategy.strip().lower().replace("-", "_")
    strategy = _from_callable(strategy)
    return str(getattr(strategy, "name", None) or getattr(strategy, "__name__", type(strategy).__name__))


def _third_party() -> dict[str, importlib.metadata.EntryPoint]:
    return {point.name: point for point in importlib.metadata.entry_points(group=ENTRY_POINTS)}


def _from_callable(strategy: Any) -> Strategy:
    if not callable(strategy) or isinstance(strategy, type):
        raise InvalidInput(
            f"A strategy is a name or a function (state, n, rng) -> rows, got {strategy!r} "
            f"({type(strategy).__name__})."
        )
    parameters = inspect.signature(strategy).parameters
    required = [p for p in parameters.values() if p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD]
    if "n_instances" in parameters or len(required) == 2:  # parameter names of modAL's query strategies
        return (
            next(iter(importlib.metadata.entry_points(group=ADAPTERS, name="modal"))).load().adapt(strategy)
        )
    return strategy
