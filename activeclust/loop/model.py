"""The loop's model: its own copy of a clusterer, which is given the number of classes of the run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from activeclust.errors import InvalidInput
from activeclust.store.records import RunSpec

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


def fit_to_run(clusterer: Clusterer, spec: RunSpec, *, seeded: bool) -> None:
    """Give the model the number of classes of a run, if they are known, and its seed.

    Parameters
    ----------
    clusterer : Clusterer
        Changed in place.
    spec : RunSpec
    seeded : bool
        Whether the model's ``random_state`` is set; False keeps that of a user's model.

    Raises
    ------
    InvalidInput
        For known classes and a clusterer without the parameter ``n_clusters``.
    """
    if seeded:
        clusterer.set_params(random_state=spec.seed)  # type: ignore[attr-defined]
    classes = spec.options.get("classes")
    if classes is None:
        return
    parameters: Mapping[str, Any] = getattr(clusterer, "get_params", dict)()
    if "n_clusters" not in parameters:
        raise InvalidInput(
            f"classes need a clusterer with the parameter n_clusters; {type(clusterer).__name__} has none."
        )
    clusterer.set_params(n_clusters=len(classes))  # type: ignore[attr-defined]
