"""The settings of numpy, scikit-learn and torch for the model's computations, independent of the caller's.

A caller may have made floating-point warnings errors (``np.seterr(all="raise")``), have transformers give data frames
(``sklearn.set_config(transform_output="pandas")``), or work in double precision or on another device by default
(``torch.set_default_dtype``, ``torch.set_default_device``). The model's results do not depend on these.

torch's default type belongs to all threads of a process: while the model computes, it is float32 in every one.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Callable, Iterator
from typing import Any, ParamSpec, TypeVar

import numpy as np
import sklearn

from activeclust.resources.forks import survive_forks

P = ParamSpec("P")
R = TypeVar("R")


class _Float32:
    """torch's default type is float32 while any thread is inside; afterwards it is the caller's again."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._callers: Any = None

    def __enter__(self) -> None:
        import torch

        with self._lock:
            if self._inside == 0 and torch.get_default_dtype() != torch.float32:
                self._callers = torch.get_default_dtype()
                torch.set_default_dtype(torch.float32)
            self._inside += 1

    def __exit__(self, *_: Any) -> None:
        import torch

        with self._lock:
            self._inside -= 1
            if self._inside == 0 and self._callers is not None:
                torch.set_default_dtype(self._callers)
                self._callers = None


_FLOAT32 = _Float32()


@contextlib.contextmanager
def own_settings() -> Iterator[None]:
    """A context in which the settings are the model's own."""
    import torch

    survive_forks()
    with contextlib.ExitStack() as stack:
        stack.enter_context(np.errstate(divide="warn", over="warn", invalid="warn", under="ignore"))
        stack.enter_context(
            sklearn.config_context(assume_finite=False, transform_output="default", array_api_dispatch=False)
        )
        stack.enter_context(_FLOAT32)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


def under_own_settings(method: Callable[P, R]) -> Callable[P, R]:
    """A function that runs in :func:`own_settings`."""

    @functools.wraps(method)
    def wrapped(*args: P.args, **named: P.kwargs) -> R:
        with own_settings():
            return method(*args, **named)

    return wrapped
