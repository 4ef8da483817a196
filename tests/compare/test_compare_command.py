"""The command `compare`."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from compared import blobs, labelled

from activeclust.cli.compare import compare_command
from activeclust.store import open_store


def run(tmp_path: Path, *options: str):
    X = blobs()
    np.savez(tmp_path / "blobs.npz", X=X.X, y=X.y)
    base = ["--oracle", str(tmp_path / "blobs.npz"), "--db", str(tmp_path / "runs.db"), "--budget", "10"]
    return CliRunner().invoke(compare_command, [*base, "--repeats", "2", *options])


def test_the_command_prints_a_table_and_writes_the_files(tmp_path):
    done = run(tmp_path, "--strategies", "random,margin", "--out", str(tmp_path / "out"))
    assert done.exit_code == 0, done.output
    assert re.search(r"margin +0\.\d", done.stdout)
    assert "paired runs" in done.stderr
    assert (tmp_path / "out" / "report.html").exists()


def test_the_command_in_parts_and_as_json(tmp_path):
    part = run(tmp_path, "--strategies", "random,margin", "--shard", "1/2")
    assert part.exit_code == 0, part.output
    assert part.stdout == ""
    assert "Part 1 of 2" in part.stderr
    whole = run(tmp_path, "--strategies", "random,margin", "--json")
    assert whole.exit_code == 0, whole.output
    assert '"reference": "random"' in whole.stdout


@pytest.mark.parametrize(
    "wrong",
    [
        ["--shard", "3/2"],
        ["--shard", "x"],
        ["--noise", "7"],
        ["--repeats", "0"],
        ["--budget", "0"],
        ["--budget", "5 a"],
    ],
)
def test_the_command_refuses_wrong_options(tmp_path, wrong):
    assert run(tmp_path, "--strategies", "random", *wrong).exit_code == 2


def test_budget_and_batches_for_each_cluster(tmp_path):
    each = ["--budget", "3 each", "--batch-size", "1 each"]  # four clusters
    done = run(tmp_path, "--strategies", "random", "--json", *each)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["budgets"] == [0, 4, 8, 12]


def test_noise_labels_are_left_out(tmp_path):
    done = run(tmp_path, "--strategies", "random", "--noise-label", "0", "--json")
    assert done.exit_code == 0, done.output
    run_ = open_store(tmp_path / "runs.db").runs()[0].spec.name
    assert set(labelled(tmp_path / "runs.db", run_).values()) <= {1, 2, 3}
