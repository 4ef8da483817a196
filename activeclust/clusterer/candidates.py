"""The candidate partitions of a prepared data set: searched when first needed, and kept with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from activeclust.clusterer.prepared import Prepared

if TYPE_CHECKING:
    from activeclust.consensus.candidates import Candidates
    from activeclust.zeroshot.search import Search


def search_of(
    prepared: Prepared,
    weights: str | Path | None,
    max_clusters: int | None = None,
    n_clusters: int | None = None,
) -> Search:
    """The candidates of ``prepared``, judged by the selector of the file ``weights`` (None for the package's).

    Other arguments as in :func:`activeclust.zeroshot.search.search`.
    """
    from activeclust.zeroshot.search import MAX_CLUSTERS, search
    from activeclust.zeroshot.selector import WEIGHTS, load_selector

    most = MAX_CLUSTERS if max_clusters is None else max_clusters
    key = (str(weights), most if n_clusters is None else None, n_clusters)
    if key not in prepared._searched:
        selector = load_selector(weights or WEIGHTS)
        prepared._searched[key] = search(prepared.source, selector, most, n_clusters)
    return prepared._searched[key]


def candidates_of(prepared: Prepared, weights: str | Path | None) -> Candidates | None:
    """The candidates as the consensus reads them; None where all rows are one part in each."""
    from activeclust.consensus.candidates import Candidates

    key = ("candidates", str(weights))
    if key not in prepared._searched:
        prepared._searched[key] = Candidates.of(search_of(prepared, weights))
    return prepared._searched[key]
