"""What the tests of the benchmarks share: their modules, and a data set in which every row is there three times."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))

from problem import Problem
from rows import Rows


@pytest.fixture(scope="session")
def doubled():
    """Three groups in four columns, every row there three times."""
    rng = np.random.default_rng(5)
    y = np.repeat(np.arange(3), 20)
    X = rng.normal(size=(60, 4)) + 5 * np.eye(3, 4)[y]
    return Problem.of(Rows("doubled", np.tile(X, (3, 1)).astype(np.float32), np.tile(y, 3)))
