"""Every command's ``--help`` ends with examples, and the examples work, one after the other in one folder."""

from __future__ import annotations

import io
import re
import shlex
import sys
from pathlib import Path

import click
import pytest
from sklearn.datasets import load_iris

from activeclust.cli import cli, main

#: examples that serve until Ctrl-C or train for an hour: they are parsed
PARSED = (
    "pretrain",
    "pretrain-zero-shot",
    "pretrain-consensus",
    "label-studio rows.csv",
    "annotate rows.csv",
)
TYPED = "n setosa\nn virginica\nn setosa\nn versicolor\n"  #: what is typed where a command asks; then the input ends


def commands(group: click.Group = cli, before: tuple[str, ...] = ()):
    """Every command with its words, groups included."""
    yield before, group
    with click.Context(group) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            if isinstance(command, click.Group):
                yield from commands(command, (*before, name))
            else:
                yield (*before, name), command


ALL = dict(commands())


def examples(words: tuple[str, ...]) -> list[str]:
    """The command lines that the help of a command ends with."""
    command = ALL[words]
    with click.Context(command, info_name=" ".join(("activeclust", *words))) as context:
        text = command.get_help(context)
    assert "\n  Examples:\n" in text, f"activeclust {' '.join(words)} --help has no examples"
    lines = text.rpartition("\n  Examples:\n")[2].rstrip().splitlines()
    assert lines and all(line.startswith("    activeclust ") for line in lines), lines
    return [line.strip().removeprefix("activeclust ") for line in lines]


@pytest.mark.parametrize("words", ALL, ids=lambda words: " ".join(words) or "activeclust")
def test_the_help_ends_with_examples_of_the_command(words):
    name = " ".join(words)
    for example in examples(words):
        assert example.startswith(name)
        assert len(example) <= 100


@pytest.mark.parametrize("words", ALL, ids=lambda words: " ".join(words) or "activeclust")
def test_the_help_is_plain(words):
    command = ALL[words]
    assert command.help
    assert command.help.strip()[0].isupper() and command.help.strip().endswith(".")
    for option in command.params:
        if isinstance(option, click.Option) and not option.hidden:
            assert option.help or option.show_default, f"{words}: {option.name} is not explained"


def test_the_examples_work(tmp_path, monkeypatch, capfd):
    iris = load_iris(as_frame=True)
    flowers = iris.data.rename(columns=lambda name: name.removesuffix(" (cm)").replace(" ", "_"))
    flowers.to_csv(tmp_path / "rows.csv", index=False)
    flowers["species"] = [iris.target_names[code] for code in iris.target]
    flowers.to_csv(tmp_path / "flowers.csv", index=False)
    (tmp_path / "mine.json").write_text('{"dimensions": [2, 3]}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("ACTIVECLUST_DB", raising=False)
    todo = [example for words in ALL for example in examples(words)]
    # the run that the others speak of comes first
    for example in sorted(dict.fromkeys(todo), key=lambda text: not text.startswith("annotate")):
        words = shlex.split(example)
        if words[0] in PARSED or example in PARSED or "mnist" in words:
            parse(words)
            continue
        monkeypatch.setattr(sys, "stdin", io.StringIO(TYPED))
        with pytest.raises(SystemExit) as ended:
            main(words)
        assert not ended.value.code, f"activeclust {example}\n{capfd.readouterr().err}"
    assert (tmp_path / "answers.csv").exists() and (tmp_path / "clusters.csv").exists()
    assert (tmp_path / "project" / "tasks.json").exists() and (tmp_path / "copy.db").exists()


def parse(words: list[str]) -> None:
    """Have click read a command line without running it."""
    command = ALL[(words[0],)]
    with command.make_context(words[0], words[1:]):
        pass


ROOT = Path(__file__).resolve().parents[2]
NAMED = re.compile(r"(?:`|Run: )activeclust ([a-z][^`{}|\"']*)")


def named_commands():
    """Command lines named in messages, docstrings and pages, with their files."""
    files = [*(ROOT / "activeclust").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*.md")]
    for file in sorted(files):
        if file.name not in ("CHANGELOG.md", "training-log.md"):
            for line in NAMED.findall(re.sub(r"\s+", " ", file.read_text(encoding="utf-8"))):
                yield file.relative_to(ROOT), line.strip()


def test_every_command_that_is_named_exists():
    found = list(named_commands())
    assert len(found) > 40
    for file, line in found:
        first, *words = line.split()
        assert (first,) in ALL, f"{file} names the command {first!r}"
        known = (first, words[0]) if words and (first, words[0]) in ALL else (first,)
        options = {name for option in ALL[known].params for name in (*option.opts, *option.secondary_opts)}
        for word in words:
            if word.startswith("-"):
                assert word.partition("=")[0] in {*options, "--help"}, f"{file} names {word} of {line!r}"
