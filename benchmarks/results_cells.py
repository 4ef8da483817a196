"""Records of ``docs/figures``, and the cells of the tables that are made from them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).resolve().parents[1]


FIGURES = ROOT / "docs" / "figures"


def weights_of(path: Path) -> str:
    """The weights that a CSV was measured with, by its head; "" where it says nothing."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        found = re.search(r"weights\"?: \"?([0-9a-f]{16})", line)
        if found:
            return found[1]
    return ""


def weights(name: str) -> str:
    """The weights that ``docs/figures/NAME.csv`` was measured with."""
    return weights_of(FIGURES / f"{name}.csv")


def records(name: str) -> pd.DataFrame:
    """The records of ``docs/figures/NAME.csv``."""
    return pd.read_csv(FIGURES / f"{name}.csv", comment="#", dtype={"anchors": str})


def cell(values: Iterable[float]) -> str:
    """Numbers side by side, empty where there are none.

    Examples
    --------
    >>> cell([0.5, 0.25]), cell([float("nan")] * 2)
    ('0.500 0.250', '')
    """
    values = list(values)
    return (
        "" if all(pd.isna(v) for v in values) else " ".join("-" if pd.isna(v) else f"{v:.3f}" for v in values)
    )


def bold(row: pd.Series, best: pd.Series) -> str:
    """The row's numbers, the best of each column bold."""
    if row.isna().all():
        return ""
    return " ".join(
        "-" if pd.isna(v) else f"**{v:.3f}**" if round(v, 3) == round(b, 3) else f"{v:.3f}"
        for v, b in zip(row, best, strict=True)
    )


def plain(frame: pd.DataFrame) -> str:
    """A frame as a table, numbers at the right.

    Examples
    --------
    >>> print(plain(pd.DataFrame({"what": ["a", "b"], "n": [1, 2000]})))
    | what | n |
    |---|--:|
    | a | 1 |
    | b | 2,000 |
    """
    lines = [
        "| " + " | ".join(frame) + " |",
        "|"
        + "|".join("--:" if pd.api.types.is_numeric_dtype(frame[name]) else "---" for name in frame)
        + "|",
    ]
    for row in frame.itertuples(index=False):
        cells = [v if isinstance(v, str) else f"{v:,}" if float(v).is_integer() else f"{v:,.2f}" for v in row]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
