"""Columns of kernels that are kept: bitwise what they would be alone, computed once, and bounded."""

import numpy as np
import pytest
import torch

from activeclust.pfn import columns as columns_module
from activeclust.pfn.anchor_set import AnchorSet
from activeclust.pfn.basis import GRAPHS, Basis, TorchGraph
from activeclust.pfn.columns import ColumnCache, Columns
from activeclust.pfn.kernels import KERNELS, Fixed
from activeclust.views import sizes
from activeclust.views.views import make_views

ROWS = torch.tensor([3, 170, 60, 8, 99, 1, 77, 120, 45])
FIXED = {name: kernel for name, kernel in KERNELS.items() if isinstance(kernel, Fixed)}


@pytest.fixture(scope="module")
def basis():
    rng = np.random.default_rng(0)
    return Basis(make_views(3.0 * np.eye(3)[np.arange(180) % 3] + rng.normal(size=(180, 3))))


@pytest.fixture(params=["whole kernels", "local parts"])
def names(request, basis, monkeypatch):
    """What is kept of a basis with few rows, and of one with many."""
    whole = request.param == "whole kernels"
    monkeypatch.setattr(columns_module, "keeps_kernels", lambda n: whole)
    return list(FIXED.values()) if whole else list(basis.graphs)


def test_columns_are_the_same_to_the_last_bit_whatever_was_asked_before(basis, names):
    cache = ColumnCache(basis, most=4)
    for some in (ROWS[:2], ROWS, ROWS[[8, 0]], ROWS[3:], ROWS[:3], ROWS[5:8]):
        found, alone = cache.at(some), ColumnCache(basis).at(some)
        for name in names:
            assert torch.equal(found.at(name, slice(0, 180)), alone.at(name, slice(0, 180)))
            one = torch.cat([ColumnCache(basis).at(row[None]).at(name, slice(0, 180)) for row in some], 1)
            assert torch.equal(found.at(name, slice(0, 180)), one)


def test_what_was_given_out_stays_as_it_is(basis, names):
    cache = ColumnCache(basis, most=4)
    given = cache.at(ROWS[:4])
    before = [given.at(name, slice(0, 180)).clone() for name in names]
    for row in range(20, 60):
        cache.at(torch.tensor([row]))
        assert cache.kept <= 4
    for name, was in zip(names, before, strict=True):
        assert torch.equal(given.at(name, slice(0, 180)), was)


def test_in_and_out_of_inference_mode(basis, names):
    cache = ColumnCache(basis)
    cache.at(ROWS[:2])
    with torch.inference_mode():
        cache.at(ROWS[:4])
    found = cache.at(ROWS)
    for name in names:
        alone = ColumnCache(basis).at(ROWS).at(name, slice(0, 180))
        assert torch.equal(found.at(name, slice(0, 180)) * 1.0, alone)


def test_each_column_is_computed_once(basis, names, monkeypatch):
    computed = []
    original = TorchGraph.local_columns
    monkeypatch.setattr(
        TorchGraph, "local_columns", lambda self, rows: computed.extend(rows.tolist()) or original(self, rows)
    )
    cache = ColumnCache(basis, most=200)
    for k in range(1, 150):
        cache.at(torch.arange(k))
    assert sorted(computed) == sorted(list(range(149)) * len(GRAPHS))


def test_the_least_recently_used_go_first(basis, names, monkeypatch):
    cache = ColumnCache(basis, most=4)
    cache.at(torch.arange(4))
    cache.at(torch.tensor([0]))
    cache.at(torch.tensor([9]))  # no place is left: of four columns the last two that were used are kept
    computed = []
    original = TorchGraph.local_columns
    monkeypatch.setattr(
        TorchGraph, "local_columns", lambda self, rows: computed.append(rows.tolist()) or original(self, rows)
    )
    cache.at(torch.tensor([0, 3, 9]))
    assert not computed
    cache.at(torch.tensor([1]))
    assert computed == [[1]] * len(GRAPHS)


def test_a_kept_column_is_the_kernel(basis):
    codes = torch.arange(9) % 3
    anchors = AnchorSet(basis, ROWS, codes, ColumnCache(basis).at)
    computed = AnchorSet(basis, ROWS, codes)
    some = torch.tensor([5, 3, 170, 11])
    for kernel in FIXED.values():
        assert kernel in anchors.columns and kernel not in computed.columns
        for at in (slice(10, 90), some):
            torch.testing.assert_close(kernel.between(anchors, at), kernel.between(computed, at))


def test_local_parts_are_those_of_all_rows_together(basis, monkeypatch):
    monkeypatch.setattr(columns_module, "keeps_kernels", lambda n: False)
    kept, together = ColumnCache(basis).at(ROWS), Columns.computed(basis, ROWS)
    for name in basis.graphs:
        torch.testing.assert_close(kept.at(name, slice(0, 180)), together.at(name, slice(0, 180)))


def test_the_estimate_counts_what_is_kept():
    assert len(FIXED) == sizes._FIXED_KERNELS and len(GRAPHS) == sizes._GRAPHS
    for n in (200, 2_000, 5_000, 20_000, 200_000):
        each = 4 * n * (len(FIXED) if sizes.keeps_kernels(n) else len(GRAPHS))
        most = sizes.kept_columns(n)
        assert sizes.MOST_KERNELS < most <= 2 * sizes.MOST_KERNELS
        assert each * most <= 420e6 or (not sizes.keeps_kernels(n) and most <= 832)
