"""A command of ours that serves a page, in a process of its own: its address, what it says, and its end."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

import warm


class Served:
    """``python -m activeclust WORDS``, started; it is waited for until it names its address.

    Parameters
    ----------
    words : sequence of str
    folder : Path
        Its working folder.
    env : mapping, optional
        Variables besides those of this process.

    Attributes
    ----------
    url : str
        The address, as the command says it.
    """

    def __init__(self, words: Sequence[str], folder: Path, env: Mapping[str, str] | None = None) -> None:
        said, saying = os.pipe()
        self.process = warm.start(
            ["-m", "activeclust", *words], cwd=folder, env=os.environ | (env or {}), stderr=saying
        )
        os.close(saying)
        self._lines = os.fdopen(said)
        heard = []
        for line in self._lines:
            heard.append(line)
            if found := re.search(r"http://\S+", line):
                self.url = found[0]
                return
        raise AssertionError(f"the command ended with {self.process.wait()}: {''.join(heard)}")

    def end(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Send a signal, and wait for the end."""
        self.process.send_signal(how)
        if not self._lines.closed:
            self._lines.read()  # what it still says
            self._lines.close()
        self.process.wait()
