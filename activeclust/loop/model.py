"""The loop's model: a clusterer of its own, which is told how many clusters the run knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from activeclust.errors import InvalidInput
from activeclust.store.base import RunSpec

if TYPE_CHECKING:
    from activeclust.clusterer.protocol import Clusterer


def clusterer_of(given: Clusterer | None) -> Clusterer:
    """An unfitted copy of a scikit-learn estimator, any other clusterer itself, a PFNClusterer for None."""
    if given is None:
        from activeclust.clusterer.estimator import PFNClusterer

        return PFNClusterer()
    if not hasattr(given, "get_params"):
        return given
    from sklearn.base import clone

    return clone(given)


def tell_classes(clusterer: Clusterer, spec: RunSpec) -> None:
    """Tell the model how many clusters there are, where the run knows them.

    Raises
    ------
    InvalidInput
        For a clusterer without the parameter ``n_clusters``.
    """
    stored = spec.options.get("classes")
    if stored is None:
        return
    told: Mapping[str, Any] = getattr(clusterer, "get_params", dict)()
    if "n_clusters" not in told:
        raise InvalidInput(
            f"classes are for a clusterer that can be told n_clusters; {type(clusterer).__name__} "
            "has no such setting."
        )
    clusterer.set_params(n_clusters=len(stored))  # type: ignore[attr-defined]
