"""Partition unlabelled rows into your own clusters with as few answers as possible.

The public names are imported when first used, so that ``import activeclust`` stays instant.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from activeclust._version import __version__

_HOME = {
    "ActiveLoop": "activeclust.loop.active_loop",
    "History": "activeclust.loop.active_loop",
    "PFNClassifier": "activeclust.clusterer.classifier",
    "PFNClusterer": "activeclust.clusterer.estimator",
    "Query": "activeclust.annotators.query",
    "SKIP": "activeclust.annotators.query",
    "UNDO": "activeclust.annotators.query",
    "STOP": "activeclust.annotators.query",
    "UNSURE": "activeclust.annotators.query",
    "LabelOracle": "activeclust.annotators.oracles",
    "NoisyOracle": "activeclust.annotators.oracles",
    "PoolState": "activeclust.strategy.state",
    "ActiveClustError": "activeclust.errors",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from activeclust.annotators.oracles import LabelOracle, NoisyOracle
    from activeclust.annotators.query import SKIP, STOP, UNDO, UNSURE, Query
    from activeclust.clusterer.classifier import PFNClassifier
    from activeclust.clusterer.estimator import PFNClusterer
    from activeclust.errors import ActiveClustError
    from activeclust.loop.active_loop import ActiveLoop, History
    from activeclust.strategy.state import PoolState


def __getattr__(name: str):
    if name in _HOME:
        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'activeclust' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
