"""Kinds of data sets of the prior: what each has and a draw at random has not."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.model_selection import KFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.tree import DecisionTreeClassifier

from activeclust.errors import UnknownName
from activeclust.pfn.kinds import KINDS
from activeclust.pfn.prior import Prior, draw_dataset
from activeclust.views.views import directions

THIRDS = KFold(3, shuffle=True, random_state=0)


def drawn(kind, clusters, seed, **other):
    prior = Prior(rows=(600, 600), clusters={f"{clusters}-{clusters}": 1.0}, kinds={kind: 1.0}, **other)
    return draw_dataset(prior, np.random.default_rng(seed))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clusters", [1, 2, 7, 60])
def test_a_kind_gives_finite_rows_and_all_of_its_clusters(kind, clusters):
    X, y = drawn(kind, clusters, seed=clusters)
    assert np.isfinite(X).all() and X.std() > 0
    assert np.unique(y).tolist() == list(range(y.max() + 1))
    assert y.max() + 1 <= clusters


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_draws_the_same(kind):
    for one, other in zip(drawn(kind, 5, seed=3), drawn(kind, 5, seed=3), strict=True):
        np.testing.assert_array_equal(one, other)


def neighbours_agree(X, y):
    """Share of rows whose nearest row is of the same cluster, less what chance gives."""
    model = KNeighborsClassifier(1)
    return cross_val_score(model, X, y, cv=THIRDS).mean() - np.square(np.bincount(y) / len(y)).sum()


def test_embeddings_are_told_by_their_directions():
    gains = [
        neighbours_agree(directions(X - X.mean(0)), y)
        for X, y in (drawn("embedding", 6, s) for s in range(12))
    ]
    assert np.mean(gains) > 0.25 and min(gains) < 0.6  # told, and not all of them easily


def test_what_tells_documents_apart_is_among_what_varies_most():
    """Near rows agree; evening out all directions, so that the weak ones count as much, hides the clusters."""
    gains, evened = [], []
    for seed in range(12):
        X, y = drawn("documents", 6, seed)
        np.testing.assert_allclose(np.linalg.norm(X, axis=1), 1, atol=1e-6)
        gains.append(neighbours_agree(X, y))
        evened.append(neighbours_agree(PCA(min(X.shape) - 1, whiten=True).fit_transform(X), y))
    assert np.mean(gains) > 0.25 and min(gains) < 0.6  # told, and not all of them easily
    assert np.mean(evened) < 0.3 * np.mean(gains)


def test_turning_objects_are_thin_curves():
    gains = [neighbours_agree(X, y) for X, y in (drawn("turning", 8, s) for s in range(8))]
    assert np.median(gains) > 0.6


def test_objects_on_a_turntable_are_thin_curves_of_different_sizes():
    gains, ratios = [], []
    for seed in range(8):
        X, y = drawn("turntable", 8, seed)
        gains.append(neighbours_agree(X, y))
        spread = [np.linalg.norm(X[y == c].std(0)) for c in range(8)]
        ratios.append(max(spread) / min(spread))
    assert np.median(gains) > 0.6
    assert np.median(ratios) > 3


def test_signs_are_pictures_told_by_their_neighbours_and_less_by_centres():
    """Neighbouring pixels are alike, in rows as in columns; means of clusters tell less than near rows."""
    gains, centres, alike = [], [], []
    for seed in range(8):
        X, y = drawn("glyphs", 8, seed)
        gains.append(neighbours_agree(X, y))
        centres.append(cross_val_score(NearestCentroid(), X, y, cv=THIRDS).mean() - 1 / 8)
        side = int(np.sqrt(X.shape[1]))
        assert side**2 == X.shape[1]
        pictures = (X - X.mean(0)).reshape(-1, side, side)
        for one, other in ((pictures[:, 1:], pictures[:, :-1]), (pictures[..., 1:], pictures[..., :-1])):
            alike.append(np.corrcoef(one.ravel(), other.ravel())[0, 1])
    assert np.median(gains) > 0.6 and min(gains) < 0.8  # told, and not all of them easily
    assert np.mean(gains) > np.mean(centres) + 0.02
    assert np.median(alike) > 0.5 and min(alike) > 0.1


def test_tables_hang_on_a_few_columns():
    """A tree told the table finds its clusters, and not after every column has been shuffled."""
    told, shuffled = [], []
    for seed in range(10):
        X, y = drawn("table", 3, seed)
        tree = DecisionTreeClassifier(max_depth=6, random_state=0)
        told.append(cross_val_score(tree, X, y, cv=THIRDS).mean())
        mixed = np.random.default_rng(seed).permuted(X, axis=0)
        shuffled.append(cross_val_score(tree, mixed, y, cv=THIRDS).mean())
    assert np.mean(told) > np.mean(shuffled) + 0.12


def test_an_unknown_kind_is_named():
    with pytest.raises(UnknownName, match="embedding"):
        Prior(kinds={"embeddings": 1.0})
