"""What several test files share."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from nearest_anchor import NearestAnchor

from activeclust import ActiveLoop, LabelOracle
from activeclust.cli import main

# the views that tests make are not kept in the home of whoever runs them
os.environ["ACTIVECLUST_CACHE"] = "off"

# no test depends on how busy the machine is
settings.register_profile("no timing", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no timing")


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


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory):
    """80 labelled rows in three well-kept groups."""
    rng = np.random.default_rng(0)
    codes = np.arange(80) % 3
    X = rng.normal(size=(80, 4)) + 7 * np.eye(3, 4)[codes]
    path = tmp_path_factory.mktemp("rows") / "rows.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "a", "b", "c", "d", "label"])
        for i, (row, code) in enumerate(zip(X, codes, strict=True)):
            writer.writerow([f"r{i}", *row.round(4), ["red", "green", "blue"][code]])
    return path


@pytest.fixture
def run(tmp_path, monkeypatch, capfd):
    """Run a command in a fresh folder: (exit status, stdout, stderr)."""
    monkeypatch.chdir(tmp_path)

    def call(*words: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as caught:
            main([str(word) for word in words])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        return int(caught.value.code or 0), out, err

    return call
