"""The candidate partitions of a data set with what the selector says of each: computed once, before any answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.views.views import Views
from activeclust.zeroshot.describe import Description, describe
from activeclust.zeroshot.partitions import SAMPLE, Partition, Sample, candidates, draw_sample
from activeclust.zeroshot.selector import Selector, load_selector


@dataclass(frozen=True)
class Search:
    """The p candidates of a sample of the rows.

    Attributes
    ----------
    sample : Sample
    found : list of Partition, length p
        The single cluster first.
    description : Description
    probability : ndarray (p,)
        That each candidate is the best of them; sums to 1.
    expected : ndarray (p,)
        Expected adjusted Rand index with the truth.
    """

    sample: Sample
    found: list[Partition]
    description: Description
    probability: np.ndarray
    expected: np.ndarray


MAX_CLUSTERS = 200


def search(
    views: Views,
    selector: Selector | None = None,
    max_clusters: int = MAX_CLUSTERS,
    n_clusters: int | None = None,
) -> Search:
    """All candidates of at most ``SAMPLE`` rows, described and judged.

    Parameters
    ----------
    views : Views
    selector : Selector or None
        None for the weights in the package.
    max_clusters : int
        Maximum number of clusters of a candidate.
    n_clusters : int or None
        The exact number of clusters, if known; ``max_clusters`` is then ignored.

    Raises
    ------
    InvalidInput
        If there are fewer rows than ``n_clusters``, or if ``n_clusters`` is too large.

    Examples
    --------
    >>> from activeclust.views.views import make_views
    >>> rng = np.random.default_rng(0)
    >>> views = make_views(np.repeat([[0.0, 0], [20, 0], [0, 20]], 60, axis=0) + rng.normal(size=(180, 2)))
    >>> told = search(views)
    >>> told.found[int(told.probability.argmax())].K
    3
    """
    selector = load_selector() if selector is None else selector
    sample = draw_sample(views, SAMPLE)
    if n_clusters is not None and n_clusters > sample.m:
        raise InvalidInput(
            f"{n_clusters:,} clusters cannot be found among {sample.m:,} distinct rows (n_clusters={n_clusters}); "
            f"at most {SAMPLE:,} rows are looked at."
        )
    one, *others = candidates(sample, n_clusters)
    found = [one, *(p for p in others if (max_clusters >= p.K if n_clusters is None else n_clusters == p.K))]
    description = describe(sample, found)
    return Search(sample, found, description, *selector.judge(description))
