"""Folders in which files are made before they have their names; the next process removes what a killed one left."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_START, _END = ".activeclust-", ".part"


@contextmanager
def beside(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A new folder beside ``target``, which only this user can read, to make that file in; it is removed at the end.

    A file that is renamed from there to ``target`` replaces it in one step. Such folders beside it that belong to no
    process any more, because it was killed, are removed first. A process holds its folder by a lock on it, which ends
    with the process; where the system has no such locks (Windows), nothing of others is removed.

    Parameters
    ----------
    target : str or path

    Raises
    ------
    OSError
        No folder can be made there.

    Examples
    --------
    >>> target = Path(tempfile.mkdtemp()) / "names.txt"
    >>> with beside(target) as folder:
    ...     _ = (folder / "made").write_text("cat")
    ...     _ = (folder / "made").replace(target)
    >>> target.read_text(), len(list(target.parent.iterdir()))
    ('cat', 1)
    """
    parent = Path(target).absolute().parent
    clear_beside(target)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_START, suffix=_END, dir=parent))
        with _locked(folder, wait=True) as ours:
            if not ours:  # another process took it for a killed one's before it was locked
                continue
            try:
                yield folder
            finally:
                shutil.rmtree(folder, ignore_errors=True)
            return


def clear_beside(target: str | os.PathLike[str]) -> None:
    """Remove what killed processes left beside ``target``, as :func:`beside` does."""
    for folder in Path(target).absolute().parent.glob(f"{_START}*{_END}"):
        with contextlib.suppress(OSError), _locked(folder, wait=False) as ours:
            if ours:
                shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[bool]:
    """Whether this process, and no other, has the lock of the folder, which is still there, until the end.

    Where there are no locks, folders of one's own count as locked, and those of others as never free.
    """
    try:
        import fcntl
    except ImportError:
        yield wait
        return
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            yield False
            return
        except OSError:  # a file system without locks
            yield wait
            return
        yield _is_still(folder, handle)
    finally:
        os.close(handle)


def _is_still(folder: Path, handle: int) -> bool:
    try:
        return os.path.samestat(folder.lstat(), os.fstat(handle))
    except FileNotFoundError:
        return False
