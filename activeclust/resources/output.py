"""Atomic writing of files: a file is replaced completely or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from activeclust.errors import DataFileError
from activeclust.resources.unfinished import beside


@contextmanager
def write_atomically(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """A binary file for writing, which is renamed to ``path`` when it is complete.

    It is written in the same folder under an unused name; after an error the previous file is unchanged. The
    permissions of a replaced file are kept, and its owner if that is allowed; a symbolic link is kept, and the file it
    points to is replaced. Anything but a regular file, such as ``/dev/stdout`` or a pipe, is written to directly.

    Parameters
    ----------
    path : str or path

    Raises
    ------
    DataFileError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> place = Path(tempfile.mkdtemp()) / "names.txt"
    >>> with write_atomically(place) as file:
    ...     _ = file.write(b"cat")
    >>> place.read_bytes(), [found.name for found in place.parent.iterdir()]
    (b'cat', ['names.txt'])
    """
    try:
        with _through(Path(path)) if _is_special(Path(path)) else _beside(Path(path)) as file:
            yield file
    except OSError as error:
        if isinstance(error, (DataFileError, BrokenPipeError)):
            raise
        raise DataFileError(f"Cannot write {os.fspath(path)}: {error.strerror or error}.") from error


def write_text(path: str | os.PathLike[str], text: str, encoding: str = "utf-8") -> None:
    """Write a text unchanged by :func:`write_atomically`."""
    with write_atomically(path) as file:
        file.write(text.encode(encoding))


def _is_special(path: Path) -> bool:
    try:
        return not stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


@contextmanager
def _through(path: Path) -> Iterator[BinaryIO]:
    with path.open("wb") as file:
        yield file


@contextmanager
def _beside(path: Path) -> Iterator[BinaryIO]:
    target = Path(os.path.realpath(path))
    before = target.stat() if target.exists() else None
    if before is not None and not os.access(target, os.W_OK):
        raise PermissionError(None, "it is write-protected")
    with contextlib.ExitStack() as stack:
        try:
            made = stack.enter_context(beside(target)) / "made"
        except PermissionError:
            if before is None:
                raise
            # a file of one's own in a folder of somebody else's
            yield stack.enter_context(_through(target))
            return
        with made.open("xb") as file:
            if before is not None:
                with contextlib.suppress(OSError, AttributeError):
                    os.chown(made, before.st_uid, before.st_gid)
                made.chmod(stat.S_IMODE(before.st_mode))
            yield file
            file.flush()
            os.fsync(file.fileno())
        made.replace(target)
