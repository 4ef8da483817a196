"""The documentation: every command line it shows is run, and it builds without a warning.

Commands stand in ``console`` blocks behind ``$``. The blocks of a document are run in their order, in one
folder that holds the files the documents speak of. A block that is not run says why in a comment above it::

    <!-- not run: REASON -->      never
    <!-- slow: REASON -->         only where ACTIVECLUST_SLOW is set
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import warm

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(path for path in (ROOT / "docs").glob("*.md") if path.name != "index.md"),
]
FENCE = re.compile(
    r"(?:<!-- (?P<kind>not run|slow): (?P<why>.+?) -->\n+)?^```(?P<language>\S*)[^\n]*\n(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
COMMAND = re.compile(r"^\s*(?:\$ )?(?:activeclust|pip|make|python3?|bash|git|\.ci/\w+) \S", re.MULTILINE)

ANSWERS = "n setosa\nn virginica\n"  #: what is typed where a command asks; then the input ends


@dataclass(frozen=True)
class Block:
    """A ``console`` block: its commands, and why they are not run, if they are not."""

    commands: list[str]
    kind: str | None
    why: str | None


def blocks(text: str) -> list[Block]:
    return [
        Block(commands_of(found["text"]), found["kind"], found["why"])
        for found in FENCE.finditer(text)
        if found["language"] == "console"
    ]


def commands_of(text: str) -> list[str]:
    joined = text.replace("\\\n", " ")
    return [line.removeprefix("$ ") for line in joined.splitlines() if line.startswith("$ ")]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The files that the documents speak of."""
    import numpy as np
    from sklearn.datasets import load_iris

    iris = load_iris(as_frame=True)
    flowers = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
    flowers["species"] = [iris.target_names[code] for code in iris.target]
    flowers.to_csv(tmp_path / "flowers.csv", index=False)
    flowers.drop(columns="species").to_csv(tmp_path / "rows.csv", index=False)
    prior = '{"dimensions": [2, 3], "flat": 1.0, "shapes": {"curve": 1.0, "ring": 0.5}, "rows": [60, 80]}'
    (tmp_path / "mine.json").write_text(prior)
    np.save(tmp_path / "emb.npy", iris.data.to_numpy())
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACTIVECLUST_DB", raising=False)
    return tmp_path


def run(command: str) -> tuple[int, str]:
    """Status and what was said; our own command within this process, as it imports for seconds."""
    from activeclust.cli import main

    words = shlex.split(command, comments=True)
    if words[0] != "activeclust":
        done = subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        return done.returncode, done.stderr
    said = io.StringIO()
    before = sys.stdin, sys.stdout, sys.stderr
    sys.stdin, sys.stdout, sys.stderr = io.StringIO(ANSWERS), io.StringIO(), said
    try:
        main(words[1:])
        return 0, ""
    except SystemExit as end:
        return int(end.code or 0), said.getvalue()
    finally:
        sys.stdin, sys.stdout, sys.stderr = before


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_the_commands_shown_run(document, folder):
    for block in blocks(document.read_text(encoding="utf-8")):
        if block.kind == "not run" or (block.kind == "slow" and not os.environ.get("ACTIVECLUST_SLOW")):
            continue
        for command in block.commands:
            status, said = run(command)
            assert status == 0, f"{name_of(document)}: {command}\n{said}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_that_are_not_run_are_understood(document):
    """Every command and option exists, also where running it would take too long."""
    for block in blocks(document.read_text(encoding="utf-8")):
        for command in block.commands if block.kind else ():
            words = shlex.split(command, comments=True)
            if words[0] == "activeclust":
                parse(words[1:])


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_within_a_sentence_are_understood(document):
    from click import MissingParameter

    text = FENCE.sub("", document.read_text(encoding="utf-8")).replace("\n", " ")
    for words in re.findall(r"`activeclust ([a-z][^`]*)`", text):
        with contextlib.suppress(MissingParameter):  # a sentence may name a command without what it takes
            parse(shlex.split(words))


def parse(words: list[str]) -> None:
    from activeclust.cli import cli

    context = cli.make_context("activeclust", words)
    name, sub, rest = cli.resolve_command(context, [*context._protected_args, *context.args])
    while hasattr(sub, "resolve_command"):
        context = sub.make_context(name, rest, parent=context)
        name, sub, rest = sub.resolve_command(context, [*context._protected_args, *context.args])
    sub.make_context(name, rest, parent=context)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_commands_stand_in_console_blocks(document):
    """Nothing escapes the test above: no command in another kind of block, no prompt forgotten."""
    text = document.read_text(encoding="utf-8")
    for found in FENCE.finditer(text):
        if found["language"] == "console":
            assert commands_of(found["text"]), f"{name_of(document)}: a console block without a `$ `"
        elif found["language"] not in (
            "python",
            "mermaid",
            "json",
            "toml",
            "text",
            "markdown",
            "{toctree}",
            "{csv-table}",
        ):
            assert not COMMAND.search(found["text"]), f"{name_of(document)}: commands in {found[0][:60]!r}"
    indented = re.findall(r"^(?:    .*\n)+", FENCE.sub("", text), flags=re.MULTILINE)
    for part in indented:
        assert not COMMAND.search(part), f"{name_of(document)}: commands in an indented block: {part!r}"


def test_commands_are_seen_and_reasons_read():
    text = (
        "```console\n$ activeclust runs  # all\noutput\n$ a \\\n  b\n```\n<!-- slow: it is long -->\n"
        "```console\n$ make test\n```\n"
    )
    first, second = blocks(text)
    assert first.commands == ["activeclust runs  # all", "a    b"]
    assert first.kind is None
    assert (second.kind, second.why) == ("slow", "it is long")


def test_a_failing_command_is_seen(folder):
    assert run("activeclust cluster nothing.csv -o out.csv")[0] == 1
    assert run("activeclust loop --no-such-option")[0] == 2
    assert run("activeclust loop --oracle flowers.csv --label-column species --budget 2")[0] == 0
    assert run("activeclust runs")[0] == 0


def test_the_ways_of_contributing_can_be_followed(tmp_path):
    """Each Python block of CONTRIBUTING.md is a test file; pytest runs them as they stand."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    files = [found["text"] for found in FENCE.finditer(text) if found["language"] == "python"]
    for code in files:
        name = re.match(r"# (test_\w+\.py)\n", code)
        assert name, "a block begins with the comment `# test_NAME.py`"
        (tmp_path / name[1]).write_text(code, encoding="utf-8")
    assert {path.name for path in tmp_path.iterdir()} == {
        "test_my_strategy.py", "test_my_store.py", "test_my_annotator.py", "test_my_rule.py", "test_my_view.py",
    }  # fmt: skip
    strict = [
        "-W",
        "error",
        "-W",
        "ignore::pytest.PytestAssertRewriteWarning",
    ]  # of libraries imported before
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *strict, str(tmp_path)]
    done = warm.run(words, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout
