"""Rows to be clustered: named data sets, files, folders, arrays."""

from activeclust.datasets.loading import NAMED, SUFFIXES, TABLES, Dataset, load

__all__ = ["NAMED", "SUFFIXES", "TABLES", "Dataset", "load"]
