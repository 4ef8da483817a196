"""PFNClusterer: the prior-fitted network as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from activeclust.clusterer.predictor import Predictor
from activeclust.clusterer.prepared import Prepared, prepare
from activeclust.errors import InvalidInput
from activeclust.labels import labels_of

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer, PreparedRows

_FLOATS = [np.float64, np.float32]  #: float32 rows, which may be mapped from disk, are not copied


class PFNClusterer(ClusterMixin, BaseEstimator):
    """Cluster rows from a few labelled ones by a prior-fitted transformer.

    A transformer trained on synthetic clustering tasks gives, in one forward pass, the posterior over
    clusters for every row: "Clustering by Attention" (arXiv 2507.20369). Rows with an answer are
    *anchors*; there may be none, and then the number of clusters is inferred.

    Parameters
    ----------
    device : str, default="auto"
        ``"cpu"``, ``"cuda"``, ... ; ``"auto"`` takes CUDA where there is one.
    weights : path or None
        A ``.safetensors`` file written by ``activeclust pretrain``; None for those in the package.
    max_clusters : int, default=200
        Without anchors, partitions of more clusters are not looked at.
    partition_weights : path or None
        A ``.safetensors`` file written by ``activeclust pretrain-zero-shot``, for clustering without
        anchors; None for those in the package.
    landmarks : int or None
        How many rows, drawn at random, have views of their own; the others are weighted means of those near
        them. None for all rows up to 200,000, and 50,000 of more.
    cache : bool, default=True
        Keep the views of 5,000 rows or more on disk (``ACTIVECLUST_CACHE`` names the folder, or is ``off``),
        so that the same rows are ready at once the next time.
    random_state : int, Generator or None
        Only :meth:`suspect_anchors` draws at random; the posterior itself does not.

    Attributes
    ----------
    labels_ : ndarray (n_samples,)
        The likeliest known cluster of each row; anchors keep the cluster they were given.
    classes_ : ndarray (n_clusters,)
        The clusters, in the order of the columns of ``posterior_``.
    posterior_ : ndarray (n_samples, n_clusters)
        Probability of each cluster, given that the row is of one of them; rows sum to 1.
    new_cluster_proba_ : ndarray (n_samples,)
        Probability that the row is of none of ``classes_``; 0 for anchors.
    anchors_ : ndarray (n_anchors,) of int
        Row numbers of the anchors (without answers: typical rows of the
        clusters found).
    n_features_in_ : int

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> X, y = make_blobs(120, centers=[[0, 0], [9, 0], [0, 9]], random_state=0)
    >>> given = [None] * 120
    >>> for cluster in range(3):
    ...     given[list(y).index(cluster)] = ["left", "right", "top"][cluster]
    >>> model = PFNClusterer(device="cpu").fit(X, given)
    >>> model.classes_.tolist()
    ['left', 'right', 'top']
    >>> float((model.labels_ == np.array(["left", "right", "top"])[y]).mean())
    1.0
    """

    def __init__(
        self,
        device: str = "auto",
        weights: str | Path | None = None,
        max_clusters: int = 200,
        random_state=None,
        landmarks: int | None = None,
        cache: bool = True,
        partition_weights: str | Path | None = None,
    ):
        self.device = device
        self.weights = weights
        self.max_clusters = max_clusters
        self.partition_weights = partition_weights
        self.random_state = random_state
        self.landmarks = landmarks
        self.cache = cache

    # -- scikit-learn ----------------------------------------------------------------------------

    def fit(self, X, y=None) -> PFNClusterer:
        """Cluster ``X``.

        Parameters
        ----------
        X : array-like (n_samples, n_features)
        y : array-like (n_samples,) or None
            The cluster of each answered row; -1, None, NaN or blank where there is no answer.

        Raises
        ------
        InvalidInput
            For rows that are all equal, or answers of another length than the rows.
        """
        X = validate_data(self, X, dtype=_FLOATS, ensure_min_samples=2)
        rows, answers = _answers(y, len(X))
        self.prepared_ = self._prepare(X)
        self.classes_, codes = _encode(answers)
        self._fit_codes(rows, codes)
        return self

    def fit_predict(self, X, y=None) -> np.ndarray:
        """``fit(X, y).labels_``."""
        return self.fit(X, y).labels_

    def predict(self, X) -> np.ndarray:
        """(n,) the likeliest cluster of each row of ``X`` (n, n_features), seen before or not."""
        check_is_fitted(self)
        return self.classes_[self._extend(X).argmax(axis=1)]

    def predict_proba(self, X) -> np.ndarray:
        """(n, n_clusters) posteriors of ``X``: each that of the fitted rows near it, by self-tuning weights.

        A row that equals a fitted one gets that one's.
        """
        check_is_fitted(self)
        return self._extend(X)

    def _fit_codes(self, rows: np.ndarray, codes: np.ndarray) -> None:
        if len(rows):
            posterior, new = self.posterior(self.prepared_, rows, codes)
            posterior[rows] = 0.0
            posterior[rows, codes] = 1.0
            new[rows] = 0.0
        else:
            found = self._discover(self.prepared_)
            rows, codes = self.prepared_.source.first[found.rows], found.codes
            spread_over = self.prepared_.source.spread
            posterior, new = spread_over(found.posterior.known), spread_over(found.posterior.new)
            self.classes_ = np.arange(posterior.shape[1])
        self.anchors_, self.anchor_codes_ = rows, codes
        self._predictors: list[tuple[np.ndarray, Predictor]] = []  # made when first asked for
        self.posterior_, self.new_cluster_proba_ = posterior, new
        self.labels_ = self.classes_[posterior.argmax(axis=1)]

    def _extend(self, X) -> np.ndarray:
        X = validate_data(self, X, dtype=_FLOATS, reset=False)
        return self.predictor_.full(X)[:, :-1]

    @property
    def predictor_(self) -> Predictor:
        """What rows that were never seen need of this model; it can be sent to other machines."""
        check_is_fitted(self)
        made = self._predictors
        if not made or made[0][0] is not self.posterior_:
            source = self.prepared_.source
            full = np.column_stack([self.posterior_, self.new_cluster_proba_])[source.first]
            predictor = Predictor.fit(source, full, self.classes_, np.ones(len(full)))
            made[:] = [(self.posterior_, predictor)]
        return made[0][1]

    # -- the loop --------------------------------------------------------------------------------

    def prepare(self, X) -> Prepared:
        """Views of ``X`` (n, d), made once; give the result to :meth:`posterior`."""
        return self._prepare(validate_data(self, X, dtype=_FLOATS, ensure_min_samples=2))

    def posterior(self, prepared: Prepared, rows, codes) -> tuple[np.ndarray, np.ndarray]:
        """The posterior given anchors.

        Parameters
        ----------
        prepared : Prepared
        rows : array-like (k,) of int
            The anchors; k may be 0.
        codes : array-like (k,) of int
            Their clusters, 0 to C - 1, each with at least one anchor.

        Returns
        -------
        posterior : ndarray (n, C)
            Given that the row is of a known cluster; rows sum to 1. Answered rows and their exact copies are of
            the cluster that most of them were given.
        new_cluster_proba : ndarray (n,)
        """
        rows, codes = _check_anchors(rows, codes, prepared.n_rows)
        if len(rows) == 0:
            return np.zeros((prepared.n_rows, 0)), np.ones(prepared.n_rows)
        at, label = _distinct_anchors(prepared, rows, codes)
        prepared.ask_for_posterior(len(at), int(codes.max()) + 1)
        out = self._session(prepared).posterior(at, label)
        known, new = _copies_share(prepared, rows, codes, out.known, out.new)
        return prepared.source.spread(known), prepared.source.spread(new)

    def resample(self, prepared: Prepared, rows, codes, times: int, rng: np.random.Generator) -> np.ndarray:
        """(times, n, C) posteriors from passes that each see a random 70 % of the views' coordinates.

        ``prepared``, ``rows`` and ``codes`` are those of :meth:`posterior`; ``rng`` draws the coordinates.
        """
        rows, codes = _check_anchors(rows, codes, prepared.n_rows)
        if len(rows) == 0:
            return np.zeros((times, prepared.n_rows, 0))
        at, label = _distinct_anchors(prepared, rows, codes)
        passes = self._session(prepared).resample(at, label, times, rng)
        shared = (_copies_share(prepared, rows, codes, p.known, p.new)[0] for p in passes)
        return np.stack([prepared.source.spread(known) for known in shared])

    def hypothetical(self, prepared: Prepared, rows, codes, tried, answers, at) -> np.ndarray:
        """(H, m, C + 2) probabilities at the rows ``at`` (m,), had ``tried[h]`` been answered ``answers[h]``.

        ``prepared``, ``rows`` and ``codes`` are those of :meth:`posterior`. One pass for all H. Columns: the
        C clusters, the one that an answer C opens (else 0), none of these.
        """
        rows, codes = _check_anchors(rows, codes, prepared.n_rows)
        inverse = prepared.source.inverse
        at_rows, label = _distinct_anchors(prepared, rows, codes)
        tried, at = inverse[np.asarray(tried)], inverse[np.asarray(at)]
        return self._session(prepared).hypothetical(at_rows, label, tried, np.asarray(answers), at)

    def zero_shot(self, prepared: Prepared) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The most typical row of each cluster in ``prepared`` (C,), posterior (n, C), new mass (n,)."""
        found = self._discover(prepared)
        source, out = prepared.source, found.posterior
        typical = found.rows[: out.known.shape[1]]
        return source.first[typical], source.spread(out.known), source.spread(out.new)

    def suspect_anchors(self, folds: int = 10) -> list[tuple[int, Any, float]]:
        """Anchors by how much the others contradict them, the most suspect first.

        Each anchor is hidden in one of ``folds`` groups and judged by the posterior of the rest.

        Returns
        -------
        list of (row, cluster, contradiction)
            ``contradiction`` is the probability the others give to another cluster; 0 where an anchor is
            the only one of its cluster, as nobody can judge it.
        """
        check_is_fitted(self)
        rows, codes = self.anchors_, self.anchor_codes_
        contradiction = contradictions(
            self, self.prepared_, rows, codes, folds, np.random.default_rng(self.random_state)
        )
        order = np.argsort(-contradiction, kind="stable")
        return [(int(rows[i]), self.classes_[codes[i]], float(contradiction[i])) for i in order]

    def explain(self, row: int) -> list[tuple[int, Any, float]]:
        """Anchors with their share of a row's attention in the network's last layer.

        The attention is one of the voices from which the posterior is made; how far it agrees with what
        taking anchors away does is measured in ``docs/experiments/explanation.md``.

        Parameters
        ----------
        row : int
            A fitted row, 0 to n_samples - 1.

        Returns
        -------
        list of (row, cluster, share)
            All anchors, the largest share first; shares sum to 1. Anchors that are equal rows with equal
            answers are one anchor to the network, and the first of them stands for all.

        Raises
        ------
        InvalidInput
            Where there is no such row.

        Examples
        --------
        >>> X = np.array([[0.0, 0.0], [0.1, 0.3], [0.2, 0.1], [9.0, 9.0], [9.1, 9.3], [9.4, 9.0]])
        >>> model = PFNClusterer(device="cpu").fit(X, ["left", None, None, "right", None, None])
        >>> told = model.explain(1)
        >>> sorted(anchor for anchor, _, _ in told), round(sum(share for *_, share in told), 6)
        ([0, 3], 1.0)
        """
        check_is_fitted(self)
        n = self.prepared_.n_rows
        if not 0 <= row < n:
            raise InvalidInput(f"A row is a number from 0 to {n - 1}, got {row!r}.")
        inverse = self.prepared_.source.inverse
        at, codes = _distinct_anchors(self.prepared_, self.anchors_, self.anchor_codes_)
        share = self._session(self.prepared_).attention(at, codes, inverse[[row]])[0]
        first = {
            (int(inverse[r]), int(c)): int(r)
            for r, c in zip(self.anchors_[::-1], self.anchor_codes_[::-1], strict=True)
        }
        order = np.argsort(-share, kind="stable")
        return [(first[int(at[i]), int(codes[i])], self.classes_[codes[i]], float(share[i])) for i in order]

    @property
    def model_hash(self) -> str:
        """Which weights these are."""
        return self._network().hash

    def _prepare(self, X: np.ndarray) -> Prepared:
        return prepare(X, self.landmarks, self.cache)

    def _discover(self, prepared: Prepared):
        from activeclust.zeroshot.discover import discover
        from activeclust.zeroshot.selector import WEIGHTS, load_selector

        if self.max_clusters < 1:
            raise InvalidInput(f"max_clusters must be at least 1, got {self.max_clusters!r}.")
        selector = load_selector(self.partition_weights or WEIGHTS)
        return discover(self._session(prepared), selector, self.max_clusters)

    def _network(self):
        from activeclust.pfn.inference import WEIGHTS, load_network
        from activeclust.pfn.train import pick_device

        return load_network(self.weights or WEIGHTS, str(pick_device(self.device)))

    def _session(self, prepared: Prepared):
        from activeclust.pfn.inference import Session
        from activeclust.pfn.train import pick_device

        network = self._network()
        if prepared._session is None or prepared._session.network is not network:
            prepared._session = Session(prepared.source, network, pick_device(self.device))
        return prepared._session


