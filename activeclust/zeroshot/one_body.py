"""Test whether rows are one Gaussian or uniform distribution, so that there is only one cluster.

Parametric bootstrap: reference samples of one Gaussian or one uniform distribution (*bodies*) with the same principal
variances are drawn, and statistics that are sensitive to clusters are compared. They are computed in the leading
principal coordinates, whitened, so that scale and rotation have no effect: skewness and kurtosis (Mardia, Biometrika
57, 1970), the variance that Ward's clusters leave (as in the gap statistic of Tibshirani, Walther and Hastie, JRSS B
63, 2001), and how unequal distances to near rows are.
"""

from __future__ import annotations

import numpy as np
from scipy.cluster.hierarchy import linkage
from scipy.spatial import cKDTree

ROWS = 300  # number of rows used; the reference bodies have as many
BODIES = 16  # number of reference bodies of each kind
#: numbers of leading principal coordinates that are tested together; 1, since in more dimensions whitened noise would
#: hide groups along the first coordinate
LEADING = (1, 2, 5, 20)
_CUTS = (2, 3, 5, 8)  # number of clusters in Ward's method
_NEIGHBOR = 5
_SLACK = 1.1  # factor beyond the most extreme reference body
_LEAST = 20  # minimum number of rows for the test


def is_one_body(points: np.ndarray) -> bool:
    """Whether ``points`` are like one Gaussian, or like one uniform body, of their own principal variances.

    Parameters
    ----------
    points : ndarray (n, d)
        Principal coordinates; rows in a random order.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 3))
    >>> is_one_body(X), is_one_body(rng.uniform(size=(300, 2))), is_one_body(X + 6 * (np.arange(300) % 2)[:, None])
    (True, True, False)
    """
    X = np.asarray(points[:ROWS], dtype=np.float64)
    if len(X) < _LEAST:
        return False
    rng = np.random.default_rng(0)
    spread = X.std(axis=0)
    kept = spread > 1e-6 * spread.max()
    X, spread = X[:, kept], spread[kept]
    own = _statistics(X)
    for draw in (rng.standard_normal, lambda shape: rng.uniform(-1.0, 1.0, shape)):
        bodies = np.stack([_statistics(draw((len(X), len(spread))) * spread) for _ in range(BODIES)])
        if len(own) != bodies.shape[1]:  # the rows lie in a space of fewer dimensions than the bodies
            return False
        if _surprise(own, bodies) <= _SLACK * max(
            _surprise(bodies[i], np.delete(bodies, i, axis=0)) for i in range(BODIES)
        ):
            return True
    return False


def _surprise(own: np.ndarray, bodies: np.ndarray) -> float:
    """The largest distance of a statistic from those of the bodies, in standard deviations."""
    return float((np.abs(own - bodies.mean(axis=0)) / (bodies.std(axis=0) + 1e-9)).max())


def _statistics(X: np.ndarray) -> np.ndarray:
    X = X - X.mean(axis=0)
    U, size, _ = np.linalg.svd(X, full_matrices=False)
    U = U[:, size > 1e-9 * size[0]] * np.sqrt(len(X))  # whitened principal coordinates
    found: list[float] = []
    for width in LEADING:
        if width > U.shape[1] and width > LEADING[0] and LEADING[LEADING.index(width) - 1] >= U.shape[1]:
            break
        found += _of_cloud(U[:, :width])
    return np.array(found)


def _of_cloud(Z: np.ndarray) -> list[float]:
    n = len(Z)
    gram = Z @ Z.T
    merged = np.cumsum(linkage(Z, "ward")[:, 2] ** 2)  # twice the sum of squares within, after each merge
    near = np.asarray(cKDTree(Z).query(Z, _NEIGHBOR + 1)[0])
    close, far = np.log(near[:, 1] + 1e-9), np.log(near[:, -1] + 1e-9)
    return [
        np.log(np.mean(np.diag(gram) ** 2)), np.sqrt(np.abs(np.mean(gram**3))),
        *(np.log(merged[n - 1 - k] / merged[-1]) for k in _CUTS),
        far.std(), float(np.quantile(far, 0.99) - np.median(far)), close.mean(), far.mean(),
    ]  # fmt: skip
