"""Out into a file and in again: nothing is lost on the way."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import hypothesis.strategies as st
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings

from activeclust.errors import DataFileError, InvalidInput, RunExists, RunMismatch, UnknownName
from activeclust.identities import RowIds
from activeclust.store import open_store
from activeclust.store.answers import Answer, add_answers, current_answers
from activeclust.store.export import FORMATS, export_run, format_of, import_run
from activeclust.store.label_studio import from_tasks, label_config, to_tasks
from activeclust.store.records import Event, Kind, Round, RunSpec
from activeclust.testing.store_cases import LABELS

SCHEMA = json.loads((Path(__file__).parents[1] / "fixtures/store/label-studio.schema.json").read_text())
N_ROWS = 40
ANSWERS = ("csv", "parquet", "label-studio")

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
names = st.one_of(
    texts.filter(str.strip),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([1, "1", "nan", "x\r,\";'"]),
)
people = st.one_of(st.just(""), texts)
times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(timezone.utc))
details = st.fixed_dictionaries(
    {},
    optional={
        "seconds": st.floats(0, 1e6),
        "suggestions": st.lists(st.tuples(names, st.floats(0, 1)).map(list), min_size=1, max_size=3),
    },
)
rows = st.integers(0, N_ROWS - 1)
events = st.one_of(
    st.builds(
        Event, st.just(Kind.LABEL), row=rows, cluster=names, annotator=people, at=times, details=details
    ),
    st.builds(Event, st.sampled_from([Kind.SKIP, Kind.UNSURE]), row=rows, annotator=people, at=times),
    st.builds(Event, st.just(Kind.REVIEW), row=rows, cluster=names, annotator=people, at=times),
)
metrics = st.dictionaries(
    st.sampled_from(["accuracy", "kappa", "é"]), st.none() | st.integers() | st.floats(), max_size=3
)
rounds = st.builds(
    Round,
    st.integers(0, 5),
    st.integers(0, 99),
    metrics,
    st.lists(rows, max_size=3).map(tuple),
    st.integers(0, 9),
)
options = st.fixed_dictionaries(
    {"annotators": st.integers(1, 3), "resolve": st.sampled_from(["majority", "review"])},
    optional={"note": st.text()},
)
quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def make_run(log, options=None, name="mine"):
    run = open_store().create_run(RunSpec(name, "entropy", 3, N_ROWS, "hash", "model", options=options or {}))
    run.extend(log)
    return run


def exported(run, format, **more) -> bytes:
    file = io.BytesIO()
    export_run(run, format, file, **more)
    return file.getvalue()


def imported(content: bytes, format: str, like=None, **more):
    """Into a new store; a run like ``like`` waits there where the format does not tell of its policy."""
    store = open_store()
    if like is not None:
        store.create_run(like.spec)
    return import_run(store, format, io.BytesIO(content), name="mine", **more)[0]


def standing(run) -> tuple:
    """All that counts, without the events' numbers."""
    anchors = [(a.row, type(a.cluster), a.cluster, a.annotator) for a in run.anchors()]
    votes = [(v.row, v.kind, type(v.cluster), v.cluster, v.annotator) for v in run.votes()]
    return anchors, run.withdrawn(), votes


@pytest.mark.parametrize("format", ANSWERS)
@given(log=st.lists(events, max_size=12), options=options)
@quick
def test_current_answers_survive_the_round_trip(format, log, options):
    run = make_run(log, options)
    content = exported(run, format)
    again = imported(content, format, like=run)
    assert standing(again) == standing(run)
    assert current_answers(again) == current_answers(run)
    assert exported(again, format) == content


