"""What rows count as, read at once: the same however long the run is, and nothing altered in silence."""

import sqlite3

import pytest

from activeclust.errors import ForeignDatabase
from activeclust.store import open_store
from activeclust.store.records import Anchor, AnchorColumns, Event, Kind, RunSpec, Snapshot
from activeclust.store.sql import standing


@pytest.fixture
def two_runs(tmp_path):
    """A database with two runs of a hundred rows, whose answers took turns."""
    store = open_store(tmp_path / "runs.db")
    runs = [store.create_run(RunSpec(name, "random", 0, 100, "h", "m")) for name in ("one", "two")]
    for row in range(60):
        for i, run in enumerate(runs):
            kind = Kind.SKIP if (row + i) % 7 == 0 else Kind.LABEL
            cluster = None if kind is Kind.SKIP else f"cluster {(row + i) % 3}"
            run.append(Event(kind, row=99 - row, cluster=cluster, annotator=f"person {row % 2}"))
    runs[0].append(Event(Kind.LABEL, row=99 - 10, cluster=5, annotator="eva"))
    yield runs
    store.close()


def test_a_long_run_is_read_by_its_table_and_means_the_same(two_runs, monkeypatch):
    by_index = [run.snapshot() for run in two_runs]
    monkeypatch.setattr(standing, "_LONG", 0)
    assert [run.snapshot() for run in two_runs] == by_index
    assert by_index[0] != by_index[1] and len(by_index[0].anchors) + len(by_index[0].withdrawn) == 60


def test_parts_make_the_same_whole(two_runs, monkeypatch):
    whole = two_runs[0].snapshot()
    monkeypatch.setattr(standing, "_AT_ONCE", 7)
    assert two_runs[0].snapshot() == whole
    assert [anchor.row for anchor in whole.anchors] == [99 - r for r in range(60) if r % 7]
    assert whole.anchors[9 - 1] == Anchor(89, 5, "eva", 61)


@pytest.mark.parametrize(
    "change",
    [
        "cluster = '\"cluster 0\"'",
        "cluster = NULL",
        "cluster = 'no JSON'",
        "kind = 'skip'",
        "kind = 'nothing'",
        "annotator_id = annotator_id + 1",
        "seq = seq + 1",
        "first = first + 1000",
        "checksum = checksum + 1",
    ],
)
def test_an_altered_line_is_not_read(two_runs, tmp_path, change):
    run = two_runs[0]
    with sqlite3.connect(tmp_path / "runs.db") as other:
        other.execute(f"UPDATE activeclust_outcome SET {change} WHERE run_id = 1 AND row = 97")
    other.close()
    with pytest.raises(ForeignDatabase, match="damaged"):
        run.snapshot()
    two_runs[1].snapshot()


def test_columns_of_anchors_are_a_sequence_of_them():
    anchors = AnchorColumns([3, 5, 8], ["cat", 1, "cat"], ["eva", "", "tom"], [1, 2, 4])
    listed = [Anchor(3, "cat", "eva", 1), Anchor(5, 1, "", 2), Anchor(8, "cat", "tom", 4)]
    assert list(anchors) == listed and anchors == listed and anchors != listed[:2]
    assert anchors[-1] == listed[2] and anchors[1:] == listed[1:] and len(anchors) == 3
    assert repr(anchors[:1]) == f"AnchorColumns([{listed[0]!r}])"
    by_column, by_object = Snapshot(anchors, {}, 4), Snapshot(tuple(listed), {}, 4)
    assert by_column == by_object and by_column.clusters == by_object.clusters == ("cat", 1)
