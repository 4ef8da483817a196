"""A comparison's statistics, and what is written about it."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from activeclust.compare.comparison import Comparison
from activeclust.compare.report import save_all, to_html, to_markdown, to_table


def made(**curves: np.ndarray) -> Comparison:
    values = np.stack([np.asarray(c, dtype=float) for c in curves.values()])
    budgets = np.arange(values.shape[2]) * 5
    return Comparison("made <b>", 1000, tuple(curves), budgets, {"accuracy": values}, {"batch_size": 5})


def steps(height: float, repeats: int = 6, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(scale=0.01, size=(repeats, 5))
    curve = np.array([0.0, 0.5, 0.7, 0.8, 0.9]) * height + noise
    curve[:, 0] = np.nan
    return curve


def test_differences_hold_together():
    c = made(random=steps(1.0), better=steps(1.05, seed=1), same=steps(1.0, seed=2))
    found = c.differences()
    assert list(found) == ["better", "same"]
    assert list(found["better"]) == [5, 10, 20, "area"]
    d = c.scores("better")[:, 4] - c.scores("random")[:, 4]
    level = 1 - 0.05 / (2 * 4)  # two strategies at three budgets and in area
    low, high = stats.t.interval(level, 5, d.mean(), stats.sem(d))
    assert np.allclose([found["better"][20].low, found["better"][20].high], [low, high])
    assert found["better"]["area"].excludes_zero
    assert not found["same"]["area"].excludes_zero


def test_penalties_count_significant_wins_at_doubling_budgets():
    c = made(random=steps(1.0), better=steps(1.2, seed=1), same=steps(1.0, seed=2))
    p = c.penalties()
    assert p[1].tolist() == [1, 0, 1]  # at 5, 10 and 20 answers
    assert p[0, 1] == p[2, 1] == 0
    assert (np.diag(p) == 0).all()
    assert c.table()[0]["strategy"] == "better"
    assert c.table()[0]["penalty"] == 0


def test_the_bar_for_labels_needed_is_the_same_for_all():
    good = np.tile([np.nan, 0.5, 0.8, 0.9, 1.0], (3, 1))
    poor = np.tile([np.nan, 0.5, 0.5, 0.5, 0.5], (3, 1))
    c = made(good=good, poor=poor)
    assert c.labels_needed("good") == {0.8: 10, 0.9: 15, 0.95: 20}
    assert c.labels_needed("poor") == {0.8: None, 0.9: None, 0.95: None}


def test_areas_are_mean_heights_from_the_first_score():
    c = made(random=np.tile([np.nan, 0.4, 0.6, 0.8, 0.8], (2, 1)))
    assert np.allclose(c.areas("random"), [(0.5 + 0.7 + 0.8) / 3] * 2)


@settings(deadline=None, max_examples=25)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(2, 6), st.randoms(use_true_random=False))
def test_any_comparison_can_be_told(repeats, n_strategies, n_budgets, random):
    curves = {
        f"s{i}": [[random.random() for _ in range(n_budgets)] for _ in range(repeats)]
        for i in range(n_strategies)
    }
    c = made(**curves)
    p = c.penalties()
    assert (p >= 0).all()
    assert (p + p.T <= 1 + 1e-9).all()
    assert len(to_markdown(c).splitlines()) == 2 + n_strategies
    assert to_table(c, 200).row_count == n_strategies


def test_files_hold_the_scores_and_come_back(result, tmp_path):
    files = save_all(result, tmp_path)
    assert {f.name for f in files} >= {
        "scores.csv",
        "comparison.json",
        "curves.png",
        "curves.svg",
        "report.html",
    }
    assert all(f.stat().st_size > 500 for f in files)
    with (tmp_path / "scores.csv").open() as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3 * 3 * 4
    line = next(x for x in lines if (x["strategy"], x["repeat"], x["budget"]) == ("margin", "2", "15"))
    assert float(line["accuracy"]) == pytest.approx(result.scores("margin")[2, 3], abs=1e-5)
    back = Comparison.from_json(tmp_path / "comparison.json")
    assert back.to_json() == result.to_json()
    again = save_all(result, tmp_path / "again")
    assert [f.read_bytes() for f in again] == [f.read_bytes() for f in files], "the same scores, other bytes"


def test_the_page_needs_nothing_beside_it_and_escapes_names():
    page = to_html(made(random=steps(1.0), auto=steps(1.1, seed=1)))
    assert page.count("<svg") >= 3
    assert "<script" not in page
    assert not re.search(r'(src|href)="(?!#|data:)', page)
    assert "made &lt;b&gt;" in page
    assert "made <b>" not in page
