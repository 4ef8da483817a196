"""The file of an SQLite store: checks that it is this package's, opens it, and checks that it was not replaced."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import time
import weakref
from contextlib import closing
from pathlib import Path

from activeclust.errors import ForeignDatabase, StoreUnavailable
from activeclust.store.sql.schema import APPLICATION_ID, VERSION_TABLE

BUSY_SECONDS = 60.0  #: how long a writer waits for other writers
_MAGIC = b"SQLite format 3\0"


class SqliteFile:
    """One SQLite file, for any number of connections.

    Another program's file is recognised without changing it. If the file or its folder cannot be written, it is opened
    for reading only.

    Parameters
    ----------
    path : Path
    create : bool
        Whether a missing file may be created.

    Raises
    ------
    StoreUnavailable
        If it is missing, a folder, or cannot be read.
    ForeignDatabase
        If it is not an SQLite database, or is another program's.
    """

    def __init__(self, path: Path, *, create: bool) -> None:
        self.path = Path(os.path.abspath(path))  # noqa: PTH100 (a symlink is not resolved: its target may change)
        with _opening:
            if not _is_open_here(self.path):
                _refuse_what_is_no_database(self.path, create=create)
                _refuse_foreign(self.path)
        self._copy: tempfile.TemporaryDirectory[str] | None = None
        self._identity: tuple[int, int] | None = None
        self._uri = _uri(self.path, "rwc" if create else "rw")
        self.read_only = self.path.exists() and not _writable(self.path)
        if self.read_only:
            self._uri = self._reading_uri()

    def _reading_uri(self) -> str:
        """SQLite may need to write in the folder of the file to read it; check that it can."""
        if _readable(_uri(self.path, "ro")):
            return _uri(self.path, "ro")
        wal = _beside(self.path, "-wal")
        if not _holds_something(wal):
            return _uri(self.path, "ro&immutable=1")
        # answers are in the WAL, and to read it SQLite must write in the folder
        self._copy = tempfile.TemporaryDirectory(prefix="activeclust-")
        copy = Path(self._copy.name) / "copy.db"
        shutil.copyfile(self.path, copy)
        shutil.copyfile(wal, _beside(copy, "-wal"))
        return _uri(copy, "rw")

    def connect(self) -> sqlite3.Connection:
        """A new connection to the same file."""
        before = _identity(self.path)
        with _opening:
            connection = sqlite3.connect(
                self._uri,
                uri=True,
                timeout=BUSY_SECONDS,
                isolation_level=None,  # BEGIN is issued by this package
                check_same_thread=False,
                factory=_Connection,
            )
            after = _identity(self.path)
            connection.file = after
            _opened.add(connection)
        try:
            if self._identity is None:
                self._identity = after
            if before not in (None, after) or after != self._identity:
                raise self._replaced()
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
            # under WAL a lower level loses answers in a power failure
            connection.execute("PRAGMA synchronous = FULL")
        except BaseException:
            connection.close()
            raise
        self._uri = self._uri.replace("mode=rwc", "mode=rw")  # created only once
        return connection

    def check(self, connection: sqlite3.Connection) -> None:
        """Raise StoreUnavailable if the file of this name is not the one that was opened."""
        if _identity(self.path) != self._identity:
            raise self._replaced()
        assert isinstance(connection, _Connection)
        if connection.wal is not None and _identity(_beside(self.path, "-wal")) != connection.wal:
            raise self._replaced()

    def prepare_write(self, connection: sqlite3.Connection) -> None:
        """Switch the file to WAL before the first write; outside a transaction."""
        if self.read_only:
            raise StoreUnavailable(
                f"Nothing can be written into {self.path}, or beside it: it is open for reading only. "
                f"Go on in a copy: activeclust db backup COPY --db {self.path}"
            )
        assert isinstance(connection, _Connection)
        if connection.wal is None:
            _enter_wal(connection)

    def note_wal(self, connection: sqlite3.Connection) -> None:
        """Remember the write-ahead log of this connection; within its first transaction."""
        assert isinstance(connection, _Connection)
        if connection.wal is None:
            connection.wal = _identity(_beside(self.path, "-wal"))

    def _replaced(self) -> StoreUnavailable:
        what = (
            "has been deleted" if _identity(self.path) is None else "or what belongs to it has been replaced"
        )
        return StoreUnavailable(
            f"The database {self.path} {what} while it was open. The last answer was not kept under that name; those "
            "before are in the file that was there. Put it back, or start again to go on with what is there now."
        )


class _Connection(sqlite3.Connection):
    """A connection that remembers its file and its write-ahead log."""

    file: tuple[int, int] | None = None
    wal: tuple[int, int] | None = None

    def close(self) -> None:
        super().close()
        _opened.discard(self)


# POSIX drops all locks that a process holds on a file as soon as it closes any descriptor of that file. SQLite knows of
# its own descriptors only, and without its lock another process deletes the write-ahead log that is written to here. So
# a file that this process has open through SQLite is opened in no other way; it was looked at when it was opened first.
_opened: weakref.WeakSet[_Connection] = weakref.WeakSet()
_opening = threading.Lock()


def _is_open_here(path: Path) -> bool:
    identity = _identity(path)
    return identity is not None and any(connection.file == identity for connection in list(_opened))


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Switch a file to WAL, with retries: SQLite reports BUSY at once if other processes do the same at this moment."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        else:
            if mode == "wal":
                return
            if time.monotonic() > deadline:
                raise sqlite3.OperationalError(f"cannot leave journal mode {mode!r} for WAL")
        time.sleep(0.01)


def _refuse_what_is_no_database(path: Path, *, create: bool) -> None:
    try:
        if path.is_dir():
            raise StoreUnavailable(f"{path} is a folder; expected a database file.")
        if not path.exists():
            if not create:
                raise StoreUnavailable(f"There is no database at {path}.")
            if not path.parent.is_dir():
                raise StoreUnavailable(f"Cannot create {path}: there is no folder {path.parent}.")
            return
        if not path.is_file():
            raise StoreUnavailable(f"{path} is no regular file; expected a database file.")
        with path.open("rb") as file:
            head = file.read(len(_MAGIC))
    except (OSError, ValueError) as error:
        raise StoreUnavailable(f"Cannot read {path}: {getattr(error, 'strerror', None) or error}.") from error
    if head and head != _MAGIC:
        raise ForeignDatabase(f"{path} is not an SQLite database; it has been left as it is.")


def _refuse_foreign(path: Path) -> None:
    """Raise ForeignDatabase for another program's file; it is read without a lock, a journal or another file.

    This does not read the write-ahead log. So if nothing is found and there is one, SQLite reads it; the index that
    SQLite creates for that is removed again.
    """
    if not _holds_something(path):
        return
    try:
        names, owner = _contents(_uri(path, "ro&immutable=1"))
        if not names and _holds_something(_beside(path, "-wal")):
            had_index = _beside(path, "-shm").exists()
            names, owner = _contents(_uri(path, "ro"))
            if _is_foreign(names, owner) and not had_index:
                _beside(path, "-shm").unlink(missing_ok=True)
    except (sqlite3.Error, UnicodeDecodeError):
        return  # damaged, or being written at this moment: SQLite's own locks and messages decide
    if _is_foreign(names, owner):
        raise ForeignDatabase(f"{path} belongs to another program; it has been left as it is.")


def is_marked(path: Path) -> bool:
    """Whether the header of an SQLite file, which may be damaged, says that it is this package's."""
    with _opening:
        if _is_open_here(path):
            return True
        return _marked(path)


def _marked(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(100)[68:72] == APPLICATION_ID.to_bytes(4, "big")


def _contents(uri: str) -> tuple[set[str], int]:
    with closing(sqlite3.connect(uri, uri=True, timeout=BUSY_SECONDS)) as connection:
        names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}
        return names, connection.execute("PRAGMA application_id").fetchone()[0]


def _is_foreign(names: set[str], owner: int) -> bool:
    return VERSION_TABLE not in names and (bool(names) or owner not in (0, APPLICATION_ID))


def _readable(uri: str) -> bool:
    try:
        _contents(uri)
    except sqlite3.Error:
        return False
    return True


def _uri(path: Path, mode: str) -> str:
    return f"{path.as_uri()}?mode={mode}"


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _holds_something(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
