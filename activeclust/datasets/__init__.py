"""Data to be clustered: named data sets, files, folders, and arrays."""

from activeclust.datasets.loading import NAMED, SUFFIXES, TABLES, Dataset, load

__all__ = ["NAMED", "SUFFIXES", "TABLES", "Dataset", "load"]
