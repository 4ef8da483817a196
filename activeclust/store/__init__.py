"""Stores of answers: in memory, in an SQLite file, or in PostgreSQL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from activeclust.store.base import Store

__all__ = ["DATABASE", "LEASE_SECONDS", "open_store"]

DATABASE = "activeclust.db"  #: default file for runs with a name, in the working folder
#: duration of a lease: how long a question is reserved for one person, if several work on a run
LEASE_SECONDS = 600.0


def open_store(url_or_path: str | os.PathLike[str] | None = None, *, create: bool = True) -> Store:
    """Open a store, or create it if it does not exist.

    Parameters
    ----------
    url_or_path : str, path or None
        None: in memory. A path or ``sqlite:///PATH``: an SQLite file. ``postgresql://USER@HOST/NAME``:
        a PostgreSQL database.
    create : bool
        Whether a missing SQLite file, or the tables in an empty database, may be created.

    Raises
    ------
    InvalidInput
        If ``url_or_path`` is neither a path nor a known URL.
    StoreUnavailable
        If it cannot be opened, created, written or reached.
    ForeignDatabase
        For a file of another program, or a damaged one; it is not changed.
    SchemaMismatch
        If it was written by an older or newer version; the message says what to do.
    MissingDependency
        For PostgreSQL without its driver.

    Examples
    --------
    >>> open_store().runs()
    []
    """
    if url_or_path is None:
        from activeclust.store.memory import MemoryStore

        return MemoryStore()
    from activeclust.store.sql.store import SqlStore

    return SqlStore(os.fspath(url_or_path), create=create)
