"""Evidence: the rules say what their papers say, with an anchor left out they say what a refit would."""

import numpy as np
import pytest
import torch

from activeclust.pfn.anchor_set import AnchorSet
from activeclust.pfn.basis import Basis
from activeclust.pfn.evidence import N_BIAS, N_PAIR, N_ROW, N_TASK, RULE_NAMES, Evidence
from activeclust.views.views import make_views

CODES = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2])


@pytest.fixture(scope="module")
def setting():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 60)
    X = 3.0 * np.eye(3)[y] + rng.normal(size=(180, 3))
    views = make_views(X)
    of = np.empty(180, dtype=int)
    of[views.inverse] = y
    rows = torch.as_tensor(np.concatenate([np.flatnonzero(of == c)[:3] for c in range(3)]))
    return Basis(views), rows, of


def test_shapes_and_finiteness(setting):
    basis, rows, _ = setting
    evidence = Evidence(basis, rows, CODES)
    others = torch.tensor([r for r in range(180) if r not in rows])
    for (pair, row, bias), b in ((evidence.at(others), len(others)), (evidence.at_anchors(), 9)):
        assert pair.shape == (b, 3, N_PAIR)
        assert row.shape == (b, N_ROW)
        assert bias.shape == (b, 9, N_BIAS)
        assert all(torch.isfinite(t).all() for t in (pair, row, bias))
    assert evidence.task.shape == (N_TASK,)


def test_rules_are_right_where_clusters_are_apart():
    rng = np.random.default_rng(0)
    y = np.repeat(np.arange(3), 60)
    views = make_views(12.0 * np.eye(3)[y] + rng.normal(size=(180, 3)))
    of = np.empty(180, dtype=int)
    of[views.inverse] = y
    rows = torch.as_tensor(np.concatenate([np.flatnonzero(of == c)[:3] for c in range(3)]))
    others = torch.tensor([r for r in range(180) if r not in rows])
    pair, _, _ = Evidence(Basis(views), rows, CODES).at(others)
    for i, name in enumerate(RULE_NAMES):
        if name.startswith(("mean_ref", "mean_graph", "soft", "nearest_ref")):
            continue  # 24 eigenvectors hold more about the inside of three clusters than about which is which
        guess = pair[..., len(RULE_NAMES) + i].argmax(1).numpy()
        assert (guess == of[others]).mean() > 0.95, name


@pytest.mark.parametrize(
    "rule",
    ["mean_refined24", "mean_refined8", "mean_green", "mean_graph24", "nearest_refined24", "nearest_kernel"],
)
def test_leaving_an_anchor_out_is_fitting_without_it(setting, rule):
    basis, rows, _ = setting
    left_out = Evidence(basis, rows, CODES).at_anchors()[0][..., RULE_NAMES.index(rule)]
    for i in range(9):
        kept = torch.arange(9) != i
        refit, _, _ = Evidence(basis, rows[kept], CODES[kept]).at(rows[i : i + 1])
        torch.testing.assert_close(refit[0, :, RULE_NAMES.index(rule)], left_out[i], atol=1e-4, rtol=1e-3)


def test_a_green_function_is_the_resolvent(setting):
    """On the leading eigenspace exactly, beyond it by a few steps towards (1 + shift - S)^-1."""
    basis, rows, _ = setting
    graph = basis.refined
    S = torch.as_tensor(graph.adjacency.toarray()).double()
    exact = torch.linalg.inv((1 + 1e-3) * torch.eye(180, dtype=torch.double) - S)[:, rows]
    root = graph.root_degree.double()
    relations = AnchorSet(basis, rows, CODES).relations(torch.arange(180))
    kernel = relations.kernel("refined_near").double() * root[:, None] * root[rows][None]
    assert torch.corrcoef(torch.stack([kernel.flatten(), exact.flatten()]))[0, 1] > 0.999


def test_renumbering_clusters_permutes_the_evidence(setting):
    basis, rows, _ = setting
    order = torch.tensor([2, 0, 1])
    at = torch.arange(50, 60)
    pair, _, _ = Evidence(basis, rows, CODES).at(at)
    other, _, _ = Evidence(basis, rows, order[CODES]).at(at)
    torch.testing.assert_close(other[:, order], pair, atol=1e-4, rtol=1e-4)


def test_one_anchor_is_enough(setting):
    basis, rows, _ = setting
    evidence = Evidence(basis, rows[:1], CODES[:1])
    for tensors in (evidence.at(torch.arange(10, 20)), evidence.at_anchors(), (evidence.task,)):
        assert all(torch.isfinite(t).all() for t in tensors)
