"""The dependencies of docs/architecture.md, checked: imports point one way, and light imports stay light."""

from __future__ import annotations

import ast
import graphlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, STRATEGIES = ROOT / "activeclust", ROOT / "strategies"

#: package -> packages it may import. A package is a folder or a module of the package; a package may import itself.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "_version": set(),
    "resources": {"errors"},
    "labels": {"errors"},
    "validation": {"errors"},
    "identities": {"errors", "labels"},
    "files": {"errors", "resources"},
    "metrics": {"errors", "labels"},
    "strategy": {"errors", "metrics"},
    "strategies": {"errors", "strategy"},
    "views": {"errors", "resources"},
    "pfn": {"errors", "resources", "views"},
    "zeroshot": {"errors", "resources", "views", "pfn"},
    "clusterer": {"errors", "labels", "resources", "validation", "datasets", "views", "pfn", "zeroshot"},
    "store": {"errors", "labels", "identities", "files", "resources"},
    "annotators": {"errors", "labels", "files"},
    "datasets": {"errors", "labels", "identities", "files", "resources", "validation", "metrics"},
    "loop": {
        "errors", "_version", "labels", "identities", "resources", "validation", "metrics", "strategy", "strategies",
        "datasets", "clusterer", "store", "annotators",
    },
    "compare": {
        "errors", "labels", "resources", "validation", "metrics", "strategies", "clusterer", "store", "annotators",
        "datasets", "loop",
    },
    "audit": {"errors", "labels", "annotators", "loop"},
    "integrations": {"errors", "labels", "validation", "strategy", "strategies", "views", "clusterer"},
    "web": {
        "errors", "labels", "files", "resources", "validation", "metrics", "clusterer", "store", "annotators",
        "datasets", "loop", "audit",
    },
    "notebook": {"errors", "annotators", "loop", "store", "web"},
    "testing": {"errors", "identities", "strategy", "strategies", "store"},
}  # fmt: skip
MAY_IMPORT["cli"] = set(MAY_IMPORT) - {"integrations", "notebook", "testing"}
MAY_IMPORT["__main__"] = {"cli"}

#: libraries that stay in their packages
ONLY_IN = {
    "torch": {"views", "pfn", "zeroshot", "clusterer"},
    "safetensors": {"pfn", "zeroshot"},
    "faiss": {"views"},
    "openTSNE": {"views"},
    "psutil": {"resources"},
    "sqlalchemy": {"store"},
    "alembic": {"store"},
    "click": {"cli", "annotators"},
    "modAL": {"integrations"},
    "skactiveml": {"integrations"},
    "joblib": {"compare"},
    "pytest": {"testing"},
    "starlette": {"web"},
}
STRATEGY_LIBRARIES = {"numpy", "scipy", "sklearn"}


def package_of(module: str) -> str:
    """The package of a module named relative to the package: its folder, or itself."""
    return module.split(".")[0]


def modules() -> dict[str, Path]:
    """Every module of the package, by its name relative to it; ``""`` is the package's ``__init__``."""
    found = {}
    for folder, prefix in ((PACKAGE, ()), (STRATEGIES, ("strategies",))):
        for file in folder.rglob("*.py"):
            if folder is PACKAGE and PACKAGE / "strategies" in file.parents:
                continue
            parts = (*prefix, *file.relative_to(folder).with_suffix("").parts)
            found[".".join(part for part in parts if part != "__init__")] = file
    return dict(sorted(found.items()))


MODULES = modules()


class Imports(ast.NodeVisitor):
    """What code imports when it runs: at the top, within functions, and by name through importlib.

    ``ours`` are modules of this package, relative to it; ``libraries`` the first parts of the names of others.
    """

    def __init__(self) -> None:
        self.ours: set[str] = set()
        self.libraries: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are absolute here"
        for alias in node.names:
            self._add(f"{node.module}.{alias.name}")

    def visit_Constant(self, node: ast.Constant) -> None:
        # a module named by a string is imported through importlib: nothing else holds such strings
        name = node.value if isinstance(node.value, str) else ""
        if name.startswith("activeclust.") and name.removeprefix("activeclust.") in MODULES:
            self._add(name)

    def _add(self, name: str) -> None:
        first, *rest = name.split(".")
        if first != "activeclust":
            self.libraries.add(first)
            return
        while ".".join(rest) not in MODULES:  # a name within a module
            rest.pop()
        self.ours.add(".".join(rest))


def imports_of(code: str) -> Imports:
    visitor = Imports()
    visitor.visit(ast.parse(code))
    return visitor


