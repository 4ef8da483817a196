"""What several test files share."""

from __future__ import annotations

import numpy as np
import pytest
from nearest_anchor import NearestAnchor

from activeclust import ActiveLoop, LabelOracle


@pytest.fixture
def nearest_anchor():
    return NearestAnchor()


@pytest.fixture(scope="session")
def blobs():
    """(X, y): 60 rows in four well-kept groups, their names mixed text and number."""
    rng = np.random.default_rng(0)
    codes = rng.integers(4, size=60)
    X = rng.normal(size=(60, 3)) + 6 * np.eye(4, 3)[codes]
    names = np.array(["cat", "dog", 7, "7"], dtype=object)
    return X.astype(np.float32), names[codes]


@pytest.fixture
def make(blobs):
    """A loop over the blobs; keywords replace its arguments."""

    def build(annotator="oracle", **changes) -> ActiveLoop:
        X, y = blobs
        annotator = LabelOracle(y) if annotator == "oracle" else annotator
        settings = {"strategy": "entropy", "clusterer": NearestAnchor(), "random_state": 0}
        return ActiveLoop(X, annotator, **(settings | changes))

    return build
