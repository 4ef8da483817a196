"""Clusters without answers: candidates, their descriptions, the choice, and what PFNClusterer makes of it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.datasets import make_moons
from sklearn.metrics import adjusted_rand_score
from sklearn.mixture import GaussianMixture

from activeclust import PFNClusterer
from activeclust.errors import InvalidInput, RunMismatch, WeightsError
from activeclust.pfn.prior import Prior
from activeclust.views.views import make_views
from activeclust.zeroshot.describe import N_FEATURES, describe
from activeclust.zeroshot.discover import choose_partition, typical_rows
from activeclust.zeroshot.mixtures import fit_mixture, merged_components
from activeclust.zeroshot.one_body import is_one_body
from activeclust.zeroshot.partitions import FAMILY_NAMES, _with_gaps, candidates, draw_sample
from activeclust.zeroshot.search import search
from activeclust.zeroshot.selector import SelectorConfig, load_selector
from activeclust.zeroshot.train import SelectorOptions, SelectorTrainer
from activeclust.zeroshot.trees import density_peaks, fair_linkage, spanning_tree


def blobs(rng, sizes=(60, 50, 40), spread=1.0):
    y = np.repeat(np.arange(len(sizes)), sizes)
    return 12 * np.eye(len(sizes))[y] + spread * rng.normal(size=(len(y), len(sizes))), y


def labels_of(X, **options):
    views = make_views(X)
    return choose_partition(search(views, **options)).labels[views.inverse]


# -- candidates ------------------------------------------------------------------------------------


def test_the_spanning_tree_is_the_least_of_all():
    from scipy.sparse.csgraph import minimum_spanning_tree
    from scipy.spatial.distance import cdist

    X = np.random.default_rng(0).normal(size=(80, 3))
    edges, lengths = spanning_tree(X)
    np.testing.assert_allclose(lengths.sum(), minimum_spanning_tree(cdist(X, X)).sum(), rtol=1e-4)
    assert len({tuple(sorted(e)) for e in edges.tolist()}) == 79
    assert (np.diff(lengths) >= 0).all()


def test_fair_linkage_without_inequality_is_single_linkage():
    from scipy.cluster.hierarchy import fcluster, linkage

    X = np.random.default_rng(1).normal(size=(120, 2))
    cuts = fair_linkage(spanning_tree(X)[0], 120, [2, 5, 9], 1.0)
    for k, labels in cuts.items():
        assert adjusted_rand_score(labels, fcluster(linkage(X, "single"), k, "maxclust")) == 1.0


def test_fair_linkage_keeps_sizes_alike():
    X = np.vstack([np.random.default_rng(2).normal(size=(100, 2)), [[9, 9], [-9, 9], [9, -9]]])
    edges, _ = spanning_tree(X)
    sizes = [np.bincount(fair_linkage(edges, 103, [4], g)[4]).max() for g in (1.0, 0.3)]
    assert sizes[0] == 100
    assert sizes[1] < 80


def test_density_peaks_find_the_modes():
    rng = np.random.default_rng(3)
    views = make_views(np.vstack([rng.normal(size=(100, 2)), rng.normal(size=(100, 2)) + 6]))
    labels = density_peaks(np.log(views.density), views.neighbors[:, :10], [2])[2]
    y = np.repeat([0, 1], 100)[views.first]
    assert adjusted_rand_score(y, labels) > 0.95


def test_the_mixture_is_that_of_scikit_learn():
    rng = np.random.default_rng(4)
    X, y = blobs(rng)
    X = X[:, :2]
    ours = fit_mixture(X, y, steps=50)
    theirs = GaussianMixture(3, means_init=[X[y == c].mean(0) for c in range(3)]).fit(X)
    assert adjusted_rand_score(ours.responsibilities.argmax(1), theirs.predict(X)) > 0.97
    assert abs(ours.bic - theirs.bic(X) / len(X)) < 0.05


def test_merging_components_ends_with_two():
    X, y = blobs(np.random.default_rng(5))
    halves = 2 * y + (X[:, 0] > np.median(X[:, 0]))
    mixture = fit_mixture(X, np.unique(halves, return_inverse=True)[1])
    cuts = merged_components(mixture, [3, 2])
    assert adjusted_rand_score(y, cuts[3]) > 0.9
    assert cuts[2].max() == 1


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 40), d=st.integers(1, 4))
def test_any_data_set_has_described_candidates(seed, n, d):
    sample = draw_sample(make_views(np.random.default_rng(seed).normal(size=(n, d))))
    found = candidates(sample)
    assert found[0].K == 1
    for partition in found:
        assert len(partition.labels) == sample.m
        np.testing.assert_array_equal(np.unique(partition.labels), np.arange(partition.K))
        assert partition.family in FAMILY_NAMES
    description = describe(sample, found)
    assert description.features.shape == (len(found), N_FEATURES)
    assert np.isfinite(description.features).all()
    assert np.isfinite(description.agreement).all()


def test_descriptions_do_not_depend_on_the_numbers_of_clusters():
    sample = draw_sample(make_views(blobs(np.random.default_rng(6))[0]))
    found = [p for p in candidates(sample) if p.K < 6]
    before = describe(sample, found)
    for p in found:
        p.labels = p.K - 1 - p.labels
    after = describe(sample, found)
    np.testing.assert_allclose(after.features, before.features, atol=1e-4)


# -- the choice ------------------------------------------------------------------------------------


def test_clusters_apart_are_found():
    X, y = blobs(np.random.default_rng(7))
    assert adjusted_rand_score(y, labels_of(X)) == 1.0


@pytest.mark.parametrize(("k", "each", "d"), [(100, 12, 2), (100, 12, 10), (60, 30, 3)])
def test_many_tight_clusters_are_found(k, each, d):
    rng = np.random.default_rng(k + d)
    y = np.repeat(np.arange(k), each)
    X = rng.uniform(-1, 1, size=(k, d))[y] * 40 * k ** (1 / d) + 0.05 * rng.normal(size=(k * each, d))
    labels = labels_of(X)
    assert abs(labels.max() + 1 - k) <= k // 8
    assert adjusted_rand_score(y, labels) > 0.95


def test_bodies_without_clusters_are_one_cluster():
    rng = np.random.default_rng(1)
    drawn = [
        draw(size=(n, d)) for draw in (rng.normal, rng.uniform) for n, d in ((100, 2), (250, 5), (400, 20))
    ]
    ones = [is_one_body(make_views(X * np.geomspace(1, 3, X.shape[1])).pca) for X in drawn]
    assert sum(ones) >= 5


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_real_tables_are_several_clusters(name):
    X = getattr(datasets, f"load_{name}")().data
    for rows in (X, (X - X.mean(axis=0)) / X.std(axis=0)):
        assert labels_of(rows).max() > 0


def test_numbers_of_clusters_before_jumps_are_among_those_tried():
    heights = np.r_[np.linspace(0.1, 0.2, 53), np.linspace(5, 6, 6)]  # 60 rows, 7 groups of them
    assert 7 in _with_gaps((2, 3), heights)
    assert _with_gaps((4,), heights) == (4,)


def test_moons_are_found():
    X, y = make_moons(400, noise=0.05, random_state=0)
    assert adjusted_rand_score(y, labels_of(X)) > 0.95


def test_rows_beyond_the_sample_get_the_cluster_around_them(monkeypatch):
    X, y = blobs(np.random.default_rng(8), sizes=(300, 200, 100))
    monkeypatch.setattr("activeclust.zeroshot.search.SAMPLE", 150)
    assert adjusted_rand_score(y, labels_of(X)) == 1.0


def test_rows_in_another_order_get_the_same_clusters():
    X, _ = blobs(np.random.default_rng(9), spread=3.0)
    order = np.random.default_rng(0).permutation(len(X))
    assert adjusted_rand_score(labels_of(X)[order], labels_of(X[order])) == 1.0


def test_the_order_of_candidates_does_not_matter():
    sample = draw_sample(make_views(blobs(np.random.default_rng(10))[0]))
    found = candidates(sample)
    selector = load_selector()
    there = selector.judge(describe(sample, found))
    order = np.random.default_rng(1).permutation(len(found))
    again = selector.judge(describe(sample, [found[i] for i in order]))
    np.testing.assert_allclose(again[0], there[0][order], atol=1e-3)
    np.testing.assert_allclose(again[1], there[1][order], atol=1e-2)


def test_no_more_clusters_than_allowed():
    X, _ = blobs(np.random.default_rng(11))
    assert labels_of(X, max_clusters=2).max() <= 1
    assert labels_of(X, max_clusters=1).max() == 0


@pytest.mark.parametrize("n", [2, 3, 5, 8])
def test_a_handful_of_rows(n):
    model = PFNClusterer(device="cpu").fit(np.random.default_rng(n).normal(size=(n, 2)))
    assert len(model.labels_) == n
    np.testing.assert_allclose(model.posterior_.sum(1), 1, atol=1e-6)


def test_fit_without_answers():
    X, y = blobs(np.random.default_rng(12))
    X = np.vstack([X, X[:10]])
    model = PFNClusterer(device="cpu").fit(X)
    assert adjusted_rand_score(np.concatenate([y, y[:10]]), model.labels_) == 1.0
    np.testing.assert_array_equal(model.labels_, model.posterior_.argmax(1))
    np.testing.assert_array_equal(model.labels_[model.anchors_], model.anchor_codes_)
    np.testing.assert_array_equal(model.labels_[-10:], model.labels_[:10])
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    with pytest.raises(InvalidInput, match="max_clusters must be at least 1"):
        PFNClusterer(device="cpu", max_clusters=0).fit(X)


def test_typical_rows_are_inside():
    views = make_views(blobs(np.random.default_rng(13), sizes=(60, 50, 2))[0])
    labels = np.repeat(np.arange(3), (60, 50, 2))[views.first]
    rows, codes = typical_rows(views, labels, each=4)
    np.testing.assert_array_equal(labels[rows], codes)
    np.testing.assert_array_equal(codes[:3], [0, 1, 2])
    np.testing.assert_array_equal(np.bincount(codes), [4, 4, 2])
    assert len(np.unique(rows)) == len(rows)


# -- training --------------------------------------------------------------------------------------

EASY = Prior(rows=(60, 80), clusters={"2-4": 1.0}, separation=(6, 9), shapes={"gaussian": 1.0}, warp=0.0)


def options(**more):
    small = {"prior": EASY, "large": (60, 80), "config": SelectorConfig(16, 1, 2, 1), "workers": 0}
    return SelectorOptions(**{**small, "datasets": 16, "epochs": 2, **more})


def test_training_draws_learns_resumes_and_exports(tmp_path):
    trainer = SelectorTrainer(options(), tmp_path)
    drawn = []
    trainer.draw(drawn.append)
    assert drawn[-1] == len(trainer.files()) == 16
    losses = []
    trainer.run(lambda t, loss: losses.append(loss))
    again = SelectorTrainer(options(epochs=6), tmp_path)
    assert again.epoch == 2
    again.draw(lambda there: pytest.fail("nothing was missing"))
    again.run(lambda t, loss: losses.append(loss))
    assert losses[-1] < losses[0]
    weights, card = again.export(tmp_path / "mine.safetensors", {"mine": 0.5})
    assert '"data_sets": 16' in card.read_text()
    assert '"mine": 0.5' in card.read_text()
    X, _ = blobs(np.random.default_rng(0), sizes=(30, 30))
    model = PFNClusterer(device="cpu", partition_weights=weights).fit(X)
    assert len(model.labels_) == 60
    read, trained = (model.members[0] for model in (load_selector(weights), again.model))
    assert torch.equal(read.centre, trained.centre)
    assert trained.spread.std() > 0  # standardised by what it was trained on
    with pytest.raises(RunMismatch, match="another folder"):
        SelectorTrainer(options(config=SelectorConfig(32, 1, 2, 1)), tmp_path)


def test_bad_options_and_weights_are_named(tmp_path):
    with pytest.raises(InvalidInput, match="epochs must be at least 1"):
        options(epochs=0)
    with pytest.raises(InvalidInput, match="one in 8 is held out"):
        options(datasets=4)
    with pytest.raises(WeightsError, match=r"nothing\.json"):
        load_selector(tmp_path / "nothing.safetensors")


@pytest.mark.parametrize("n", [24, 40, 60, 120])
@pytest.mark.parametrize("d", [2, 10])
@pytest.mark.parametrize("clusters", [2, 3, 5])
def test_few_rows_in_groups_far_apart_are_no_single_body(n, d, clusters):
    rng = np.random.default_rng([n, d, clusters])
    for scale, offset in ((1.0, 0.0), (1e-20, 0.0), (1e6, 1e9)):
        X = rng.normal(size=(n, d)) + 10 * (np.arange(n) % clusters)[:, None]
        views = make_views(scale * X + offset)
        assert not is_one_body(views.pca)


def test_three_groups_of_ten_rows_are_three_clusters():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(30, 3)) + np.repeat([[0], [6], [12]], 10, axis=0)
    labels = PFNClusterer().fit(X).labels_
    assert len(set(labels)) == 3
    assert all(len(set(labels[i : i + 10])) == 1 for i in (0, 10, 20))