def contradictions(
    clusterer: Clusterer,
    prepared: PreparedRows,
    rows: np.ndarray,
    codes: np.ndarray,
    folds: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """(k,) probability that each anchor is of another cluster, by the anchors outside its fold."""
    if folds < 2:
        raise InvalidInput(f"folds must be at least 2, got {folds}.")
    rows, codes = np.asarray(rows), np.asarray(codes)
    fold = rng.permutation(np.arange(len(rows)) % folds)
    result = np.zeros(len(rows))
    for f in np.unique(fold):
        hidden, kept = np.flatnonzero(fold == f), np.flatnonzero(fold != f)
        if len(kept) == 0:
            continue
        present, recoded = np.unique(codes[kept], return_inverse=True)
        posterior, _ = clusterer.posterior(prepared, rows[kept], recoded)
        for i in hidden:
            column = np.flatnonzero(present == codes[i])
            if len(column):
                result[i] = 1.0 - posterior[rows[i], column[0]]
    return result


def _check_anchors(rows, codes, n: int) -> tuple[np.ndarray, np.ndarray]:
    rows, codes = np.asarray(rows, dtype=np.int64).ravel(), np.asarray(codes, dtype=np.int64).ravel()
    if len(rows) != len(codes):
        raise InvalidInput(
            f"Expected one cluster code per anchor, got {len(rows)} anchors and {len(codes)} codes."
        )
    if len(rows) and (rows.min() < 0 or rows.max() >= n):
        raise InvalidInput(f"Anchors are row numbers from 0 to {n - 1}, got {rows.min()} to {rows.max()}.")
    if len(codes) and not np.array_equal(np.unique(codes), np.arange(codes.max() + 1)):
        raise InvalidInput(
            "Cluster codes must be 0 to C - 1 with none left out; np.unique(return_inverse=True) renumbers."
        )
    return rows, codes


def _distinct_anchors(
    prepared: Prepared, rows: np.ndarray, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The anchors as distinct rows; equal rows with equal answers count once, with different ones each."""
    pairs = np.stack([prepared.source.inverse[rows], codes], axis=1)
    pairs = np.unique(pairs, axis=0)
    return pairs[:, 0], pairs[:, 1]


def _copies_share(
    prepared: Prepared, rows: np.ndarray, codes: np.ndarray, known: np.ndarray, new: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The posterior of the distinct rows, where an answer holds for every copy of its row.

    Copies that were given different clusters are of the one given most often; of several such, of the likeliest.
    """
    answered, at = np.unique(prepared.source.inverse[rows], return_inverse=True)
    votes = known[answered] / 2
    np.add.at(votes, (at, codes), 1.0)
    known, new = known.copy(), new.copy()
    known[answered] = 0.0
    known[answered, votes.argmax(axis=1)] = 1.0
    new[answered] = 0.0
    return known, new


def _answers(y, n: int) -> tuple[np.ndarray, list]:
    """Row numbers and clusters of the answered rows."""
    if y is None:
        return np.empty(0, dtype=np.int64), []
    labels = labels_of(y, "y", n_rows=n, unlabelled=-1)
    rows = np.flatnonzero([label is not None for label in labels])
    return rows, labels[rows].tolist()


def _encode(answers: Sequence) -> tuple[np.ndarray, np.ndarray]:
    """Distinct answers in order, and the code of each; 1 and "1" stay apart."""
    distinct = sorted(set(answers), key=lambda a: (isinstance(a, str), a))
    code = {a: i for i, a in enumerate(distinct)}
    classes = (
        np.array(distinct)
        if len({isinstance(a, str) for a in distinct}) <= 1
        else np.array(distinct, dtype=object)
    )
    return classes, np.array([code[a] for a in answers], dtype=np.int64)
