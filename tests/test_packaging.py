"""What ships: the wheel's files, the examples in docstrings, the commands the README shows."""

from __future__ import annotations

import doctest
import importlib
import importlib.metadata
import importlib.resources
import pkgutil
import re
import subprocess
from pathlib import Path

import pytest
import warm

import activeclust

ROOT = Path(__file__).resolve().parents[1]
OPTIONAL = {"activeclust.integrations.skactiveml": "skactiveml"}  #: modules that need an extra


def all_modules() -> list[str]:
    found = pkgutil.walk_packages(activeclust.__path__, "activeclust.")
    return sorted(module.name for module in found if ".migrations" not in module.name)


@pytest.mark.parametrize("name", all_modules())
def test_examples_in_docstrings_run(name, tmp_path, monkeypatch):
    if name in OPTIONAL:
        pytest.importorskip(OPTIONAL[name], reason=f"{name} needs the package {OPTIONAL[name]}")
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL
    failed, _ = doctest.testmod(module, optionflags=options, verbose=False)
    assert failed == 0, f"an example in {name} does not give what it says"


def test_the_version_is_one():
    assert importlib.metadata.version("activeclust") == activeclust.__version__


def test_weights_and_their_card_ship():
    weights = importlib.resources.files("activeclust.pfn") / "weights"
    files = {file.name: file for file in weights.iterdir()}
    tensors = [name for name in files if name.endswith(".safetensors")]
    assert tensors
    for name in tensors:
        assert len(files[name].read_bytes()) <= 16 * 2**20, f"{name} is over 16 MB"


def test_the_types_ship():
    assert (importlib.resources.files("activeclust") / "py.typed").is_file()
    assert '"activeclust" = ["py.typed"]' in (ROOT / "pyproject.toml").read_text()


def test_every_package_folder_is_declared():
    listed = re.search(
        r"^packages = \[(.*?)\]", (ROOT / "pyproject.toml").read_text(), re.DOTALL | re.MULTILINE
    )
    assert listed is not None
    declared = set(re.findall(r'"([\w.]+)"', listed[1]))  # tomllib is there from Python 3.11 only
    folders = {
        ".".join(file.parent.relative_to(ROOT).parts)
        for file in (ROOT / "activeclust").rglob("__init__.py")
        if "migrations" not in file.parts
    }
    assert folders - {"activeclust.strategies"} <= declared


def test_the_command_is_installed():
    (entry,) = importlib.metadata.entry_points(group="console_scripts", name="activeclust")
    assert entry.value == "activeclust.cli:main"


def test_the_licence_is_bsd_3():
    text = (ROOT / "LICENSE").read_text()
    assert text.startswith("BSD 3-Clause License")
    assert "The activeclust developers" in text


def readme_blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def test_the_two_commands_of_the_readme_are_targets_of_the_makefile():
    makefile = (ROOT / "Makefile").read_text()
    text = "\n".join(readme_blocks("console"))
    for target in ("loop", "test"):
        assert f"make {target}" in text
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)


@pytest.mark.parametrize("target", ["loop", "test", "lint", "docs", "experiments"])
def test_the_makefile_is_understood(target):
    done = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "constraints.txt" in done.stdout + (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("code", readme_blocks("python"), ids=lambda code: code.split("\n")[0][:40])
def test_the_readmes_python_runs(code, tmp_path):
    done = warm.run(["-W", "error", "-c", code], cwd=tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("example", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.name)
def test_examples_run(example, tmp_path):
    done = warm.run(["-W", "error", str(example)], cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
