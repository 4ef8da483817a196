"""PFNClusterer is a scikit-learn estimator, and behaves as one would expect of a clusterer with anchors."""

import pickle

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, make_blobs, make_moons
from sklearn.utils.estimator_checks import parametrize_with_checks

from activeclust import PFNClusterer
from activeclust.errors import InvalidInput, WeightsError


@parametrize_with_checks([PFNClusterer(device="cpu")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture
def rng():
    return np.random.default_rng(7)


@pytest.fixture(scope="module")
def blobs():
    X, y = make_blobs(240, centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=1)
    return X, y


@pytest.fixture(scope="module")
def anchored(blobs):
    X, y = blobs
    given = np.full(len(X), -1)
    for c in range(4):
        given[np.flatnonzero(y == c)[:3]] = c
    return X, y, given


CONSENSUS = pytest.mark.parametrize("consensus", ["auto", "off"])


@CONSENSUS
def test_a_few_anchors_label_separated_blobs(anchored, consensus):
    X, y, given = anchored
    model = PFNClusterer(device="cpu", consensus=consensus).fit(X, given)
    assert (model.labels_ == y).mean() > 0.99
    assert model.posterior_.shape == (240, 4)
    np.testing.assert_allclose(model.posterior_.sum(axis=1), 1, atol=1e-6)


def test_anchors_keep_their_answer_even_where_it_is_wrong(anchored):
    X, y, given = anchored
    wrong = given.copy()
    row = np.flatnonzero(y == 0)[20]
    wrong[row] = 3
    model = PFNClusterer(device="cpu").fit(X, wrong)
    assert model.labels_[row] == 3
    assert model.new_cluster_proba_[row] == 0


def test_the_wrong_anchor_is_the_most_suspect(anchored):
    X, y, given = anchored
    wrong = given.copy()
    row = np.flatnonzero(y == 0)[20]
    wrong[row] = 3
    suspects = PFNClusterer(device="cpu", random_state=0).fit(X, wrong).suspect_anchors()
    assert suspects[0][0] == row
    assert suspects[0][2] > 0.5


@CONSENSUS
def test_an_unseen_cluster_is_new(anchored, consensus):
    X, y, given = anchored
    seen = np.where(given == 3, -1, given)
    new = PFNClusterer(device="cpu", consensus=consensus).fit(X, seen).new_cluster_proba_
    assert new[y == 3].mean() > 0.5 > new[(y != 3) & (seen == -1)].mean()


def test_without_answers_the_number_of_clusters_is_found(blobs):
    X, y = blobs
    model = PFNClusterer(device="cpu").fit(X)
    assert len(model.classes_) == 4
    assert (np.bincount(model.labels_) == np.bincount(y)).all()


def test_names_of_any_kind(anchored):
    X, _, given = anchored
    names = [None if g == -1 else [1, "1", "katze", "Ü" * 1000][g] for g in given]
    model = PFNClusterer(device="cpu").fit(X, names)
    assert set(model.labels_.tolist()) == {1, "1", "katze", "Ü" * 1000}


def test_the_posterior_permutes_with_the_clusters(anchored):
    X, _, given = anchored
    model = PFNClusterer(device="cpu").fit(X, given)
    order = np.array([2, 0, 3, 1])
    other = PFNClusterer(device="cpu").fit(X, np.where(given >= 0, order[given], -1))
    np.testing.assert_allclose(other.posterior_[:, order], model.posterior_, atol=1e-4)


def test_the_posterior_permutes_with_the_rows(anchored, rng):
    X, _, given = anchored
    p = rng.permutation(len(X))
    model = PFNClusterer(device="cpu").fit(X, given)
    np.testing.assert_allclose(
        PFNClusterer(device="cpu").fit(X[p], given[p]).posterior_, model.posterior_[p], atol=1e-4
    )


def hard_digits(rng):
    digits = load_digits()
    rows = rng.choice(len(digits.target), 600, replace=False)
    return digits.data[rows], digits.target[rows]


def hard_moons(rng):
    return make_moons(500, noise=0.25, random_state=int(rng.integers(1000)))


@pytest.mark.parametrize("hard", [hard_digits, hard_moons])
def test_rotating_shifting_scaling_and_permuting_changes_nothing(hard, rng):
    """Where clusters overlap, too: .002 is what docs/posterior.md promises."""
    X, y = hard(rng)
    turn, _ = np.linalg.qr(rng.normal(size=(X.shape[1],) * 2))
    order = rng.permutation(len(X))
    model = PFNClusterer(device="cpu")
    here, turned, permuted = (model.prepare(given) for given in (X, 1e3 * X @ turn + 77, X[order]))

    def full(prepared, rows, codes):
        known, new = model.posterior(prepared, rows, codes)
        return np.column_stack([known * (1 - new[:, None]), new])

    for anchors in (6, 40):
        rows = rng.choice(len(X), anchors, replace=False)
        names, codes = np.unique(y[rows], return_inverse=True)
        before = full(here, rows, codes)
        np.testing.assert_allclose(full(turned, rows, codes), before, atol=2e-3)
        other = rng.permutation(len(names))
        moved = full(permuted, np.argsort(order)[rows], other[codes])
        np.testing.assert_allclose(moved[:, np.append(other, len(names))], before[order], atol=1e-5)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("hard", [hard_digits, hard_moons])
@pytest.mark.parametrize("anchors", [6, 40])
def test_a_gpu_gives_what_the_processor_gives(hard, anchors, rng):
    """Within .002, as docs/posterior.md says: float32 sums in another order."""
    X, y = hard(rng)
    rows = np.arange(anchors)
    codes = np.unique(y[rows], return_inverse=True)[1]
    here, there = PFNClusterer(device="cpu"), PFNClusterer(device="cuda")
    known, new = here.posterior(here.prepare(X), rows, codes)
    other, other_new = there.posterior(there.prepare(X), rows, codes)
    np.testing.assert_allclose(other, known, atol=2e-3)
    np.testing.assert_allclose(other_new, new, atol=2e-3)


def test_predict_agrees_with_the_fitted_rows(anchored):
    X, _, given = anchored
    model = PFNClusterer(device="cpu").fit(X, given)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    np.testing.assert_allclose(model.predict_proba(X), model.posterior_, atol=1e-6)


def test_predict_takes_rows_never_seen(anchored, rng):
    X, y, given = anchored
    model = PFNClusterer(device="cpu").fit(X, given)
    assert (model.predict(X + 0.05 * rng.normal(size=X.shape)) == y).mean() > 0.98


def test_clone_and_pickle(anchored):
    X, _, given = anchored
    model = PFNClusterer(device="cpu", max_clusters=7)
    assert clone(model).get_params() == model.get_params()
    model.fit(X, given)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.suspect_anchors() is not None


def test_repeated_rows_share_a_posterior(anchored):
    X, _, given = anchored
    double, twice = np.vstack([X, X]), np.concatenate([given, np.full(len(X), -1)])
    model = PFNClusterer(device="cpu").fit(double, twice)
    free = given == -1
    np.testing.assert_array_equal(model.posterior_[: len(X)][free], model.posterior_[len(X) :][free])


def test_growing_anchors_step_by_step_equals_all_at_once(anchored):
    X, y, _ = anchored
    model = PFNClusterer(device="cpu")
    prepared = model.prepare(X)
    rows = np.array([np.flatnonzero(y == c)[i] for i in range(3) for c in range(4)])
    for k in (4, 5, 9, 12):
        grown, _ = model.posterior(prepared, rows[:k], y[rows[:k]])
    fresh, _ = model.posterior(model.prepare(X), rows, y[rows])
    np.testing.assert_array_equal(grown, fresh)  # to the last bit, however it was reached


def test_resampled_passes_differ_and_repeat_under_a_seed(anchored):
    X, y, given = anchored
    model = PFNClusterer(device="cpu")
    prepared = model.prepare(X)
    rows = np.flatnonzero(given >= 0)
    first, again = (model.resample(prepared, rows, y[rows], 3, np.random.default_rng(5)) for _ in range(2))
    assert first.shape == (3, 240, 4)
    np.testing.assert_array_equal(first, again)
    assert np.abs(first[0] - first[1]).max() > 0


def test_a_row_is_told_its_anchors_with_shares(anchored):
    X, _, given = anchored
    model = PFNClusterer(device="cpu").fit(X, given)
    tellings = [model.explain(row) for row in np.flatnonzero(given == -1)[:10]]
    for told in tellings:
        assert sorted(row for row, _, _ in told) == np.flatnonzero(given >= 0).tolist()
        assert all(cluster == given[row] for row, cluster, _ in told)
        shares = [share for _, _, share in told]
        assert sum(shares) == pytest.approx(1)
        assert shares == sorted(shares, reverse=True)
    assert len({tuple(told) for told in tellings}) > 1
    with pytest.raises(InvalidInput, match=r"from 0 to 239, got 240"):
        model.explain(240)


def test_equal_anchors_are_explained_as_one(anchored):
    X, _, given = anchored
    first = int(np.flatnonzero(given >= 0)[0])
    twice, answers = np.vstack([X, X[first]]), np.append(given, given[first])
    told = PFNClusterer(device="cpu").fit(twice, answers).explain(len(X) - 1)
    assert first in [row for row, _, _ in told]
    assert len(X) not in [row for row, _, _ in told]


@CONSENSUS
def test_many_clusters(rng, consensus):
    centres = rng.uniform(-60, 60, size=(120, 2))
    y = np.repeat(np.arange(120), 8)
    X = centres[y] + 0.1 * rng.normal(size=(960, 2))
    given = np.where(np.arange(960) % 8 == 0, y, -1)
    assert (PFNClusterer(device="cpu", consensus=consensus).fit(X, given).labels_ == y).mean() > 0.9


@pytest.mark.parametrize(
    ("X", "y", "says"),
    [
        (np.ones((9, 2)), None, "identical"),
        (np.arange(12.0).reshape(6, 2), [0, 1], "y has 2 entries for 6 rows"),
        (np.arange(12.0).reshape(6, 2), np.zeros((6, 2)), "one label per row"),
    ],
)
def test_bad_input_is_named(X, y, says):
    with pytest.raises(InvalidInput, match=says):
        PFNClusterer(device="cpu").fit(X, y)


def test_bad_device_and_weights_are_named(blobs, tmp_path):
    with pytest.raises(InvalidInput, match="device"):
        PFNClusterer(device="quantum").fit(blobs[0])
    with pytest.raises(WeightsError, match="pretrain"):
        PFNClusterer(device="cpu", weights=tmp_path / "none.safetensors").fit(blobs[0])


def test_an_answer_holds_for_the_copies_of_its_row():
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(40, 2)).round(1), 3, axis=0)[rng.permutation(120)]
    _, copy_of = np.unique(X, axis=0, return_inverse=True)
    answers = [None] * len(X)
    for row in rng.choice(len(X), 30, replace=False):
        answers[row] = int(rng.integers(3))  # at random, so that neighbours contradict them
    model = PFNClusterer(device="cpu").fit(X, answers)
    for group in np.unique(copy_of):
        copies = np.flatnonzero(copy_of == group)
        given = [answers[row] for row in copies if answers[row] is not None]
        most = max((given.count(name) for name in given), default=0)
        for row in copies:
            if answers[row] is not None:
                assert model.labels_[row] == answers[row]
            elif given:
                assert given.count(model.labels_[row]) == most
                assert model.posterior_[row].max() == 1.0 and model.new_cluster_proba_[row] == 0.0
    four = PFNClusterer(device="cpu").fit(
        [[0.0, 0.0]] * 5 + [[5.0, 5.0], [5.1, 5.0], [0.1, 0.0]], [0, 1, 1, 1, None, 0, None, None]
    )
    assert four.labels_[:5].tolist() == [0, 1, 1, 1, 1]


