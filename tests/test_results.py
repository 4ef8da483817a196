"""Pages of results say what their records say, and with which weights these were measured."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

sys.path.append(str(Path(__file__).parents[1] / "benchmarks"))

import pages
import results_asking
import results_cells
import results_posterior

from activeclust import PFNClusterer

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"

#: pages whose figures depend on the posterior's weights
RESULTS = [
    "posterior.md", "how-good.md", "release-benchmarks.md", "strategies.md", "scaling.md",
    *(f"experiments/{path.name}" for path in sorted((DOCS / "experiments").glob("*.md")) if path.name != "index.md"),
]  # fmt: skip
HEAD = 2500  # characters in which a page says which weights it is of
ALONE = "Of the posterior network alone"  # pages that say so are of the network's own weights
OTHER = re.compile(r"not (with )?those that ship")
HASH = re.compile(r"`?\b([0-9a-f]{16})\b`?")


@pytest.fixture(scope="module")
def shipped() -> str:
    return PFNClusterer().model_hash


def frame(**more) -> pd.DataFrame:
    """Two data sets, two draws, ours at 0.8, a rival at 0.6."""
    return pd.DataFrame(
        {
            "data": data, "anchors": "1 each", "draw": draw, "method": method, "accuracy": value + 0.01 * draw,
            "v_measure": value, "log_loss_known": 1 - value, "ece_known": 0.1, "ece_if_right": 0.03,
            "expected": 0.5, "ece": 0.3,
            "accuracy_known": value, "expected_known": 0.75, "new_mass": 0.2, "new_share": 0.0,
        } | more
        for data in ("a", "b")
        for draw in (0, 1)
        for method, value in (("activeclust", 0.8), ("mean of the rules", 0.7), ("Poisson", 0.6), ("rule: near", 0.65))
    )  # fmt: skip


@pytest.mark.parametrize("path", pages.pages(), ids=lambda path: path.name)
def test_tables_are_as_the_records_have_them(path):
    text = path.read_text(encoding="utf-8")
    assert pages.filled(text) == text, "run `python benchmarks/pages.py`"


@pytest.mark.parametrize("name", RESULTS)
def test_a_page_of_results_names_its_weights(name, shipped):
    text = (DOCS / name).read_text(encoding="utf-8")
    named = set(HASH.findall(text))
    if ALONE in text:
        shipped = PFNClusterer(consensus="off").model_hash
    assert named, f"{name} does not say with which weights it was measured"
    assert shipped in named or OTHER.search(text[:HEAD]), f"{name} is of {named}, {shipped} ships"


@pytest.mark.parametrize(
    "path", sorted((DOCS / "figures").glob("posterior-*.csv")), ids=lambda path: path.name
)
def test_records_name_their_weights(path):
    assert results_cells.weights_of(path), f"{path.name} does not say with which weights it was measured"


def test_the_card_is_of_the_weights_that_ship(shipped):
    card = json.loads((ROOT / "activeclust/pfn/weights/pfn.json").read_text())
    assert card["scores"]["weights"] == PFNClusterer(consensus="off").model_hash
    consensus = json.loads((ROOT / "activeclust/zeroshot/consensus/weights/consensus.json").read_text())
    assert consensus["posterior"] == PFNClusterer(consensus="off").model_hash
    assert consensus["scores"]["weights"] == shipped


def test_a_table_shows_means_over_sets_and_marks_the_best(tmp_path, monkeypatch):
    monkeypatch.setattr(results_cells, "FIGURES", tmp_path)
    (tmp_path / "few.csv").write_text("# weights: 0123456789abcdef\n" + frame().to_csv(index=False))
    table = results_posterior.posterior("few")
    assert (
        "2 data sets; 1 random anchors for each cluster; mean of 2 draws; weights `0123456789abcdef`" in table
    )
    assert "| **activeclust** | **0.805** | **0.800** | **0.200** | **0.100** |" in table
    assert "| Poisson | 0.605 | 0.600 | 0.400 |" in table
    assert "| *best rule of each data set, known afterwards* | 0.655 |" in table
    less = results_posterior.against("few")
    assert "| Poisson | +0.200 ± 0.000, 0.500, 0 of 2 |" in less
    assert (
        "| few | 1 each | 0.805 | 0.500 | 0.300 | 0.800 | 0.750 | 0.100 | 0.030 | 0.200 | 0.000 |"
        in results_posterior.trust("few")
    )


def test_losses_begin_with_the_worst_set(tmp_path, monkeypatch):
    monkeypatch.setattr(results_cells, "FIGURES", tmp_path)
    records = frame()
    records.loc[(records["data"] == "b") & (records["method"] == "Poisson"), "accuracy"] = 0.95
    (tmp_path / "few.csv").write_text(records.to_csv(index=False))
    lines = results_posterior.losses("few").splitlines()
    assert lines[2] == "| b | 0.805 | 0.950 | Poisson | -0.145 |" and lines[3].startswith("| a |")


def test_a_place_is_filled_once_and_an_unknown_one_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(results_cells, "FIGURES", tmp_path)
    (tmp_path / "few.csv").write_text(frame().to_csv(index=False))
    text = "before\n<!-- results: trust few -->\nold\n<!-- end of results -->\nafter\n"
    once = pages.filled(text)
    assert "old" not in once and once.startswith("before\n") and once.endswith("\nafter\n")
    assert pages.filled(once) == once
    with pytest.raises(SystemExit, match=r"There is no result 'nonsense'; expected one of posterior"):
        pages.filled("<!-- results: nonsense -->\n<!-- end of results -->")


def test_a_cell_without_a_number_is_empty():
    assert results_cells.cell([np.nan, np.nan]) == "" and results_cells.cell([0.5, np.nan]) == "0.500 -"


def test_what_was_asked_is_told_by_collection(tmp_path, monkeypatch):
    monkeypatch.setattr(results_cells, "FIGURES", tmp_path)
    runs = pd.DataFrame(
        {
            "collection": "few", "data": data, "batch": "C", "arm": arm, "repeat": 0, "each": each, "found": 0.75,
            "accuracy": accuracy + each / 10,
        }
        for data in ("a", "b")
        for arm, accuracy in (("auto", 0.5), ("random", 0.4))
        for each in (1.0, 2.0)
    )  # fmt: skip
    (tmp_path / "few.csv").write_text("# weights: 0123456789abcdef\n" + runs.to_csv(index=False))
    told = results_asking.asked("few")
    assert "| few, 2 data sets | 1 | 2 | clusters met at 1 |" in told
    assert "| auto | **0.600** | **0.700** | 0.750 |" in told and "| random | 0.500 | 0.600 | 0.750 |" in told
    assert "at 1 each: auto less random +0.100 [+0.100, +0.100] ahead" in told
