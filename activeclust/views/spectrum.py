"""Leading eigenvectors of a graph: by LAPACK up to :data:`DENSE_LIMIT` rows, by a filtered subspace above.

A block of vectors is multiplied by a Chebyshev polynomial of the matrix that damps every unwanted eigenvalue (Zhou,
Saad, Tiago and Chelikowsky, J. Comput. Phys. 2006), in float32, until the residuals are small. A block finds all
vectors of repeated eigenvalues, of which Lanczos finds one, and takes less time: for the four graphs of 5,000 digits
0.8 s on one core, where Lanczos takes 3.9, and for those of 5,000 embedded texts 1.0 s against 12.

Products with the matrix take most of the time, and are limited by memory: rows are put in the order of Cuthill and
McKee (Proc. ACM National Conference 1969), in which neighbours are close to each other.
"""

from __future__ import annotations

import math

import numpy as np
import scipy.sparse as sp
import torch
from scipy.sparse.csgraph import connected_components, reverse_cuthill_mckee
from torch import Tensor

from activeclust.resources.progress import report

N_EIGEN = 64
MOST_EIGEN = 256  #: maximum number of vectors if the graph has more than 64 components: one per component
DENSE_LIMIT = 300  # rows
RESIDUAL = 1e-4  # residual of the wanted vectors; the errors of the eigenvalues are about its square
_SPARE = 16  # vectors in the block beyond the wanted ones
_DEGREE = 20
_DEGREE_WARM = 12  # with a good start
_MOST_FILTERS = 12
_MOST_GROWTH = math.log(1e5)  # of the leading vector in one filter
_LEAST_GAP = 1e-6
_LOWEST = -1.0  # lower end of the spectrum; pairs of rows that are nearest to each other come near it


def leading_eigenvectors(
    S: sp.csr_array, degree: np.ndarray, start: np.ndarray | None = None, step: str = ""
) -> tuple[np.ndarray, np.ndarray]:
    """The leading eigenvalues and eigenvectors of D^-1/2 W D^-1/2.

    Parameters
    ----------
    S : csr_array (n, n)
        Symmetric, normalised: its eigenvalues are in [-1, 1].
    degree : ndarray (n,)
        Row sums of W.
    start : ndarray (n, m), optional
        Approximations of the wanted vectors.
    step : str
        The name under which progress is reported.

    Returns
    -------
    values : ndarray (m,)
        Descending; m is 64, more where the graph has more connected components (one each, up to 256), or n - 1
        where that is less.
    vectors : ndarray (n, m)
        Orthonormal.

    Examples
    --------
    >>> ring = sp.csr_array(np.roll(np.eye(8), 1, 0) / 2 + np.roll(np.eye(8), -1, 0) / 2)
    >>> leading_eigenvectors(ring, np.ones(8))[0].round(3).tolist()[:3]
    [1.0, 0.707, 0.707]
    """
    n = S.shape[0]
    count, component = connected_components(S, directed=False)
    m = min(max(N_EIGEN, min(count, MOST_EIGEN)), n - 1)
    if n <= DENSE_LIMIT or m >= n - 1:
        values, vectors = np.linalg.eigh(S.toarray())
        return values.clip(-1.0, 1.0)[::-1][:m], vectors[:, ::-1][:, :m]
    known = _component_vectors(component, count, degree, m)
    if known.shape[1] == m:
        return np.ones(m), known
    return _filtered(S, known, m, start, step)


def _component_vectors(component: np.ndarray, count: int, degree: np.ndarray, most: int) -> np.ndarray:
    """(n, c) eigenvectors of the eigenvalue 1: the root degree on each connected component, largest first."""
    size = np.bincount(component, weights=degree, minlength=count)
    order = np.argsort(-size, kind="stable")[:most]
    place = np.full(count, -1)
    place[order] = np.arange(len(order))
    column = place[component]
    vectors = np.zeros((len(degree), len(order)))
    inside = np.flatnonzero(column >= 0)
    vectors[inside, column[inside]] = np.sqrt(degree[inside] / size[component[inside]])
    return vectors


def _filtered(
    S: sp.csr_array, known: np.ndarray, m: int, start: np.ndarray | None, step: str
) -> tuple[np.ndarray, np.ndarray]:
    order = reverse_cuthill_mckee(S.tocsr(), symmetric_mode=True).astype(np.int64)
    A = sp.csr_array(S[order][:, order].astype(np.float32))
    A.sort_indices()
    V = _first_block(len(known), m + _SPARE, known, start)[torch.from_numpy(order)]
    degree = _DEGREE if start is None else _DEGREE_WARM
    for turn in range(_MOST_FILTERS):
        V = torch.linalg.qr(V).Q
        values, V, AV = _ritz(A, V)
        residual = float((AV[:, :m] - V[:, :m] * values[:m]).norm(dim=0).max())
        report(step, turn, _MOST_FILTERS)
        if residual < RESIDUAL:
            break
        V = _filter(A, V, AV, float(values[-1]), degree)
    else:
        V = torch.linalg.qr(V).Q
        values, V, AV = _ritz(A, V)
    report(step, 1, 1)
    vectors = np.empty((len(order), m), dtype=np.float32)
    vectors[order] = V[:, :m].numpy()
    return values[:m].double().clamp(-1.0, 1.0).numpy(), vectors  # float32 may round an eigenvalue to above 1


def _first_block(n: int, width: int, known: np.ndarray, start: np.ndarray | None) -> Tensor:
    """(n, width): the known vectors, the start, and noise; the order of the rows depends only on their content."""
    noise = np.random.default_rng(0).standard_normal((n, width), dtype=np.float32)
    for given in (start, known):
        if given is not None:
            kept = min(given.shape[1], width)
            noise[:, :kept] = given[:, :kept]
    return torch.from_numpy(noise)


def _times(A: sp.csr_array, V: Tensor) -> Tensor:
    # SciPy's product with a block of vectors takes a fifth of the time of torch's
    return torch.from_numpy(A @ V.contiguous().numpy())


def _ritz(A: sp.csr_array, V: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The best eigenvalues and vectors within the span of V (descending), and A times the vectors."""
    AV = _times(A, V)
    values, turn = torch.linalg.eigh((V.T @ AV).double())
    turn = turn.flip(1).float()
    return values.flip(0).float(), V @ turn, AV @ turn


def _filter(A: sp.csr_array, V: Tensor, AV: Tensor, cut: float, degree: int) -> Tensor:
    """The Chebyshev polynomial in A that is small between the lower end of the spectrum and ``cut``, times V."""
    # if the graph has many components, all vectors of the block have eigenvalue 1
    cut = min(cut, 1.0 - _LEAST_GAP)
    half, middle = (cut - _LOWEST) / 2, (cut + _LOWEST) / 2
    first = scale = half / (1.0 - middle)
    # float32 loses a vector next to one that grew ten million times as much
    degree = max(2, min(degree, int(_MOST_GROWTH / math.acosh(1.0 / first))))
    before, now = V, (AV - middle * V) * (scale / half)
    for _ in range(degree - 1):
        following = 1.0 / (2.0 / first - scale)
        after = _times(A, now)
        after.sub_(now, alpha=middle).mul_(2.0 * following / half).sub_(before, alpha=scale * following)
        before, now, scale = now, after, following
    return now
