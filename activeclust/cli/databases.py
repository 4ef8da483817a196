"""Reports where a new run is kept, and remembers it, so that a run of the same data in another database is reported."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from activeclust.cli.say import say
from activeclust.errors import ActiveClustError
from activeclust.resources.cache import folder
from activeclust.store import DATABASE

if TYPE_CHECKING:
    from activeclust.store.base import Store
    from activeclust.store.records import RunInfo

_REMEMBERED = 30  #: databases, the newest first


def tell_where(store: Store, name: str, source: str, n_before: int) -> None:
    """Print on stderr where the answers of a new run are kept, and whether another database has a run of the same data.

    Parameters
    ----------
    store : Store
    name : str
        The run's.
    source : str
        Where its rows come from; a path is absolute.
    n_before : int
        How many runs the database had before.
    """
    here = _file_of(store.url)
    say(f"The answers are kept in {here or store.url}{'' if n_before else ', a new database'}.")
    for path, info in _elsewhere(here, name, source):
        say(
            f"A run {info.spec.name!r} over {source} with {info.n_anchors} answers is in {path}: --db {path} "
            f"--name {info.spec.name!r} continues it."
        )
    if here is not None:
        _remember(here)


def _file_of(url: str) -> Path | None:
    path = url.removeprefix("sqlite:///")
    return Path(path).absolute() if path != url else None


def _elsewhere(here: Path | None, name: str, source: str) -> Iterator[tuple[Path, RunInfo]]:
    from activeclust.store import open_store

    near = [Path(source).absolute().parent, *list(Path.cwd().parents)[:3]]
    found = dict.fromkeys([*_remembered(), *(place / DATABASE for place in near)])
    for path in found:
        if path == here or not path.is_file():
            continue
        runs: list[RunInfo] = []
        with (
            contextlib.suppress(ActiveClustError),
            contextlib.closing(open_store(path, create=False)) as store,
        ):
            runs = store.runs()
        for info in runs:
            data: Any = info.spec.options.get("data", {})
            if info.n_anchors and data.get("source") == source:
                yield path, info


def _list() -> Path | None:
    kept = folder()
    return None if kept is None else kept / "databases.txt"


def _remembered() -> list[Path]:
    file = _list()
    if file is None or not file.is_file():
        return []
    try:
        return [Path(line) for line in file.read_text(encoding="utf-8").splitlines() if line]
    except (OSError, UnicodeDecodeError):
        return []


def _remember(path: Path) -> None:
    file = _list()
    if file is None or "\n" in str(path):
        return
    kept = [path, *(other for other in _remembered() if other != path)][:_REMEMBERED]
    with contextlib.suppress(OSError, UnicodeEncodeError):  # only a convenience: no error if it fails
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{one}\n" for one in kept), encoding="utf-8")
