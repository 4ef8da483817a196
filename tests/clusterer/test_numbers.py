"""What the rows' offset and scale are changes neither posterior nor clusters."""

import numpy as np
import pytest
from sklearn.datasets import make_blobs
from sklearn.metrics import adjusted_rand_score

from activeclust import PFNClusterer

X, Y = make_blobs(160, centers=[[0, 0], [9, 0], [0, 9], [9, 9]], random_state=1)
GIVEN = np.full(len(X), -1)
for c in range(4):
    GIVEN[np.flatnonzero(c == Y)[:3]] = c


@pytest.fixture(scope="module")
def there():
    """The rows where they are."""
    return PFNClusterer(device="cpu").fit(X, GIVEN)


@pytest.mark.parametrize("scale", [1e-30, 1.0, 1e30, 1e290])
@pytest.mark.parametrize("offset", [0.0, 1e9, 1e12])
def test_offset_and_scale_change_nothing(offset, scale, there):
    moved = (X + offset) * scale
    here = PFNClusterer(device="cpu").fit(moved, GIVEN)
    np.testing.assert_array_equal(here.labels_, Y)
    np.testing.assert_allclose(here.posterior_, there.posterior_, atol=0.02)
    np.testing.assert_array_equal(here.predict(moved), here.labels_)
    assert adjusted_rand_score(PFNClusterer(device="cpu").fit(moved).labels_, Y) == 1.0
