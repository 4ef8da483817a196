"""Data sets that are drawn before a training, each into a file of its own, so that an interrupted drawing resumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from activeclust.errors import InvalidInput

#: ``draw(index)`` gives the arrays of data set ``index``; sent to worker processes
Draw = Callable[[int], dict[str, np.ndarray]]


def check_counts(options: Any, names: tuple[str, ...], held_every: int) -> None:
    """Raise InvalidInput unless the counts ``names`` are at least 1, and the data sets enough to hold some out.

    Parameters
    ----------
    options : dataclass
        Of a training; ``options.datasets`` is the number of data sets.
    names : tuple of str
    held_every : int
        One data set in this many is held out.
    """
    for name in names:
        if getattr(options, name) < 1:
            raise InvalidInput(f"{name} must be at least 1, got {getattr(options, name)}.")
    if options.datasets < 2 * held_every:
        raise InvalidInput(
            f"datasets must be at least {2 * held_every}, as one in {held_every} is held out; "
            f"got {options.datasets}."
        )


@dataclass(frozen=True)
class DrawnDataSets:
    """The files of data sets in a folder.

    Attributes
    ----------
    folder : Path
    """

    folder: Path

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)

    def files(self) -> list[Path]:
        """The data sets drawn so far."""
        return sorted(f for f in self.folder.glob("*.npz") if not f.stem.endswith(".part"))

    def draw(self, draw: Draw, count: int, workers: int, report: Callable[[int], None] | None = None) -> None:
        """Draw until there are ``count``; ``report(number of data sets)`` is called after each."""
        there = {int(file.stem) for file in self.files()}
        missing = [i for i in range(count) if i not in there][: max(0, count - len(there))]
        stream = torch.utils.data.DataLoader(
            _Drawing(draw, self.folder, missing), batch_size=None, num_workers=workers
        )
        for done, _ in enumerate(stream, start=1):
            if report is not None:
                report(len(there) + done)


class _Drawing(torch.utils.data.Dataset):
    def __init__(self, draw: Draw, folder: Path, indices: list[int]) -> None:
        self.draw, self.folder, self.indices = draw, folder, indices

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, i: int) -> int:
        index = self.indices[i]
        temporary = self.folder / f"{index:06d}.part.npz"
        np.savez(temporary, allow_pickle=False, **self.draw(index))
        temporary.replace(self.folder / f"{index:06d}.npz")
        return index
