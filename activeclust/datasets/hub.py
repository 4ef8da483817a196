"""Hugging Face data sets: ``hf:NAME``, ``hf:NAME@SPLIT``, or a folder that ``save_to_disk`` wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.datasets.images import pixels
from activeclust.datasets.source import Source
from activeclust.datasets.tables import TableOptions, open_frame
from activeclust.errors import DataFileError, MissingDependency, UnknownName
from activeclust.files.pictures import read_picture
from activeclust.identities import by_content

PREFIX = "hf:"


def open_hub(name: str, options: TableOptions) -> Source:
    """A data set of the hub, or one saved on disk.

    Parameters
    ----------
    name : str
        ``NAME``, ``NAME@SPLIT`` or a folder; the split is one of the ``datasets`` library's expressions, such
        as ``train[:1000]``. Without it the only split, or ``train``.
    options : TableOptions

    Returns
    -------
    Source
        Its items are images where a column holds images, else rows of a table.
    """
    name, _, split = name.partition("@")
    data = _load(name, split)
    notes = (f"{name}: split {data.split}." if data.split else f"{name}.",)
    data, options = _named_classes(data, options)
    pictures = next((c for c, feature in data.features.items() if type(feature).__name__ == "Image"), None)
    if pictures is None:
        source = open_frame(data.to_pandas(), Path(name).name, options)
        return replace(source, notes=(*notes, *source.notes))
    images = _Pictures(data, pictures)
    rest = data.remove_columns(pictures).to_pandas() if len(data.features) > 1 else None
    y = None if rest is None else open_frame(rest, Path(name).name, options).y
    arrays = _Arrays(images)
    return Source(
        arrays,
        y,
        lambda: pixels(images),
        pictures=images,
        notes=notes,
        make_ids=lambda: by_content(str(a.shape).encode() + a.tobytes() for a in arrays),
    )


def _load(name: str, split: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise MissingDependency("hf: needs datasets: pip install 'activeclust[hf]'.") from error
    folder = Path(name).expanduser()
    try:
        data = datasets.load_from_disk(str(folder)) if folder.is_dir() else datasets.load_dataset(name)
        if split:
            base = split.split("[")[0]
            if isinstance(data, datasets.DatasetDict) and base not in data:
                raise UnknownName(f"split of {name} named", base, data)
            if not folder.is_dir():
                data = datasets.load_dataset(name, split=split)
    except UnknownName:
        raise
    except Exception as error:  # the hub's client raises many kinds of exceptions
        raise DataFileError(
            f"The data set {name!r} cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0]}). "
            "Name one of the Hugging Face hub, or a folder that save_to_disk wrote."
        ) from error
    if isinstance(data, datasets.DatasetDict):
        chosen = split or ("train" if "train" in data else next(iter(data)) if len(data) == 1 else "")
        if chosen not in data:
            raise UnknownName(f"split of {name} named", chosen, data, f"Write hf:{name}@SPLIT.")
        data = data[chosen]
    return data


def _named_classes(data: Any, options: TableOptions) -> tuple[Any, TableOptions]:
    """The data with class names instead of class numbers."""
    import datasets

    classes = [c for c, feature in data.features.items() if isinstance(feature, datasets.ClassLabel)]
    if options.label_column is None and "label" not in data.features and len(classes) == 1:
        options = replace(options, label_column=classes[0])
    for column in classes:
        names = data.features[column].names
        values = [None if v is None or v < 0 else names[v] for v in data[column]]
        data = data.remove_columns(column).add_column(column, values)
    return data, options


class _Pictures(Sequence):
    """Images of a data set as Pillow images, decoded when they are read."""

    def __init__(self, data: Any, column: str) -> None:
        self.data, self.column = data, column

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, row):
        return self.data[int(row)][self.column]


class _Arrays(Sequence):
    """The same as arrays (h, w) or (h, w, 3) of uint8, for the page and the terminal."""

    def __init__(self, images: _Pictures) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, row):
        return np.asarray(read_picture(self.images[row]))
