"""What once failed, and some hundred files more, given to the imports."""

from __future__ import annotations

import importlib.util
import random
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("fuzz_imports", HERE / "fuzz_imports.py")
assert _spec is not None and _spec.loader is not None
fuzz = sys.modules["fuzz_imports"] = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(fuzz)


@pytest.mark.parametrize("path", sorted((HERE / "corpus").iterdir()), ids=lambda path: path.name)
def test_what_once_failed(path):
    fuzz.attempt(path.suffix[1:], path.read_bytes())


@pytest.mark.parametrize("form", fuzz.FORMATS)
def test_files_that_nobody_would_make_on_purpose(form):
    draw, sound = random.Random(form), fuzz.sound_files()[form]
    for _ in range(60):
        fuzz.attempt(form, fuzz.mutated(sound, draw))
