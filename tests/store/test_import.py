"""Files of answers that come in: what is enough, what is refused whole, and which answers hold."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta, timezone

import pytest
from exchange import ANSWERS, N_ROWS, exported, imported, make_run, standing, task

from activeclust.errors import DataFileError, InvalidInput, RunExists, RunMismatch, UnknownName
from activeclust.identities import RowIds
from activeclust.store import open_store
from activeclust.store.answers import Answer, add_answers, current_answers
from activeclust.store.export import export_run, format_of, import_run
from activeclust.store.records import Event, Kind, RunSpec


def test_csv_of_two_columns_is_enough():
    content = "cluster,row,colour\ncat,3,red\n1,4,\n,5,blue\n".encode("utf-8-sig")
    run = imported(content, "csv", n_rows=10)
    assert [(anchor.row, anchor.cluster) for anchor in run.anchors()] == [(3, "cat"), (4, "1")]
    assert run.withdrawn() == {} and run.spec.n_rows == 10, "of a row with a blank nothing is said"
    assert standing(imported(content.replace(b",", b";"), "csv", n_rows=10)) == standing(run)


def test_same_file_twice_changes_nothing():
    run = make_run([Event(Kind.LABEL, row=row, cluster=row % 3, annotator="eva") for row in range(9)])
    assert add_answers(run, current_answers(run)) == 0
    other = [
        Answer(0, Kind.LABEL, "0", "eva"),
        Answer(1, Kind.LABEL, 1, "bob"),
        Answer(2, Kind.LABEL, 2, "eva"),
    ]
    assert add_answers(run, other) == 2 and run.last_seq == 11


@pytest.mark.parametrize(
    ("format", "content", "words"),
    [
        ("csv", b"", "no column"),
        ("csv", b"row,cluster\n1,A\n1,B\n", "two answers to row 1: 'A' and 'B'"),
        ("csv", b"row,cluster\n1,cat, black\n", "line 2: it has more fields"),
        ("csv", b"row,cluster,cluster\n1,A,B\n", "two columns 'cluster'"),
        ("csv", b"row,cluster\n2.7,A\n", "line 2: a row is a whole number from 0, got '2.7'"),
        ("csv", "row,cluster\n²,A\n".encode(), "a whole number from 0, got '²'"),
        ("csv", "row,cluster\n٣,A\n".encode(), "a whole number"),
        ("csv", b"row,cluster\n1_0,A\n", "a whole number"),
        ("csv", b"row,cluster\n-1,A\n", "a whole number"),
        ("csv", b"row,cluster\n" + b"9" * 5000 + b",A\n", "a whole number"),
        ("csv", b"row,cluster,cluster_type\n1,07,int\n", "'07' is no integer"),
        ("csv", b"row,cluster,kind\n1,cat,skip\n", "a skip names no cluster"),
        ("csv", b"row,cluster,kind\n1,cat,merge\n", "of another kind"),
        ("csv", b"row,cluster,at\n1,cat,0001-01-01T00:00:00+14:00\n", "years 1 to 9999"),
        ("csv", b"row,label\n1,cat\n", "Its columns: 'row', 'label'"),
        ("csv", b"row\n1\n", "no column 'cluster'"),
        ("csv", b"row,cluster\nx,cat\n", "line 2"),
        ("csv", b"row,cluster\n1,cat\n99,cat\n", "cannot be stored"),
        ("csv", b"row,cluster,kind\n1,cat,fish\n", "line 2"),
        ("csv", b"row,cluster,at\n1,cat,yesterday\n", "line 2"),
        ("csv", b"row,cluster,at\n1,cat,2020-01-01T00:00:00\n", "timezone"),
        ("csv", b'row,cluster\n1,"cat\n', "cannot be read"),
        ("csv", b"row,cluster\n1,c\xff\x00\xfe\x80\x81\n", "UTF-8"),
        ("csv", b"row,cluster,kind\n1,,label\n", "line 2"),
        ("jsonl", b"", "first line"),
        ("jsonl", b"{}\n", "first line"),
        ("jsonl", b"nonsense", "Line 1 of the file is no JSON"),
        ("jsonl", b"[" * 100_000, "Line 1 of the file cannot be read: it is nested too deep"),
        ("jsonl", b'{"a": ' + b"9" * 5000 + b"}", "Line 1 of the file is no JSON: Exceeds the limit"),
        ("jsonl", b"[]\n", "no JSON object"),
        ("jsonl", b'{"format": "activeclust run", "version": 2}\n', "upgrade activeclust"),
        ("jsonl", b'{"format": "activeclust run", "version": 1, "spec": {"x": 1}}\n', "settings of the run"),
        ("parquet", b"PAR1 no", "Not a Parquet file"),
        ("label-studio", b"{}", "list of tasks"),
        ("label-studio", b"[", "no JSON"),
        ("label-studio", b'{"a":' * 100_000, "nested too deep"),
        ("label-studio", b'[{"data": {"row": 3.9}, "annotations": []}]', "a whole number from 0, got 3.9"),
        ("label-studio", b'[{"data": {"row": [1]}, "annotations": []}]', "a whole number from 0"),
        ("label-studio", b'[{"row": 1, "kind": "cat", "text": "x"}]', "'item', 'kind', 'text'"),
        ("label-studio", b'[{"row": 1, "text": "x"}]', "'item', 'text'"),
        ("label-studio", b"[1]", "Task 1"),
        ("label-studio", b'[{"data": {}, "annotations": [{"result": []}]}]', "Task 1"),
    ],
)
def test_file_that_cannot_be_read_is_refused_whole(format, content, words):
    store = open_store()
    with pytest.raises(DataFileError, match=words):
        import_run(store, format, io.BytesIO(content), name="mine", n_rows=N_ROWS)
    assert store.runs() == []


def test_damaged_log_is_refused_whole():
    content = exported(make_run([Event(Kind.LABEL, row=1, cluster="cat")]), "jsonl")
    for line in (
        b'{"event": {"kind": "undo", "target": 7}}',
        b'{"event": {"row": 7}}',
        b'{"round": {"index": 1}}',
    ):
        store = open_store()
        with pytest.raises(DataFileError):
            import_run(store, "jsonl", io.BytesIO(content + line))
        assert store.runs() == []


def test_run_that_is_there_is_added_to_only_where_it_is_the_same():
    run = make_run([Event(Kind.LABEL, row=1, cluster="cat")])
    store = open_store()
    for format, name in (("parquet", "parquet"), ("jsonl", "jsonl"), ("jsonl", None)):
        import_run(store, format, io.BytesIO(exported(run, format)), name=name)
    assert import_run(store, "jsonl", io.BytesIO(exported(run, "jsonl")))[1] == 0, "it is there already"
    run.append(Event(Kind.LABEL, row=1, cluster="dog"))
    with pytest.raises(RunExists):
        import_run(store, "jsonl", io.BytesIO(exported(run, "jsonl")), name="parquet")
    with pytest.raises(RunExists, match="40 rows, not 7"):
        import_run(store, "csv", io.BytesIO(exported(run, "csv")), name="parquet", n_rows=7)
    store.create_run(RunSpec("other", "entropy", 0, N_ROWS, "other data", ""))
    with pytest.raises(RunMismatch, match="other rows"):
        import_run(store, "parquet", io.BytesIO(exported(run, "parquet")), name="other")


def test_what_a_file_does_not_tell_must_be_given():
    content = exported(make_run([Event(Kind.LABEL, row=1, cluster="cat")]), "csv")
    with pytest.raises(InvalidInput, match="give a name"):
        import_run(open_store(), "csv", io.BytesIO(content))
    with pytest.raises(InvalidInput, match="how many rows"):
        import_run(open_store(), "csv", io.BytesIO(content), name="mine")
    with pytest.raises(UnknownName, match="csv"):
        export_run(make_run([]), "cvs", io.BytesIO())
    with pytest.raises(InvalidInput, match="Cannot tell"):
        format_of("answers.txt")


def test_times_keep_their_moment():
    at = datetime(2026, 3, 29, 2, 30, tzinfo=timezone(timedelta(hours=2)))
    for format in ANSWERS:
        run = make_run([Event(Kind.LABEL, row=1, cluster="cat", at=at)])
        assert imported(exported(run, format), format, like=run).events()[0].at == at


def test_answers_of_an_annotator_who_changed_their_mind_hold_by_their_times():
    content = (
        "row,cluster,annotator,at\n1,B,eva,2026-01-02T00:00:00Z\n1,A,eva,2026-01-01T00:00:00Z\n1,A,bob,\n"
    )
    run = imported(content.encode(), "csv", n_rows=9)
    assert [(a.cluster, a.annotator) for a in current_answers(run)] == [("B", "eva"), ("A", "bob")]


def test_an_old_file_takes_back_nothing_that_was_said_since():
    run = make_run([Event(Kind.LABEL, row=1, cluster="cat", annotator="eva")])
    old = exported(run, "csv")
    run.append(Event(Kind.LABEL, row=1, cluster="dog", annotator="eva"))
    assert add_answers(run, current_answers(imported(old, "csv", n_rows=N_ROWS))) == 0
    assert run.anchors()[0].cluster == "dog"
    said_now = imported(b"row,cluster,annotator\n1,cow,eva\n", "csv", n_rows=N_ROWS)
    assert add_answers(run, current_answers(said_now)) == 1


def test_numbers_of_a_parquet_table_are_what_they_say():
    arrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    def table(**columns):
        file = io.BytesIO()
        parquet.write_table(arrow.table(columns), file)
        return file.getvalue()

    run = imported(table(row=[1.0, 2.0, 3.0], cluster=[7.0, None, 8.0]), "parquet", n_rows=9)
    assert [(a.row, a.cluster) for a in run.anchors()] == [(1, 7), (3, 8)] and run.withdrawn() == {}
    with pytest.raises(DataFileError, match=r"row 1 of the table: .* got 2\.7"):
        imported(table(row=[1.0, 2.7], cluster=["a", "b"]), "parquet", n_rows=9)


def test_an_import_that_fails_leaves_what_was_there(tmp_path):
    store = open_store(tmp_path / "a.db")
    content = exported(make_run([Event(Kind.LABEL, row=1, cluster="cat")]), "jsonl")
    for wrong in (
        b'{"event": {"kind": "undo", "target": 7}}',
        b'{"round": {"index": -1, "budget": 0, "metrics": {}, "asked": []}}',
    ):
        with pytest.raises(DataFileError):
            import_run(store, "jsonl", io.BytesIO(content + wrong))
    assert store.runs() == []
    store.close()


def named_run(ids, answers=()):
    store = open_store()
    run = store.create_run(RunSpec("mine", "random", 0, len(ids), "", "", row_ids=RowIds("id", tuple(ids))))
    add_answers(run, [Answer(ids.index(name), Kind.LABEL, cluster) for name, cluster in answers])
    return store, run


@pytest.mark.parametrize("format", ANSWERS)
def test_answers_find_their_rows_by_id_whatever_their_order(format):
    ids = ["b7", "007", "7", "ä"]
    _, run = named_run(ids, [("007", "cat"), ("ä", 3)])
    content = exported(run, format)
    store, other = named_run(["new", *reversed(ids)])
    import_run(store, format, io.BytesIO(content), name="mine")
    assert {a.row: a.cluster for a in other.anchors()} == {3: "cat", 1: 3}
    store, _ = named_run(["b7", "7"])
    with pytest.raises(DataFileError, match="no row of the run has the id '007'"):
        import_run(store, format, io.BytesIO(content), name="mine")


@pytest.mark.parametrize("format", ["csv", "parquet"])
def test_a_table_of_ids_and_clusters_is_enough_where_rows_have_ids(format):
    content = b"cluster,id\ncat,b\n,a\n"
    if format == "parquet":
        import pyarrow as pa
        import pyarrow.parquet as pq

        file = io.BytesIO()
        pq.write_table(pa.table({"cluster": ["cat", None], "id": ["b", "a"]}), file)
        content = file.getvalue()
    store, run = named_run(["a", "b"])
    import_run(store, format, io.BytesIO(content), name="mine")
    assert {a.row: a.cluster for a in run.anchors()} == {1: "cat"}
    plain = open_store()
    plain.create_run(RunSpec("mine", "random", 0, 2, "", ""))
    with pytest.raises(DataFileError, match="no column 'row'"):
        import_run(plain, format, io.BytesIO(content), name="mine")


def test_tasks_that_hold_ids_need_no_rows():
    made = [{"data": {"id": "b", "text": "x"}, "annotations": [task(0, "cat")["annotations"][0]]}]
    store, run = named_run(["a", "b"])
    import_run(store, "label-studio", io.BytesIO(json.dumps(made).encode()), name="mine")
    assert {a.row: a.cluster for a in run.anchors()} == {1: "cat"}
