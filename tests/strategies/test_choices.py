"""What each strategy asks about in a pool small enough to be worked out by hand.

The contract (``test_contract_of_strategies.py``) holds for random draws as well; these cases do not. Each names
the one row, or the few rows, that the strategy's formula picks, and is tried under many seeds: the choice may
depend on the seed only where rows are equal.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from pools import on_circle, pool

from activeclust import strategies
from activeclust.errors import InvalidInput

SEEDS = range(12)


def asked(name: str, state, n: int = 1) -> set[frozenset[int]]:
    """The batches that a strategy asks for under many seeds."""
    strategy = strategies.get(name)
    return {frozenset(strategy(state, n, np.random.default_rng(seed)).tolist()) for seed in SEEDS}


# ---------------------------------------------------------------- strategies that read the posterior

#: three clusters and *none of these*; each row below is the choice of one strategy and of no other
POSTERIOR = {
    0: (0.98, 0.01, 0.01, 0.00),
    1: (0.01, 0.98, 0.01, 0.00),
    2: (0.01, 0.01, 0.98, 0.00),
    3: (0.50, 0.50, 0.00, 0.00),  # margin 0; entropy 0.69
    4: (0.40, 0.30, 0.30, 0.00),  # best guess 0.40, the weakest; margin 0.10; entropy 1.09
    5: (0.45, 0.19, 0.18, 0.18),  # entropy 1.29, the highest; best guess 0.45
    6: (0.60, 0.20, 0.20, 0.00),  # entropy 0.95 in a place twice as dense: 1.90 beats row 5's 1.29
    7: (0.80, 0.00, 0.00, 0.20),  # none of these 0.20 in a place 1.5 times as dense: 0.30
    8: (0.55, 0.00, 0.00, 0.45),  # none of these 0.45, the highest, but lonely: 0.45 / 2 = 0.23
    **dict.fromkeys(range(9, 16), (0.98, 0.01, 0.01, 0.0)),
}
DENSITY = [2.0 if row == 6 else 1.5 if row == 7 else 0.5 if row == 8 else 1.0 for row in POSTERIOR]


@pytest.mark.parametrize(
    ("name", "row"),
    [("margin", 3), ("least_confidence", 4), ("entropy", 5), ("density_entropy", 6), ("new_cluster", 7)],
)
def test_the_row_with_the_highest_score(name, row):
    state = pool(list(POSTERIOR.values()), density=DENSITY, anchors=(13, 14, 15), codes=(0, 1, 2))
    assert asked(name, state) == {frozenset({row})}


@pytest.mark.parametrize("name", ["margin", "least_confidence", "entropy", "density_entropy", "new_cluster"])
def test_the_second_of_a_batch_is_in_another_place(name):
    # rows 4 and 5 are one place and score highest; row 9, a quarter turn away, scores less and is asked second
    full = np.tile([0.98, 0.01, 0.01], (14, 1))
    full[[4, 5]] = 0.40, 0.25, 0.35
    full[9] = 0.50, 0.20, 0.30
    degrees = [0] * 14
    degrees[4], degrees[5], degrees[9] = 90, 90, 180
    state = pool(full, points=on_circle(degrees), anchors=(0, 1), codes=(0, 1))
    assert asked(name, state, 2) == {frozenset({4, 9}), frozenset({5, 9})}


# ---------------------------------------------------------------- strategies that cover the pool

#: an answered place at 0 degrees, a large group about 90, a smaller one about 270, a lonely row at 180
DEGREES = [0, 1, 2, 82, 86, 90, 94, 98, 180, 260, 270, 280]
LARGE_CENTRE, LONELY, SMALL_CENTRE = 5, 8, 10


def circle_pool():
    return pool(points=on_circle(DEGREES), anchors=(0,))


def test_herding_takes_the_middle_of_the_largest_uncovered_group_then_of_the_next():
    assert asked("herding", circle_pool()) == {frozenset({LARGE_CENTRE})}
    assert asked("herding", circle_pool(), 2) == {frozenset({LARGE_CENTRE, SMALL_CENTRE})}


def test_k_center_takes_the_row_farthest_from_every_answer():
    # row 8 is 180 degrees from the answer at 0; then rows 5 and 10 are 90 degrees from both
    assert asked("k_center", circle_pool()) == {frozenset({LONELY})}
    assert asked("k_center", circle_pool(), 2) <= {
        frozenset({LONELY, LARGE_CENTRE}),
        frozenset({LONELY, SMALL_CENTRE}),
    }


def grouped_pool():
    """Three tight groups: the first has the answer, the second has five rows, the third three."""
    degrees = [0, 1, 2, 119, 119.5, 120, 120.5, 121, 239, 240, 241]
    density = np.ones(len(degrees))
    density[[3, 10]] = 3.0
    return pool(points=on_circle(degrees), density=density, anchors=(1,))


def test_centroid_takes_the_row_nearest_the_centre_of_each_unanswered_region():
    assert asked("centroid", grouped_pool(), 2) == {frozenset({5, 9})}


def test_typicality_takes_the_densest_row_of_each_unanswered_region():
    assert asked("typicality", grouped_pool(), 2) == {frozenset({3, 10})}


def test_coverage_takes_a_row_whose_ball_covers_the_most():
    # ten places, as many as the pseudo-clusters; the two at 0 and 5 degrees set the radius, so that a ball
    # covers one place. Six rows at 90 degrees are most; once one of those is answered, five at 180 are.
    degrees = [0, 0, 5, 5, *[90] * 6, *[180] * 5, *[270] * 2, 45, 135, 225, 315, 300]
    large, second = frozenset(range(4, 10)), frozenset(range(10, 15))
    one = asked("coverage", pool(points=on_circle(degrees)))
    assert one <= {frozenset({row}) for row in large}
    assert len(one) > 1, "equal rows are drawn at random"
    next_one = asked("coverage", pool(points=on_circle(degrees), anchors=(4,)))
    assert next_one <= {frozenset({row}) for row in second}


# ---------------------------------------------------------------- strategies that weigh what they cover


def torn_pool(torn: float = 0.4):
    """Two clusters: eight settled rows at 90 degrees, five torn ones about 180, one more torn, alone, at 300."""
    degrees = [0, 0, *[90] * 8, 176, 178, 180, 182, 184, 300]
    full = np.tile([0.98, 0.01, 0.01], (len(degrees), 1))
    full[10:15] = 1 - torn - 0.01, torn, 0.01
    full[15] = 0.495, 0.495, 0.01
    return pool(full, points=on_circle(degrees), anchors=(0, 1), codes=(0, 1))


def test_uncertainty_herding_takes_the_middle_of_the_torn_group():
    # not the settled eight, which herding would take, and not the lonely row, which margin would take
    assert asked("uncertainty_herding", torn_pool()) == {frozenset({12})}
    assert asked("margin", torn_pool()) == {frozenset({15})}
    settled = {frozenset({row}) for row in range(2, 10)}
    assert asked("herding", torn_pool()) <= settled


def test_auto_takes_the_middle_of_the_torn_group():
    assert asked("auto", torn_pool()) == {frozenset({12})}


def test_auto_counts_a_row_of_a_new_cluster_as_open():
    # five rows about 180 surely belong to no known cluster: as *none of these* their margin is 1, and
    # uncertainty_herding leaves them for the three torn rows at 300; auto does not
    degrees = [0, 0, 60, 60, 60, 176, 178, 180, 182, 184, 299, 300, 301]
    full = np.tile([0.98, 0.01, 0.01], (len(degrees), 1))
    full[5:10] = 0.0, 0.0, 1.0
    full[10:] = 0.495, 0.495, 0.01
    state = pool(full, points=on_circle(degrees), anchors=(0, 1), codes=(0, 1))
    assert asked("auto", state) == {frozenset({7})}
    assert asked("uncertainty_herding", state) == {frozenset({11})}


def without_principal(state):
    """The state with principal coordinates that tell nothing."""
    return replace(state, views={**state.views, "pca": np.zeros_like(state.views["pca"])})


@pytest.mark.parametrize(("once", "place"), [(6, range(20, 26)), (4, range(26, 30))])
def test_auto_goes_from_coarse_to_fine_when_few_clusters_were_met_only_once(once, place):
    # rows 20 to 25 differ in coordinate 25 alone, which the coarse view (24 coordinates) does not hold: there
    # they are one place of six rows. In the whole view they are two places of three, and rows 26 to 29 are the
    # largest. Of 20 answers, 6 clusters with one each: 0.3 of the rows are unmet; with 4 it is 0.2.
    points = np.zeros((30, 26), np.float32)
    points[:20, 0] = 1.0
    points[20:26, 1], points[20:23, 25], points[23:26, 25] = 0.6, 0.8, -0.8
    points[26:, 2] = 1.0
    codes = np.r_[np.arange(once), np.full(20 - once, once)]
    full = np.zeros((30, once + 2))
    full[:, 0], full[20:, 0], full[20:, 1] = 1.0, 0.5, 0.5
    state = without_principal(pool(full, points=points, anchors=range(20), codes=codes))
    assert asked("auto", state) <= {frozenset({row}) for row in place}


def test_auto_raises_openness_to_the_answers_per_cluster():
    # one row torn for certain at 180 degrees, twelve at 90 with openness 0.6: covering these is worth 12 * 0.6^r in
    # place of 1, that is more up to r = 4.86
    degrees = [*[0] * 20, *[90] * 12, 180]
    full = np.tile([1.0, 0.0, 0.0], (33, 1))
    full[20:32, :2] = 0.7, 0.3
    full[32, :2] = 0.5, 0.5
    for answers, expected in ((8, set(range(20, 32))), (10, {32})):  # two clusters: r is 4, then 5
        state = pool(full, points=on_circle(degrees), anchors=range(answers), codes=np.arange(answers) % 2)
        (state,) = [without_principal(state)]
        assert set().union(*asked("auto", state)) <= expected


def test_auto_looks_at_principal_coordinates_where_neighbours_are_near():
    state = pool(points=on_circle(DEGREES))
    near = replace(
        state, views={"pca": on_circle(DEGREES), "diffusion": np.tile(on_circle([0]), (len(DEGREES), 1))}
    )
    (row,) = asked("auto", near)
    assert row <= frozenset(range(3, 8)), "the large group about 90 degrees"
    far = replace(near, neighbors=np.roll(near.neighbors, 6, axis=0))  # no nearer than any two rows
    assert len(asked("auto", far)) > 3, "nothing is left that tells the rows apart"


def test_auto_covers_the_pool_before_the_first_answer():
    assert asked("auto", pool(points=on_circle(DEGREES))) == {frozenset({LARGE_CENTRE})}


def test_auto_takes_a_row_of_each_cluster_found_without_answers_into_a_first_batch():
    # all rows are at one place, so that only the partition tells them apart; rows 20 to 24 belong to no cluster of it
    found = np.repeat(np.eye(5), 5, axis=0)
    found[20:] = 0.2
    calls = []
    state = pool(points=np.tile(on_circle([0]), (25, 1)), zero_shot=lambda: calls.append(1) or found)
    batches = asked("auto", state, n=5)
    assert all({row // 5 for row in batch} >= {0, 1, 2, 3} for batch in batches)
    assert len(calls) == len(SEEDS)
    for seed in SEEDS:  # a single row, or after an answer: the partition is not asked for
        rng = np.random.default_rng(seed)
        strategies.get("auto")(state, 1, rng)
        answered = pool(points=on_circle(DEGREES), anchors=(0,), codes=(0,), zero_shot=state.zero_shot)
        strategies.get("auto")(answered, 5, rng)
    assert len(calls) == len(SEEDS)


# ---------------------------------------------------------------- strategies that call the model again


def test_disagreement_takes_the_row_on_which_passes_differ_not_the_one_they_call_a_toss_up():
    def resample(times, rng):
        passes = np.tile([0.9, 0.1], (times, 14, 1))
        passes[:, 5] = 0.5, 0.5  # every pass: a toss-up. Entropy ln 2, information 0
        passes[::2, 8], passes[1::2, 8] = (0.95, 0.05), (0.05, 0.95)  # information 0.69 - 0.20
        return passes

    full = np.tile([0.9, 0.1, 0.0], (14, 1))
    full[5] = full[8] = 0.5, 0.5, 0.0
    state = pool(full, anchors=(0, 1), codes=(0, 1), resample=resample)
    assert asked("disagreement", state) == {frozenset({8})}


def test_consistency_takes_the_centre_of_each_group_of_rows_that_waver():
    # rows 8 to 29 contradict the full pass in three passes of five; eleven stand about 90 degrees, eleven
    # about 270. A group of fewer than ten rows for each one asked would be filled up with others.
    degrees = [*np.linspace(0, 20, 8), *range(85, 96), *range(265, 276), *np.linspace(150, 170, 8)]

    def resample(times, rng):
        passes = np.tile([0.8, 0.2], (times, len(degrees), 1))
        passes[:3, 8:30] = 0.2, 0.8
        return passes

    full = np.tile([0.8, 0.2, 0.0], (len(degrees), 1))
    state = pool(full, points=on_circle(degrees), anchors=(0, 1), codes=(0, 1), resample=resample)
    assert asked("consistency", state, 2) == {frozenset({13, 24})}  # at 90 and at 270


def test_look_ahead_takes_the_answer_that_leaves_the_fewest_errors_in_expectation():
    # an answer for row 9 leaves every row 0.90 sure, whatever it is. One for row 6 would leave them 1.00 sure
    # where it is cluster 1, which has probability 0.1, and 0.60 otherwise: 0.64 expected. All others: 0.70.
    def hypothetical(rows, codes, at):
        after = np.full((len(rows), len(at), 4), 0.0)
        for h, (row, code) in enumerate(zip(rows, codes, strict=True)):
            sure = 0.9 if row == 9 else 0.7 if row != 6 else 1.0 if code == 1 else 0.6
            after[h, :, 0], after[h, :, 1] = sure, 1.0 - sure
        return after

    full = np.tile([0.9, 0.1, 0.0], (16, 1))
    state = pool(full, anchors=(0, 1), codes=(0, 1), hypothetical=hypothetical)
    assert asked("look_ahead", state) == {frozenset({9})}


@pytest.mark.parametrize("name", ["disagreement", "consistency", "look_ahead"])
def test_a_model_without_the_call_is_named(name):
    state = pool(np.tile([0.6, 0.4, 0.0], (20, 1)), anchors=(0, 1), codes=(0, 1))
    with pytest.raises(InvalidInput, match=f"'{name}' needs a clusterer that offers"):
        asked(name, state, 1)


# ---------------------------------------------------------------- the baseline


def test_random_asks_every_candidate_equally_often_and_every_pair():
    state = pool(points=on_circle(np.arange(12) * 30), anchors=(0, 1))
    strategy = strategies.get("random")
    rng = np.random.default_rng(0)
    draws = np.array([strategy(state, 2, rng) for _ in range(4000)])
    times = np.bincount(draws.ravel(), minlength=12)
    assert not times[[0, 1]].any()
    # 800 each are expected; the standard deviation is sqrt(4000 * 0.2 * 0.8) = 25
    assert (abs(times[2:] - 800) < 125).all()
    assert len({tuple(sorted(draw)) for draw in draws.tolist()}) == 45  # 10 * 9 / 2 pairs


def test_every_strategy_has_a_case_here():
    """Adding a strategy means adding the row that it asks about, and why."""
    import pathlib

    text = pathlib.Path(__file__).read_text(encoding="utf-8")
    missing = [name for name in strategies.builtin_names() if f'"{name}"' not in text]
    assert not missing, f"no case worked by hand for {', '.join(missing)}"
