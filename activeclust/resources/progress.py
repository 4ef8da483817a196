"""Long steps say how far they are, and whoever listens shows it.

A context variable carries the listener, so that no function in between has to pass it on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

#: ``listener(step, done, total)``: a step's name, and how much of it is done
Listener = Callable[[str, float, float], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def report(step: str, done: float, total: float) -> None:
    """Tell the listener, if there is one."""
    listener = _listener.get()
    if listener is not None:
        listener(step, done, total)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have ``listener`` told of every step within.

    Examples
    --------
    >>> with listening(lambda step, done, total: print(f"{step}: {done}/{total}")):
    ...     report("neighbours", 1, 2)
    neighbours: 1/2
    """
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)
