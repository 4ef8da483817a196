"""What the caller has set in numpy, pandas, scikit-learn and torch changes no result; threads and forks work."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import sklearn
import torch
from sklearn.datasets import make_blobs

from activeclust import ActiveLoop, LabelOracle, PFNClassifier, PFNClusterer

X, Y = make_blobs(120, centers=[[0, 0], [5, 0], [0, 5], [5, 5]], cluster_std=1.2, random_state=1)
GIVEN = np.where(np.arange(120) < 16, Y, -1)
TABLE = pd.DataFrame({"a": X[:, 0], "b": np.where(Y > 1, "x", "y"), "c": pd.Timestamp("2024-01-01")})
TABLE["c"] += pd.to_timedelta(np.arange(120), "D")
TABLE.loc[3, "a"] = np.nan


def everything() -> dict[str, np.ndarray]:
    model = PFNClusterer(device="cpu", random_state=0).fit(X, GIVEN)
    prepared = model.prepare(X)
    rows = np.arange(8)
    codes = np.unique(Y[rows], return_inverse=True)[1]
    loop = ActiveLoop(X, LabelOracle(Y), clusterer=model, random_state=0, labels_true=Y)
    loop.run(budget=5)
    return {
        "posterior": model.posterior_,
        "new": model.new_cluster_proba_,
        "unseen": model.predict_proba(X * 1.01),
        "suspects": np.array([score for *_, score in model.suspect_anchors()]),
        "shares": np.array([share for *_, share in model.explain(40)]),
        "resampled": model.resample(prepared, rows, codes, 2, np.random.default_rng(0)),
        "hypothetical": model.hypothetical(
            prepared, rows, codes, [20, 30], [0, codes.max() + 1], np.arange(9)
        ),
        "table": PFNClassifier(device="cpu").fit(TABLE, Y).predict_proba(TABLE[:9]),
        "found": PFNClusterer(device="cpu").fit(X).posterior_,
        "asked": np.array(list(loop.anchors)),
    }


@pytest.fixture(scope="module")
def plain():
    return everything()


@contextlib.contextmanager
def torch_default(what, value, before):
    getattr(torch, f"set_{what}")(value)
    try:
        yield
    finally:
        getattr(torch, f"set_{what}")(before)


#: several at once: each run of everything takes seconds
SETTINGS = {
    "numpy, pandas and scikit-learn": lambda: [
        np.errstate(all="raise"),
        np.printoptions(precision=1, threshold=1),
        sklearn.config_context(transform_output="pandas", assume_finite=True, working_memory=1),
        pd.option_context("display.max_rows", 1, "display.precision", 1),
    ],
    "double precision on another device": lambda: [
        torch_default("default_dtype", torch.float64, torch.float32),
        torch_default("default_device", "meta", None),
        torch_default("deterministic_debug_mode", "error", "default"),
        torch.no_grad(),
    ],
    "half precision in inference mode": lambda: [
        torch_default("default_dtype", torch.bfloat16, torch.float32),
        torch.autocast("cpu", dtype=torch.bfloat16),
        torch.autograd.set_detect_anomaly(True, check_nan=False),
        torch.inference_mode(),
    ],
}


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
@pytest.mark.parametrize("setting", SETTINGS)
def test_the_callers_settings_change_nothing(setting, plain):
    from activeclust.pfn.inference import load_network

    load_network.cache_clear()  # reading the weights must not depend on settings either
    with contextlib.ExitStack() as stack:
        for context in SETTINGS[setting]():
            stack.enter_context(context)
        dtype, device, config = torch.get_default_dtype(), torch.get_default_device(), sklearn.get_config()
        found = everything()
        assert (torch.get_default_dtype(), torch.get_default_device()) == (dtype, device)
        assert sklearn.get_config() == config
    load_network.cache_clear()
    for name, expected in plain.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=f"{name}, {setting}")


def test_rows_with_gaps_are_refused_though_scikit_learn_assumes_that_there_are_none():
    broken = np.where(np.arange(240).reshape(120, 2) == 7, np.nan, X)
    with sklearn.config_context(assume_finite=True), pytest.raises(ValueError, match="NaN"):
        PFNClusterer(device="cpu").fit(broken, GIVEN)


def test_threads_share_a_fitted_estimator():
    model = PFNClusterer(device="cpu").fit(X, GIVEN)
    fresh = PFNClusterer(device="cpu").fit(X, GIVEN)
    sets = [np.random.default_rng(seed).choice(120, 12, replace=False) for seed in range(8)]
    codes = [np.unique(Y[rows], return_inverse=True)[1] for rows in sets]
    alone = [fresh.posterior(fresh.prepare(X), *task)[0] for task in zip(sets, codes, strict=True)]

    def work(i: int):
        unseen = model.predict_proba(X + 0.01 * i)
        return model.posterior(model.prepared_, sets[i], codes[i])[0], unseen

    torch.set_default_dtype(torch.float64)
    try:
        with ThreadPoolExecutor(4) as threads:
            together = list(threads.map(work, range(8)))
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    for i, (posterior, unseen) in enumerate(together):
        np.testing.assert_array_equal(posterior, alone[i])
        np.testing.assert_array_equal(unseen, fresh.predict_proba(X + 0.01 * i))


FORK = """
import os, signal
import numpy as np
from sklearn.datasets import make_blobs
from activeclust import PFNClusterer

X, y = make_blobs(600, 10, centers=5, random_state=0)
given = np.where(np.arange(600) < 30, y, -1)
model = PFNClusterer(device="cpu").fit(X, given)
before = model.predict_proba(X[:50] + 0.01), model.posterior_
child = os.fork()
if child == 0:
    signal.alarm(600)  # what hangs is ended
    again = PFNClusterer(device="cpu").fit(X + 0.0, given)
    same = np.allclose(again.posterior_, before[1], atol=1e-4)
    same &= np.allclose(model.predict_proba(X[:50] + 0.01), before[0], atol=1e-4)
    os._exit(0 if same else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_does_not_hang():
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK],
        env=environment | {"OMP_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
