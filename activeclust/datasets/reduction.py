"""Sparse matrices and texts become a few dense columns, without the dense matrix ever being there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.validation import counted, some_rows

N_COLUMNS = 100  #: dense columns that a sparse matrix is reduced to; scikit-learn recommends 100 for LSA
MOST_WORDS = 50_000  #: words that the texts are compared by, the most frequent ones


def reduce_sparse(matrix: Any, what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The leading singular coordinates of a sparse matrix, by randomised truncated SVD.

    Parameters
    ----------
    matrix : scipy sparse array or matrix (n, d)
    what : str
        How messages name it.

    Returns
    -------
    X : ndarray (n, min(d, 100)) of float32
    notes : tuple of str
        How much of the variance is kept.

    References
    ----------
    Halko, Martinsson and Tropp, "Finding structure with randomness" (SIAM Review 2011), as in
    scikit-learn's ``TruncatedSVD``.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> X, notes = reduce_sparse(sp.random_array((50, 400), density=0.1, rng=0), "words.npz")
    >>> X.shape
    (50, 49)
    """
    import scipy.sparse as sp
    from sklearn.decomposition import TruncatedSVD

    if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
        raise InvalidInput(f"{what} must be a sparse table of numbers, got {matrix.dtype} {matrix.shape}.")
    S = sp.csr_array(matrix).astype(np.float32)
    n, d = S.shape
    if n < 2 or d == 0:
        raise InvalidInput(
            f"{what} has {counted(n, 'row')} and {counted(d, 'column')}; expected two rows or more."
        )
    finite = np.isfinite(S.data)
    if not finite.all():
        broken = np.unique(np.searchsorted(S.indptr, np.flatnonzero(~finite), side="right") - 1)
        raise InvalidInput(f"{what} has NaN or infinite values in {some_rows(broken)}.")
    if d <= N_COLUMNS:
        return S.toarray(), ()
    k = min(N_COLUMNS, n - 1)
    svd = TruncatedSVD(k, random_state=0)
    X = svd.fit_transform(S).astype(np.float32)
    kept = svd.explained_variance_ratio_.sum()
    return X, (
        f"Sparse {n:,} x {d:,} reduced to {counted(k, 'column')} by truncated SVD, with {kept:.0%} of the "
        "variance.",
    )


def text_rows(texts: Sequence[str], what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Texts as unit rows: TF-IDF of their words, then truncated SVD (latent semantic analysis).

    Parameters
    ----------
    texts : sequence of str, length n
    what : str
        How messages name them, for instance the column.

    References
    ----------
    Deerwester et al., "Indexing by latent semantic analysis" (JASIS 1990).

    Examples
    --------
    >>> X, notes = text_rows(["a red fox", "a red dog", "rain in Spain"], "column 'note'")
    >>> X.shape
    (3, 6)
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.preprocessing import normalize

    # a word of a single text says nothing about which texts are alike; in a handful of texts it may
    least = 2 if len(texts) >= 50 else 1
    words = TfidfVectorizer(sublinear_tf=True, max_features=MOST_WORDS, min_df=least)
    try:
        weights = words.fit_transform(texts)
    except ValueError as error:  # no word at all, or none that two texts share
        raise InvalidInput(f"The texts in {what} share no words to be compared by: {error}") from error
    X, notes = reduce_sparse(weights, what)
    first = f"{what[0].upper()}{what[1:]} read as text: TF-IDF of {counted(weights.shape[1], 'word')}."
    return normalize(X), (first, *notes)
