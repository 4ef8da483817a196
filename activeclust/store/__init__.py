"""Stores of answers: in memory, in an SQLite file, or in PostgreSQL."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from activeclust.store.base import Store

__all__ = ["DATABASE", "LEASE_SECONDS", "open_store"]

DATABASE = "activeclust.db"  #: file of the runs with a name, in the working folder, where no store is named
LEASE_SECONDS = 600.0  #: how long a question stays one person's, where several work on a run


def open_store(url_or_path: str | os.PathLike[str] | None = None, *, create: bool = True) -> Store:
    """Open a store, or create it if it does not exist.

    Parameters
    ----------
    url_or_path : str, path or None
        None: in memory. A path or ``sqlite:///PATH``: an SQLite file. ``postgresql://USER@HOST/NAME``:
        a PostgreSQL database.
    create : bool
        Whether a missing SQLite file, or the tables in an empty database, may be made.

    Raises
    ------
    InvalidInput
        No path and no URL that is understood.
    StoreUnavailable
        Cannot be opened, made, written or reached.
    ForeignDatabase
        A file of another program, or a damaged one; it is left as it is.
    SchemaMismatch
        Written by an older or newer version; the message says what to do.
    MissingDependency
        PostgreSQL without its driver.

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
