"""`predict` on rows never seen: as good as the nearest row where few were fitted, better where many were."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits, make_moons
from sklearn.neighbors import KNeighborsClassifier

from activeclust import PFNClusterer


def lumps(sizes, d=2, apart=12.0, seed=0):
    """Fitted rows of clusters of these sizes, ``apart`` standard deviations from one another, and 40 new ones each."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(len(sizes) ** 0.5))
    centres = apart * np.stack([np.arange(len(sizes)) // side, np.arange(len(sizes)) % side], axis=1)
    centres = np.pad(centres, ((0, 0), (0, d - 2)))
    y, y_new = np.repeat(np.arange(len(sizes)), sizes), np.repeat(np.arange(len(sizes)), 40)
    return (
        centres[y] + rng.normal(size=(len(y), d)), y,
        centres[y_new] + rng.normal(size=(len(y_new), d)), y_new,
    )  # fmt: skip


@pytest.mark.parametrize(
    "sizes",
    [(1, 3, 4), (3,) * 10, (1, 1), (2, 1, 9), (1,) * 12],
    ids=["1 3 4", "ten of 3", "two", "2 1 9", "12"],
)
def test_clusters_that_lie_apart_are_told_from_few_rows(sizes):
    X, y, X_new, y_new = lumps(sizes)
    model = PFNClusterer(device="cpu").fit(X, y)
    np.testing.assert_array_equal(model.predict(X_new), y_new)
    assert np.median(model.predict_proba(X_new).max(axis=1)) > 1.0 / len(sizes)


@settings(max_examples=12, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 7), min_size=2, max_size=8),
    d=st.integers(2, 30),
    offset=st.sampled_from([0.0, -1e9, 1e12]),
    scale=st.sampled_from([1e-30, 1.0, 1e30]),
)
def test_whatever_the_sizes_offset_and_scale(sizes, d, offset, scale):
    X, y, X_new, y_new = lumps(sizes, d)
    model = PFNClusterer(device="cpu").fit((X + offset) * scale, y)
    assert (model.predict((X_new + offset) * scale) == y_new).mean() > 0.99


def test_as_good_as_the_nearest_row_where_few_are_fitted_and_better_where_many_are():
    digits, moons = load_digits(return_X_y=True), make_moons(1500, noise=0.35, random_state=0)
    gained = {20: [], 300: []}
    for X, y in (digits, moons):
        for n, gains in gained.items():
            for seed in range(3):
                rows = np.random.default_rng(seed).permutation(len(X))
                old, new = rows[:n], rows[n : n + 400]
                mine = PFNClusterer(device="cpu").fit(X[old], y[old]).predict(X[new])
                nearest = KNeighborsClassifier(1).fit(X[old], y[old]).predict(X[new])
                gains.append((mine == y[new]).mean() - (nearest == y[new]).mean())
    assert np.mean(gained[20]) > -0.005
    assert np.mean(gained[300][3:]) > 0.03  # moons that overlap
    assert np.mean(gained[300][:3]) > -0.01  # digits, which the nearest row tells nearly all


def test_a_row_does_not_depend_on_the_rows_beside_it():
    X, y, X_new, _ = lumps((5, 9, 30, 4), d=20, apart=3.0)
    model = PFNClusterer(device="cpu").fit(X, np.where(np.arange(len(y)) % 2, y, -1))
    together = model.predict_proba(X_new)
    alone = np.concatenate([model.predict_proba(row[None]) for row in X_new])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    turned = model.predict_proba(X_new[::-1])[::-1]
    np.testing.assert_allclose(turned, together, atol=1e-6)


def test_probabilities_of_unseen_rows_are_probabilities():
    X, y, X_new, _ = lumps((5, 9, 30), apart=2.0)
    posterior = PFNClusterer(device="cpu").fit(X, y).predict_proba(X_new)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0)
    assert 0.0 < posterior.min() < posterior.max() < 1.0


def test_a_fitted_row_keeps_its_posterior():
    X, y, _, _ = lumps((5, 9, 30), apart=3.0)
    given = np.where(np.arange(len(y)) % 4, -1, y)
    model = PFNClusterer(device="cpu").fit(X, given)
    np.testing.assert_allclose(model.predict_proba(X), model.posterior_, atol=1e-6)
