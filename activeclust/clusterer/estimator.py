"""PFNClusterer: the prior-fitted network as a scikit-learn estimator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import ClusterMixin
from sklearn.utils import ClassifierTags
from sklearn.utils.validation import check_array, check_is_fitted

from activeclust.clusterer.anchors import checked_anchors
from activeclust.clusterer.candidates import candidates_of, search_of
from activeclust.clusterer.contradictions import contradictions
from activeclust.clusterer.fit import fit_answers, fit_clusters
from activeclust.clusterer.known import KnownClusters, weights_of
from activeclust.clusterer.network import consensus_of, hash_of, network_of, session_of
from activeclust.clusterer.new_rows import PredictsNewRows
from activeclust.clusterer.posteriors import Posteriors
from activeclust.clusterer.predictor import Predictor
from activeclust.clusterer.prepared import Prepared, prepare
from activeclust.clusterer.rows import FLOATS, numbers_of
from activeclust.clusterer.settings import under_own_settings
from activeclust.errors import InvalidInput
from activeclust.labels import labels_of
from activeclust.validation import generator_of
from activeclust.views.identity import content_hash, distinct_rows

if TYPE_CHECKING:
    from activeclust.pfn.inference import Network, Session
    from activeclust.zeroshot.consensus.network import Trained


class PFNClusterer(ClusterMixin, PredictsNewRows):
    """Cluster rows from a few labelled ones by a prior-fitted transformer.

    A transformer trained on synthetic clustering tasks gives, in one forward pass, the posterior over
    clusters for every row: "Clustering by Attention" (arXiv 2507.20369). Rows with an answer are
    *anchors*; there may be none, and then the number of clusters is inferred.

    Parameters
    ----------
    device : str, default="auto"
        ``"cpu"``, ``"cuda"``, ... ; ``"auto"`` uses CUDA if available.
    weights : path or None
        A ``.safetensors`` file written by ``activeclust pretrain``; None for those in the package.
    n_clusters : int or None
        The number of clusters, if known. Once at least so many have anchors, *none of these* has probability 0; without
        anchors, exactly so many clusters are found.
    classes : sequence of cluster names or None
        The names of all clusters, if known. Other names are refused; clusters without an anchor share the probability
        of *none of these* equally.
    max_clusters : int, default=200
        Without anchors, only partitions of at most so many clusters are considered.
    partition_weights : path or None
        A ``.safetensors`` file written by ``activeclust pretrain-zero-shot``, which judges candidate partitions; None
        for those in the package.
    landmarks : int or None
        Number of random rows with views of their own; other rows are weighted means of the landmarks near them.
        None for all rows up to 200,000, else 50,000.
    cache : bool, default=True
        Cache the views of 5,000 rows or more on disk (``ACTIVECLUST_CACHE`` names the folder, or is ``off``).
    consensus : str or path, default="auto"
        Whether the network's posterior is combined with candidate partitions of the rows and with the rules, as
        experts: ``"auto"`` does so with the weights in the package, ``"off"`` does not, and a ``.safetensors`` file
        written by ``activeclust pretrain-consensus`` does so with any weights.
    random_state : int, RandomState, Generator or None
        Used by :meth:`suspect_anchors` only; the posterior is deterministic.

    Attributes
    ----------
    labels_ : ndarray (n_samples,)
        The most probable known cluster of each row; anchors keep the cluster they were given.
    classes_ : ndarray (n_clusters,)
        The clusters, sorted, in the order of the columns of ``posterior_``.
    posterior_ : ndarray (n_samples, n_clusters)
        Probability of each cluster, given that the row is of one of them; rows sum to 1.
    new_cluster_proba_ : ndarray (n_samples,)
        Probability that the row is of none of ``classes_``; 0 for anchors.
    anchors_ : ndarray (n_anchors,) of int
        Row numbers of the anchors; without answers, typical rows of the clusters found.
    n_features_in_ : int
    preparation_ : Preparation or None
        How a table or a sparse matrix was encoded; ``notes`` describes it. See :meth:`fit`.

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

    posterior_: np.ndarray
    new_cluster_proba_: np.ndarray
    _anchors: np.ndarray
    _views_of: tuple[str, int | None]

    def __init__(
        self,
        device: str = "auto",
        weights: str | Path | None = None,
        max_clusters: int = 200,
        random_state=None,
        landmarks: int | None = None,
        cache: bool = True,
        partition_weights: str | Path | None = None,
        n_clusters: int | None = None,
        classes: Sequence | None = None,
        consensus: str | Path = "auto",
    ):
        self.device = device
        self.weights = weights
        self.max_clusters = max_clusters
        self.partition_weights = partition_weights
        self.random_state = random_state
        self.landmarks = landmarks
        self.cache = cache
        self.n_clusters = n_clusters
        self.classes = classes
        self.consensus = consensus

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags = ClassifierTags()  # expected of every estimator with predict_proba
        return tags

    @under_own_settings
    def fit(self, X, y=None, sample_weight=None) -> PFNClusterer:
        """Cluster ``X``.

        Parameters
        ----------
        X : array-like, DataFrame, sparse matrix, list of dicts or texts; n_samples rows
            Numbers are used unchanged. Texts, sparse matrices, and tables with categories, dates, texts or gaps are
            encoded by :class:`activeclust.datasets.preparation.Preparation`, as ``load`` does for files.
        y : array-like (n_samples,) or None
            The cluster of each answered row; -1, None, NaN or blank for rows without an answer.
        sample_weight : array-like (n_samples,) or None
            Weight of each answer. The network reads no weights. Instead, the prior probability of a cluster is
            multiplied by the mean weight of its answers, and weights count as votes where equal rows have different
            answers and among the neighbours of a new row. A row of weight 0 is left out of the fit and labelled as a
            new row.

        Raises
        ------
        InvalidInput
            If all rows are equal, ``y`` has another length than ``X``, an answer is not in ``classes``, or a weight
            is negative.
        """
        X = numbers_of(self, X, fitting=True)
        n = len(X)
        labels = np.full(n, None, dtype=object) if y is None else labels_of(y, "y", n_rows=n, unlabelled=-1)
        return self.fit_labels(X, labels, weights_of(sample_weight, n))

    @under_own_settings
    def fit_labels(self, X: np.ndarray, labels: np.ndarray, weights: np.ndarray) -> PFNClusterer:
        """Fit numeric rows with labels as of :func:`activeclust.labels.labels_of` and weights; see :meth:`fit`.

        Parameters
        ----------
        X : ndarray (n_samples, n_features)
        labels : ndarray (n_samples,) of object
            A str or an int; None for rows without an answer.
        weights : ndarray (n_samples,)
        """
        kept = np.flatnonzero(weights > 0)
        whole = len(kept) == len(X)
        labels, weights = labels[kept], weights[kept]
        rows = np.flatnonzero([label is not None for label in labels])
        self.classes_, codes = self._known.encode(labels[rows].tolist())
        self._prepare_once(X if whole else X[kept])
        self._fit_codes(rows, codes, weights)
        self._kept, self.anchors_ = kept, kept[self._fit.rows]
        if not whole:
            full = self.predictor_.full(X)
            full[kept] = np.column_stack([self.posterior_, self.new_cluster_proba_])
            self.posterior_, self.new_cluster_proba_ = full[:, :-1], full[:, -1]
            self.labels_ = self.classes_[self.posterior_.argmax(axis=1)]
        return self

    def fit_predict(self, X, y=None, sample_weight=None) -> np.ndarray:
        """``fit(X, y, sample_weight).labels_``."""
        return self.fit(X, y, sample_weight).labels_

    def score(self, X, y, sample_weight=None) -> float:
        """The weighted share of the rows of ``X`` whose predicted cluster equals ``y`` (n,).

        Cluster names are compared, as for a classifier. After a fit without answers cluster numbers are arbitrary; use
        :func:`sklearn.metrics.adjusted_rand_score` then. ``sample_weight`` (n,) holds the weights of the rows.
        """
        predicted = self.predict(X)
        truth = labels_of(y, "y", n_rows=len(predicted))
        right = [a == b for a, b in zip(truth.tolist(), predicted.tolist(), strict=True)]
        return float(np.average(right, weights=weights_of(sample_weight, len(right))))

    def _prepare_once(self, X: np.ndarray) -> None:
        """Set ``prepared_`` for ``X``; the views of the last fit are reused if the distinct rows are the same."""
        first, inverse = distinct_rows(X)
        made = (content_hash(X[first]), self.landmarks)
        last: Prepared | None = getattr(self, "prepared_", None)
        if last is not None and self._views_of == made and last.source.extension is None:
            self.prepared_ = last.with_copies(first, inverse, content_hash(X))
        else:
            self.prepared_, self._views_of = self._prepare(X), made

    def take_views_of(self, other: PFNClusterer | None) -> None:
        """Reuse the views of ``other``, if it was fitted to the same distinct rows."""
        if other is not None:
            self.prepared_, self._views_of = other.prepared_, other._views_of

    def _fit_codes(self, rows: np.ndarray, codes: np.ndarray, weights: np.ndarray) -> None:
        posteriors = self._posteriors(self.prepared_)
        if len(rows):
            fit = fit_answers(posteriors, rows, codes, weights[rows])
        else:
            fit = fit_clusters(posteriors, self._discover(self.prepared_))
            self.classes_ = np.arange(fit.posterior.shape[1])
        self._fit, self.anchor_codes_ = fit, fit.codes
        self._predictors: list[Predictor] = []  # computed when first read
        self.posterior_, self.new_cluster_proba_ = fit.at_all_rows(self.prepared_.source)
        self.labels_ = self.classes_[self.posterior_.argmax(axis=1)]

    @property
    def _known(self) -> KnownClusters:
        return KnownClusters.of(self.n_clusters, self.classes)

    @property
    @under_own_settings
    def predictor_(self) -> Predictor:
        """What the prediction of new rows needs of this model; it can be sent to other machines."""
        check_is_fitted(self)
        if not self._predictors:
            known = np.column_stack([self._fit.posterior, self._fit.new])
            self._predictors.append(
                Predictor.fit(self.prepared_.source, known, self.classes_, self._fit.votes)
            )
        return self._predictors[0]

    @under_own_settings
    def prepare(self, X) -> Prepared:
        """The views of ``X`` (n, d), computed once; the argument of :meth:`posterior`."""
        return self._prepare(check_array(X, dtype=FLOATS, ensure_min_samples=2, estimator=self))

    @under_own_settings
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
            Given that the row is of a known cluster; rows sum to 1. Answered rows and their exact copies have the
            cluster that most of them were given.
        new_cluster_proba : ndarray (n,)
        """
        rows, codes = checked_anchors(rows, codes, prepared.n_rows)
        if len(rows) == 0:
            return np.zeros((prepared.n_rows, 0)), np.ones(prepared.n_rows)
        known, new = self._posteriors(prepared).at_distinct_rows(rows, codes, np.ones(len(rows)))
        return prepared.source.spread(known), prepared.source.spread(new)

    @under_own_settings
    def resample(self, prepared: Prepared, rows, codes, times: int, rng: np.random.Generator) -> np.ndarray:
        """(times, n, C) posteriors from passes that each see a random 70 % of the views' coordinates.

        ``prepared``, ``rows`` and ``codes`` are those of :meth:`posterior`; ``rng`` draws the coordinates.
        """
        rows, codes = checked_anchors(rows, codes, prepared.n_rows)
        if len(rows) == 0:
            return np.zeros((times, prepared.n_rows, 0))
        return self._posteriors(prepared).resampled(rows, codes, times, rng)

    @under_own_settings
    def hypothetical(self, prepared: Prepared, rows, codes, tried, answers, at) -> np.ndarray:
        """(H, m, C + 2) probabilities at the rows ``at`` (m,) if ``tried[h]`` had the answer ``answers[h]``.

        ``prepared``, ``rows`` and ``codes`` are those of :meth:`posterior`. All H hypotheses take one pass. Columns:
        the C clusters, the new cluster of an answer C (else 0), none of these.
        """
        rows, codes = checked_anchors(rows, codes, prepared.n_rows)
        hypotheses = np.asarray(tried), np.asarray(answers), np.asarray(at)
        return self._posteriors(prepared).hypothetical(rows, codes, *hypotheses)

    @under_own_settings
    def unseen(self, prepared: Prepared, X, posterior: np.ndarray, new: np.ndarray) -> np.ndarray:
        """(m, C + 1) probabilities of new rows ``X`` (m, d), *none of these* in the last column.

        ``posterior`` (n, C) and ``new`` (n,) are what :meth:`posterior` gave at the rows of ``prepared``; see
        :meth:`predict_proba`. Raises InvalidInput for rows of another number of columns.
        """
        source = prepared.source
        X = check_array(X, dtype=FLOATS, estimator=self)
        d = len(source.projection.components)
        if X.shape[1] != d:
            raise InvalidInput(f"X has {X.shape[1]:,} columns; the rows that were prepared have {d:,}.")
        known = np.column_stack([posterior, new])[source.first]
        full = Predictor.fit(source, known, np.arange(posterior.shape[1]), np.ones(len(known))).full(X)
        full[:, :-1] *= 1.0 - full[:, -1:]
        return full

    @under_own_settings
    def zero_shot(self, prepared: Prepared) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The most typical row of each cluster in ``prepared`` (C,), posterior (n, C), new mass (n,)."""
        found = self._discover(prepared)
        source, out = prepared.source, found.posterior
        typical = found.rows[: out.known.shape[1]]
        return source.first[typical], source.spread(out.known), source.spread(out.new)

    @under_own_settings
    def suspect_anchors(self, folds: int = 10) -> list[tuple[int, Any, float]]:
        """Anchors by how strongly the other anchors contradict them, the most suspect first.

        The anchors of each of ``folds`` groups are compared with the posterior given the other groups.

        Returns
        -------
        list of (row, cluster, contradiction)
            ``contradiction`` is the posterior probability of other clusters; 0 for the only anchor of a cluster, which
            has no other to compare with.
        """
        check_is_fitted(self)
        codes = self.anchor_codes_
        contradiction = contradictions(
            self, self.prepared_, self._fit.rows, codes, folds, generator_of(self.random_state)
        )
        order = np.argsort(-contradiction, kind="stable")
        return [(int(self.anchors_[i]), self.classes_[codes[i]], float(contradiction[i])) for i in order]

    @under_own_settings
    def explain(self, row: int) -> list[tuple[int, Any, float]]:
        """Anchors with their share of a row's attention in the network's last layer.

        The attention is one of several terms of the posterior; ``docs/experiments/explanation.md`` measures how well
        it agrees with the effect of removing anchors.

        Parameters
        ----------
        row : int
            A fitted row, 0 to n_samples - 1.

        Returns
        -------
        list of (row, cluster, share)
            All anchors, the largest share first; shares sum to 1. Equal rows with equal answers are one anchor to the
            network, and the first of them represents all.

        Raises
        ------
        InvalidInput
            If the row does not exist or was not fitted.

        Examples
        --------
        >>> X = np.array([[0.0, 0.0], [0.1, 0.3], [0.2, 0.1], [9.0, 9.0], [9.1, 9.3], [9.4, 9.0]])
        >>> model = PFNClusterer(device="cpu").fit(X, ["left", None, None, "right", None, None])
        >>> told = model.explain(1)
        >>> sorted(anchor for anchor, _, _ in told), round(sum(share for *_, share in told), 6)
        ([0, 3], 1.0)
        """
        check_is_fitted(self)
        n = len(self.labels_)
        if not 0 <= row < n:
            raise InvalidInput(f"A row is a number from 0 to {n - 1}, got {row!r}.")
        place = int(np.searchsorted(self._kept, row))
        if place == len(self._kept) or self._kept[place] != row:
            raise InvalidInput(f"Row {row} has weight 0 and was not fitted.")
        told = self._posteriors(self.prepared_).attention(self._fit.rows, self.anchor_codes_, place)
        return [(int(self.anchors_[i]), self.classes_[self.anchor_codes_[i]], share) for i, share in told]

    @property
    @under_own_settings
    def model_hash(self) -> str:
        """The hash of all weights that the posterior depends on."""
        return hash_of(self._network(), self._consensus(), self.partition_weights)

    def _prepare(self, X: np.ndarray) -> Prepared:
        return prepare(X, self.landmarks, self.cache)

    def _posteriors(self, prepared: Prepared) -> Posteriors:
        trained, session = self._consensus(), self._session(prepared)
        if trained is None:
            return Posteriors(prepared, session, self._known)
        candidates = candidates_of(prepared, self.partition_weights)
        return Posteriors(prepared, session, self._known, trained.model, candidates)

    def _discover(self, prepared: Prepared):
        from activeclust.zeroshot.discover import discover

        if self.max_clusters < 1:
            raise InvalidInput(f"max_clusters must be at least 1, got {self.max_clusters!r}.")
        told = search_of(prepared, self.partition_weights, self.max_clusters, self._known.n)
        return discover(self._session(prepared), told, self._known.n)

    def _consensus(self) -> Trained | None:
        return consensus_of(self.consensus, self.weights, self.partition_weights)

    def _network(self) -> Network:
        return network_of(self.weights, self.device)

    def _session(self, prepared: Prepared) -> Session:
        return session_of(prepared, self._network(), self.device)
