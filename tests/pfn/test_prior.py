"""The prior draws usable data sets, and says what is wrong with one of the user's own."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust.errors import DataFileError, InvalidInput, UnknownName
from activeclust.pfn.basis import Basis
from activeclust.pfn.prior import PACKAGE_PRIOR, SHAPES, Prior, draw_dataset
from activeclust.pfn.tasks import distinct_labels, draw_anchors, draw_task
from activeclust.views.views import make_views


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_data_sets_are_finite_and_every_cluster_is_there(seed):
    X, y = draw_dataset(Prior(rows=(30, 200)), np.random.default_rng(seed))
    assert len(X) == len(y) >= 20
    assert np.isfinite(X).all()
    np.testing.assert_array_equal(np.unique(y), np.arange(y.max() + 1))


@pytest.mark.parametrize("shape", SHAPES)
def test_a_prior_of_one_shape(shape):
    prior = Prior(rows=(80, 120), shapes={shape: 1.0})
    X, _ = draw_dataset(prior, np.random.default_rng(0))
    assert X.std() > 0


def test_the_same_seed_draws_the_same():
    a, b = (draw_dataset(Prior(rows=(50, 90)), np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(a[0], b[0])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_tasks_have_distinct_anchors_and_targets_in_range(seed):
    rng = np.random.default_rng(seed)
    X, y = draw_dataset(Prior(rows=(60, 150), rounded=0.0), rng)
    views = make_views(X)
    y = distinct_labels(views, y)
    anchors = draw_anchors(views, y, rng)
    assert len(anchors) == len(np.unique(anchors)) < len(y)
    task = draw_task(views, Basis(views), y, rng)
    assert 0 <= int(task.target.min()) <= int(task.target.max()) <= task.C
    assert sorted(set(task.codes.tolist())) == list(range(task.C))


def test_a_prior_is_read_from_json(tmp_path):
    file = tmp_path / "mine.json"
    file.write_text(json.dumps({"dimensions": [2, 3], "warp": 0.0, "clusters": {"2-2": 1}}))
    prior = Prior.read(file)
    assert prior.dimensions == (2, 3)
    assert draw_dataset(prior, np.random.default_rng(0))[1].max() >= 1


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("{", DataFileError, "JSON"),
        ("[1]", DataFileError, "list"),
        ('{"warpp": 1}', UnknownName, "Did you mean 'warp'"),
        ('{"shapes": {"gausian": 1}}', UnknownName, "gaussian"),
        ('{"warp": 2}', InvalidInput, "between 0 and 1"),
        ('{"rows": [9, 3]}', InvalidInput, "range"),
        ('{"mixture": {"weight": 1}}', InvalidInput, "list of its variants"),
        ('{"mixture": [{"warp": 0.1}]}', InvalidInput, 'positive "weight"'),
        ('{"mixture": [{"weight": 1, "warpp": 0.1}]}', UnknownName, "Did you mean 'warp'"),
        ('{"mixture": [{"weight": 1, "warp": 2}]}', InvalidInput, "between 0 and 1"),
    ],
)
def test_a_bad_prior_is_named(tmp_path, text, error, says):
    file = tmp_path / "mine.json"
    file.write_text(text)
    with pytest.raises(error, match=says):
        Prior.read(file)


def test_a_mixture_draws_from_its_parts_by_their_weights():
    prior = Prior(
        rows=(60, 60), clusters={"2-2": 1}, embed=0.0, irrelevant=0.0, flat=0.0,
        mixture=({"weight": 3, "dimensions": (4, 4)}, {"weight": 1, "dimensions": (9, 9)}),
    )  # fmt: skip
    columns = [draw_dataset(prior, np.random.default_rng(seed))[0].shape[1] for seed in range(200)]
    assert set(columns) == {4, 9}
    assert 0.65 < np.mean(np.array(columns) == 4) < 0.85


def test_one_part_of_weight_one_is_the_prior_itself():
    plain, mixed = Prior(rows=(60, 90)), Prior(rows=(60, 90), mixture=({"weight": 1},))
    a, b = (draw_dataset(prior, np.random.default_rng(4))[0] for prior in (plain, mixed))
    np.testing.assert_array_equal(a, b)


def test_the_prior_of_the_package_survives_json(tmp_path):
    file = tmp_path / "package.json"
    file.write_text(json.dumps(PACKAGE_PRIOR.as_dict()))
    X, _ = draw_dataset(Prior.read(file), np.random.default_rng(1))
    np.testing.assert_array_equal(X, draw_dataset(PACKAGE_PRIOR, np.random.default_rng(1))[0])


def test_clusters_by_chance_have_nothing_to_do_with_the_rows():
    from sklearn.metrics import silhouette_score

    easy = {"rows": (300, 300), "clusters": {"3-3": 1.0}, "shapes": {"gaussian": 1.0}, "together": 0.0,
            "separation": (12, 12), "split": 0.0, "warp": 0.0, "modes": 1, "outliers": 0.0}  # fmt: skip
    for chance, low, high in ((0.0, 0.3, 1.0), (1.0, -0.1, 0.05)):
        X, y = draw_dataset(Prior(**easy, chance=chance), np.random.default_rng(0))
        assert low < silhouette_score(X, y) < high


def test_clusters_without_anchors_are_a_minority():
    rng = np.random.default_rng(0)
    X, y = draw_dataset(
        Prior(rows=(400, 400), clusters={"8-8": 1.0}, imbalance=(99.0, 99.0), rounded=0.0, outliers=0.0), rng
    )
    views = make_views(X)
    y = distinct_labels(views, y)
    hidden = []
    for _ in range(1200):
        anchors = draw_anchors(views, y, rng)
        if len(anchors) > 60:  # nothing is hidden by chance alone
            hidden.append(8 - len(np.unique(y[anchors])))
    share = np.mean(np.array(hidden) > 0)
    assert 0.03 < share < 0.35
    assert 1.5 < np.mean([h for h in hidden if h]) < 6
