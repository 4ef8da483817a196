"""Groups before any answer: those without an anchor are told apart, at some number or other."""

import numpy as np
import pytest
import torch

from activeclust.pfn.basis import Basis
from activeclust.pfn.groups import N_GROUP_ROW, N_GROUP_TASK, NUMBERS
from activeclust.views.views import make_views


@pytest.fixture(scope="module")
def blobs():
    """Six clusters that lie apart: a basis, and the cluster of every distinct row."""
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(6), 40)
    views = make_views(9.0 * np.eye(6)[y] + rng.normal(size=(240, 6)))
    of = np.empty(240, dtype=int)
    of[views.inverse] = y
    return Basis(views), of


def anchored(basis, of, clusters, each=1):
    rows = torch.as_tensor(np.concatenate([np.flatnonzero(of == c)[:each] for c in clusters]))
    codes = torch.as_tensor(np.repeat(np.arange(len(clusters)), each))
    return basis.groups.with_anchors(rows, torch.nn.functional.one_hot(codes).float())


def test_at_the_true_number_rows_of_clusters_without_an_anchor_are_told_apart(blobs):
    basis, of = blobs
    held = anchored(basis, of, [0, 1, 3, 5]).at(basis.groups.E).numpy()[:, NUMBERS.index(6)]
    unseen = np.isin(of, [2, 4])
    assert held[unseen].max() < 0.3
    assert held[~unseen].min() > 0.7


def test_the_true_number_has_the_largest_eigengap_and_next_to_no_edges_between(blobs):
    basis, _ = blobs
    between, _, eigengap = basis.groups.quality.view(3, -1)
    assert NUMBERS[int(eigengap.argmax())] == 6
    assert between[NUMBERS.index(6)] < between[NUMBERS.index(5)] - 0.3


def test_what_a_task_hears_is_of_the_right_size_and_right(blobs):
    basis, of = blobs
    half, whole = anchored(basis, of, [0, 1, 2]), anchored(basis, of, range(6))
    assert half.task.shape == (N_GROUP_TASK,)
    assert half.at(basis.groups.E[:7]).shape == (7, N_GROUP_ROW)
    without = [a.task.view(6, -1)[3, NUMBERS.index(6)] for a in (half, whole)]
    assert without[0] == pytest.approx(0.5, abs=0.05)
    assert without[1] == pytest.approx(0.0, abs=0.05)


def test_an_anchor_left_out_speaks_no_more_for_its_group(blobs):
    basis, of = blobs
    at_six = NUMBERS.index(6)
    assert anchored(basis, of, range(6)).at_anchors()[:, at_six].max() < 0.1
    assert anchored(basis, of, range(6), each=2).at_anchors()[:, at_six].min() > 0.8


def test_leaving_out_is_fitting_without(blobs):
    basis, of = blobs
    left_out = anchored(basis, of, range(6), each=2).at_anchors()
    rows = torch.as_tensor(np.concatenate([np.flatnonzero(of == c)[:2] for c in range(6)]))
    codes = torch.as_tensor(np.repeat(np.arange(6), 2))
    for i in (0, 5, 11):
        kept = torch.arange(12) != i
        refit = basis.groups.with_anchors(rows[kept], torch.nn.functional.one_hot(codes[kept]).float())
        torch.testing.assert_close(refit.at(basis.groups.E[rows[i : i + 1]])[0], left_out[i])


def test_agreement_falls_where_a_group_has_anchors_of_two_clusters(blobs):
    basis, of = blobs
    agreement = anchored(basis, of, range(6)).task.view(6, -1)[4]
    assert agreement[NUMBERS.index(6)] > 0.95
    assert agreement[NUMBERS.index(2)] < 0.6


def test_rotated_rows_make_the_same_groups():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(300, 4)) + 4.0 * np.eye(4)[rng.integers(0, 4, 300)]
    rotation, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    there, turned = (Basis(make_views(rows)) for rows in (X, 7.0 * X @ rotation + 2.0))
    torch.testing.assert_close(turned.groups.quality, there.groups.quality, atol=1e-3, rtol=0)


@pytest.mark.parametrize("n", [2, 3, 30])
def test_fewer_rows_than_groups(n):
    basis = Basis(make_views(np.random.default_rng(n).normal(size=(n, 2))))
    found = basis.groups.with_anchors(torch.tensor([0]), torch.ones(1, 1))
    for values in (found.task, found.at(basis.groups.E), found.at_anchors()):
        assert torch.isfinite(values).all()
