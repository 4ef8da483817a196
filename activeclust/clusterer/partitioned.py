"""Posteriors of a folder of parquet files, on this machine or on a Dask cluster.

A model is fitted on landmarks (rows drawn at random from all files) and the answered rows. Each row then gets its
posterior from the landmarks near it, independently of other rows: blocks of rows can be computed on any machine, in any
order, and again if a worker dies, with the same result.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from activeclust.clusterer.estimator import PFNClusterer
from activeclust.clusterer.predictor import Predictor
from activeclust.errors import DataFileError, InvalidInput, MissingDependency
from activeclust.resources.progress import report
from activeclust.validation import counted, some_rows

DONE = "part-{index:05d}-{group:05d}.parquet"


@dataclass(frozen=True)
class Block:
    """One row group of one file."""

    file: str
    group: int
    output: str
    columns: tuple[str, ...]


def fit(
    folder: str | Path,
    answers: Mapping[int, Any] | None = None,
    *,
    columns: Sequence[str] | None = None,
    landmarks: int = 50_000,
    random_state: int = 0,
    **settings: Any,
) -> PFNClusterer:
    """A model of the rows in a folder of parquet files.

    Parameters
    ----------
    folder : path
    answers : mapping of int to cluster, optional
        The clusters of answered rows; rows are numbered through the files in the order of their names.
    columns : sequence of str, optional
        Columns of numbers to cluster by; without it all columns of numbers.
    landmarks : int
        Number of rows drawn in addition to the answered ones.
    random_state : int
        Seed of the draw.
    **settings
        Parameters of :class:`activeclust.PFNClusterer`.

    Returns
    -------
    PFNClusterer
        Fitted on the landmarks and the answered rows; give it to :func:`posteriors`.

    Raises
    ------
    DataFileError, InvalidInput
        For a folder without parquet files, columns that are not numeric, and missing values.
    """
    files = _files(folder)
    columns = _columns(files, columns)
    counts = [_open(file).metadata.num_rows for file in files]
    n, answers = sum(counts), dict(answers or {})
    if any(not 0 <= row < n for row in answers):
        raise InvalidInput(f"Answered rows are numbers from 0 to {n - 1:,}.")
    drawn = np.random.default_rng(random_state).choice(n, size=min(landmarks, n), replace=False)
    rows = np.union1d(drawn, np.fromiter(answers, dtype=np.int64, count=len(answers)))
    parts, first = [], 0
    for done, (file, count) in enumerate(zip(files, counts, strict=True), start=1):
        inside = rows[(rows >= first) & (rows < first + count)] - first
        if len(inside):
            parts.append(_numbers(_open(file).read(columns), columns, file)[inside])
        first += count
        report("reading", done, len(files))
    y = np.array([answers.get(int(row)) for row in rows], dtype=object)
    # every row is a landmark, so that answered rows are among them
    return PFNClusterer(landmarks=len(rows), **settings).fit(np.concatenate(parts), y if answers else None)


def posteriors(
    model: PFNClusterer | Predictor,
    folder: str | Path,
    output: str | Path,
    *,
    columns: Sequence[str] | None = None,
    client: Any = None,
) -> list[Path]:
    """Write the posterior of every row: one parquet file per row group, in the order of the rows.

    Columns: ``cluster`` (the most probable one), ``probability``, ``new_cluster_probability`` (of none of them), and
    ``p_NAME`` for each cluster, given that the row is of one of them. A file gets its name when it is complete, so a
    run that was killed continues with the missing files.

    Parameters
    ----------
    model : PFNClusterer or Predictor
        Fitted by :func:`fit`, with the same columns.
    folder, output : path
        All workers must reach ``output`` under this path.
    columns : sequence of str, optional
    client : dask.distributed.Client, optional
        Without it the blocks are computed in this process, one after another.

    Returns
    -------
    list of Path
        The files written, in the order of the rows.
    """
    predictor = model.predictor_ if isinstance(model, PFNClusterer) else model
    files, out = _files(folder), Path(output).absolute()
    columns = _columns(files, columns)
    out.mkdir(parents=True, exist_ok=True)
    blocks = [
        Block(str(file.absolute()), group, str(out / DONE.format(index=index, group=group)), tuple(columns))
        for index, file in enumerate(files)
        for group in range(_open(file).metadata.num_row_groups)
    ]
    due = [block for block in blocks if not Path(block.output).exists()]
    if client is None:
        for done, block in enumerate(due, start=1):
            serve(block, predictor)
            report("blocks", done, len(due))
    else:
        _on_cluster(client, due, predictor)
        for block in due:  # an incomplete file of a worker that was killed
            for half in out.glob(f"{Path(block.output).name}.*.part"):
                half.unlink()
    return [Path(block.output) for block in blocks]


def _on_cluster(client: Any, due: list[Block], predictor: Predictor) -> None:
    try:
        from dask.distributed import as_completed
    except ImportError as error:
        raise MissingDependency(
            "Computing on a Dask cluster needs dask: pip install 'activeclust[dask]'."
        ) from error
    held = client.scatter(predictor, broadcast=True)
    # the blocks of a worker that dies are computed again on another one
    futures = [client.submit(serve, block, held, pure=False, retries=2) for block in due]
    for done, future in enumerate(as_completed(futures), start=1):
        future.result()
        report("blocks", done, len(futures))


def serve(block: Block, predictor: Predictor) -> int:
    """Read one block and write its posteriors; returns the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = _open(Path(block.file)).read_row_group(block.group, list(block.columns))
    full = predictor.full(_numbers(table, list(block.columns), Path(block.file)))
    known, new = full[:, :-1], full[:, -1]
    best = known.argmax(axis=1)
    written = {
        "cluster": pa.array(predictor.classes[best].tolist()),
        "probability": known[np.arange(len(known)), best] * (1.0 - new),
        "new_cluster_probability": new,
    }
    written |= {f"p_{name}": known[:, i] for i, name in enumerate(predictor.classes.tolist())}
    beside = f"{block.output}.{os.getpid()}.part"
    pq.write_table(pa.table(written), beside)
    Path(beside).replace(block.output)
    return len(full)


