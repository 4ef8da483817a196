"""A disk cache of arrays under keys made from everything that they depend on.

Entries are numpy archives. They are written to a temporary file that is then renamed, so a killed process leaves no
incomplete entry; a damaged entry (every array has a checksum) is removed and computed again; if the entries exceed the
size limit, the least recently used ones are removed.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np

from activeclust.errors import InvalidInput
from activeclust.resources.unfinished import beside

#: environment variable: a folder, or "off"
FOLDER = "ACTIVECLUST_CACHE"
#: environment variable: maximum size of all entries in gigabytes
SIZE = "ACTIVECLUST_CACHE_GB"
_DEFAULT_GB = 5.0
_OFF = ("off", "0", "no", "none")

Arrays = Mapping[str, np.ndarray]


def folder() -> Path | None:
    """The folder of the cache; None if ``ACTIVECLUST_CACHE`` is ``off``."""
    given = os.environ.get(FOLDER, "")
    if given:
        return None if given.lower() in _OFF else Path(given).expanduser()
    home = os.environ.get("LOCALAPPDATA") if sys.platform == "win32" else os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "activeclust"


def limit() -> int:
    """Limit of the total size of all entries, in bytes."""
    given = os.environ.get(SIZE, "")
    try:
        gigabytes = float(given or _DEFAULT_GB)
    except ValueError as error:
        raise InvalidInput(f"{SIZE} is a number of gigabytes, got {given!r}.") from error
    return int(gigabytes * 1e9)


def cached(key: str, make: Callable[[], Arrays]) -> Arrays:
    """The arrays under ``key``; computed and stored if they are missing or damaged.

    If the cache cannot be written, there is a warning, and the arrays are computed every time.

    Parameters
    ----------
    key : str
        Letters, digits and dashes; two different results must have different keys.
    make : callable
        Returns a dict of arrays.
    """
    place = folder()
    if place is None:
        return make()
    file = place / f"{key}.npz"
    arrays = _read(file)
    if arrays is None:
        arrays = make()
        _write(file, arrays)
    return arrays


def _read(file: Path) -> Arrays | None:
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        os.utime(file)  # now the most recently used
    except FileNotFoundError:
        return None
    except (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, zipfile.BadZipFile):
        with contextlib.suppress(OSError):
            file.unlink()
        return None
    return arrays


def _write(file: Path, arrays: Arrays) -> None:
    if sum(array.nbytes for array in arrays.values()) > limit():
        return
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with beside(file) as made:
            np.savez(made / file.name, **cast("dict[str, Any]", arrays))
            (made / file.name).replace(file)
        _make_room(file.parent)
    except OSError as error:
        warnings.warn(
            f"Nothing can be kept in {file.parent} ({error.strerror or error}), so this is made at every "
            f"start: set {FOLDER} to a folder that can be written, or to 'off'.",
            stacklevel=3,
        )


def _make_room(place: Path) -> None:
    entries = []
    for file in place.glob("*.npz"):
        with contextlib.suppress(OSError):  # another process may have removed it
            entries.append((file.stat().st_mtime, file.stat().st_size, file))
    left = sum(size for _, size, _ in entries) - limit()
    for _, size, file in sorted(entries):
        if left <= 0:
            return
        with contextlib.suppress(OSError):
            file.unlink()
        left -= size
