"""Makes ``fork`` work after this process has computed on several threads.

The threads of OpenMP, which torch, scikit-learn and faiss use, do not exist in a forked child: its first parallel step
would wait forever. So a child computes on one thread. The results are the same, to rounding.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

_limits: list[Any] = []  # kept alive: when the object is deleted, the old number of threads is restored


@functools.cache
def survive_forks() -> None:
    """Make forked children of this process work; called before the first step on several threads."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_on_one_thread)


def _on_one_thread() -> None:
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_num_threads(1)
    import threadpoolctl

    _limits.append(threadpoolctl.threadpool_limits(1, user_api="openmp"))