# ---------------------------------------------------------------- files and columns


def _files(folder: str | Path) -> list[Path]:
    files = sorted(Path(folder).expanduser().glob("*.parquet"))
    if not files:
        raise DataFileError(f"{folder} holds no .parquet files.")
    return files


def _open(file: Path) -> Any:
    try:
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingDependency(
            "Reading parquet needs pyarrow: pip install 'activeclust[parquet]'."
        ) from error
    try:
        return pq.ParquetFile(file)
    except (OSError, ValueError) as error:  # pyarrow's own errors derive from these
        raise DataFileError(f"{file} cannot be read as a parquet file: {error}") from error


def _columns(files: list[Path], asked: Sequence[str] | None) -> list[str]:
    import pyarrow.types as kinds

    schema = _open(files[0]).schema_arrow
    numeric = [f.name for f in schema if kinds.is_floating(f.type) or kinds.is_integer(f.type)]
    chosen = list(asked) if asked is not None else numeric
    wrong = [name for name in chosen if name not in numeric]
    if wrong or not chosen:
        raise InvalidInput(
            f"{files[0].name} has no column of numbers named {', '.join(wrong) or 'anything'}; it has: "
            f"{', '.join(numeric) or 'none'}."
        )
    return chosen


def _numbers(table: Any, columns: list[str], file: Path) -> np.ndarray:
    values = [table[name].to_numpy() for name in columns]
    X = np.stack([v if v.dtype == np.float32 else v.astype(np.float64) for v in values], axis=1)
    broken = np.flatnonzero(~np.isfinite(X).all(axis=1))
    if len(broken):
        raise InvalidInput(
            f"{file.name} misses values, or has infinite ones, in {counted(len(broken), 'row')}: "
            f"{some_rows(broken)}."
        )
    return X
