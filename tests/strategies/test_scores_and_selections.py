"""The parts that strategies are made of, against values worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from pools import on_circle, pool

from activeclust import strategy
from activeclust.errors import InvalidInput

SEEDS = range(12)


def picks(select) -> set[tuple[int, ...]]:
    return {tuple(np.asarray(select(np.random.default_rng(seed))).tolist()) for seed in SEEDS}


def test_entropy_margin_and_uncertainty():
    p = np.array([[0.5, 0.25, 0.25], [0.7, 0.2, 0.1], [1.0, 0.0, 0.0]])
    # 0.5 ln 2 + 2 * 0.25 ln 4 = 1.5 ln 2; 0.7 * 0.3567 + 0.2 * 1.6094 + 0.1 * 2.3026 = 0.8018; 0
    assert strategy.entropy_of(p) == pytest.approx([1.5 * np.log(2), 0.8018, 0.0], abs=1e-4)
    assert strategy.margin_of(p) == pytest.approx([0.25, 0.5, 1.0])
    assert strategy.uncertainty_of(p) == pytest.approx([0.75, 0.5, 0.0])


def test_without_a_second_cluster_the_margin_is_one_and_before_any_answer_everything_is_uncertain():
    assert strategy.margin_of(np.ones((3, 1))).tolist() == [1.0, 1.0, 1.0]
    assert strategy.uncertainty_of(np.ones((3, 1))).tolist() == [1.0, 1.0, 1.0]


def test_top_rows_are_the_highest_and_equals_are_drawn():
    scores, candidates = np.array([0.2, 0.9, 0.5, 0.9, 0.1, 0.3]), np.array([3, 5, 7, 9, 11, 13])
    assert picks(lambda rng: strategy.top_rows(scores, candidates, 3, rng)) == {(5, 9, 7), (9, 5, 7)}
    with pytest.raises(InvalidInput, match="one score per candidate"):
        strategy.top_rows(scores[:5], candidates, 3, np.random.default_rng(0))


def test_diverse_rows_lower_the_score_of_what_is_near_a_pick():
    # rows 1 and 2 are one place; row 5 scores half of them, a quarter turn away, and 1 - exp(-2) of it is left
    state = pool(points=on_circle([0, 90, 90, 0, 0, 180, 0, 0]), anchors=(0,))
    scores = np.array([1.0, 0.99, 0.1, 0.1, 0.5, 0.1, 0.1])
    assert picks(lambda rng: strategy.diverse_rows(scores, state, 2, rng)) == {(1, 5)}


def test_heavy_rows_are_the_fewest_that_hold_99_percent():
    assert strategy.heavy_rows(np.array([0.30, 0.005, 0.40, 0.004, 0.291])).tolist() == [0, 2, 4]
    assert strategy.heavy_rows(np.zeros(3)).tolist() == [0, 1, 2]


def test_take_keeps_the_order_and_fills_up_from_the_other_candidates():
    candidates = np.arange(10, 20)
    assert picks(lambda rng: strategy.take([14, 3, 14, 12, 19], candidates, 3, rng)) == {(14, 12, 19)}
    filled = picks(lambda rng: strategy.take([14], candidates, 2, rng))
    assert {first for first, _ in filled} == {14}
    assert len(filled) > 1
    assert all(second in candidates and second != 14 for _, second in filled)


def test_sample_rows_are_all_where_they_fit_else_a_fair_sample_in_order():
    rows = np.arange(5, 25)
    assert picks(lambda rng: strategy.sample_rows(rows, 20, rng)) == {tuple(rows.tolist())}
    rng = np.random.default_rng(0)
    drawn = [strategy.sample_rows(rows, 5, rng) for _ in range(2000)]
    assert all((np.diff(sample) > 0).all() and len(sample) == 5 for sample in drawn)
    # 500 each are expected; the standard deviation is sqrt(2000 * 0.25 * 0.75) = 19
    assert (abs(np.bincount(np.concatenate(drawn), minlength=25)[5:] - 500) < 100).all()


def test_the_kernel_of_coverage_and_the_nearest_of_several():
    points, others = on_circle([0, 90, 180]), on_circle([0, 90])
    # exp((cos - 1) / 0.5): cos 1, 0 and -1 give 1, exp(-2) and exp(-4)
    near, far, farthest = 1.0, np.exp(-2), np.exp(-4)
    kernel = strategy.kernel_between(points, others)
    assert kernel == pytest.approx(np.array([[near, far], [far, near], [farthest, far]]), abs=1e-6)
    assert strategy.kernel_between(points, others, 1.0)[2, 0] == pytest.approx(far)
    assert strategy.closeness(points, others) == pytest.approx([near, near, far])
    assert strategy.closeness(points, others[:0]).tolist() == [0.0, 0.0, 0.0]


def test_cover_weighs_the_rows_and_takes_the_points_and_the_width_it_is_given():
    degrees = [0, 60, 60, 60, 180, 180]
    state = pool(points=on_circle(degrees), anchors=(0,))
    large, small = {(1,), (2,), (3,)}, {(4,), (5,)}
    # narrow kernel: a place counts its own rows alone
    assert picks(lambda rng: strategy.cover(state, 1, rng, width=0.05)) <= large
    # what the first row covers is covered: the second is from the other place
    pairs = {(a, b) for (a,) in large for (b,) in small}
    assert picks(lambda rng: strategy.cover(state, 2, rng, width=0.05)) <= pairs
    # the two at 180 are worth ten each
    weights = np.array([1.0, 1, 1, 1, 10, 10])
    assert picks(lambda rng: strategy.cover(state, 1, rng, weights=weights, width=0.05)) <= small
    # seen from other points, rows 1 to 3 stand where the answer stands
    moved = on_circle([0, 0, 0, 0, 180, 180])
    assert picks(lambda rng: strategy.cover(state, 1, rng, points=moved, width=0.05)) <= small
    # wide kernel: rows at 60 are half covered by the answer (cos 0.5), those at 180 hardly
    assert picks(lambda rng: strategy.cover(state, 1, rng, width=2.0)) <= small


def test_kmeans_finds_tight_groups():
    centers, region = strategy.kmeans(on_circle([0, 0, 90, 90, 90, 180]), 3, np.random.default_rng(0))
    assert len(set(region[:2])) == len(set(region[2:5])) == 1
    assert len(set(region.tolist())) == 3
    assert centers[region] == pytest.approx(on_circle([0, 0, 90, 90, 90, 180]), abs=1e-6)


def test_open_regions_hold_no_answer_and_come_largest_first():
    state = pool(points=on_circle([0, 0, 0, 0, 120, 120, 240, 240, 240]), anchors=(1,))
    for seed in SEEDS:
        regions = strategy.open_regions(state, 2, np.random.default_rng(seed))
        assert [sorted(members.tolist()) for members, _ in regions] == [[6, 7, 8], [4, 5]]
        assert regions[0][1] == pytest.approx(on_circle([240])[0], abs=1e-6)


def test_one_by_one_asks_refit_about_each_answer_on_its_own():
    def refit(rows, codes):  # the row's number in the posterior, so that a mix-up would show
        (row,), (code,) = rows, codes
        return np.tile([row / 10, 1 - row / 10], (4, 1)), np.full(4, code / 10)

    tried = strategy.one_by_one(refit, 2)(np.array([3, 6]), np.array([0, 1]), np.array([1, 2, 3]))
    assert tried.shape == (2, 3, 4)
    assert tried[0, 0] == pytest.approx([0.3, 0.7, 0.0, 0.0])
    assert tried[1, 2] == pytest.approx([0.6 * 0.9, 0.4 * 0.9, 0.0, 0.1])
