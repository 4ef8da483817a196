"""Sweeps on the processes of a cluster, through joblib's backends: Dask's and Ray's."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import joblib
import numpy as np
import pytest
from nearest_anchor import NearestAnchor
from sklearn.datasets import make_blobs

from activeclust.compare import compare, execute, make_plan
from activeclust.datasets import Dataset

STRATEGIES = ["random", "entropy"]


@pytest.fixture(scope="module")
def data() -> Dataset:
    X, y = make_blobs(80, centers=4, cluster_std=1.5, random_state=0)
    return Dataset(X.astype(np.float32), y, X, name="blobs", source="blobs")


@pytest.fixture(scope="module")
def here(data):
    """The rounds of a sweep in this process, by (strategy, repeat)."""
    plan = make_plan(data, STRATEGIES, 20, repeats=4)
    return plan, {(s, r): rounds for s, r, rounds in execute(plan, data, clusterer=NearestAnchor())}


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed", reason="pip install 'activeclust[dask]'")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def test_dask_gives_what_one_process_gives(data, here, cluster, tmp_path):
    plan, expected = here
    with joblib.parallel_config(backend="dask"):
        done = execute(plan, data, jobs=2, store=tmp_path / "runs.db", clusterer=NearestAnchor())
        assert {(s, r): rounds for s, r, rounds in done} == expected
    # every run is in the store: the same sweep, in one process, has nothing left to do
    asked = NearestAnchor()
    again = execute(plan, data, store=tmp_path / "runs.db", clusterer=asked)
    assert {(s, r): rounds for s, r, rounds in again} == expected and asked.calls == 0


def test_a_dask_worker_that_is_killed_costs_no_run(data, here, cluster, tmp_path):
    plan, expected = here
    killed = []

    def kill_one(*_: object) -> None:
        if not killed:
            killed.extend(cluster.run(os.getpid).values())
            os.kill(killed[0], signal.SIGKILL)

    with joblib.parallel_config(backend="dask"):
        done = execute(
            plan, data, jobs=2, store=tmp_path / "runs.db", clusterer=NearestAnchor(), progress=kill_one
        )
        assert {(s, r): rounds for s, r, rounds in done} == expected
    assert len(killed) == 2


def test_ray_gives_what_one_process_gives(data, here):
    ray = pytest.importorskip("ray", reason="pip install ray")
    from ray.util.joblib import register_ray

    register_ray()
    path = {
        "PYTHONPATH": str(Path(__file__).parents[1] / "support")
    }  # where the workers find this test's own model
    ray.init(num_cpus=2, include_dashboard=False, runtime_env={"env_vars": path})
    try:
        with joblib.parallel_config(backend="ray"):
            result = compare(
                data, strategies=STRATEGIES, budget=20, repeats=4, jobs=2, clusterer=NearestAnchor()
            )
    finally:
        ray.shutdown()
    _, expected = here
    finals = [[expected[s, r][-1]["accuracy"] for r in range(4)] for s in STRATEGIES]
    assert result.values["accuracy"][:, :, -1].tolist() == finals
