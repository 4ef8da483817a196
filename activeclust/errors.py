"""The exceptions, named after what happened. Every one derives from :class:`ActiveClustError`.

::

    ActiveClustError
    ├── InvalidInput (ValueError)        rows, labels or options that cannot be used
    ├── UnknownName (LookupError)        a strategy, oracle or cluster that does not exist
    ├── MissingDependency (ImportError)  an extra that is not installed
    ├── DataFileError (OSError)          a file that is missing, empty or unreadable
    ├── WeightsError                     PFN weights that are missing or do not fit the model
    ├── NotEnoughMemory (MemoryError)    a step would not fit; names the option that makes it fit
    ├── AnnotatorFailed                  the annotator raised; names the row, keeps every answer
    └── StoreError
        ├── StoreUnavailable             cannot be opened, written, or reached
        ├── ForeignDatabase              a file of another program, or a damaged one
        ├── SchemaMismatch               older or newer than this package (exit status 3)
        ├── RunExists                    a run of that name is there already
        ├── RunNotFound                  no run of that name
        ├── RunMismatch                  the run was made from other data or settings
        └── RoundTaken                   another process has written that round
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ActiveClustError(Exception):
    """Base class of all errors of this package."""


class InvalidInput(ActiveClustError, ValueError):
    """Rows, labels or options that cannot be used; the message says what was expected and what was given."""


class UnknownName(ActiveClustError, LookupError):
    """A name that is not in its registry.

    Parameters
    ----------
    kind : str
        What was looked up, for instance ``"strategy"``.
    name : str
        The requested name.
    known : iterable of str
        The existing names; the closest one is suggested.
    hint : str, optional
        One more sentence, for instance how to register a new one.

    Examples
    --------
    >>> print(UnknownName("strategy", "entrpy", ["entropy", "random"]))
    There is no strategy 'entrpy'. Did you mean 'entropy'? Known: entropy, random.
    """

    def __init__(self, kind: str, name: object, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        near = difflib.get_close_matches(str(name), known, n=1)
        guess = f" Did you mean {near[0]!r}?" if near else ""
        listed = f" Known: {', '.join(known)}." if known else " There are none yet."
        super().__init__(f"There is no {kind} {name!r}.{guess}{listed}{' ' + hint if hint else ''}")
        self.kind, self.name, self.known = kind, name, known

    def __reduce__(self):  # an exception whose arguments are not its message must say how to create it again
        return (_rebuild_unknown_name, (self.kind, self.name, self.known, self.args))


def _rebuild_unknown_name(kind, name, known, args) -> UnknownName:
    error = UnknownName(kind, name, known)
    error.args = args
    return error


class MissingDependency(ActiveClustError, ImportError):
    """An optional package is not installed; the message holds the command that installs it."""


class DataFileError(ActiveClustError, OSError):
    """A data file that is missing, empty, or not what its name says."""


class WeightsError(ActiveClustError):
    """PFN weights that cannot be found, read, or used by this version of the model."""


class NotEnoughMemory(ActiveClustError, MemoryError):
    """A step needs more memory than is available; the message holds an estimate and the option that reduces it."""


class AnnotatorFailed(ActiveClustError):
    """The annotator raised while it was asked about a row; every earlier answer is kept.

    The original exception is the ``__cause__``; ``row`` is the row that was asked about.
    """

    def __init__(self, message: str, row: int | None = None) -> None:
        super().__init__(message)
        self.row = row


class StoreError(ActiveClustError):
    """Base class of the errors of stores."""


class StoreUnavailable(StoreError):
    """The database cannot be opened, written or reached; acknowledged answers are intact."""


class ForeignDatabase(StoreError):
    """The file is not a database of this package (another program's, or damaged)."""


class SchemaMismatch(StoreError):
    """The database was written by an older or newer version; the message holds the command to run."""


class RunExists(StoreError):
    """A run of that name exists; resume it or take another name."""


class RunNotFound(StoreError, LookupError):
    """No run of that name in this database."""


class RunMismatch(StoreError):
    """The stored run was made from other rows or settings than those given."""


class RoundTaken(StoreError):
    """Another process has written that round meanwhile; read the rounds again and use the next index."""
