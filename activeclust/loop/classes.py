"""The classes of a run, if they are known: distinct names, the same ones whenever it is resumed."""

from __future__ import annotations

from collections.abc import Sequence

from activeclust.errors import InvalidInput, RunMismatch
from activeclust.labels import labels_of
from activeclust.store.records import Cluster, RunSpec


def distinct_classes(classes: Sequence[Cluster]) -> list[Cluster]:
    """Names of clusters as they are stored; InvalidInput unless they are distinct and at least one.

    Examples
    --------
    >>> distinct_classes(("cat", "dog"))
    ['cat', 'dog']
    """
    names = labels_of(classes, "classes").tolist()
    if not names or None in names or len(set(names)) < len(names):
        raise InvalidInput(f"classes are the distinct names of one cluster or more, got {names!r}.")
    return names


def check_classes(spec: RunSpec, given: list[Cluster] | None) -> None:
    """Raise RunMismatch if ``given`` are not the classes of the stored run."""
    stored = spec.options.get("classes")
    if given is not None and (stored is None or {*map(repr, stored)} != {*map(repr, given)}):
        made = "no classes" if stored is None else f"the classes {', '.join(map(repr, stored))}"
        raise RunMismatch(
            f"Run {spec.name!r} was made with {made}, now it is to have {', '.join(map(repr, given))}. "
            "Give the same, or another name for a new run."
        )
