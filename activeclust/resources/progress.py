"""Progress reports of long steps, passed to a listener.

A context variable holds the listener, so that functions in between need not pass it on.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar

#: ``listener(step, done, total)``: name of the step, and how much of it is done
Listener = Callable[[str, float, float], None]

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


def report(step: str, done: float, total: float) -> None:
    """Report progress to the listener, if there is one."""
    listener = _listener.get()
    if listener is not None:
        listener(step, done, total)


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """A context in which the progress of all steps is passed to ``listener``.

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
