"""PFNClassifier is a scikit-learn classifier."""

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone, is_classifier, is_clusterer
from sklearn.datasets import load_digits, load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from activeclust import PFNClassifier, PFNClusterer
from activeclust.errors import InvalidInput


@parametrize_with_checks([PFNClassifier(device="cpu")])
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


def test_it_is_a_classifier_and_the_clusterer_is_none():
    assert is_classifier(PFNClassifier()) and not is_clusterer(PFNClassifier())
    assert is_clusterer(PFNClusterer()) and not is_classifier(PFNClusterer())


def test_cross_validation_with_no_argument_and_by_log_loss(iris):
    X, y = iris
    model = PFNClassifier(device="cpu")
    assert cross_val_score(model, X, y).mean() > 0.95
    assert cross_val_score(model, X, y, scoring="neg_log_loss").mean() > -0.2
    proba = cross_val_predict(make_pipeline(StandardScaler(), model), X, y, method="predict_proba")
    assert log_loss(y, proba) < 0.25
    search = GridSearchCV(model, {"random_state": [0]}, scoring="roc_auc_ovr", cv=3).fit(X, y)
    assert search.best_score_ > 0.97


def test_rows_without_a_label_make_it_better():
    X, y = load_digits(return_X_y=True)
    X, y = X[:900], y[:900]
    some = np.random.default_rng(0).choice(600, 40, replace=False)
    few = PFNClassifier(device="cpu").fit(X[some], y[some]).score(X[600:], y[600:])
    given = np.full(600, None, dtype=object)
    given[some] = y[some]
    beside = PFNClassifier(device="cpu").fit(X[:600], given).score(X[600:], y[600:])
    pool = PFNClassifier(device="cpu", pool=X[:600]).fit(X[some], y[some])
    linear = LogisticRegression(max_iter=2000).fit(X[some], y[some]).score(X[600:], y[600:])
    assert pool.score(X[600:], y[600:]) == beside
    assert beside > few + 0.05
    assert beside > linear + 0.05


def test_a_pool_is_seen_again_without_new_views(iris, monkeypatch):
    X, y = iris
    made = []
    prepare = PFNClusterer._prepare
    monkeypatch.setattr(PFNClusterer, "_prepare", lambda self, X: made.append(len(X)) or prepare(self, X))
    model = PFNClassifier(device="cpu", pool=X)
    for k in (5, 10, 20):
        rows = np.linspace(0, 149, k).astype(int)
        model.fit(X[rows], y[rows])
        assert model.transduction_.tolist() == y[rows].tolist()
        fresh = PFNClassifier(device="cpu", pool=X).fit(X[rows], y[rows])
        np.testing.assert_allclose(model.predict_proba(X), fresh.predict_proba(X), atol=1e-6)
    assert made == [155, 155, 160, 170]  # one view of the model's own, one of each fresh one


def test_none_of_these_has_no_probability(iris):
    X, y = iris
    few = np.where(np.arange(150) % 10 == 0, y.astype(object), None)
    few[y == 2] = None
    model = PFNClassifier(device="cpu").fit(X, few)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.classes_.tolist() == [0, 1]
    assert (model.clusterer_.new_cluster_proba_ == 0).all()


def test_a_class_without_a_label_has_what_none_of_these_would_have(iris):
    X, y = iris
    few = np.where(np.arange(150) % 10 == 0, y.astype(object), None)
    few[y == 0] = None
    model = PFNClassifier(device="cpu", classes=[2, 0, 1]).fit(X, few)
    assert model.classes_.tolist() == [0, 1, 2]
    assert (model.transduction_ == y).mean() > 0.85
    known, new = PFNClusterer(device="cpu").fit(X, few).posterior_, PFNClusterer(device="cpu").fit(X, few)
    np.testing.assert_allclose(model.predict_proba(X)[:, 0], new.new_cluster_proba_, atol=1e-6)
    assert known.shape == (150, 2)


