"""Agreement, against values worked out in the literature or by hand."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("krippendorff", reason="agreement needs pip install 'activeclust[agreement]'")
pytest.importorskip("statsmodels", reason="agreement needs pip install 'activeclust[agreement]'")

from activeclust.store.agreement import agreement
from activeclust.store.records import Kind, Vote


def votes(table) -> list[Vote]:
    """Votes from {annotator: clusters by row}, None where there is none."""
    return [
        Vote(row, Kind.LABEL, cluster, who, 1)
        for who, clusters in table.items()
        for row, cluster in enumerate(clusters)
        if cluster is not None
    ]


def test_krippendorffs_own_example():
    """Krippendorff (2011), Computing Krippendorff's alpha-reliability, part C: nominal data, 4 observers,
    12 units, missing answers; alpha is 0.743."""
    _ = None
    table = {
        "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, _, _, _],
        "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, _, 3],
        "C": [_, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, _],
        "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, _],
    }
    found = agreement(votes(table))
    assert found.krippendorff == pytest.approx(0.743, abs=5e-4)
    assert (found.n_rows, found.n_disputed, found.annotators) == (11, 3, ("A", "B", "C", "D"))
    assert found.fleiss_rows == 8


def test_fleiss_example():
    """Fleiss (1971) as worked in the literature: 10 subjects, 14 raters, 5 categories; kappa is 0.210."""
    counts = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    by_row = [np.repeat(np.arange(5), line) for line in counts]
    table = {f"rater {i:02}": [int(line[i]) for line in by_row] for i in range(14)}
    found = agreement(votes(table))
    assert found.fleiss == pytest.approx(0.210, abs=5e-4) and found.fleiss_rows == 10


def test_cohen_example():
    """Cohen's table of 50 grants: 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no; kappa is 0.4."""
    a = ["yes"] * 25 + ["no"] * 25
    b = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = agreement(votes({"a": a, "b": b}))
    assert found.cohen == {("a", "b"): pytest.approx(0.4)}
    assert found.observed == pytest.approx(0.7) and found.n_disputed == 15


def test_one_and_the_text_of_one_disagree():
    found = agreement(votes({"a": [1, 1, "1"], "b": ["1", 1, "1"]}))
    assert found.n_disputed == 1 and found.observed == pytest.approx(2 / 3)


def test_what_is_undefined_is_none():
    nothing = agreement([])
    assert (nothing.n_rows, nothing.observed, nothing.fleiss, nothing.krippendorff) == (0, None, None, None)
    alone = agreement(votes({"a": [1, 2], "b": [None, None]}))
    assert alone.n_rows == 0 and alone.cohen == {}
    same = agreement(votes({"a": [1, 1], "b": [1, 1]}))
    assert (same.observed, same.krippendorff, same.fleiss, same.cohen) == (
        1.0,
        None,
        None,
        {("a", "b"): None},
    )
    strangers = agreement(votes({"a": [1, 2, None, None], "b": [1, 2, 1, 2], "c": [None, None, 1, 2]}))
    assert strangers.cohen["a", "c"] is None and strangers.krippendorff == 1.0


def test_reviews_and_skips_are_no_opinions():
    given = [
        Vote(1, Kind.LABEL, "x", "a", 1),
        Vote(1, Kind.SKIP, None, "b", 2),
        Vote(1, Kind.REVIEW, "y", "boss", 3),
    ]
    assert agreement(given).n_rows == 0
