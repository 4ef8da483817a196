"""The map's layout: neighbours stay together, the same rows give the same layout, and its process ends with ours."""

from __future__ import annotations

import io
import subprocess
import sys

import numpy as np
import pytest
from sklearn.neighbors import NearestNeighbors

from activeclust.clusterer.prepared import prepare
from activeclust.errors import MissingDependency
from activeclust.resources.progress import listening
from activeclust.views import layout as module
from activeclust.views.layout import layout, place_rows, weights
from activeclust.views.views import make_views

pytest.importorskip("openTSNE", reason="the layout needs activeclust[map]")


def groups(n=240, d=12, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 6
    return (rng.normal(size=(n, d)) + 7 * np.eye(6, d)[y]).astype(np.float32), y


def placed(views):
    """What :func:`layout` gives, made in this process: starting another one takes seconds."""
    return views.spread(place_rows(weights(views), views.pca[:, :2])).astype(np.float32)


def test_nearest_rows_of_the_layout_are_of_the_same_group():
    X, y = groups()
    points = placed(make_views(X))
    nearest = NearestNeighbors(n_neighbors=9).fit(points).kneighbors(return_distance=False)
    assert (y[nearest] == y[:, None]).mean() > 0.97
    # six corners of a simplex: two principal axes cannot hold them apart as well
    plane = NearestNeighbors(n_neighbors=9).fit(make_views(X).pca[:, :2])
    views = make_views(X)
    assert (y[views.first][plane.kneighbors(return_distance=False)] == y[views.first][:, None]).mean() < 0.9


def test_the_other_process_gives_what_this_one_gives_and_says_how_far_it_is():
    X, _ = groups(90)
    views = make_views(X)
    seen = []
    with listening(lambda step, done, total: seen.append((step, done / total))):
        points = layout(views)
    assert points.shape == (90, 2) and points.dtype == np.float32
    np.testing.assert_array_equal(points, placed(views))
    shares = [share for step, share in seen if step == "layout"]
    assert shares == sorted(shares) and shares[-1] == 1 and len(shares) > 20


def test_rows_in_another_order_lie_where_they_lay():
    X, _ = groups(90)
    order = np.random.default_rng(1).permutation(90)
    here, there = placed(make_views(X)), placed(make_views(X[order]))
    np.testing.assert_allclose(there, here[order], atol=1e-3)


def test_weights_are_those_of_the_graph():
    views = make_views(groups(60)[0])
    W = weights(views).toarray()
    np.testing.assert_allclose(W, W.T, rtol=1e-5)
    np.testing.assert_allclose(W.sum(1) / W.sum(1).mean(), views.graph.degree, rtol=1e-4)


@pytest.mark.parametrize("n", [8, 18, 40, 100])
def test_rows_that_are_all_neighbours_of_one_another_do_not_fall_together(n):
    X, _ = groups(n // 2, 2)
    points = placed(make_views(X))
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False) / np.sqrt(len(points))
    assert spread.min() > 1, "on both axes, where the layout's unit is the reach of a row"


@pytest.mark.parametrize("n", [2, 3, 4, 7])
def test_a_few_rows_have_a_layout_too(n):
    points = placed(make_views(np.arange(2 * n, dtype=float).reshape(n, 2) ** 1.5))
    assert points.shape == (n, 2) and np.isfinite(points).all()


def test_copies_lie_on_one_point_and_other_rows_between_the_landmarks_near_them():
    X, y = groups(120)
    points = placed(make_views(np.concatenate([X, X[:5]])))
    np.testing.assert_array_equal(points[120:], points[:5])
    points = prepare(X, landmarks=60, cache=False).layout()
    nearest = NearestNeighbors(n_neighbors=5).fit(points).kneighbors(return_distance=False)
    assert points.shape == (120, 2) and (y[nearest] == y[:, None]).mean() > 0.9


def test_it_is_made_once_and_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTIVECLUST_CACHE", str(tmp_path))
    ready = prepare(groups(60)[0])
    first = ready.layout()
    monkeypatch.setattr(module, "_in_a_process", None)
    np.testing.assert_array_equal(prepare(groups(60)[0]).layout(), first)
    with pytest.raises(TypeError):  # other rows are not in the cache
        prepare(groups(61)[0]).layout()


def test_without_the_extra_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setattr(module.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"pip install 'activeclust\[map\]'"):
        prepare(groups(30)[0]).layout()


def test_what_goes_wrong_in_the_other_process_is_said():
    with pytest.raises(RuntimeError, match="indptr"):
        module._in_a_process({"data": np.zeros(1), "start": np.zeros((9, 2))})


def test_the_other_process_ends_when_ours_is_gone():
    words = [sys.executable, "-m", "activeclust.views.layout"]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    views = make_views(groups(3000)[0])
    W, given = weights(views), io.BytesIO()
    np.savez(given, data=W.data, indices=W.indices, indptr=W.indptr, start=views.pca[:, :2])
    process.stdin.write(len(given.getbuffer()).to_bytes(8, "little") + given.getbuffer())
    process.stdin.flush()
    assert int.from_bytes(process.stdout.read(4), "little") > 0  # it works
    process.stdin.close()
    assert process.wait(timeout=30) == 1
    process.stdout.close()
