"""What the page needs: the packages of the extra ``[web]``."""

from __future__ import annotations

import importlib.util

from activeclust.errors import MissingDependency

_NEEDED = ("starlette", "uvicorn", "jinja2", "markdown_it", "PIL")


def missing() -> list[str]:
    """Packages of the extra ``[web]`` that are not installed."""
    return [name for name in _NEEDED if importlib.util.find_spec(name) is None]


def check_installed(what: str = "The page", instead: str = "") -> None:
    """Raise :class:`MissingDependency` if the extra is not installed."""
    if absent := missing():
        raise MissingDependency(f"{what} needs {', '.join(absent)}: pip install 'activeclust[web]'{instead}.")
