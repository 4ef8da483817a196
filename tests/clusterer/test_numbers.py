"""What the rows' offset and scale are changes neither posterior nor clusters."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from activeclust import PFNClusterer


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30, 1e290])
@pytest.mark.parametrize("offset", [0.0, 1e9, 1e12])
def test_offset_and_scale_change_nothing(offset, scale):
    X, y = make_blobs(240, centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=1)
    given = np.full(len(X), -1)
    for c in range(4):
        given[np.flatnonzero(y == c)[:3]] = c
    moved = (X + offset) * scale
    there, here = (PFNClusterer(device="cpu").fit(rows, given) for rows in (X, moved))
    np.testing.assert_array_equal(here.labels_, y)
    np.testing.assert_allclose(here.posterior_, there.posterior_, atol=0.02)
    np.testing.assert_array_equal(here.predict(moved), here.labels_)
    assert adjusted_rand_score(PFNClusterer(device="cpu").fit(moved).labels_, y) == 1.0
