"""Kill a command at random moments and give it again."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from known_answers import make

from activeclust.errors import ActiveClustError


@dataclass(frozen=True)
class Killed:
    """What there is before a command, the command, and whether all is right once it was killed and given again."""

    begin: Callable[[Path, Path], object]
    command: Callable[[Path, Path], object]
    right: Callable[[Path, Path], bool]


def killed(name: str, given: Killed, attempts: int, folder: Path, seed: int = 0) -> Counter[str]:
    """Kill the command called ``name`` at random moments, ``attempts`` times, and give it again."""
    sound = folder / "sound.db"
    if not sound.exists():
        make(sound)
    counts, draw = Counter({"attempts": attempts}), random.Random(f"{name} {seed}")
    whole = _seconds(given, sound, folder)
    for _ in range(attempts):
        place = Path(tempfile.mkdtemp(dir=folder))
        path = place / "answers.db"
        given.begin(sound, path)
        if not _run_and_kill(partial(given.command, sound, path), draw.uniform(0, whole)):
            counts["had ended"] += 1
        try:
            given.command(sound, path)
            left = [file.name for file in place.iterdir() if file.name.startswith(".")]
            counts["as written" if given.right(sound, path) and not left else "wrong"] += 1
        except ActiveClustError as error:
            print(f"{name}: {error}", file=sys.stderr)
            counts["refused"] += 1
        shutil.rmtree(place)
    return counts


def _seconds(given: Killed, sound: Path, folder: Path) -> float:
    """How long the command takes where nobody kills it, and all that is imported late has been."""
    for name in ("first.db", "answers.db"):
        place = Path(tempfile.mkdtemp(dir=folder))
        given.begin(sound, place / name)
        if name == "first.db":
            given.command(sound, place / name)
            shutil.rmtree(place)
    began = time.monotonic()
    pid = _start(partial(given.command, sound, place / "answers.db"))
    os.waitpid(pid, 0)
    shutil.rmtree(place)
    return time.monotonic() - began


def _start(work: Callable[[], object]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            work()
        finally:
            os._exit(0)
    return pid


def _run_and_kill(work: Callable[[], object], seconds: float) -> bool:
    """Whether it was killed before its end."""
    pid = _start(work)
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
