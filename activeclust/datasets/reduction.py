"""Reduction of sparse matrices and texts to a few dense columns, without a dense copy of the matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.validation import counted, some_rows

N_COLUMNS = 100  #: dense columns that a sparse matrix is reduced to; scikit-learn recommends 100 for LSA
MOST_WORDS = 50_000  #: number of words of TF-IDF, the most frequent ones


class SparseReduction:
    """The leading singular coordinates of a sparse matrix by randomised truncated SVD, also for later rows.

    Parameters
    ----------
    what : str
        How messages name the matrix.

    References
    ----------
    Halko, Martinsson and Tropp, "Finding structure with randomness" (SIAM Review 2011), as in
    scikit-learn's ``TruncatedSVD``.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> words = sp.random_array((50, 400), density=0.1, rng=0)
    >>> reduction = SparseReduction("words.npz")
    >>> X, notes = reduction.fit(words)
    >>> X.shape, bool(np.allclose(reduction.transform(words[:3].tocsr()), X[:3], atol=1e-4))
    ((50, 49), True)
    """

    def __init__(self, what: str) -> None:
        self.what = what
        self._svd: Any = None  # unchanged if there are few columns

    def fit(self, matrix: Any) -> tuple[np.ndarray, tuple[str, ...]]:
        """(n, min(d, 100)) coordinates of a SciPy sparse ``matrix`` (n, d), and notes with the share of variance.

        Raises
        ------
        InvalidInput
            If the matrix is not a table of finite numbers, or has fewer than two rows.
        """
        from sklearn.decomposition import TruncatedSVD

        S = self._checked(matrix)
        n, d = S.shape
        if n < 2 or d == 0:
            raise InvalidInput(
                f"{self.what} has {counted(n, 'row')} and {counted(d, 'column')}; expected two rows or more."
            )
        if d <= N_COLUMNS:
            return S.toarray(), ()
        k = min(N_COLUMNS, n - 1)
        self._svd = TruncatedSVD(k, random_state=0).set_output(transform="default")
        X = self._svd.fit_transform(S.astype(np.float32)).astype(np.float32)
        kept = self._svd.explained_variance_ratio_.sum()
        return X, (
            f"Sparse {n:,} x {d:,} reduced to {counted(k, 'column')} by truncated SVD, with {kept:.0%} of the "
            "variance.",
        )

    def transform(self, matrix: Any) -> np.ndarray:
        """The same coordinates of other rows: ``matrix`` (m, d)."""
        S = self._checked(matrix)
        return (
            S.toarray() if self._svd is None else self._svd.transform(S.astype(np.float32)).astype(np.float32)
        )

    def _checked(self, matrix: Any) -> Any:
        import scipy.sparse as sp

        if matrix.ndim != 2 or matrix.dtype.kind not in "biuf":
            raise InvalidInput(
                f"{self.what} must be a sparse table of numbers, got {matrix.dtype} {matrix.shape}."
            )
        S = sp.csr_array(matrix)
        finite = np.isfinite(S.data)
        if not finite.all():
            broken = np.unique(np.searchsorted(S.indptr, np.flatnonzero(~finite), side="right") - 1)
            raise InvalidInput(f"{self.what} has NaN or infinite values in {some_rows(broken)}.")
        return S


class TextReduction:
    """Texts as unit rows: TF-IDF of their words, then truncated SVD (latent semantic analysis).

    Parameters
    ----------
    what : str
        How messages name the texts, for instance the column.

    References
    ----------
    Deerwester et al., "Indexing by latent semantic analysis" (JASIS 1990).

    Examples
    --------
    >>> X, notes = TextReduction("column 'note'").fit(["a red fox", "a red dog", "rain in Spain"])
    >>> X.shape
    (3, 6)
    """

    def __init__(self, what: str) -> None:
        self.what, self._svd = what, SparseReduction(what)
        self._words: Any = None

    def fit(self, texts: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
        """(n, columns) unit rows of the ``texts``, and notes.

        Raises
        ------
        InvalidInput
            If the texts share no words.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer
        from sklearn.preprocessing import normalize

        # a word that occurs in one text only does not help to compare texts, unless there are very few texts
        least = 2 if len(texts) >= 50 else 1
        self._words = TfidfVectorizer(sublinear_tf=True, max_features=MOST_WORDS, min_df=least)
        try:
            weights = self._words.fit_transform(texts)
        except ValueError as error:  # no words, or no word that two texts share
            raise InvalidInput(
                f"The texts in {self.what} share no words to be compared by: {error}"
            ) from error
        X, notes = self._svd.fit(weights)
        said = f"{self.what[0].upper()}{self.what[1:]} read as text: TF-IDF of {counted(weights.shape[1], 'word')}."
        return normalize(X), (said, *notes)

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Unit rows of other ``texts``; a text without known words is a row of zeros."""
        from sklearn.preprocessing import normalize

        return normalize(self._svd.transform(self._words.transform(texts)))
