"""Directions, and the graphs of angles and of the very nearest rows."""

import numpy as np
import pytest

from activeclust.views.views import _sharp_affinity, directions, make_views


def test_directions_have_length_one_and_forget_length():
    X = np.random.default_rng(0).normal(size=(50, 7))
    np.testing.assert_allclose(np.linalg.norm(directions(X), axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(directions(X), directions(X * np.linspace(0.1, 9, 50)[:, None]), atol=1e-6)


def test_a_single_coordinate_is_laid_around_a_half_circle():
    """Its two directions alone would make all rows of a side one."""
    laid = directions(np.array([[-3.0], [-1.0], [0.0], [2.0]]))
    assert laid.shape == (4, 2)
    assert (np.diff(np.arctan2(laid[:, 0], laid[:, 1])) > 0.1).all()


def test_sharp_weights_are_means_of_both_sides():
    # rows at 0, 1 and 3: the neighbours of each by distance
    near = np.array([[1, 2], [0, 2], [1, 0]])
    distances = np.array([[1.0, 3.0], [1.0, 2.0], [2.0, 3.0]])
    W = _sharp_affinity(near, distances, 2.0).toarray()
    assert W[0, 1] == pytest.approx((np.exp(-2 / 9) + np.exp(-2 / 4)) / 2)
    assert W[0, 2] == pytest.approx(np.exp(-2.0))
    assert W[1, 2] == pytest.approx((np.exp(-2.0) + np.exp(-8 / 9)) / 2)
    np.testing.assert_allclose(W, W.T)


def test_rows_of_one_direction_are_neighbours_whatever_their_length():
    # eight directions that balance, so that the middle of the rows is where all of them begin: short rows of different
    # directions are near one another
    rng = np.random.default_rng(0)
    y = np.arange(400) % 8
    towards = np.vstack([np.eye(4), -np.eye(4)])[y] + 0.15 * rng.normal(size=(400, 4))
    X = np.exp(rng.normal(0, 1.5, (400, 1))) * towards
    views = make_views(np.vstack([X, -X]))  # mean 0
    y = np.concatenate([y, (y + 4) % 8])
    of = np.empty(800, dtype=int)
    of[views.inverse] = y
    rows, columns = views.angle.adjacency.nonzero()
    plain = views.graph.adjacency.nonzero()
    inside = (of[rows] == of[columns]).mean()
    assert inside > 0.999 and (of[plain[0]] == of[plain[1]]).mean() < 0.99
