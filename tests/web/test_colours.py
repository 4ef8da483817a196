"""The clusters' colours: 60 that can be told apart, by colour-blind eyes too, and seen on both themes."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "activeclust" / "web" / "static"


@pytest.fixture
def palette(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    yield __import__("palette")
    sys.modules.pop("palette")


def colours() -> list[str]:
    return re.findall(r'^  "(#[0-9a-f]{6})",$', (STATIC / "colours.js").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("first", "least"), [(10, 0.075), (20, 0.055), (60, 0.03)])
def test_every_two_are_told_apart_by_all_kinds_of_eyes(palette, first, least):
    assert len(colours()) == 60
    seen = palette.seen(palette.parse(colours()[:first]))
    assert palette.distances(seen, seen)[np.triu_indices(first, 1)].min() >= least


def test_the_distance_is_that_of_the_eyes_that_see_the_least(palette):
    """Red and green of one lightness are one colour to those without one kind of cone, black and white to nobody."""
    seen = palette.seen(palette.parse(["#a06000", "#587a00", "#000000", "#ffffff"]))
    far = palette.distances(seen, seen)
    normal = np.linalg.norm(seen[0, 0] - seen[0, 1])
    assert far[0, 1] < 0.5 * normal
    assert far[2, 3] == pytest.approx(1, abs=0.01)


def test_all_are_seen_on_both_themes(palette):
    css = (STATIC / "page.css").read_text()
    (stages,) = re.findall(r"--stage: light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", css)
    light = palette.seen(palette.parse(colours()))[0]
    for stage in palette.seen(palette.parse(stages))[0]:
        assert np.linalg.norm(light - stage, axis=1).min() > 0.15