@given(
    log=st.lists(events, max_size=12),
    options=options,
    data=st.data(),
    records=st.lists(rounds, max_size=3, unique_by=lambda record: record.index),
)
@quick
def test_whole_run_survives_the_round_trip(log, options, records, data):
    run = make_run(log, options)
    for _ in range(data.draw(st.integers(0, 4))):
        undone = {event.target for event in run.events()}
        left = [
            event.seq for event in run.events() if event.kind is not Kind.UNDO and event.seq not in undone
        ]
        if left:
            target = data.draw(st.sampled_from(left))
            run.append(Event(Kind.UNDO, target=target, client_id=f"undo {target}"))
    for record in records:
        run.add_round(record)
    content = exported(run, "jsonl")
    again = imported(content, "jsonl")
    assert (again.spec, again.events()) == (run.spec, run.events())
    assert again.snapshot() == run.snapshot()
    assert repr(again.rounds()) == repr(run.rounds())  # NaN is not equal to itself
    assert exported(again, "jsonl") == content
    for line in content.decode().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("format", FORMATS)
def test_every_label_survives(format):
    run = make_run([Event(Kind.LABEL, row=row, cluster=label) for row, label in enumerate(LABELS)])
    again = imported(exported(run, format), format, n_rows=None if format == "jsonl" else N_ROWS)
    found = [anchor.cluster for anchor in again.anchors()]
    assert found == list(LABELS) and [type(name) for name in found] == [type(name) for name in LABELS]


@given(log=st.lists(events, max_size=12))
@quick
def test_label_studio_tasks_have_the_documented_format(log):
    tasks = json.loads(exported(make_run(log), "label-studio", suggestions={5: [("cat", 0.5)], 6: []}))
    jsonschema.validate(tasks, SCHEMA)
    assert {task["data"]["row"] for task in tasks} == {event.row for event in log} | {5, 6}


def test_suggestions_become_predictions_with_scores():
    details = {"suggestions": [["cat", 0.7], [1, 0.2]], "seconds": 1.5}
    answered, fresh = to_tasks(
        [Answer(3, Kind.LABEL, "cat", details=details)],
        suggestions={4: [("dog", 0.9)]},
        data=lambda row: {"image": f"{row}.png"},
        model_version="v7",
    )
    assert answered["data"] == {"image": "3.png", "row": 3} and answered["annotations"][0]["lead_time"] == 1.5
    scores = [
        (p["score"], p["result"][0]["value"]["choices"], p["model_version"]) for p in answered["predictions"]
    ]
    assert scores == [(0.7, ["cat"], "v7"), (0.2, ["1"], "v7")]
    assert fresh["annotations"] == [] and fresh["predictions"][0]["score"] == 0.9


def test_tasks_labelled_in_label_studio_are_read():
    """As Label Studio exports them: its own ids, the person as an object or a number, no word of ours."""

    def task(row, *annotations):
        return {"id": 70 + row, "data": {"row": row}, "annotations": list(annotations), "project": 3}

    def choice(text, **rest):
        result = {"from_name": "cluster", "to_name": "item", "type": "choices", "value": {"choices": [text]}}
        return {
            "id": 9,
            "result": [{"id": "Dx", "origin": "manual", **result, **rest}],
            "was_cancelled": False,
        }

    skipped = {"id": 10, "result": [], "was_cancelled": True, "completed_by": 4}
    answers = from_tasks(
        [
            task(3, {**choice("cat"), "completed_by": {"id": 1, "email": "eva@x.org"}, "lead_time": 4.288}),
            task(4, {**choice("7", meta={"cluster": 7}), "created_at": "2021-03-09T22:16:08.728353Z"}),
            task(5, choice("7")),
            task(6, choice("cow", meta={"cluster": "cat"})),
            task(7, skipped, {"id": 11, "result": [], "was_cancelled": False, "completed_by": 4}),
        ]
    )
    assert [(a.row, a.kind, a.cluster, a.annotator) for a in answers] == [
        (3, Kind.LABEL, "cat", "eva@x.org"),
        (4, Kind.LABEL, 7, ""),
        (5, Kind.LABEL, 7, ""),
        (6, Kind.LABEL, "cow", ""),
        (7, Kind.SKIP, None, "Label Studio user 4"),
        (7, Kind.UNSURE, None, "Label Studio user 4"),
    ]
    assert answers[0].details == {"seconds": 4.288}
    assert answers[1].at == datetime(2021, 3, 9, 22, 16, 8, 728353, tzinfo=timezone.utc)


