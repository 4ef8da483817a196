"""PCA coordinates of total RMS 1, from rows of any offset and any scale that float64 can hold.

Rows are divided by a power of two and centred in float64, some at a time, before anything is rounded to float32.
No d x d matrix is built for more than :data:`COVARIANCE_COLUMNS` columns: the principal axes come from the
covariance of the columns, from the inner products of the rows where these are few, or else from a randomized SVD
(Halko, Martinsson and Tropp, SIAM Review 2011).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import eigh
from sklearn.utils.extmath import randomized_svd

N_PCA = 50  #: number of coordinates for distances
N_WIDE = 128  #: number of coordinates for angles: they hold nearly all information of text embeddings
COVARIANCE_COLUMNS = 2_000  #: up to this number of columns their covariance is computed
GRAM_ROWS = 2_000  #: with more columns, up to this number of rows their inner products are computed
LARGE = 5_000_000  #: size of a table in numbers; up to here sums of products are computed in float64
_CHUNK_ROWS, _CHUNK_NUMBERS = 8192, 8_000_000
_NEGLIGIBLE = 1e-12  # share of the largest eigenvalue; a direction below it is rounding error


@dataclass(frozen=True)
class Projection:
    """From d features to PCA coordinates: ``((X / unit - centre) / size) @ components / rms``.

    Attributes
    ----------
    unit : float
        A power of two, so that the division is exact.
    centre : ndarray (d,)
        The mean of the rows, in units.
    size : float
        The largest distance of a value from the mean of its column, in units.
    components : ndarray (d, a)
        Orthonormal columns.
    rms : float
        Root of the mean squared length of the rows' first :data:`N_PCA` coordinates.
    """

    unit: float
    centre: np.ndarray
    size: float
    components: np.ndarray
    rms: float

    def standardised(self, X: np.ndarray) -> np.ndarray:
        """``X`` (n, d) centred and scaled, float64; the largest value of the fitted rows is 1."""
        return (X.astype(np.float64) / self.unit - self.centre) / self.size

    def pca(self, X: np.ndarray) -> np.ndarray:
        """(n, d) features to the first :data:`N_PCA` coordinates, float32."""
        return np.ascontiguousarray(self(X)[:, :N_PCA])

    def __call__(self, X: np.ndarray) -> np.ndarray:
        """(n, d) features to (n, a) coordinates, float32."""
        out = np.empty((len(X), self.components.shape[1]), np.float32)
        for part in row_parts(*X.shape):
            out[part] = self.standardised(X[part]) @ self.components / self.rms
        return out


def row_parts(n: int, d: int) -> Iterator[slice]:
    """Slices of n rows of d columns, each small enough to be copied."""
    step = max(1, min(_CHUNK_ROWS, _CHUNK_NUMBERS // max(d, 1)))
    return (slice(start, start + step) for start in range(0, n, step))


def power_of_two(X: np.ndarray) -> float:
    """The power of two next below the largest absolute value in ``X``; 1.0 where that is 0.

    Examples
    --------
    >>> power_of_two(np.array([[3.0], [-9.0]])), power_of_two(np.zeros((2, 1)))
    (8.0, 1.0)
    """
    largest = max(max(float(X[part].max()), -float(X[part].min())) for part in row_parts(*X.shape))
    return math.ldexp(1.0, math.frexp(largest)[1] - 1) if largest > 0 else 1.0


def mean_in_units(X: np.ndarray, unit: float, parts: Sequence[slice | np.ndarray]) -> np.ndarray:
    """(d,) mean of the rows in ``parts`` of ``X`` / ``unit``, in float64."""
    centre, n = np.zeros(X.shape[1]), sum(len(X[part]) for part in parts)
    for _ in range(2):  # the second pass removes the rounding error of a sum of large numbers
        centre = centre + sum((X[part].astype(np.float64) / unit - centre).sum(axis=0) for part in parts) / n
    return centre


def fit_projection(X: np.ndarray) -> Projection:
    """The projection of rows ``X`` (n, d) on their leading principal axes, at most :data:`N_WIDE`.

    Examples
    --------
    >>> X = np.random.default_rng(0).normal(size=(40, 3))
    >>> projection = fit_projection(1e12 + 1e3 * X)
    >>> projection(1e12 + 1e3 * X).shape, float((projection(1e12 + 1e3 * X) ** 2).sum(axis=1).mean().round(3))
    ((40, 3), 1.0)
    """
    n, d = X.shape
    unit = power_of_two(X)
    centre = mean_in_units(X, unit, list(row_parts(n, d)))
    bare = Projection(unit, centre, 1.0, np.eye(min(d, 1)), 1.0)
    size = max(float(np.abs(bare.standardised(X[part])).max()) for part in row_parts(n, d)) or 1.0
    scaled = Projection(unit, centre, size, np.eye(min(d, 1)), 1.0)
    components = _axes(X, scaled, min(N_WIDE, d, n))
    projection = Projection(unit, centre, size, components, 1.0)
    squared = sum(
        float(np.square(projection.pca(X[part]), dtype=np.float64).sum()) for part in row_parts(n, d)
    )
    return Projection(unit, centre, size, components, math.sqrt(squared / n) or 1.0)


def _axes(X: np.ndarray, scaled: Projection, a: int) -> np.ndarray:
    """(d, a) the leading principal axes, the largest entry of each positive."""
    n, d = X.shape
    if d == 1:
        return np.ones((1, 1))
    if d <= COVARIANCE_COLUMNS:
        axes = _from_covariance(X, scaled, a)
    elif n <= GRAM_ROWS:
        axes = _from_inner_products(X, scaled, a)
    else:
        rows = np.concatenate([scaled.standardised(X[p]).astype(np.float32) for p in row_parts(n, d)])
        axes = randomized_svd(rows, a, random_state=0)[2].T.astype(np.float64)
    largest = axes[np.abs(axes).argmax(axis=0), np.arange(a)]
    return axes * np.where(largest < 0, -1.0, 1.0)


def _from_covariance(X: np.ndarray, scaled: Projection, a: int) -> np.ndarray:
    n, d = X.shape
    # float64 if it is cheap: the last coordinates of a small table are small differences
    products = np.zeros((d, d))
    for part in row_parts(n, d):
        rows = scaled.standardised(X[part])
        narrow = rows if X.size < LARGE else rows.astype(np.float32)
        products += narrow.T @ narrow
    return eigh(products, subset_by_index=(d - a, d - 1))[1][:, ::-1]


def _from_inner_products(X: np.ndarray, scaled: Projection, a: int) -> np.ndarray:
    n, d = X.shape
    blocks = [slice(block.start, min(block.stop, d)) for block in row_parts(d, n)]

    def columns(block: slice) -> np.ndarray:
        return (X[:, block].astype(np.float64) / scaled.unit - scaled.centre[block]) / scaled.size

    products = sum(columns(block) @ columns(block).T for block in blocks)
    values, vectors = eigh(products, subset_by_index=(n - a, n - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    # a direction in which the rows do not differ is useless for other rows
    weight = np.where(values > _NEGLIGIBLE * values[0], 1.0 / np.sqrt(np.maximum(values, 1e-300)), 0.0)
    return np.concatenate([columns(block).T @ (vectors * weight) for block in blocks])