def wrong_imports(module: str, imports: Imports) -> list[str]:
    package = package_of(module)
    wrong = [
        f"activeclust.{name}"
        for name in imports.ours
        if package_of(name) not in MAY_IMPORT[package] | {package}
    ]
    wrong += [name for name in imports.libraries if name in ONLY_IN and package not in ONLY_IN[name]]
    if package == "strategies":
        wrong += sorted(imports.libraries - STRATEGY_LIBRARIES - set(sys.stdlib_module_names))
    return wrong


def circles(graph: dict[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def table() -> str:
    """The table of docs/architecture.md: each package, what it is for (its docstring), what it may import."""
    lines = ["| package | what it is for | may import |", "|---|---|---|"]
    for package, others in MAY_IMPORT.items():
        said = str(ast.get_docstring(ast.parse(MODULES[package].read_text(encoding="utf-8")))).split("\n\n")[
            0
        ]
        name = f"`{package}/`" if MODULES[package].name == "__init__.py" else f"`{package}`"
        everything = set(MAY_IMPORT) - {"integrations", "testing", "cli", "__main__"}
        listed = "everything below it" if others == everything else ", ".join(sorted(others)) or "nothing"
        lines.append(f"| {name} | {' '.join(said.split())} | {listed} |")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("module", [name for name in MODULES if name])
def test_imports_point_one_way(module):
    assert package_of(module) in MAY_IMPORT, f"{module} is in no package: name its package in MAY_IMPORT"
    wrong = wrong_imports(module, imports_of(MODULES[module].read_text(encoding="utf-8")))
    assert not wrong, f"{module} may not import {', '.join(wrong)}"


def test_every_package_is_there():
    assert {package_of(name) for name in MODULES if name} == set(MAY_IMPORT)
    assert len(MAY_IMPORT) <= 26


def test_the_rooms_themselves_have_no_circle():
    assert not circles(MAY_IMPORT)


def test_there_is_no_circle_between_files():
    graph = {name: imports_of(f.read_text(encoding="utf-8")).ours - {name} for name, f in MODULES.items()}
    found = circles(graph)
    assert not found, " -> ".join(found)


def test_a_circle_between_files_is_seen():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not circles({"a": {"b", "c"}, "b": {"c"}})


def test_the_table_in_the_documentation_is_that_of_the_code():
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert table() in text, "write it anew with `python tests/test_architecture.py`"


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("strategies.mine", "from activeclust.loop import ActiveLoop"),
        ("strategies.mine", "import importlib\nimportlib.import_module('activeclust.loop.rounds')"),
        ("strategies.mine", "import torch"),
        ("strategies.mine", "def f():\n    import pandas"),
        ("loop.rounds", "import sqlalchemy"),
        ("metrics", "from activeclust import loop"),
        ("store.sql.run", "from activeclust.loop import ActiveLoop"),
    ],
)
def test_a_wrong_import_is_seen(module, code):
    assert wrong_imports(module, imports_of(code))


HEAVY = ("torch", "sklearn", "pandas", "matplotlib", "sqlalchemy", "scipy", "mlxtend", "modAL", "rich")


@pytest.mark.parametrize(
    "code",
    [
        "import activeclust",
        "import activeclust; dir(activeclust); activeclust.SKIP",
        "import sys; sys.argv[1:] = ['--help']\nfrom activeclust.cli import main\n"
        "try: main()\nexcept SystemExit: pass",
        "import sys; sys.argv[1:] = ['loop', '--help']\nfrom activeclust.cli import main\n"
        "try: main()\nexcept SystemExit: pass",
    ],
    ids=["import", "names", "help", "loop help"],
)
def test_nothing_heavy_is_imported_before_it_is_needed(code):
    script = (
        f"{code}\nimport sys\nloaded = [m for m in {HEAVY!r} if m in sys.modules]\nassert not loaded, loaded"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_public_name_is_there():
    import activeclust

    assert all(getattr(activeclust, name) is not None for name in activeclust.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        activeclust.nothing  # noqa: B018


def test_strategies_under_another_name_are_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", "import strategies"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "ImportError: This folder was imported as 'strategies'" in done.stderr


def test_the_strategies_folder_is_the_package_folder():
    assert (PACKAGE / "strategies").resolve() == STRATEGIES


if __name__ == "__main__":
    page = ROOT / "docs" / "architecture.md"
    page.write_text(
        re.sub(r"\| package \|.*?\n(?!\|)", lambda _: table(), page.read_text(encoding="utf-8"), flags=re.S),
        encoding="utf-8",
    )
