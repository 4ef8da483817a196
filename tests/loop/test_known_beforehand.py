"""A loop that begins with answers, or with the clusters there are; and what it says of rows that it never saw."""

import numpy as np
import pytest
from nearest_anchor import NearestAnchor
from sklearn import metrics
from sklearn.datasets import make_blobs

from activeclust import ActiveLoop, LabelOracle, PFNClusterer
from activeclust.errors import InvalidInput, RunMismatch
from activeclust.store import open_store

X, Y = make_blobs(80, centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=1)
NAMES = np.array(["left", "right", "top", "both"])


def model(**settings):
    return PFNClusterer(device="cpu", **settings)


def test_answers_that_are_known_come_first():
    known = {int(row): NAMES[Y[row]] for row in (3, 9, 20)}
    store = open_store()
    loop = ActiveLoop(X, LabelOracle(NAMES[Y]), store=store, clusterer=model(), anchors=known, random_state=0)
    assert loop.anchors == known
    loop.run(budget=5)
    assert len(loop.anchors) == 5 and list(loop.anchors)[:3] == [3, 9, 20]
    loop.tell(9, "another")
    again = ActiveLoop(X, None, store=store, clusterer=model(), anchors=known, resume=True)
    assert again.anchors == loop.anchors  # what was said since holds
    more = ActiveLoop(X, None, store=store, clusterer=model(), anchors={0: "left"}, resume=True)
    assert more.anchors == loop.anchors | {0: "left"}


@pytest.mark.parametrize("anchors", [{80: "a"}, {-1: "a"}, {"x": "a"}, {1: None}, {1: 2.5}])
def test_anchors_that_are_none_are_refused_as_a_whole(anchors):
    store = open_store()
    with pytest.raises(InvalidInput):
        ActiveLoop(X, None, store=store, clusterer=NearestAnchor(), anchors={0: "b"} | anchors)
    assert store.open_run("run").last_seq == 0


def test_where_the_clusters_are_known_no_other_is_answered():
    store = open_store()
    loop = ActiveLoop(X, None, store=store, clusterer=model(), classes=list(NAMES), anchors={0: NAMES[Y[0]]})
    assert set(loop.ask()[0].clusters) == set(NAMES)
    assert loop.ask()[0].clusters[0] == NAMES[Y[0]]
    for wrong in ("else", 1):
        with pytest.raises(InvalidInput, match=r"knows the clusters 'left', .*none of them"):
            loop.tell(5, wrong)
    with pytest.raises(InvalidInput, match="none of them"):
        loop.rename(NAMES[Y[0]], "else")
    assert loop.new_cluster_proba.max() > 0.3
    for cluster in range(4):
        loop.tell(int(np.flatnonzero(cluster == Y)[0]), NAMES[cluster])
    assert (loop.new_cluster_proba == 0).all()
    assert (loop.state.full_posterior[:, -1] == 0).all()
    again = ActiveLoop(X, None, store=store, clusterer=model(), resume=True)  # it is kept with the run
    assert (again.new_cluster_proba == 0).all()
    with pytest.raises(RunMismatch, match="now it is to have 'a'"):
        ActiveLoop(X, None, store=store, clusterer=model(), resume=True, classes=["a"])


def test_classes_need_a_clusterer_that_can_be_told():
    with pytest.raises(InvalidInput, match="parameter n_clusters; NearestAnchor has none"):
        ActiveLoop(X, None, clusterer=NearestAnchor(), classes=["a", "b"])
    with pytest.raises(InvalidInput, match="distinct names"):
        ActiveLoop(X, None, clusterer=model(), classes=["a", "a"])


def test_the_loop_leaves_the_estimator_as_it_was():
    rng = np.random.default_rng(3)
    mine = model(random_state=rng)
    before, state = dict(vars(mine)), rng.bit_generator.state
    loop = ActiveLoop(X, LabelOracle(Y), clusterer=mine, classes=[0, 1, 2, 3], random_state=0)
    loop.run(budget=6)
    assert vars(mine) == before and rng.bit_generator.state == state
    assert loop.clusterer is not mine


def test_labels_are_what_scikit_learns_metrics_take():
    for truth in (Y, NAMES[Y]):
        loop = ActiveLoop(X, LabelOracle(truth), clusterer=model(), random_state=0)
        assert loop.labels.tolist() == [None] * 80
        loop.run(budget=8)
        assert loop.labels.dtype.kind == truth.dtype.kind
        for score in (metrics.accuracy_score, metrics.adjusted_rand_score, metrics.v_measure_score):
            assert score(truth, loop.labels) == 1.0
        assert "accuracy" in metrics.classification_report(truth, loop.labels)
    mixed = ActiveLoop(X, None, clusterer=model(), anchors={0: 1, 1: "1"})
    assert {type(name) for name in mixed.labels} == {int, str}


def test_rows_never_seen_have_a_cluster():
    loop = ActiveLoop(X, LabelOracle(NAMES[Y]), clusterer=model(), random_state=0)
    with pytest.raises(InvalidInput, match="No row is answered yet"):
        loop.predict(X[:2])
    loop.run(budget=8)
    rng = np.random.default_rng(0)
    others = X + 0.1 * rng.normal(size=X.shape)
    assert (loop.predict(others) == NAMES[Y]).mean() > 0.98
    np.testing.assert_array_equal(loop.predict(X), loop.labels)
    np.testing.assert_allclose(loop.predict_proba(X), loop.posterior, atol=1e-6)
    assert loop.predict(others[:1]).tolist() == loop.predict(others)[:1].tolist()
    assert loop.predict(np.empty((0, 2))).shape == (0,)
    with pytest.raises(InvalidInput, match=r"rows of 2 columns, got shape \(80, 1\)"):
        loop.predict(X[:, :1])
    with pytest.raises(InvalidInput, match="NaN"):
        loop.predict([[0.0, np.nan]])
    alone = ActiveLoop(X, None, clusterer=NearestAnchor(), anchors={0: "a"})
    with pytest.raises(InvalidInput, match="no method unseen"):
        alone.predict(X)


@pytest.mark.parametrize("kind", [np.random.RandomState, np.random.default_rng])
def test_a_seed_is_drawn_from_what_scikit_learn_takes(kind):
    first, again = (
        ActiveLoop(X, None, clusterer=NearestAnchor(), random_state=kind(5)).seed for _ in range(2)
    )
    other = ActiveLoop(X, None, clusterer=NearestAnchor(), random_state=kind(6)).seed
    assert first == again != other


def test_a_resumed_loop_has_the_very_same_posterior(tmp_path):
    """Of the network itself, to the last bit: grown answer by answer, with undo, or read from the store at once."""
    store = open_store(tmp_path / "a.db")
    loop = ActiveLoop(
        X, LabelOracle(NAMES[Y]), store=store, clusterer=model(), random_state=0, strategy="random"
    )
    loop.run(budget=4)
    loop.undo()
    loop.run(budget=9)
    again = ActiveLoop(X, None, store=store, clusterer=model(), resume=True, strategy="random")
    np.testing.assert_array_equal(again.posterior, loop.posterior)
    np.testing.assert_array_equal(again.new_cluster_proba, loop.new_cluster_proba)
    at_once = ActiveLoop(X, None, clusterer=model(), anchors=loop.anchors)
    np.testing.assert_array_equal(at_once.posterior, loop.posterior)
