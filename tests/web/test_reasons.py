"""What stands beside a question: why this row, the answered rows nearest to it, and what the last answer moved."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from activeclust.web.page_state import Moved
from activeclust.web.reasons import why

from .test_result import label


@pytest.fixture
def state(make_page):
    """The state of a run with two clusters, to be changed by hand."""
    page = make_page()
    label(page, 0, "cat")
    label(page, 1, "dog")
    page.caught_up()
    return page.service.page_state


def believed(state, cat: float, dog: float, new: float):
    posterior, none = state.posterior.copy(), state.new.copy()
    posterior[5], none[5] = (cat, dog), new
    return replace(state, posterior=posterior, new=none)


@pytest.mark.parametrize(
    ("belief", "stands_for", "says"),
    [
        ((0.6, 0.4, 0.7), 1, "New territory: it is most likely in none of the clusters."),
        (
            (0.6, 0.4, 0.7),
            12,
            "in none of the clusters. About 12 rows are nearer to it than to any answered row.",
        ),
        ((0.4, 0.6, 0.0), 1, "It lies between dog and cat."),
        ((0.9, 0.1, 0.0), 30, "It stands for others. About 30 rows"),
        ((0.9, 0.1, 0.0), 1, "A check: the model is fairly sure"),
    ],
)
def test_why(state, belief, stands_for, says):
    assert says in why(believed(state, *belief), 5, stands_for)


def test_the_first_row_is_the_first_row(page):
    (query,) = page.post("/api/next", {"want": 1, "have": []}).json()["queries"]
    assert query["why"].startswith("It was chosen before the first answer") and query["near"] == []


def test_the_nearest_answered_rows_and_how_many_a_row_stands_for(page, blobs):
    _, y = blobs
    answered = [0, 7, 21, 40, 55]
    for row in answered:
        label(page, row, str(y[row]))
    page.caught_up()
    views = page.service.loop.prepared.views
    asked = 30
    query = page.first.get(f"/api/rows/{asked}").json()["query"]
    far = np.linalg.norm(views["pca"][answered] - views["pca"][asked], axis=1)
    assert [near["row"] for near in query["near"]] == [answered[i] for i in np.argsort(far)[:3]]
    assert [near["cluster"]["text"] for near in query["near"]] == [
        str(y[answered[i]]) for i in np.argsort(far)[:3]
    ]
    points = views["diffusion"]
    to_answers = np.min([np.linalg.norm(points - points[row], axis=1) for row in answered], axis=0)
    stands_for = int((np.linalg.norm(points - points[asked], axis=1) < to_answers).sum())
    assert (f"About {stands_for} rows" in query["why"]) == (stands_for > 1)
    # answers that come and go are followed one by one
    label(page, asked, str(y[asked]))
    page.caught_up()
    assert "About" not in page.first.get(f"/api/rows/{asked}").json()["query"]["why"]
    page.post("/api/undo", {"client_id": "back"})
    page.caught_up()
    assert page.first.get(f"/api/rows/{asked}").json()["query"]["why"] == query["why"]


def test_what_an_answer_moved(state):
    codes = state.codes.copy()
    opened = np.flatnonzero(state.kinds == 0)
    moving = opened[codes[opened] == 0][:4]
    codes[moving] = 1
    assert replace(state, codes=codes).moved_since(state) == Moved(len(moving), "cat", "dog")
    assert state.moved_since(state) is None
    renamed = replace(state, clusters=("lynx", "dog"), codes=codes)
    assert renamed.moved_since(state) is None, "a new name moves nothing"


def test_the_page_hears_of_it(page, blobs):
    _, y = blobs
    label(page, 0, "cat")
    page.caught_up()
    other = next(row for row in range(60) if (type(y[row]), y[row]) != (type(y[0]), y[0]))
    label(page, other, "dog")
    page.caught_up()
    moved = page.first.get("/api/state").json()["moved"]
    assert moved["rows"] > 1 and (moved["from"], moved["to"]) == ("cat", "dog")
    page.service.worker.wake()  # a turn without a new answer
    page.caught_up()
    assert page.first.get("/api/state").json()["moved"] == moved
