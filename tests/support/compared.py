"""A small data set and the scores of a comparison on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from sklearn.datasets import make_blobs

from activeclust.compare.comparison import Comparison
from activeclust.datasets import Dataset
from activeclust.store import open_store
from activeclust.store.records import Kind


def blobs(n: int = 60, seed: int = 0) -> Dataset:
    X, y = make_blobs(n, centers=4, cluster_std=1.5, random_state=seed)
    return Dataset(X.astype(np.float32), y, X, name="blobs", source="blobs")


def scores(result: Comparison) -> list:
    return np.nan_to_num(result.values["accuracy"], nan=-1).tolist()


def labelled(store: Path, name: str) -> dict:
    """Rows and their answers, in the order they were given."""
    events = open_store(store).open_run(name).events()
    return {event.row: event.cluster for event in events if event.kind is Kind.LABEL}
