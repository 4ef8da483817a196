"""The candidate partitions of a prepared data set: searched when first needed, and kept with it."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from activeclust.clusterer.prepared import Prepared
from activeclust.resources.cache import cached
from activeclust.views.packing import code_hash

if TYPE_CHECKING:
    from activeclust.zeroshot.consensus.candidates import Candidates
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
    from activeclust.zeroshot.consensus.candidates import Candidates

    def make() -> Candidates | None:
        return Candidates.of(search_of(prepared, weights))

    def packed() -> dict:
        found = make()
        return {} if found is None else found.pack()

    key = ("candidates", str(weights))
    if key not in prepared._searched:
        if prepared.cached and weights is None:
            arrays = cached(f"candidates-{prepared.data_hash}-{prepared.source.n_rows}-{_code()}", packed)
            prepared._searched[key] = Candidates.unpack(arrays) if arrays else None
        else:
            prepared._searched[key] = make()
    return prepared._searched[key]


@functools.cache
def _code() -> str:
    """A hash of the code and weights that candidates depend on."""
    from activeclust import zeroshot
    from activeclust.zeroshot.selector import WEIGHTS

    folder = Path(str(zeroshot.__file__)).parent
    files = [*sorted(folder.rglob("*.py")), WEIGHTS]
    content = code_hash().encode() + b"".join(file.read_bytes() for file in files)
    return hashlib.blake2b(content, digest_size=4).hexdigest()
