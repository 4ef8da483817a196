"""Offsets, scales, types and widths of the rows: none of them changes what the views show."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from activeclust.views.identity import content_hash, distinct_rows
from activeclust.views.projection import COVARIANCE_COLUMNS, GRAM_ROWS, fit_projection, power_of_two
from activeclust.views.views import make_views

SCALES = st.one_of(st.sampled_from([1e-280, 1e-30, 1e30, 1e280]), st.floats(-250, 250).map(lambda e: 10.0**e))


def coordinates(X):
    views = make_views(X)
    return np.abs(views.pca[views.inverse]), views.scale[views.inverse]


@settings(max_examples=25, deadline=None)
@given(scale=SCALES, offset=st.floats(-1e12, 1e12), seed=st.integers(0, 1000), d=st.integers(1, 5))
def test_an_offset_and_a_scale_change_nothing(scale, offset, seed, d):
    # multiples of 2^-8, so that adding 1e12 loses nothing
    X = np.round(np.random.default_rng(seed).normal(size=(40, d)) * 256) / 256
    there, scales = coordinates(X)
    for changed in (X + np.round(offset), X * scale, (X + np.round(offset)) * scale):
        # the scale itself rounds in the 16th digit, beside an offset that is 1e12 times as large in the 4th
        allowed = 2e-3 if changed is not X * scale else 1e-5
        moved, moved_scales = coordinates(changed)
        np.testing.assert_allclose(moved, there, atol=allowed)
        np.testing.assert_allclose(moved_scales, scales, atol=allowed)


def test_the_largest_numbers_there_are():
    X = np.random.default_rng(0).uniform(-1, 1, size=(60, 3))
    there, _ = coordinates(X)
    moved, _ = coordinates(X * np.finfo(np.float64).max)
    np.testing.assert_allclose(moved, there, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    dtype=st.sampled_from(["f2", "f4", "f8", ">f8", "i1", "u1", "i4", "i8", "?"]),
    order=st.sampled_from("CF"),
    step=st.sampled_from([1, -1, 2]),
    seed=st.integers(0, 100),
)
def test_types_and_memory_orders_are_the_same_numbers(dtype, order, step, seed):
    rng = np.random.default_rng(seed)
    plain = rng.integers(0, 2, size=(30, 8)).astype(np.float32) if dtype == "?" else None
    if plain is None:
        plain = rng.integers(0, 100, size=(30, 3)).astype(np.float32)
    held = np.zeros((60, plain.shape[1]), dtype=dtype, order=order)
    given = held[::step] if abs(step) == 2 else held[:30][::step]
    given[:] = plain
    assert content_hash(given) == content_hash(plain)
    np.testing.assert_array_equal(coordinates(given)[0], coordinates(plain)[0])


@settings(max_examples=25, deadline=None)
@given(offset=st.sampled_from([0.0, 1e6, 1e9, 1e12]), n=st.integers(2, 30), seed=st.integers(0, 100))
def test_rows_that_differ_only_below_float32_stay_apart(offset, n, seed):
    X = offset + np.random.default_rng(seed).permutation(n)[:, None] * np.spacing(4 * max(offset, 1.0))
    assert len(distinct_rows(X)[0]) == n
    twice = np.vstack([X, X[: n // 2]])
    first, inverse = distinct_rows(twice)
    assert len(first) == n
    np.testing.assert_array_equal(inverse[n:], inverse[: n // 2])
    other = X.copy()
    other[0, 0] = np.nextafter(other[0, 0], np.inf)
    assert content_hash(other) != content_hash(X)


@pytest.mark.parametrize(
    ("n", "d"),
    [(40, 3), (40, 300), (30, COVARIANCE_COLUMNS + 50), (GRAM_ROWS + 10, COVARIANCE_COLUMNS + 10)],
)
def test_every_way_to_the_axes_gives_those_of_the_svd(n, d):
    rng = np.random.default_rng(n)
    rank = 6
    X = 5 + (rng.normal(size=(n, rank)) * 2.0 ** -np.arange(rank)) @ rng.normal(size=(rank, d))
    projection = fit_projection(X)
    U, s, _ = np.linalg.svd(X - X.mean(axis=0), full_matrices=False)
    true = U[:, :rank] * s[:rank]
    true /= np.sqrt((true**2).sum(axis=1).mean())
    found = projection(X)[:, :rank]
    sign = np.sign((found * true).sum(axis=0))
    np.testing.assert_allclose(found * sign, true, atol=2e-4)
    assert np.abs(projection(X)[:, rank:]).max(initial=0.0) < 1e-3


def test_a_direction_without_spread_says_nothing_of_other_rows():
    X = np.random.default_rng(1).normal(size=(5, COVARIANCE_COLUMNS + 1))
    projection = fit_projection(X)
    far = projection(X + 1e3 * np.random.default_rng(2).normal(size=X.shape))
    assert np.abs(far[:, -1]).max() == 0.0


@given(st.floats(min_value=5e-324, max_value=np.finfo(float).max))
def test_the_power_of_two_is_just_below(value):
    assert 0.5 * value < power_of_two(np.array([[0.0], [-value]])) <= value


WIDE = """
import numpy as np
from activeclust.views.views import make_views
X = np.random.default_rng(0).normal(size=(50, 100_000)) + 3.0 * (np.arange(50) % 2)[:, None]
views = make_views(X)
near = views.first[views.neighbors[views.inverse][:, 0]]
assert (near % 2 == np.arange(50) % 2).all()
# not ru_maxrss: a child's begins with what the process that made it took
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_a_hundred_thousand_columns_take_less_than_a_gigabyte():
    done = subprocess.run([sys.executable, "-c", WIDE], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 1_000_000  # kilobytes, of everything


def test_every_setting_of_numpy_is_as_good():
    X = np.random.default_rng(3).normal(size=(60, 4)) * 1e-200
    with np.errstate(all="raise"):
        strict = make_views(X)
    np.testing.assert_array_equal(strict.pca, make_views(X).pca)