@pytest.mark.parametrize(
    ("y", "classes"),
    [
        (np.array([True, False] * 20), [False, True]),
        (np.array([1.0, 2.0] * 20), [1.0, 2.0]),
        (np.array([-1, 1] * 20), [-1, 1]),
        (["b", "a"] * 20, ["a", "b"]),
        (pd.Series(["b", "a"] * 20, dtype="category"), ["a", "b"]),
    ],
)
def test_classes_come_back_as_they_were_given(y, classes):
    X = np.where(np.arange(40) % 2, 5.0, -5.0)[:, None] + np.random.default_rng(0).normal(size=(40, 2))
    model = PFNClassifier(device="cpu").fit(X, y)
    assert model.classes_.tolist() == classes
    assert {type(name) for name in model.classes_.tolist()} == {type(name) for name in classes}
    assert model.score(X, y) == 1.0


def test_weights_are_votes_and_frequencies():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 150)
    X = rng.normal(size=(300, 2)) + 1.2 * y[:, None]  # overlapping
    X_new = rng.normal(size=(400, 2)) + 0.6
    share = [
        PFNClassifier(device="cpu").fit(X, y, np.where(y == 1, weight, 1.0)).predict(X_new).mean()
        for weight in (0.1, 1.0, 10.0)
    ]
    assert share[0] < share[1] - 0.05 and share[2] > share[1] + 0.05
    given = np.where(np.arange(300) % 15 == 0, y.astype(object), None)
    mean = [
        PFNClusterer(device="cpu").fit(X, given, np.where(y == 1, weight, 1.0)).posterior_[:, 1].mean()
        for weight in (0.1, 1.0, 10.0)
    ]
    assert mean[0] < mean[1] - 0.05 and mean[2] > mean[1] + 0.05


def test_equal_rows_are_of_the_class_that_weighs_most():
    X = np.array([[0.0, 0], [0, 0], [0, 0], [5, 5], [5, 6], [1, 0]])
    y, weight = ["a", "a", "b", "c", "c", "a"], [1, 1, 3, 1, 1, 1]
    assert PFNClassifier(device="cpu").fit(X, y).predict(X[:1]).tolist() == ["a"]
    assert PFNClassifier(device="cpu").fit(X, y, weight).predict(X[:1]).tolist() == ["b"]


def test_a_row_of_weight_zero_is_left_out(iris):
    X, y = iris
    wrong, weight = y.copy(), np.ones(150)
    wrong[[3, 60]], weight[[3, 60]] = 2, 0.0
    model = PFNClusterer(device="cpu").fit(X, wrong, weight)
    assert model.labels_[[3, 60]].tolist() == [0, 1]
    assert set(model.anchors_.tolist()) == set(range(150)) - {3, 60}
    others = np.delete(np.arange(150), [3, 60])
    without = PFNClusterer(device="cpu").fit(X[others], wrong[others])
    np.testing.assert_array_equal(model.predict_proba(X), without.predict_proba(X))
    assert model.explain(61)[0][0] not in (3, 60)
    with pytest.raises(InvalidInput, match="Row 60 has weight 0"):
        model.explain(60)


def tables(n=240):
    rng = np.random.default_rng(1)
    y = np.arange(n) % 3
    frame = pd.DataFrame(
        {
            "size": np.round(3.0 * (y == 1) + rng.normal(size=n), 2),
            "colour": pd.Categorical(np.array(["red", "green", "blue"])[np.where(rng.random(n) < 0.9, y, 0)]),
            "shape": np.where((y == 2) ^ (rng.random(n) < 0.1), "round", "square"),
        }
    )
    frame.loc[rng.random(n) < 0.1, "size"] = np.nan
    frame.loc[rng.random(n) < 0.1, ["colour", "shape"]] = None
    return frame.sample(frac=1, random_state=0), y


