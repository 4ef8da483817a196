"""Reads the keys of a terminal one at a time; keys typed ahead are kept for the next question."""

from __future__ import annotations

import codecs
import contextlib
import os
import sys
from collections.abc import Iterator
from typing import IO

from activeclust.annotators.printable import printable

ESCAPE = "\x1b"
END = "\x04"  #: Ctrl-D
_SEQUENCE = 0.05  #: seconds within which the rest of an arrow key's sequence follows its first character


class Keyboard:
    """The keys of a terminal.

    Parameters
    ----------
    keys : text stream
        A terminal's input.
    screen : text stream
        Where a line is shown while it is typed.
    """

    def __init__(self, keys: IO[str], screen: IO[str]) -> None:
        self.keys, self.screen = keys, screen
        self._ahead = b""  #: a character read after Escape that is not part of a key's sequence: the next key

    def key(self) -> str:
        """The next key: a character, or the sequence of a special key; :data:`END` at the end of the input.

        Raises
        ------
        KeyboardInterrupt
            For Ctrl-C.
        """
        if sys.platform == "win32":
            import click

            try:
                return click.getchar()
            except EOFError:
                return END
        with _single_keys(self.keys.fileno()):
            return self._next()

    def _next(self) -> str:
        decoder = codecs.getincrementaldecoder(getattr(self.keys, "encoding", None) or "utf-8")("replace")
        key = ""
        while not key:
            byte = self._byte()
            if not byte:
                return END
            key = decoder.decode(byte)
        if key != ESCAPE or not _waits(self.keys.fileno()):
            return key
        following = self._byte()
        if following not in (b"[", b"O"):
            self._ahead = following
            return key
        sequence = key + following.decode()
        while _waits(self.keys.fileno()):
            sequence += self._byte().decode("ascii", "replace")
            if "@" <= sequence[-1] <= "~":
                break
        return sequence

    def _byte(self) -> bytes:
        ahead, self._ahead = self._ahead, b""
        return ahead or os.read(self.keys.fileno(), 1)

    def line(self, prompt: str) -> str | None:
        """A line, typed with the usual editing keys; None for Escape, :data:`END` for Ctrl-D before any character."""
        from rich.cells import cell_len

        typed: list[str] = []

        def take_back(n: int) -> None:
            for character in reversed(typed[len(typed) - n :]):
                width = cell_len(character)
                self._show("\b" * width + " " * width + "\b" * width)
            del typed[len(typed) - n :]

        self._show(prompt)
        while True:
            key = self.key()
            if key in ("\r", "\n", ESCAPE) or (key == END and not typed):
                self._show("\n")
                return None if key == ESCAPE else END if key == END else "".join(typed)
            if key in ("\x7f", "\b"):
                take_back(min(1, len(typed)))
            elif key == "\x15":  # Ctrl-U
                take_back(len(typed))
            elif len(key) == 1 and printable(key) == key:
                typed.append(key)
                self._show(key)

    def _show(self, text: str) -> None:
        encoding = getattr(self.screen, "encoding", None) or "utf-8"
        self.screen.write(text.encode(encoding, "backslashreplace").decode(encoding))
        self.screen.flush()


@contextlib.contextmanager
def _single_keys(fd: int) -> Iterator[None]:
    """Switch the terminal to single keys without echo; keys that were typed before are kept."""
    import termios

    before = termios.tcgetattr(fd)
    now = termios.tcgetattr(fd)
    now[3] &= ~(termios.ICANON | termios.ECHO)
    now[6][termios.VMIN], now[6][termios.VTIME] = 1, 0
    termios.tcsetattr(fd, termios.TCSADRAIN, now)  # TCSAFLUSH would discard keys typed ahead
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)


def _waits(fd: int) -> bool:
    import select

    return bool(select.select([fd], [], [], _SEQUENCE)[0])
