"""The terminal: keys typed ahead, Escape, names that are data, screens that show little."""

from __future__ import annotations

import contextlib
import io
import os
import pty
import sys
import tty

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from activeclust import SKIP, STOP, UNDO
from activeclust.annotators.printable import printable, shown
from activeclust.annotators.query import Query
from activeclust.annotators.terminal import Terminal

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")


def query(row=0, clusters=(), item="an item", left=None):
    chances = tuple((name, 0.9 / len(clusters)) for name in clusters)
    return Query(row, item, chances, 0.1, tuple(clusters), left)


class Screen:
    """A terminal with a person's hands on its other side."""

    def __init__(self, encoding="utf-8", *, keys_at_once=True):
        self.hands, slave = pty.openpty()
        if keys_at_once:  # as while a key is awaited; else what is typed is edited as a line until then
            tty.setcbreak(slave)
        self.keys = os.fdopen(slave, "r", encoding=encoding)
        self.seen = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
        console = Console(file=self.seen, force_terminal=True, width=100, highlight=False)
        self.ask = Terminal(console, self.keys)

    def type(self, keys):
        os.write(self.hands, keys.encode())

    def close(self):
        self.keys.close()
        os.close(self.hands)

    @property
    def text(self):
        return self.seen.buffer.getvalue().decode(self.seen.encoding)


@pytest.fixture
def screen():
    made = Screen()
    with contextlib.closing(made):
        yield made


@pytest.mark.parametrize("keys_at_once", [True, False])
def test_keys_typed_ahead_wait_for_their_questions(keys_at_once):
    screen = Screen(keys_at_once=keys_at_once)
    screen.type("n cat\nn dog \ns")
    screen.type("u\r")
    assert screen.ask(query()) == "cat"
    assert screen.ask(query(1, ["cat"])) == "dog"
    assert screen.ask(query(2, ["cat", "dog"])) is SKIP
    assert screen.ask(query(2, ["cat", "dog"])) is UNDO
    assert screen.ask(query(2, ["cat", "dog"])) == "cat"
    screen.close()


def test_a_name_is_edited_while_it_is_typed(screen):
    screen.type("n\x7f\x7fdog\x15 cä猫\x7f\x7f at\x7f\x7f\x7fat\n")
    assert screen.ask(query()) == "cat"


def test_escape_leaves_the_line_and_arrows_are_no_names(screen):
    screen.type("nca\x1b")
    screen.type("\x1b[A" + "n\x1b[D\x1b[3~mé\x7feow\n" + "q")
    assert screen.ask(query()) == "meow"
    assert screen.ask(query(1, ["meow"])) is STOP
    assert "No new cluster." in screen.text and "Escape is not a key here." in screen.text


def test_the_end_of_the_input_stops(screen):
    screen.type("n\x04")
    assert screen.ask(query()) is STOP
    screen.type("\x04")
    assert screen.ask(query()) is STOP


def test_names_and_items_are_shown_and_not_obeyed(screen):
    hostile = "\x1b[2Jgone\x9b31m\u202e"
    screen.type("s")
    screen.ask(query(3, [hostile, 7], {f"col{hostile}": f"cell{hostile}\r\n", "n": 1234567, "gap": None}))
    rest = screen.text.replace("\x1b[H\x1b[2J", "", 1) if screen.ask.console.is_terminal else screen.text
    assert "[2Jgone" in rest and "\x1b[2Jgone" not in rest and "\x9b" not in rest and "\u202e" not in rest
    assert "␛[2Jgone\\u009b31m" in rest and "1234567" in rest
    screen.type("s")
    screen.ask(query(3, ["a"], f"text{hostile}\nnext\x07"))
    assert "text␛[2J" in screen.text and "next␇" in screen.text


def test_a_name_from_a_pipe_holds_no_control_characters():
    out = io.StringIO()
    ask = Terminal(Console(file=out, width=80), io.StringIO("n \x1b\nn a\tb\nn ok\n"))
    assert ask(query()) == "ok"
    assert "no control characters" in out.getvalue()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437", "utf-8"])
def test_a_screen_of_any_encoding_shows_what_it_can(encoding):
    made = Screen(encoding)
    for item in ("naïve 猫", {"é": "猫", "x": 1.5}, np.zeros((9, 9)), np.arange(3)):
        made.type("s")
        assert made.ask(query(1, ["猫" * 30, "ü", 3], item, left=5)) is SKIP
    made.type("n\xe9\n" if encoding != "ascii" else "ne\n")
    assert made.ask(query(1, ["猫"]))
    if encoding == "ascii":
        assert "\\u732b" in made.text
    made.close()


def test_a_resumed_run_shows_how_far_it_is():
    out = io.StringIO()
    ask = Terminal(Console(file=out, width=80), io.StringIO("s\n"))
    ask.progress(40, 100, {})
    ask(query(1, ["a"], left=60))
    assert "40/100" in out.getvalue()


@given(st.text())
def test_what_is_printable_holds_nothing_to_obey(text):
    found = printable(text)
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in found)
    assert printable(found) == found
    printable(text, encoding="ascii").encode("ascii")


@given(st.one_of(st.integers(), st.floats(), st.text(), st.none()))
def test_a_cell_is_shown_as_it_is(value):
    text = shown(value)
    if isinstance(value, (int, str)):
        assert text == str(value)
    elif value is None or value != value:
        assert text == ""
    else:
        assert float(text) == pytest.approx(value, rel=1e-5)