def test_so_many_clusters_as_are_known_are_found(blobs):
    X, y = blobs
    for k in (1, 2, 4, 7, 30):
        model = PFNClusterer(device="cpu", n_clusters=k).fit(X)
        assert len(model.classes_) == len(np.unique(model.labels_)) == k
        assert (model.new_cluster_proba_ == 0).all()
        assert k != 4 or (np.bincount(model.labels_) == np.bincount(y)).all()
    small = PFNClusterer(device="cpu", n_clusters=3).fit([[0.0, 1.0], [4.0, 1.0], [9.0, 2.0]])
    assert sorted(small.labels_.tolist()) == [0, 1, 2]
    with pytest.raises(InvalidInput, match="9 clusters cannot be found among 3 distinct rows"):
        PFNClusterer(device="cpu", n_clusters=9).fit([[0.0, 1.0], [4.0, 1.0], [9.0, 2.0]])


def test_where_all_clusters_are_known_none_of_these_is_none(anchored):
    X, y, given = anchored
    open_, closed = (PFNClusterer(device="cpu", n_clusters=k).fit(X, given) for k in (None, 4))
    assert open_.new_cluster_proba_.max() > 0 == closed.new_cluster_proba_.max()
    np.testing.assert_array_equal(open_.posterior_, closed.posterior_)
    three = np.where(given == 3, -1, given)
    still_open = PFNClusterer(device="cpu", n_clusters=4).fit(X, three)
    assert still_open.new_cluster_proba_[y == 3].mean() > 0.5
    named = PFNClusterer(device="cpu", classes=[3, 2, 1, 0]).fit(X, three)
    assert named.classes_.tolist() == [0, 1, 2, 3]
    assert (named.labels_ == y).mean() > 0.95
    assert (named.new_cluster_proba_ == 0).all()
    two = PFNClusterer(device="cpu", classes=[0, 1, 2, 3, "x"]).fit(X, three)
    np.testing.assert_allclose(two.posterior_[:, 3], two.posterior_[:, 4])


