"""A pytest plugin that replaces one function or rule by noise; ``tests/replaced_by_noise.py`` uses it.

ACTIVECLUST_NOISE="KIND TARGET", KIND being ``random`` or ``constant``. A target is ``strategy:NAME``, ``rule:NAME``,
``stop:NAME``, ``oracle:CLASS``, ``annotator:CLASS``, ``model:NAME`` (the weights of a network), or
``MODULE:FUNCTION``, with ``[KEY]`` for one value of the dict that it returns.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import os
import re
import sys
from typing import Any

import numpy as np
import scipy.sparse as sp

KIND, _, TARGET = os.environ.get("ACTIVECLUST_NOISE", "").partition(" ")
RNG = np.random.default_rng(1)


def noise(value: Any) -> Any:
    """A value of the same type and shape that has nothing to do with ``value``."""
    drawn = KIND == "random"
    if isinstance(value, (bool, np.bool_)):
        return bool(RNG.integers(2)) if drawn else False
    if isinstance(value, (int, np.integer)):
        return int(RNG.integers(100)) if drawn else 7
    if isinstance(value, (float, np.floating)):
        return float(RNG.random()) if drawn else 0.5
    if isinstance(value, np.ndarray):
        if value.dtype == bool:
            return RNG.random(value.shape) < 0.5 if drawn else np.zeros(value.shape, bool)
        if value.dtype.kind in "iu":
            first = value.flat[0] if value.size else 0
            return (
                RNG.permutation(value.ravel()).reshape(value.shape) if drawn else np.full_like(value, first)
            )
        return RNG.random(value.shape) if drawn else np.full(value.shape, 0.5)
    if type(value).__module__ == "torch":
        import torch

        drawn_as = noise(value.numpy()).astype(value.numpy().dtype)
        return torch.as_tensor(drawn_as)
    if isinstance(value, str):
        return "".join(RNG.choice(list("abcdefgh"), 5)) if drawn else "noise"
    if isinstance(value, sp.csr_array):
        return noisy_graph(value)
    if isinstance(value, tuple):
        return tuple(noise(one) for one in value)
    if isinstance(value, dict):
        return {key: noise(one) for key, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: noise(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return dataclasses.replace(value, **fields)
    return value


def noisy_graph(W: sp.csr_array) -> sp.csr_array:
    """A symmetric graph with about as many edges between random rows; a ring of equal weights as the constant."""
    n = W.shape[0]
    if KIND == "random":
        ends = RNG.integers(n, size=(2, max(n, W.nnz // 2)))
        half = sp.csr_array((RNG.random(ends.shape[1]) + 0.1, tuple(ends)), W.shape)
    else:
        half = sp.csr_array((np.full(n, 0.5), (np.arange(n), (np.arange(n) + 1) % n)), W.shape)
    return (half + half.T).tocsr()


def replace_everywhere(old: Any, new: Any) -> None:
    """Put ``new`` under every name that any module has for ``old``."""
    for module in list(sys.modules.values()):
        for name, value in list(vars(module).items()) if hasattr(module, "__dict__") else ():
            if value is old:
                setattr(module, name, new)


def replace_function(module: str, name: str) -> None:
    found = re.fullmatch(r"(\w+)(?:\[(\w+)\])?", name)
    assert found is not None, name
    old, key = getattr(importlib.import_module(module), found[1]), found[2]

    @functools.wraps(old)
    def new(*args: Any, **named: Any) -> Any:
        value = old(*args, **named)
        return noise(value) if key is None else value | ({key: noise(value[key])} if key in value else {})

    replace_everywhere(old, new)


def replace_strategy(name: str) -> None:
    old = importlib.import_module("activeclust.strategies").get(name)

    def new(state: Any, n: int, rng: np.random.Generator) -> np.ndarray:
        n = min(n, len(state.candidates))
        return rng.choice(state.candidates, n, replace=False) if KIND == "random" else state.candidates[:n]

    replace_everywhere(old, new)


def replace_rule(name: str) -> None:
    import torch

    rules = importlib.import_module("activeclust.pfn.rules").RULES
    kind = type(next(rule for rule in rules if rule.name == name))
    fit = kind.fit

    def other(tensor: Any) -> Any:
        return torch.rand_like(tensor) if KIND == "random" else torch.full_like(tensor, 0.5)

    def noisy_fit(self: Any, anchors: Any, earlier: Any) -> Any:
        fitted = fit(self, anchors, earlier)
        if self.name == name:
            at = fitted.at
            object.__setattr__(fitted, "at", lambda look: type(said := at(look))(*(other(t) for t in said)))
        return fitted

    kind.fit = noisy_fit


def replace_stop(name: str) -> None:
    old = importlib.import_module("activeclust.loop.stopping").parse_stop

    def new(text: str) -> Any:
        rules = [old(part) for part in text.split(",")]
        names = [part.strip().partition("=")[0] for part in text.split(",")]
        return lambda rounds: any(
            noise(True) if part == name else rule(rounds) for part, rule in zip(names, rules, strict=True)
        )

    replace_everywhere(old, new)


def replace_oracle(name: str) -> None:
    kind = getattr(importlib.import_module("activeclust.annotators.oracles"), name)

    def new(self: Any, query: Any) -> Any:
        return self.labels[RNG.integers(len(self.labels)) if KIND == "random" else 0]

    kind.__call__ = new


def replace_annotator(name: str) -> None:
    home = {"AnnotatorCaller": "calling", "Terminal": "terminal", "LanguageModel": "language_model"}[name]
    kind = getattr(importlib.import_module(f"activeclust.annotators.{home}"), name)

    def answer(query: Any) -> Any:
        return RNG.choice(query.clusters or ("noise",)).item() if KIND == "random" else "noise"

    def call(self: Any, given: Any) -> Any:
        return [answer(query) for query in given] if isinstance(given, list) else answer(given)

    if name == "AnnotatorCaller":
        kind._checked = lambda self, queries, result: iter([answer(query) for query in queries])
    else:
        kind.__call__ = call


def replace_model(name: str) -> None:
    import torch

    home, function = {
        "pfn": ("activeclust.pfn.inference", "load_network"),
        "selector": ("activeclust.zeroshot.selector", "load_selector"),
        "consensus": ("activeclust.zeroshot.consensus.network", "load_consensus"),
    }[name]
    old = getattr(importlib.import_module(home), function)

    @functools.lru_cache
    def new(*args: Any) -> Any:
        loaded = old(*args)
        for weights in getattr(loaded, "model", loaded).parameters():
            weights.data = torch.randn_like(weights) if KIND == "random" else torch.full_like(weights, 0.01)
        return loaded

    replace_everywhere(old, new)


def pytest_configure(config: Any) -> None:
    first, _, rest = TARGET.partition(":")
    special = {
        "strategy": replace_strategy, "rule": replace_rule, "stop": replace_stop, "oracle": replace_oracle,
        "annotator": replace_annotator, "model": replace_model,
    }  # fmt: skip
    if first in special:
        special[first](rest)
    elif first:
        replace_function(first, rest)