@pytest.mark.parametrize("kind", [PFNClassifier, PFNClusterer])
def test_tables_with_categories_and_gaps(kind):
    frame, _ = tables()
    y = frame.index.to_numpy() % 3
    fitted, new = frame[:160], frame[160:]
    model = kind(device="cpu").fit(fitted, y[:160])
    assert (model.predict(new) == y[160:]).mean() > 0.85
    assert model.n_features_in_ == 3
    assert model.feature_names_in_.tolist() == ["size", "colour", "shape"]
    assert "Gaps filled in" in model.preparation_.notes[-1]
    alone = np.concatenate([model.predict_proba(new[i : i + 1]) for i in range(10)])
    np.testing.assert_allclose(alone, model.predict_proba(new)[:10], atol=1e-6)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_allclose(again.predict_proba(new), model.predict_proba(new), atol=1e-6)
    with pytest.raises(InvalidInput, match="these rows have no shape"):
        model.predict(new[["size", "colour"]])
    with pytest.raises(ValueError, match="feature names"):
        model.predict(new.assign(more=1))
    with pytest.raises(InvalidInput, match="expected a DataFrame"):
        model.predict(np.zeros((2, 3)))


def test_a_pool_may_be_a_table_or_sparse():
    frame, _ = tables()
    y = frame.index.to_numpy() % 3
    model = PFNClassifier(device="cpu", pool=frame[:200]).fit(frame[:30], y[:30])
    assert model.score(frame[200:], y[200:]) > 0.7
    digits, of = load_digits(return_X_y=True)
    S = sp.csr_array(digits[:500])
    sparse = PFNClassifier(device="cpu", pool=S).fit(S[:60], of[:60])
    dense = PFNClassifier(device="cpu", pool=digits[:500]).fit(digits[:60], of[:60])
    np.testing.assert_array_equal(sparse.predict(S), dense.predict(digits[:500]))
    with pytest.raises(InvalidInput, match="same columns"):
        PFNClassifier(device="cpu", pool=digits[:, :3]).fit(digits[:9], of[:9])


def test_wide_sparse_matrices():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 4
    words = rng.poisson(np.where(np.arange(2000)[None] % 4 == y[:, None], 0.2, 0.02))
    S = sp.csr_matrix(words)
    model = PFNClusterer(device="cpu").fit(S[:150], y[:150])
    assert model.n_features_in_ == 2000
    assert (model.predict(S[150:]) == y[150:]).mean() > 0.9
    np.testing.assert_array_equal(model.predict(words[150:]), model.predict(S[150:]))


def test_suspect_labels_are_numbered_as_given(iris):
    X, y = iris
    wrong = y.copy()
    wrong[20] = 2
    for pool in (None, X + 0.01):
        model = PFNClassifier(device="cpu", pool=pool, random_state=np.random.RandomState(0)).fit(X, wrong)
        assert model.suspect_labels()[0][:2] == (20, 2)


@pytest.mark.parametrize(
    "random_state",
    [None, 3, np.random.RandomState(3), np.random.default_rng(3)],
    ids=lambda v: type(v).__name__,
)
def test_random_state_takes_what_scikit_learn_takes(random_state, iris):
    X, y = iris
    model = clone(PFNClassifier(device="cpu", random_state=random_state)).fit(X[::3], y[::3])
    assert len(model.suspect_labels()) == 50


@pytest.mark.parametrize(
    ("y", "settings", "says"),
    [
        (None, {}, "requires y"),
        ([None] * 6, {}, "No row has a class"),
        ([0, 1], {}, "y has 2 entries for 6 rows"),
        ([0, 1, 0, 1, 0, 2], {"classes": [0, 1]}, r"answered 2, and classes lists 0, 1 alone"),
        ([0, 1, 0, 1, 0, 1], {"classes": [0, 0]}, "distinct names"),
        (np.linspace(0, 1, 6), {}, "continuous"),
    ],
)
def test_what_cannot_be_fitted_is_said(y, settings, says):
    with pytest.raises(ValueError, match=says):
        PFNClassifier(device="cpu", **settings).fit(np.arange(12.0).reshape(6, 2) ** 2, y)


@pytest.mark.parametrize("weights", [[1, 2], [-1.0] * 6, [np.nan] * 6, [0] * 6, ["a"] * 6])
def test_weights_that_are_none_are_refused(weights):
    with pytest.raises(InvalidInput, match=r"sample_weight"):
        PFNClusterer(device="cpu").fit(np.arange(12.0).reshape(6, 2), [0, 1, 0, 1, 0, 1], weights)
