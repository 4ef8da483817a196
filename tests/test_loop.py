"""The loop: what it asks, what it keeps, and that a resumed run is the run that was never interrupted."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nearest_anchor import NearestAnchor

from activeclust import SKIP, STOP, UNDO, UNSURE, ActiveLoop, LabelOracle
from activeclust.annotators import batch
from activeclust.errors import (
    AnnotatorFailed,
    InvalidInput,
    RunExists,
    RunMismatch,
    RunNotFound,
    UnknownName,
)
from activeclust.store import open_store
from activeclust.store.base import Kind


@pytest.fixture
def make(blobs):
    """A loop over the blobs; keywords replace its arguments."""

    def build(annotator="oracle", **changes) -> ActiveLoop:
        X, y = blobs
        annotator = LabelOracle(y) if annotator == "oracle" else annotator
        settings = {"strategy": "entropy", "clusterer": NearestAnchor(), "random_state": 0}
        return ActiveLoop(X, annotator, **(settings | changes))

    return build


def story(loop: ActiveLoop):
    """Everything about a run that must not depend on interruptions."""
    events = [(e.kind, e.row, e.cluster, e.new_cluster, e.target) for e in loop.stored.events()]
    return events, loop.stored.rounds(), list(loop.anchors.items())


# ---------------------------------------------------------------- running


def test_a_run_starts_from_nothing_and_finds_the_clusters(make, blobs):
    loop = make(labels_true=blobs[1])
    assert loop.labels.tolist() == [None] * 60
    history = loop.run(budget=20)
    assert history.ended == "budget"
    assert history.budget == list(range(21))
    assert history[0].metrics["accuracy"] is None
    assert history.last["accuracy"] > 0.95
    assert history.last["clusters"] == 4
    assert set(loop.clusters) == {"cat", "dog", 7, "7"}
    assert len(loop.anchors) == len(set(loop.anchors)) == 20


def test_an_answered_row_keeps_its_answer(make, blobs):
    y = blobs[1]
    wrong = {3: "wrong", 30: "wrong too"}
    loop = make(None)
    for row in range(40):
        loop.tell(row, wrong.get(row, y[row]))
    assert loop.labels[3] == "wrong"
    assert loop.labels[30] == "wrong too"


@pytest.mark.parametrize("strategy", ["random", "entropy", "centroid"])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_the_seed_fixes_every_choice(make, strategy, batch_size):
    runs = [make(strategy=strategy, batch_size=batch_size, random_state=s) for s in (3, 3, 4)]
    for loop in runs:
        loop.run(budget=20)
    assert story(runs[0]) == story(runs[1])
    assert list(runs[0].anchors) != list(runs[2].anchors)


def test_one_posterior_a_round(make):
    clusterer = NearestAnchor()
    make(clusterer=clusterer, batch_size=5, strategy="entropy").run(budget=20)
    assert clusterer.calls == 5  # at 0, 5, 10, 15 and 20 answers


def test_a_drawn_seed_is_recorded_and_repeats_the_run(make):
    first = make(random_state=None)
    first.run(budget=10)
    again = make(random_state=first.seed)
    again.run(budget=10)
    assert story(first) == story(again)


def test_the_pool_may_be_asked_out(make):
    loop = make(batch_size=7)
    history = loop.run(budget=60)
    assert history.ended == "budget"
    assert len(loop.anchors) == 60
    assert loop.ask() == []


def test_skipped_and_unsure_rows_cost_no_budget_and_do_not_come_back(make, blobs):
    seen = []

    def annotator(query):
        seen.append(query.row)
        return {0: SKIP, 1: UNSURE}.get(query.row % 4, str(blobs[1][query.row]))

    loop = make(annotator)
    history = loop.run(budget=60)
    assert history.ended == "pool"
    assert sorted(seen) == list(range(60))
    assert len(loop.anchors) == 30
    kinds = loop.stored.withdrawn()
    assert set(kinds.values()) == {Kind.SKIP, Kind.UNSURE}


def test_queries_tell_what_the_model_thinks(make, blobs):
    queries = []

    def annotator(query):
        queries.append(query)
        return blobs[1][query.row]

    make(annotator, items=[f"picture {i}" for i in range(60)]).run(budget=12)
    assert queries[0].suggestions == ()
    assert queries[0].new_cluster_probability == 1.0
    assert queries[0].budget_left == 12
    last = queries[-1]
    assert last.item == f"picture {last.row}"
    assert last.budget_left == 1
    masses = [p for _, p in last.suggestions]
    assert masses == sorted(masses, reverse=True)
    assert sum(masses) + last.new_cluster_probability <= 1 + 1e-6
    assert {name for name, _ in last.suggestions} == set(last.clusters)


def test_a_strategy_may_be_a_function(make):
    loop = make(strategy=lambda state, n, rng: state.candidates[:n])
    loop.run(budget=5)
    assert list(loop.anchors) == [0, 1, 2, 3, 4]


def test_a_strategy_may_be_modals(make):
    from modAL.uncertainty import margin_sampling

    loop = make(strategy=margin_sampling, batch_size=2)
    loop.run(budget=10)
    assert len(loop.anchors) == 10


def test_a_strategy_cannot_write_to_what_it_sees(make):
    def careless(state, n, rng):
        for array in (state.posterior, state.candidates, state.density, state.views["pca"], state.anchors):
            with pytest.raises(ValueError, match="read-only"):
                array[...] = 0
        return state.candidates[:n]

    make(strategy=careless).run(budget=3)


@pytest.mark.parametrize(
    "choice", [[0], [0, 0], [0, 999], [0.5, 1.5], [[0, 1]], None, "ab", []], ids=lambda c: f"{c!r}"
)
def test_a_strategy_that_returns_nonsense_is_named(make, choice):
    loop = make(strategy=lambda state, n, rng: choice, batch_size=2)
    with pytest.raises(InvalidInput, match="must return 2 distinct row numbers"):
        loop.ask()
    assert loop.stored.rounds() == []


# ---------------------------------------------------------------- ask and tell, undo, names


def test_ask_and_tell_without_an_annotator(make, blobs):
    loop = make(None, batch_size=4)
    for _ in range(3):
        queries = loop.ask()
        assert [q.row for q in queries] == [q.row for q in loop.ask()], "asking twice changes nothing"
        for query in queries:
            loop.tell(query, blobs[1][query.row])
    assert len(loop.anchors) == 12
    assert [record.budget for record in loop.history] == [0, 4, 8]
    with pytest.raises(InvalidInput, match="no annotator"):
        loop.run(5)


def test_undo_asks_the_same_row_again_first(make, blobs):
    loop = make(None)
    first = loop.ask()[0]
    loop.tell(first, "mistake")
    second = loop.ask()[0]
    loop.tell(second, UNDO)
    assert loop.anchors == {}
    assert loop.ask()[0].row == first.row
    loop.tell(first, "right")
    assert loop.ask()[0].row == second.row
    assert loop.clusters == ("right",)
    assert loop.tell(second, UNDO) is not None
    assert loop.tell(second, UNDO) is None, "nothing left to undo"


def test_undo_takes_back_a_skip(make):
    loop = make(None)
    query = loop.ask()[0]
    loop.tell(query, SKIP)
    assert loop.ask()[0].row != query.row
    loop.undo()
    assert loop.ask()[0].row == query.row


def test_undo_within_run(make, blobs):
    answers = iter(["oops", UNDO, "good", "more", STOP])
    asked = []

    def annotator(query):
        asked.append(query.row)
        return next(answers)

    history = make(annotator).run(budget=10)
    assert asked[0] == asked[2]
    assert history.ended == "stop"


def test_a_row_may_be_answered_anew_and_out_of_turn(make):
    loop = make(None)
    loop.tell(5, "a")
    loop.tell(np.int64(6), "b")
    loop.tell(5, "b")
    assert loop.anchors == {5: "b", 6: "b"}
    assert loop.clusters == ("b",)
    assert 5 not in [q.row for q in loop.ask()]


def test_rename_and_merge(make, blobs):
    loop = make(None)
    for row in range(12):
        loop.tell(row, blobs[1][row])
    loop.rename("cat", "feline")
    loop.merge("dog", "feline")
    assert set(loop.clusters) == {"feline", 7, "7"}
    assert all(isinstance(name, (str, int)) for name in loop.labels)
    assert loop.ask()[0].suggestions[0][0] in loop.clusters
    with pytest.raises(InvalidInput, match="in use"):
        loop.rename("feline", 7)


def test_the_same_answer_under_one_client_id_counts_once(make):
    loop = make(None)
    loop.tell(3, "a", client_id="x1")
    loop.tell(3, "a", client_id="x1")
    assert len(loop.stored.events()) == 1


@pytest.mark.parametrize("answer", ["", "  ", None, 1.5, True, b"a", ["a"]])
def test_an_answer_that_is_none_names_the_row_and_loses_nothing(make, answer):
    calls = itertools.count()
    loop = make(lambda query: "fine" if next(calls) < 3 else answer)
    with pytest.raises(InvalidInput, match=r"answer for row \d+"):
        loop.run(budget=10)
    assert len(loop.anchors) == 3


# ---------------------------------------------------------------- annotators of all shapes


def test_an_exception_in_the_annotator_names_the_row_and_keeps_the_answers(make, blobs, tmp_path):
    def fails_at_the_fifth(query):
        if len(loop.anchors) == 4:
            raise RuntimeError("the screen went dark")
        return blobs[1][query.row]

    database = tmp_path / "a.db"
    loop = make(fails_at_the_fifth, store=database, name="r")
    with pytest.raises(AnnotatorFailed, match="the screen went dark") as caught:
        loop.run(budget=10)
    assert isinstance(caught.value.__cause__, RuntimeError)
    again = make(store=database, name="r", resume=True)
    assert len(again.anchors) == 4
    assert again.ask()[0].row == caught.value.row
    assert f"row {caught.value.row} " in str(caught.value)
    again.run(budget=10)
    through = make()
    through.run(budget=10)
    assert story(again) == story(through)


def test_ctrl_c_ends_cleanly(make, blobs):
    def annotator(query):
        if len(loop.anchors) == 3:
            raise KeyboardInterrupt
        return blobs[1][query.row]

    loop = make(annotator)
    history = loop.run(budget=10)
    assert history.ended == "interrupted"
    assert len(loop.anchors) == 3


def test_an_iterator_that_runs_out_stops(make):
    answers = iter(["a", "b", "a"])
    loop = make(lambda query: next(answers))
    assert loop.run(budget=10).ended == "stop"
    assert len(loop.anchors) == 3
    assert loop.run(budget=3).ended == "budget", "a later run goes on where it stopped"


def test_an_async_annotator_keeps_one_event_loop(make, blobs):
    event_loops = set()

    async def annotator(query):
        event_loops.add(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return blobs[1][query.row]

    loop = make(annotator)
    loop.run(budget=6)
    plain = make()
    plain.run(budget=6)
    assert story(loop) == story(plain)
    assert len(event_loops) == 1


def test_an_async_annotator_that_fails_names_the_row(make):
    async def annotator(query):
        raise ConnectionError("gone")

    with pytest.raises(AnnotatorFailed, match="ConnectionError: gone"):
        make(annotator).run(budget=2)


def test_inside_a_running_event_loop_arun_does_what_run_cannot(make, blobs):
    async def annotator(query):
        return blobs[1][query.row]

    async def notebook():
        loop = make(annotator)
        with pytest.raises(InvalidInput, match=r"await loop\.arun"):
            loop.run(budget=4)
        return await loop.arun(budget=4), loop

    history, loop = asyncio.run(notebook())
    assert history.ended == "budget"
    assert len(loop.anchors) == 4


def test_a_callback_may_answer_whole_batches(make, blobs):
    sizes = []

    @batch
    def annotator(queries):
        sizes.append(len(queries))
        return [blobs[1][query.row] for query in queries]

    loop = make(annotator, batch_size=4)
    loop.run(budget=10)
    assert sizes == [4, 4, 2]
    one_by_one = make(batch_size=4)
    one_by_one.run(budget=10)
    assert story(loop) == story(one_by_one)


def test_an_async_batch_with_a_stop_in_it(make):
    @batch
    async def annotator(queries):
        return ["a", SKIP, STOP]

    loop = make(annotator, batch_size=5)
    assert loop.run(budget=10).ended == "stop"
    assert len(loop.anchors) == 1
    assert len(loop.ask()) == 0


def test_a_batch_of_the_wrong_length_is_refused(make):
    with pytest.raises(InvalidInput, match="asked 3 questions and gave 1 answer"):
        make(batch(lambda queries: ["a"]), batch_size=3).run(budget=3)
    with pytest.raises(InvalidInput, match="answers with a list"):
        make(batch(lambda queries: "abc"), batch_size=3).run(budget=3)


def test_progress_is_told_after_every_answer(make):
    seen = []
    make(batch_size=3).run(budget=5, progress=lambda done, budget, metrics: seen.append((done, budget)))
    assert seen == [(i, 5) for i in range(1, 6)]


def test_a_stop_rule_ends_the_run_and_a_later_run_goes_on(make):
    loop = make()
    history = loop.run(budget=60, stop="converged")
    assert history.ended == "converged"
    assert history.budget[-1] == len(loop.anchors) < 60
    assert history[-1].asked == ()
    through = make()
    through.run(budget=60)
    loop.run(budget=60)
    assert story(loop) == story(through)
    with pytest.raises(InvalidInput, match="no stop rule"):
        loop.run(budget=60, stop="tired")


# ---------------------------------------------------------------- resuming


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

        dying._asker.annotator = until_killed
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


def test_a_run_of_another_version_is_resumed_with_a_warning(make, monkeypatch):
    store = open_store()
    make(store=store, name="r")
    monkeypatch.setattr("activeclust.__version__", "9.9.9")
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


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"strategy": "entrpy"}, UnknownName, "Did you mean 'entropy'"),
        ({"batch_size": 0}, InvalidInput, "batch_size is an integer from 1"),
        ({"random_state": -1}, InvalidInput, "random_state is a seed"),
        ({"items": [1, 2]}, InvalidInput, "items has 2 entries for 60 rows"),
        ({"labels_true": [1]}, InvalidInput, "labels_true has 1 entries for 60 rows"),
        ({"annotator": LabelOracle([1, 2])}, InvalidInput, "the oracle has 2 entries for 60 rows"),
        ({"annotator": "me"}, InvalidInput, "An annotator is a function"),
        ({"resume": "maybe"}, InvalidInput, "resume is True, False or 'auto'"),
    ],
)
def test_bad_settings_are_refused_in_a_sentence(make, changes, error, says):
    with pytest.raises(error, match=says):
        make(**changes)


def test_bad_budgets_and_rows_are_refused(make):
    loop = make()
    with pytest.raises(InvalidInput, match="61 answers is larger than the pool of 60 rows"):
        loop.run(budget=61)
    with pytest.raises(InvalidInput, match="budget is an integer"):
        loop.run(budget=0)
    with pytest.raises(InvalidInput, match="A row is a number from 0 to 59"):
        loop.tell(60, "a")


# ---------------------------------------------------------------- history and cards


def test_history_as_frame_csv_and_area(make, blobs, tmp_path):
    history = make(labels_true=blobs[1]).run(budget=6)
    frame = history.to_frame()
    assert frame["budget"].tolist() == history.budget
    assert frame["asked"].iloc[-1] == []
    history.to_csv(tmp_path / "rounds.csv")
    lines = (tmp_path / "rounds.csv").read_text().splitlines()
    assert len(lines) == len(history) + 1
    assert lines[0].startswith("round,budget,accuracy,v_measure,ari,nmi,clusters,ece")
    assert 0 < history.area_under_curve() < 1


def test_metrics_without_truth_are_label_free(make):
    history = make().run(budget=5)
    assert set(history.last) == {"clusters", "expected_accuracy", "agreement"}
    assert set(history[0].metrics) == {*history.last, "expected_gain"}
    assert 0 < history.last["expected_accuracy"] <= 1


def test_a_query_shows_itself_in_a_notebook_without_running_its_labels(make):
    loop = make(None, items=["<script>alert(1)</script>"] * 60)
    loop.tell(0, "<img src=x onerror=alert(2)>")
    card = loop.ask()[0]._repr_html_()
    assert "<script" not in card
    assert "<img src=x" not in card
    assert "&lt;script&gt;" in card
    pictures = make(None, items=np.zeros((60, 4, 4)))
    assert "data:image/png;base64," in pictures.ask()[0]._repr_html_()
