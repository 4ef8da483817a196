"""Out into a file and in again: nothing is lost on the way."""

from __future__ import annotations

import io
import json
from datetime import datetime, timezone
from pathlib import Path

import hypothesis.strategies as st
import jsonschema
import pytest
from exchange import ANSWERS, N_ROWS, exported, imported, make_run, standing
from hypothesis import HealthCheck, given, settings

from activeclust.store.answers import current_answers
from activeclust.store.export import FORMATS, export_run
from activeclust.store.records import Event, Kind, Round
from activeclust.testing.store_cases import LABELS

SCHEMA = json.loads((Path(__file__).parents[1] / "fixtures/store/label-studio.schema.json").read_text())


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


@pytest.mark.parametrize("format", ["csv", "jsonl", "label-studio"])
def test_a_long_run_is_written_as_it_is_read(format, monkeypatch):
    """A log may be larger than memory: when half of it was read, much of it is in the file."""
    run, file, written = make_run([]), io.BytesIO(), []
    run.extend(Event(Kind.LABEL, row=row % N_ROWS, cluster="cat", annotator=f"p{row}") for row in range(4000))

    def watched(read):
        def stream(*given):
            for line in read(*given):
                written.append(file.tell())
                yield line

        return stream

    for name in ("answers", "stream"):
        monkeypatch.setattr(run, name, watched(getattr(run, name)))
    export_run(run, format, file)
    assert len(written) == 4000 and written[2000] > 0.3 * file.tell()


def test_export_says_which_answers_count():
    run = make_run(
        [Event(Kind.LABEL, row=1, cluster=c, annotator=w) for w, c in ("ax", "by", "cy")], {"annotators": 3}
    )
    assert [answer.counts for answer in current_answers(run)] == [False, False, True]