def test_hypothetical_answers_know_how_many_clusters_there_are(anchored):
    X, y, given = anchored
    rows = np.flatnonzero((given >= 0) & (y < 3))
    model = PFNClusterer(device="cpu", n_clusters=4)
    prepared = model.prepare(X)
    tried, answers = np.flatnonzero(y == 3)[:2], np.array([3, 0])
    out = model.hypothetical(prepared, rows, y[rows], tried, answers, np.arange(50))
    np.testing.assert_allclose(out.sum(axis=2), 1, atol=1e-6)
    assert out[0, :, -1].max() == 0  # a fourth cluster is opened: that is all of them
    assert out[1, :, -1].max() > 0
    open_ = PFNClusterer(device="cpu").hypothetical(prepared, rows, y[rows], tried, answers, np.arange(50))
    np.testing.assert_array_equal(out[1], open_[1])


@pytest.mark.parametrize(
    ("settings", "y", "says"),
    [
        ({"n_clusters": 0}, None, "n_clusters is an integer from 1"),
        ({"n_clusters": 2.5}, None, "n_clusters is an integer from 1"),
        ({"n_clusters": 2, "classes": ["a"]}, ["a"], "classes names 1"),
        ({"classes": ["a", "b"]}, None, "give n_clusters=2"),
        ({"classes": ["a", "b"]}, ["c"], "classes lists 'a', 'b' alone"),
    ],
)
def test_what_is_known_of_clusters_must_agree(settings, y, says, blobs):
    given = None if y is None else y + [None] * 239
    with pytest.raises(InvalidInput, match=says):
        PFNClusterer(device="cpu", **settings).fit(blobs[0], given)


def test_preparing_rows_leaves_the_estimator_as_it_was(blobs):
    model = PFNClusterer(device="cpu")
    before = dict(vars(model))
    model.posterior(model.prepare(blobs[0]), [0, 1], [0, 1])
    assert vars(model) == before


def test_the_score_is_the_share_of_names_that_are_right(anchored):
    X, y, given = anchored
    model = PFNClusterer(device="cpu").fit(X, given)
    assert model.score(X, y) == (model.labels_ == y).mean()
    assert model.score(X, y.astype(str)) == 0.0
    assert model.score(X[:2], [y[0], 99], sample_weight=[3, 1]) == 0.75