def test_label_config_names_every_cluster_once():
    from xml.etree import ElementTree

    config = ElementTree.fromstring(label_config(["a & <b>", 1, "1", '"q"']))
    choices = [choice.get("value") for choice in config.findall("Choices[@name='cluster']/Choice")]
    assert choices == ["a & <b>", "1", '"q"']


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


def test_export_says_which_answers_count():
    run = make_run(
        [Event(Kind.LABEL, row=1, cluster=c, annotator=w) for w, c in ("ax", "by", "cy")], {"annotators": 3}
    )
    assert [answer.counts for answer in current_answers(run)] == [False, False, True]


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


def task(row, *chosen, name="kind", **rest):
    """A task as Label Studio exports it, with one annotation."""
    result = [{"from_name": name, "to_name": "x", "type": "choices", "value": {"choices": list(chosen)}}]
    return {"data": {"row": row}, "annotations": [{"id": 1, "result": result, **rest}]}


def test_the_only_choices_of_a_project_are_the_clusters():
    answers = from_tasks([task(1, "cat"), task(2, "dog"), task("3", "unsure", name="unsure")])
    assert [(a.row, a.kind, a.cluster) for a in answers] == [
        (1, Kind.LABEL, "cat"), (2, Kind.LABEL, "dog"), (3, Kind.UNSURE, None),
    ]  # fmt: skip
    both = [task(1, "cat"), task(1, "good", name="quality")]
    with pytest.raises(DataFileError, match="Which of these are the clusters: 'kind', 'quality'"):
        from_tasks(both)
    assert [a.cluster for a in from_tasks(both, control="kind")] == ["cat", None]
    with pytest.raises(DataFileError, match="no control 'color'; there are: 'kind', 'quality'"):
        from_tasks(both, control="color")
    with pytest.raises(DataFileError, match="a row is in one cluster"):
        from_tasks([task(1, "cat", "dog")])
    boxes = [{"from_name": "box", "type": "rectanglelabels", "value": {}}]
    with pytest.raises(DataFileError, match="other controls only: 'box'"):
        from_tasks([{"data": {"row": 1}, "annotations": [{"result": boxes}]}])


def test_the_short_export_of_label_studio_is_read():
    lines = [
        {"row": 1, "text": "x", "id": 7, "annotation_id": 3, "annotator": 2, "cluster": "cat", "lead_time": 1.5,
         "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z"},
        {"row": 2, "text": "y", "id": 8, "annotation_id": 4, "annotator": "eva@x.org", "cluster": {"choices": ["dog"]}},
        {"row": 3, "text": "z", "id": 9, "annotation_id": 5, "annotator": 2},
    ]  # fmt: skip
    first, second = from_tasks(lines)
    assert (first.row, first.cluster, first.annotator) == (1, "cat", "Label Studio user 2")
    assert (first.at.day, first.details) == (2, {"seconds": 1.5})
    assert (second.row, second.cluster, second.annotator) == (2, "dog", "eva@x.org")
    renamed = [
        {("kind" if key == "cluster" else key): value for key, value in line.items()} for line in lines
    ]
    assert [a.cluster for a in from_tasks(renamed, control="kind")] == ["cat", "dog"]


def test_a_name_that_no_configuration_can_hold_is_named():
    with pytest.raises(InvalidInput, match=r"holds the character '\\x1b'"):
        label_config(["cat", "\x1b[31m"])


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


def test_predictions_that_say_nothing_hinder_no_answer():
    """Label Studio exports the ids of predictions, and those of other models may have no score."""
    choice = {"from_name": "cluster", "to_name": "item", "type": "choices", "value": {"choices": ["cat"]}}
    without_score = {"result": [choice], "score": None}
    task = {
        "data": {"row": 3},
        "predictions": [
            1,
            85,
            without_score,
            {"result": [], "score": 0.5},
            {"result": [choice], "score": 0.5},
        ],
        "annotations": [{"completed_by": 1, "result": [choice]}],
    }
    (answer,) = from_tasks([task])
    assert (answer.row, answer.cluster) == (3, "cat") and answer.details == {"suggestions": [["cat", 0.5]]}
