"""The reference: every public name is in docs/api, and its docstring names what it takes and raises."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import activeclust

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "api"
DIRECTIVE = re.compile(r"^\.\. auto(module|class|function|data):: (\S+)", re.MULTILINE)


def resolve(name: str) -> Any:
    """The object of a dotted name."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"docs/api names {name}, which is not there")


def documented() -> dict[str, Any]:
    """Name -> object for everything in docs/api: classes, functions, and what public modules define."""
    found: dict[str, Any] = {}
    for page in sorted(PAGES.glob("*.md")):
        for _, name in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            thing = resolve(name)
            if not isinstance(thing, ModuleType):
                found[name] = thing
                continue
            for own, value in vars(thing).items():
                mine = getattr(value, "__module__", None) == thing.__name__ or own in getattr(
                    thing, "__all__", ()
                )
                if mine and not own.startswith("_") and (inspect.isclass(value) or inspect.isfunction(value)):
                    found[f"{name}.{own}"] = value
    return found


def callables() -> Iterator[tuple[str, Any]]:
    """Documented functions and classes, and the public methods and properties of the classes."""
    for name, thing in documented().items():
        yield name, thing
        if inspect.isclass(thing):
            for own, value in vars(thing).items():
                value = getattr(value, "__func__", value)
                value = value.fget if isinstance(value, property) else value
                if not own.startswith(("_", "test_")) and inspect.isfunction(value):
                    yield f"{name}.{own}", value


def parameters(thing: Any) -> list[str]:
    if inspect.isclass(thing) and issubclass(thing, (BaseException, enum.Enum)):
        return []
    try:
        signature = inspect.signature(thing)
    except ValueError:
        return []
    generic = ([], ["args", "kwargs"])
    names = [
        name for name in signature.parameters if not name.startswith("_") and name not in ("self", "cls")
    ]
    return [] if names in generic else names


def raised(thing: Any) -> set[str]:
    """Errors that a function raises by itself."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    calls = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    names = {call.func.id for call in calls if isinstance(call, ast.Call) and isinstance(call.func, ast.Name)}
    return names - {"KeyboardInterrupt", "StopIteration"}


def missing(thing: Any) -> list[str]:
    """What the docstring of a function or class does not name."""
    text = inspect.cleandoc(thing.__doc__ or "")
    if not text:
        return ["a docstring"]
    wanted = parameters(thing)
    if inspect.isfunction(thing):
        wanted = [*wanted, *raised(thing)]
    return [name for name in wanted if not re.search(rf"\b{re.escape(name)}\b", text)]


@pytest.mark.parametrize(("name", "thing"), [pytest.param(n, t, id=n) for n, t in callables()])
def test_a_docstring_names_what_it_takes_and_raises(name, thing):
    assert not missing(thing), f"the docstring of {name} does not name {', '.join(missing(thing))}"


def test_every_exported_name_is_in_the_reference():
    texts = "\n".join(page.read_text(encoding="utf-8") for page in PAGES.glob("*.md"))
    held = list(documented().values())
    for name in activeclust.__all__:
        thing = getattr(activeclust, name)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing in held, f"{name} is exported and not in docs/api"
        else:
            assert re.search(rf"\b{name.strip('_')}\b", texts), f"{name} is exported and not in docs/api"


def test_what_is_computed_says_where_it_comes_from():
    """Scores and strategies carry their source: a reference, or the formula itself."""
    from activeclust import metrics, strategies

    for name in strategies.builtin_names():
        function = strategies.get(name)
        text = (function.__doc__ or "") + (inspect.getmodule(function).__doc__ or "")
        assert re.search(r"References|Notes|\d{4}", text), f"{name} names no source and no formula"
    assert "References" in metrics.evaluate.__doc__
    assert "References" in metrics.expected_calibration_error.__doc__


def test_a_gap_is_seen():
    def bad(rows, codes):
        """Takes rows."""
        raise ValueError("no")

    assert missing(bad) == ["codes", "ValueError"]
