"""Our estimators in modAL's ActiveLearner do as well there as the classifiers that modAL is used with."""

from __future__ import annotations

import numpy as np
import pytest
from modAL.uncertainty import margin_sampling
from sklearn.datasets import load_digits, load_wine, make_moons
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from activeclust import PFNClassifier, PFNClusterer
from activeclust.integrations.modal import Learner

MODELS = {
    "logistic regression": lambda pool: LogisticRegression(max_iter=1000),
    "random forest": lambda pool: RandomForestClassifier(50, random_state=0),
    "clusterer": lambda pool: PFNClusterer(device="cpu"),
    "classifier": lambda pool: PFNClassifier(device="cpu"),
    "classifier with the pool": lambda pool: PFNClassifier(device="cpu", pool=pool),
}


def curve(model, X, y) -> float:
    """Mean accuracy on all rows over eight queries of four rows, from two rows of two classes."""
    rng = np.random.default_rng(0)
    order = rng.permutation(len(X))
    start = [order[0], next(row for row in order if y[row] != y[order[0]])]
    learner = Learner(model, margin_sampling, X_training=X[start], y_training=y[start])
    open_rows = np.setdiff1d(np.arange(len(X)), start)
    scores = [learner.score(X, y)]
    for _ in range(8):
        picked, rows = learner.query(X[open_rows], n_instances=4)
        learner.teach(rows, y[open_rows[picked]])
        open_rows = np.delete(open_rows, picked)
        scores.append(learner.score(X, y))
    return float(np.mean(scores))


@pytest.fixture(scope="module")
def means():
    wine, kinds = load_wine(return_X_y=True)
    digits, of = load_digits(return_X_y=True)
    moons, sides = make_moons(250, noise=0.2, random_state=0)
    sets = {
        "wine": (StandardScaler().fit_transform(wine), kinds),
        "digits": (digits[:300], of[:300]),
        "moons": (moons, sides),
    }
    return {name: np.mean([curve(make(X), X, y) for X, y in sets.values()]) for name, make in MODELS.items()}


def test_ours_do_as_well_as_the_usual_ones(means):
    best = max(means["logistic regression"], means["random forest"])
    assert means["clusterer"] > best - 0.01
    assert means["classifier"] > best - 0.01


def test_rows_of_the_pool_make_ours_much_better(means):
    assert (
        means["classifier with the pool"] > max(means["logistic regression"], means["random forest"]) + 0.05
    )
