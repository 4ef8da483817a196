"""The house of docs/architecture.md, checked: imports point one way, and what is instant stays instant."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE, STRATEGIES = ROOT / "activeclust", ROOT / "strategies"

#: room -> rooms it may import. A room is a folder or a module of the package; a room may import itself.
MAY_IMPORT: dict[str, set[str]] = {
    "errors": set(),
    "_version": set(),
    "resources": {"errors"},
    "validation": {"errors"},
    "metrics": {"errors"},
    "strategy": {"errors", "metrics"},
    "strategies": {"errors", "strategy"},
    "views": {"errors", "resources"},
    "pfn": {"errors", "resources", "views"},
    "zeroshot": {"errors", "resources", "views", "pfn"},
    "clusterer": {"errors", "resources", "validation", "views", "pfn", "zeroshot"},
    "store": {"errors"},
    "annotators": {"errors"},
    "datasets": {"errors", "resources", "validation", "metrics"},
    "loop": {
        "errors", "_version", "validation", "metrics", "strategy", "strategies", "clusterer", "store", "annotators",
    },
    "audit": {"errors", "validation", "metrics", "annotators", "loop"},
    "compare": {
        "errors", "validation", "metrics", "strategies", "clusterer", "store", "annotators", "datasets", "loop",
    },
    "integrations": {"errors", "validation", "strategy", "strategies", "views", "clusterer"},
    "web": {
        "errors", "resources", "validation", "metrics", "clusterer", "store", "annotators", "datasets", "loop", "audit",
    },
    "testing": {"errors", "strategy", "strategies", "store"},
}  # fmt: skip
MAY_IMPORT["cli"] = set(MAY_IMPORT) - {"integrations", "testing"}

#: module -> room, for modules that do not yet lie in their room's folder
ROOM_OF = {
    "rows": "validation", "cache": "resources", "memory": "resources", "progress": "resources",
    "asking": "annotators", "card": "annotators", "terminal": "annotators", "terminal_view": "annotators",
    "beliefs": "loop", "dialogue": "loop", "history": "loop", "pool": "loop", "rounds": "loop", "runs": "loop",
    "stopping": "loop", "report": "loop",
    "prepared": "clusterer", "predictor": "clusterer", "partitioned": "clusterer",
    "modal": "integrations", "modal_learner": "integrations", "skactiveml": "integrations",
    "comparison": "compare", "compare_plots": "compare", "compare_report": "compare",
    "tables": "datasets", "columns": "datasets", "arrays": "datasets", "images": "datasets",
    "hub": "datasets", "sources": "datasets", "reduction": "datasets", "embedding": "datasets",
    "__version__": "_version",
}  # fmt: skip
IN_PFN = {
    "cli": "cli",
    **dict.fromkeys(("views", "order", "neighbors", "spectrum", "extension", "packing", "sizes"), "views"),
    **dict.fromkeys(
        ("zeroshot", "selector_train", "partitions", "trees", "mixtures", "describe", "selector"), "zeroshot"
    ),
}

#: libraries that stay in their rooms
ONLY_IN = {
    "torch": {"views", "pfn", "zeroshot", "clusterer"},
    "safetensors": {"pfn", "zeroshot"},
    "faiss": {"views"},
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


def room_of(module: str) -> str:
    """The room of a module named relative to the package."""
    first, _, rest = module.partition(".")
    if first.startswith("cli_"):
        return "cli"
    if first == "pfn":
        return IN_PFN.get(rest.split(".")[0], "pfn")
    return ROOM_OF.get(first, first)


class Imports(ast.NodeVisitor):
    """Modules that are imported when the code runs, at the top or within functions."""

    def __init__(self) -> None:
        self.found: set[str] = set()

    def visit_If(self, node: ast.If) -> None:
        if ast.unparse(node.test) not in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self.found |= {alias.name for alias in node.names}

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert node.level == 0, "imports are absolute here"
        if node.module == "activeclust":
            self.found |= {f"activeclust.{alias.name}" for alias in node.names}
        else:
            self.found.add(str(node.module))


def imports_of(file: Path) -> set[str]:
    visitor = Imports()
    visitor.visit(ast.parse(file.read_text(encoding="utf-8")))
    return visitor.found


def modules() -> list[tuple[str, Path]]:
    own = [
        (".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"), file)
        for file in PACKAGE.rglob("*.py")
        if PACKAGE / "strategies" not in file.parents and file != PACKAGE / "__init__.py"
    ]
    return sorted(own + [(f"strategies.{file.stem}", file) for file in STRATEGIES.glob("*.py")])


def wrong_arrows(module: str, imports: set[str]) -> list[str]:
    room = room_of(module)
    ours = {name.removeprefix("activeclust.") for name in imports if name.startswith("activeclust.")}
    wrong = [name for name in ours if room_of(name) not in MAY_IMPORT[room] | {room}]
    libraries = {name.split(".")[0] for name in imports} - {"activeclust"}
    wrong += [name for name in libraries if name in ONLY_IN and room not in ONLY_IN[name]]
    if room == "strategies":
        foreign = libraries - STRATEGY_LIBRARIES - set(sys.stdlib_module_names)
        wrong += sorted(foreign)
    return wrong


@pytest.mark.parametrize(
    ("module", "file"), modules(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_imports_point_one_way(module, file):
    assert room_of(module) in MAY_IMPORT, f"{module} is in no room: name it in ROOM_OF or MAY_IMPORT"
    wrong = wrong_arrows(module, imports_of(file))
    assert not wrong, f"{module} may not import {', '.join(wrong)}"


def test_the_rooms_themselves_have_no_circle():
    order: list[str] = []
    rooms = {room: others - {room, "__version__"} for room, others in MAY_IMPORT.items()}
    while rooms:
        free = [room for room, others in rooms.items() if others <= set(order)]
        assert free, f"a circle among {sorted(rooms)}"
        order += free
        rooms = {room: others for room, others in rooms.items() if room not in free}


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("strategies.mine", "from activeclust.loop import ActiveLoop"),
        ("strategies.mine", "import torch"),
        ("strategies.mine", "def f():\n    import pandas"),
        ("loop.rounds", "import sqlalchemy"),
        ("metrics", "from activeclust import loop"),
        ("store.sql", "from activeclust.loop import ActiveLoop"),
    ],
)
def test_a_wrong_arrow_is_seen(module, code):
    visitor = Imports()
    visitor.visit(ast.parse(code))
    assert wrong_arrows(module, visitor.found)


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
