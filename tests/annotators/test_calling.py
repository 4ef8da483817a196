"""Annotators of all shapes: functions, iterators, coroutines, batches, and those that fail."""

from __future__ import annotations

import asyncio

import pytest
from story import story

from activeclust import SKIP, STOP
from activeclust.annotators import batch
from activeclust.errors import (
    AnnotatorFailed,
    InvalidInput,
)


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


def test_a_batch_annotator_may_answer_with_a_dict_by_row(make, blobs):
    backwards = batch(lambda queries: {query.row: blobs[1][query.row] for query in reversed(queries)})
    loop = make(backwards, batch_size=6)
    loop.run(budget=18)
    assert loop.anchors == {row: blobs[1][row] for row in loop.anchors}
    assert len(loop.anchors) == 18


@pytest.mark.parametrize(
    ("result", "says"),
    [({"cat": 1}, "none for row"), ({}, "none for rows"), ({"cat", "dog"}, "answers with a list")],
)
def test_a_batch_answer_in_no_order_is_refused(make, result, says):
    loop = make(batch(lambda queries: result), batch_size=2)
    with pytest.raises(InvalidInput, match=says):
        loop.run(budget=4)
    assert loop.anchors == {}
