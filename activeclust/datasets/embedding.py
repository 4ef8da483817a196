"""Pictures and texts through a model of sentence-transformers that the user names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.errors import DataFileError, InvalidInput, MissingDependency
from activeclust.files.pictures import read_picture, unit_range
from activeclust.resources.cache import cached
from activeclust.resources.progress import report
from activeclust.validation import counted

PART = 256  #: pictures that are in memory at once


def embed(
    model: str, *, pictures: Sequence[Any] | np.ndarray | None = None, texts: Sequence[str] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Vectors of pictures or of texts.

    Parameters
    ----------
    model : str
        A name on the Hugging Face hub, such as ``"clip-ViT-B-32"`` for pictures and
        ``"all-MiniLM-L6-v2"`` for texts, or the path of a model's folder, which needs no network.
    pictures : sequence of Path, array or Pillow image, optional
    texts : sequence of str, optional

    Returns
    -------
    X : ndarray (n, d) of float32
        Of unit length; kept in the cache (:mod:`activeclust.resources.cache`).
    notes : tuple of str

    Raises
    ------
    MissingDependency
        Where sentence-transformers is not installed.
    DataFileError
        Where the model cannot be loaded.
    InvalidInput
        Where there is nothing the model could embed.
    """
    if pictures is None and texts is None:
        raise InvalidInput("--embed needs pictures or a column of text, and these rows have neither.")
    what = "text" if pictures is None else "picture"
    items: Any = texts if pictures is None else pictures
    X = cached(_key(model, items), lambda: {"X": _vectors(model, items, what)})["X"]
    return X, (f"{counted(len(items), what)} embedded by {model}: {counted(X.shape[1], 'column')}.",)


def _key(model: str, items: Sequence[Any] | np.ndarray) -> str:
    """A name made of the model and of what is embedded; of a picture file its path, size and time count."""
    digest = hashlib.blake2b(model.encode(), digest_size=8)
    for row in range(len(items)):
        item = items[row]
        if isinstance(item, Path):
            about = item.stat()
            item = f"{item.absolute()} {about.st_size} {about.st_mtime_ns}"
        raw = item.encode() if isinstance(item, str) else np.ascontiguousarray(item).tobytes()
        digest.update(len(raw).to_bytes(8, "little") + raw)
    return f"embedding-{digest.hexdigest()}"


def _vectors(model: str, items: Any, what: str) -> np.ndarray:
    network = _load(model)
    parts = []
    for start in range(0, len(items), PART):
        part = [items[row] for row in range(start, min(start + PART, len(items)))]
        parts.append(_encode(network, model, [_image(p) for p in part] if what == "picture" else part))
        report("embedding", start + len(part), len(items))
    return np.concatenate(parts).astype(np.float32)


def _load(model: str) -> Any:
    try:
        from sentence_transformers import SentenceTransformer
    except ImportError as error:
        raise MissingDependency(
            "--embed needs sentence-transformers: pip install 'activeclust[embed]'."
        ) from error
    folder = Path(model).expanduser()
    try:
        if folder.is_dir():
            return SentenceTransformer(str(folder), local_files_only=True)
        return SentenceTransformer(model)
    except Exception as error:  # the hub, the files and the model's own code raise what they like
        raise DataFileError(
            f"The model {model!r} cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0]}). "
            "Name a model of the Hugging Face hub, or the folder of one that is here."
        ) from error


def _encode(network: Any, model: str, part: list) -> np.ndarray:
    try:
        return network.encode(part, normalize_embeddings=True, show_progress_bar=False)
    except (TypeError, AttributeError, ValueError, KeyError) as error:
        kind = "texts" if isinstance(part[0], str) else "pictures"
        raise InvalidInput(
            f"The model {model!r} does not embed {kind} ({type(error).__name__}: {error})."
        ) from error


def _image(picture: Any) -> Any:
    """Pillow's RGB image of a path, of an array of pixels, or of one of its own."""
    if isinstance(picture, np.ndarray):
        from PIL import Image

        pixels = np.round(np.clip(unit_range(picture), 0, 1) * 255).astype(np.uint8)
        return read_picture(Image.fromarray(np.ascontiguousarray(pixels)), grey=False)
    return read_picture(picture, grey=False)
