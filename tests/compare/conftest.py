"""A comparison that several files look at."""

from __future__ import annotations

import pytest
from compared import blobs

from activeclust.compare import compare
from activeclust.compare.comparison import Comparison


@pytest.fixture(scope="session")
def result() -> Comparison:
    return compare(blobs(), strategies=["random", "herding", "margin"], budget=15, repeats=3)
