"""Data to be clustered: named data sets, files, folders, and arrays."""

from activeclust.datasets.dataset import Dataset
from activeclust.datasets.loading import SUFFIXES, TABLES, load
from activeclust.datasets.named import NAMED

__all__ = ["NAMED", "SUFFIXES", "TABLES", "Dataset", "load"]
