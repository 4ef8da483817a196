"""Scores, records and tables: intervals are Student's, a claim about sets has sets as its unit, killed runs resume."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from records import Records, read
from scores import half_width, of_posterior, signed_rank
from summary import OURS, best_of_each, by_set, differences, table


def test_intervals_have_students_factor():
    # three draws: 4.303, not 1.96
    assert half_width([0.0, 1.0, 2.0]) == pytest.approx(4.302653 / np.sqrt(3), abs=1e-5)
    assert half_width(np.arange(10.0)) == pytest.approx(
        2.262157 * np.std(np.arange(10), ddof=1) / np.sqrt(10), abs=1e-5
    )
    assert np.isnan(half_width([1.0]))


@settings(max_examples=20, deadline=None)
@given(st.integers(3, 8), st.integers(0, 1000))
def test_intervals_hold_what_they_promise(n, seed):
    draws = np.random.default_rng(seed).normal(size=(400, n))
    covered = np.mean([abs(row.mean()) <= half_width(row) for row in draws])
    assert 0.9 < covered < 0.99


def test_signed_rank():
    assert signed_rank(np.zeros(5)) == 1.0
    assert signed_rank(np.arange(1, 9) / 10) < 0.01
    assert signed_rank(np.array([0.1, -0.1, 0.2, -0.2, 0.3, -0.3])) > 0.5


def test_scores_of_a_posterior_with_a_row_of_an_unseen_cluster():
    known, new = np.array([[0.9, 0.1], [0.5, 0.5]]), np.array([0.2, 0.6])
    got = of_posterior(known, np.array(["a", "b"]), np.array(["a", "c"]), new)
    assert got["accuracy"] == 0.5
    assert got["accuracy_known"] == 1.0
    assert got["expected"] == pytest.approx((0.9 * 0.8 + 0.5 * 0.4) / 2)
    assert got["log_loss"] == pytest.approx(-(np.log(0.72) + np.log(0.6)) / 2)
    assert got["log_loss_known"] == pytest.approx(-np.log(0.9))
    # three outcomes: a, b, none of these
    first = (0.72 - 1) ** 2 + 0.08**2 + 0.2**2
    second = 0.2**2 + 0.2**2 + (0.6 - 1) ** 2
    assert got["brier"] == pytest.approx((first + second) / 2)
    assert got["brier_known"] == pytest.approx(0.1**2 + 0.1**2)


def test_a_posterior_with_nan_is_not_scored():
    known = np.array([[0.9, 0.1], [np.nan, 0.5]])
    with pytest.raises(ValueError, match="NaN"):
        of_posterior(known, np.array([0, 1]), np.array([0, 1]))


def _record(method: str, draw: int, data: str = "d", anchors: str = "1 each", **values) -> dict:
    return {"data": data, "anchors": anchors, "draw": draw, "method": method} | values


def test_a_killed_run_resumes(tmp_path):
    path = tmp_path / "posterior.csv"
    killed = Records(path, "w1")
    killed.add(
        [_record("Laplace", 0, accuracy=0.5), _record(OURS, 0, accuracy=np.float64(0.6), weights="w1")]
    )
    with killed.part.open("a") as file:
        file.write(json.dumps(_record("Poisson", 0, accuracy=0.4))[:-9])  # torn
    again = Records(path, "w1")
    assert again.resumed == 2
    assert ("d", "1 each", 0, OURS) in again
    assert ("d", "1 each", 0, "Poisson") not in again
    other = Records(path, "w2")  # other weights: ours is measured again, the rival is not
    assert ("d", "1 each", 0, OURS) not in other
    assert ("d", "1 each", 0, "Laplace") in other
    other.add([_record(OURS, 0, accuracy=0.7, weights="w2")])
    other.finish(other.frame(), ["seeds: none"])
    assert not other.part.exists()
    lines = path.read_text().splitlines()
    assert lines[0].startswith("# command: python benchmarks/")
    assert "# weights: w2" in lines
    assert "# seeds: none" in lines
    frame = read(path)
    assert frame.set_index("method")["accuracy"].to_dict() == {"Laplace": 0.5, OURS: 0.7}


def test_an_older_csv_is_refused(tmp_path):
    path = tmp_path / "posterior-sets.csv"
    with pytest.raises(SystemExit, match=r"no posterior-sets\.csv yet"):
        read(path)
    pd.DataFrame([_record("Laplace", 0)]).to_csv(path, index=False)
    with pytest.raises(SystemExit, match="has no log_loss_known"):
        read(path, ["data", "log_loss_known"])


@pytest.fixture
def frame():
    """Two sets, three draws; ours is 0.1 above Laplace on one and 0.02 below on the other."""
    records = []
    for data, ours in (("easy", 0.9), ("hard", 0.38)):
        for draw in range(3):
            records += [
                _record(OURS, draw, data, accuracy=ours + 0.01 * draw),
                _record("Laplace", draw, data, accuracy=(0.8 if data == "easy" else 0.4) + 0.01 * draw),
                _record("rule: near", draw, data, accuracy=0.95 if data == "easy" else 0.1),
                _record("rule: far", draw, data, accuracy=0.2 if data == "easy" else 0.5),
            ]
            if data == "easy":
                records.append(_record("Slow", draw, data, accuracy=0.99))
    return pd.DataFrame(records)


def test_the_unit_of_a_claim_about_sets_is_the_set(frame):
    told = differences(frame, "accuracy").loc["Laplace", "1 each"]
    half = half_width([0.1, -0.02])
    assert told == f"+0.040 ± {half:.3f}  p {signed_rank([0.1, -0.02]):.3f}  worse on 1/2"
    one = differences(frame[frame["data"] == "easy"], "accuracy").loc["Laplace", "1 each"]
    assert one == "+0.100 ± 0.000"  # over draws, which are paired


def test_tables_leave_out_what_was_not_measured_on_every_set(frame):
    shown = table(frame, "accuracy")["1 each"]
    assert shown.index[0] == OURS
    assert "Slow" not in shown.dropna()
    assert shown["Laplace"] == pytest.approx(0.61)
    assert shown["(best rule of each set)"] == pytest.approx((0.95 + 0.5) / 2)
    best = best_of_each(by_set(frame, "accuracy"), pd.Index(["Laplace", "Slow"]), "accuracy")["1 each"]
    assert best.to_dict() == {"easy": pytest.approx(0.99), "hard": pytest.approx(0.41)}
