"""Resuming: a run that was interrupted anywhere is the run that went through."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nearest_anchor import NearestAnchor
from story import story

from activeclust import SKIP, UNDO, UNSURE, ActiveLoop
from activeclust.errors import InvalidInput, RunExists, RunMismatch, RunNotFound
from activeclust.identities import by_content
from activeclust.store import open_store
from activeclust.store.records import Event, Kind, RunSpec


def scripted(blobs, script, loop_of):
    """An annotator that follows a script of signals by turns, and answers truly otherwise."""

    def annotator(query):
        run = loop_of().stored
        answer = script.get(len(run.events()), blobs[1][query.row])
        nothing_to_undo = answer is UNDO and run.last_undoable() is None
        return blobs[1][query.row] if nothing_to_undo else answer

    return annotator


@settings(max_examples=25, deadline=None)
@given(
    script=st.dictionaries(st.integers(0, 30), st.sampled_from([UNDO, SKIP, UNSURE, "other"]), max_size=6),
    stops=st.lists(st.integers(1, 25), max_size=3),
    batch_size=st.sampled_from([1, 3, 4]),
    strategy=st.sampled_from(["entropy", "random"]),
)
def test_a_run_killed_anywhere_and_resumed_is_the_run_that_ran_through(
    blobs, script, stops, batch_size, strategy
):
    def build(store, resume):
        holder = []
        loop = ActiveLoop(
            blobs[0],
            scripted(blobs, script, lambda: holder[0]),
            strategy=strategy,
            clusterer=NearestAnchor(),
            store=store,
            name="r",
            random_state=1,
            batch_size=batch_size,
            labels_true=blobs[1],
            resume=resume,
        )
        holder.append(loop)
        return loop

    through = build(open_store(), False)
    through.run(budget=20)
    store = open_store()
    build(store, False)
    for stop in stops:
        # a killed process leaves what is in the store, and nothing else: after some answers, mid-batch
        dying = build(store, True)
        answered = itertools.count(1)
        original = dying.annotator

        def until_killed(query, original=original, answered=answered, stop=stop):
            if next(answered) > stop:
                raise KeyboardInterrupt
            return original(query)

        dying._caller.annotator = until_killed
        dying.run(budget=20)
    resumed = build(store, True)
    resumed.run(budget=20)
    assert story(resumed) == story(through)


def test_a_longer_budget_goes_on_as_if_it_had_been_given_at_first(make, tmp_path):
    short = make(store=tmp_path / "a.db", name="r")
    short.run(budget=8)
    longer = make(store=tmp_path / "a.db", name="r", resume=True)
    longer.run(budget=16)
    through = make()
    through.run(budget=16)
    assert story(longer) == story(through)
    with_same_object = make()
    with_same_object.run(budget=8)
    with_same_object.run(budget=16)
    assert story(with_same_object) == story(through)


def test_agreement_survives_a_rename_and_a_restart(make, blobs, tmp_path):
    def begin(**where):
        loop = make(None, **where)
        for _ in range(8):
            query = loop.ask()[0]
            loop.tell(query, blobs[1][query.row])
        loop.rename("cat", "feline") if "cat" in loop.clusters else loop.rename("dog", "hound")
        return loop

    stayed = begin()
    begin(store=tmp_path / "a.db", name="r")
    resumed = make(None, store=tmp_path / "a.db", name="r", resume=True)
    stayed.ask(), resumed.ask()
    assert stayed.history.last == resumed.history.last
    assert stayed.history.last["agreement"] > 0.5


def test_resume_is_by_name_and_only_of_the_same_run(make, blobs, tmp_path):
    database = tmp_path / "a.db"
    make(store=database, name="r").run(budget=3)
    with pytest.raises(RunExists, match="resume it"):
        make(store=database, name="r")
    with pytest.raises(RunNotFound):
        make(store=database, name="other", resume=True)
    for change, says in [
        ({"strategy": "random"}, "strategy entropy"),
        ({"random_state": 5}, "seed 0"),
        ({"batch_size": 2}, "batch size 1"),
        ({"clusterer": NearestAnchor("retrained")}, "model nearest-anchor"),
    ]:
        with pytest.raises(RunMismatch, match=says):
            make(store=database, name="r", resume=True, **change)
        assert len(make(store=database, name="r", resume=True, strict=False, **change).anchors) == 3
    with pytest.raises(RunMismatch, match="other rows"):
        ActiveLoop(
            blobs[0][::-1],
            None,
            clusterer=NearestAnchor(),
            store=database,
            name="r",
            resume=True,
            strict=False,
        )
    assert make(store=database, name="r", resume="auto", random_state=None).seed == 0
    assert make(store=database, name="new", resume="auto").anchors == {}


def changed(blobs, order, ids, **given):
    return ActiveLoop(
        blobs[0][order], None, clusterer=NearestAnchor(), name="r", row_ids=ids, random_state=0, **given
    )


@pytest.mark.parametrize("where", ["memory", "file"])
def test_answers_find_their_rows_in_a_file_that_has_changed(blobs, tmp_path, where):
    X, y = blobs
    names = [f"row {i}" for i in range(len(X))]
    store = open_store(None if where == "memory" else tmp_path / "a.db")
    first = changed(blobs, np.arange(len(X)), names, store=store)
    for row in (3, 30, 7, 50):
        first.tell(row, y[row])
    first.tell(11, SKIP)
    first.rename(y[3], "renamed")
    told = {names[row]: cluster for row, cluster in first.anchors.items()}
    order = np.r_[np.arange(len(X) - 1, 7, -1), [0, 1, 2]]  # sorted, without rows 3 to 7
    X_now, now = np.vstack([X[order], X[:2] + 0.5]), [*(names[i] for i in order), "new a", "new b"]
    given = {"store": store, "resume": True, "row_ids": now, "name": "r"}
    with pytest.raises(RunMismatch, match=r"5 rows removed, 2 rows added, \d+ rows elsewhere.*--changed"):
        ActiveLoop(X_now, None, clusterer=NearestAnchor(), **given)
    loop = ActiveLoop(X_now, None, clusterer=NearestAnchor(), strict=False, **given)
    carried = {now[row]: cluster for row, cluster in loop.anchors.items()}
    assert carried == {name: told[name] for name in ("row 30", "row 50")}
    assert not loop._anchors.is_open(now.index("row 11"))
    assert str(loop.carried_over).startswith(
        "3 answers carried over by id; 2 answers belonged to removed rows. 5 rows removed, 2 rows added."
    )
    assert loop.seed == first.seed
    before = store.open_run(loop.carried_over.before)
    assert {a.row: a.cluster for a in before.anchors()} == first.anchors
    again = ActiveLoop(X_now, None, clusterer=NearestAnchor(), **given)
    assert again.anchors == loop.anchors and again.carried_over is None
    store.close()


def test_vectors_that_belong_to_other_rows_now_are_noticed(blobs):
    store, names = open_store(), [f"row {i}" for i in range(len(blobs[0]))]
    everything = np.arange(len(blobs[0]))
    changed(blobs, everything, names, store=store).tell(0, "cat")
    with pytest.raises(RunMismatch, match="elsewhere"):
        changed(blobs, everything, names[::-1], store=store, resume=True)
    loop = changed(blobs, everything, names[::-1], store=store, resume=True, strict=False)
    assert loop.anchors == {len(names) - 1: "cat"}


def test_other_columns_of_the_same_rows_keep_every_answer(blobs):
    store, names = open_store(), [f"row {i}" for i in range(len(blobs[0]))]
    changed(blobs, np.arange(len(names)), names, store=store).tell(5, "cat")
    given = {"clusterer": NearestAnchor(), "store": store, "name": "r", "row_ids": names, "resume": True}
    with pytest.raises(RunMismatch, match="the same rows with other numbers"):
        ActiveLoop(blobs[0] ** 2, None, **given)
    assert ActiveLoop(blobs[0] ** 2, None, strict=False, **given).anchors == {5: "cat"}


def test_answers_are_carried_over_only_where_they_can_be(blobs):
    store, n = open_store(), len(blobs[0])
    names, everything = [f"row {i}" for i in range(n)], np.arange(n)
    loop = changed(blobs, everything, names, store=store)
    loop.tell(0, "cat")
    given = {"store": store, "resume": True, "strict": False}
    with pytest.raises(RunMismatch, match="None of the 1 answered row"):
        changed(blobs, everything[1:], names[1:], **given)
    with pytest.raises(RunMismatch, match="other rows"):
        changed(blobs, everything[1:], None, **given)
    with pytest.raises(InvalidInput, match="by their id before, and by their content now"):
        changed(blobs, everything[:-1], by_content(x.tobytes() for x in blobs[0][:-1]), **given)
    loop.stored.lease([3], 1, "eva", 60)
    with pytest.raises(RunMismatch, match="answered now, by eva"):
        changed(blobs, everything[:-1], names[:-1], **given)
    assert [info.spec.name for info in store.runs()] == ["r"]
    with pytest.raises(InvalidInput, match="59 ids for 60 rows" if n == 60 else "ids for"):
        changed(blobs, everything, names[1:], **given)
    with pytest.raises(InvalidInput, match="'row 1' names several"):
        changed(blobs, everything, ["row 1", *names[1:]], **given)


def test_a_run_of_another_version_is_resumed_with_a_warning(make, monkeypatch):
    store = open_store()
    make(store=store, name="r")
    monkeypatch.setattr("activeclust.loop.active_loop.__version__", "9.9.9")
    with pytest.warns(UserWarning, match="made by activeclust"):
        make(store=store, name="r", resume=True)


def test_a_name_alone_means_the_default_file(make, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make(name="mine").run(budget=2)
    assert (tmp_path / "activeclust.db").is_file()
    make().run(budget=2)
    assert len(make(name="mine", resume=True).anchors) == 2


def test_two_people_on_one_run_never_get_the_same_row(make, blobs, tmp_path):
    database = tmp_path / "a.db"
    ann = make(None, store=database, name="r", who="ann")
    ben = make(None, store=database, name="r", who="ben", resume=True)
    asked = []
    for _ in range(6):
        for loop in (ann, ben):
            asked.append(loop.ask()[0].row)
        for loop, row in ((ann, asked[-2]), (ben, asked[-1])):
            loop.tell(row, blobs[1][row])
    assert len(set(asked)) == 12
    assert {event.annotator for event in ann.stored.events()} == {"ann", "ben"}
    ann.tell(0, UNDO)
    assert asked[-2] not in ann.anchors, "one's undo takes back one's own answer"
    assert asked[-1] in ann.anchors


def test_two_processes_never_write_the_same_round(make, blobs, tmp_path):
    """Each has read the rounds before the other wrote its own: both ask, and no round is lost."""
    settings = {"store": tmp_path / "a.db", "name": "r", "batch_size": 3}
    ann = make(None, who="ann", **settings)
    ben = make(None, who="ben", resume=True, **settings)
    asked = {"ann": [], "ben": []}
    for _ in range(4):
        for loop in (ann, ben):
            asked[loop.who] += [query.row for query in loop.ask()]
        for loop in (ann, ben):
            for row in asked[loop.who][-3:]:
                loop.tell(row, blobs[1][row])
    rounds = make(None, resume=True, **settings).stored.rounds()
    assert [record.index for record in rounds] == list(range(8))
    assert sorted(row for record in rounds for row in record.asked) == sorted(asked["ann"] + asked["ben"])
    assert len({*asked["ann"], *asked["ben"]}) == 24


def test_rounds_that_ask_nothing_do_not_hide_each_other(make, blobs, tmp_path):
    """A page proposes and notes what it has shown; another process does the same in between."""
    settings = {"store": tmp_path / "a.db", "name": "r"}
    ann = make(None, **settings)
    ben = make(None, resume=True, **settings)
    mine, yours = ann.propose(3), ben.propose(3)
    ann.note_asked(mine[:1])
    ben.note_asked(yours[1:2])
    ann.tell(mine[0], blobs[1][mine[0]])
    ben.propose(2)
    ann.note_asked(mine[2:])
    asked = {row for record in ann.stored.rounds() for row in record.asked}
    assert asked == {mine[0], yours[1], mine[2]}
    assert [record.index for record in ann.stored.rounds()] == list(range(len(ann.stored.rounds())))


def test_resuming_does_not_read_the_log(make, blobs, tmp_path, monkeypatch):
    """Opening a run of 100,000 answers takes a second because the log stays where it is."""
    from activeclust.store.sql.run import SqlRun

    loop = make(store=tmp_path / "a.db", name="r", batch_size=2)
    loop.run(budget=10)
    queries = loop.ask()
    loop.tell(queries[0], blobs[1][queries[0].row])
    loop.undo()
    read = []
    whole = SqlRun.events
    monkeypatch.setattr(SqlRun, "events", lambda run, after=0: read.append(after) or whole(run, after))
    resumed = make(store=tmp_path / "a.db", name="r", batch_size=2, resume=True)
    resumed.run(budget=20)
    assert read and min(read) >= 10
    monkeypatch.undo()
    through = make(store=tmp_path / "b.db", name="r", batch_size=2)
    through.run(budget=10)
    queries = through.ask()
    through.tell(queries[0], blobs[1][queries[0].row])
    through.undo()
    through.run(budget=20)
    assert story(resumed) == story(through)


def test_a_run_made_of_imported_answers_is_continued(make, blobs):
    store = open_store()
    first = Event(Kind.LABEL, row=5, cluster=blobs[1][5])
    store.create_run(RunSpec("r", "imported", 0, len(blobs[0]), "", ""), [first])
    loop = make(store=store, name="r", resume="auto", random_state=3)
    assert loop.anchors == {5: blobs[1][5]}
    loop.run(budget=4)
    assert make(store=store, name="r", resume=True, random_state=3).anchors.keys() == loop.anchors.keys()
    assert store.open_run("r").spec.data_hash == loop.prepared.data_hash
    with pytest.raises(RunMismatch):
        make(store=store, name="r", resume=True, random_state=4)
    store.create_run(RunSpec("short", "imported", 0, 7, "", ""))
    with pytest.raises(RunMismatch, match="7 rows"):
        make(store=store, name="short", resume="auto")


def test_of_two_that_make_one_run_at_a_moment_the_second_continues_it(make, tmp_path):
    """Both have found no run, and both have drawn a seed."""
    slow, quick = open_store(tmp_path / "a.db"), open_store(tmp_path / "a.db")
    create = slow.create_run

    def overtaken(*given):
        make(store=quick, name="r", resume="auto", random_state=None).run(budget=3)
        return create(*given)

    slow.create_run = overtaken
    loop = make(store=slow, name="r", resume="auto", random_state=None)
    assert len(loop.anchors) == 3 and loop.seed == quick.open_run("r").spec.seed
    slow.close()
    quick.close()
