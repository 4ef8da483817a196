"""The map's layout and search, over the page's own requests."""

from __future__ import annotations

import numpy as np
import pytest
from person import wait

from activeclust.errors import MissingDependency
from activeclust.web.layout import Layout
from activeclust.web.search import RowTexts


class Rows:
    """Prepared rows whose layout waits until it may."""

    def __init__(self, points=None, error=None):
        import threading

        self.points, self.error, self.may = points, error, threading.Event()
        self.times = 0

    def layout(self):
        from activeclust.resources.progress import report

        self.times += 1
        report("layout", 1, 4)
        self.may.wait(60)
        if self.error:
            raise self.error
        return self.points


def test_the_first_request_starts_the_layout_and_all_see_how_far_it_is():
    rows = Rows(np.zeros((3, 2)))
    layout = Layout(rows)
    assert rows.times == 0 and layout.points is None
    layout.status()
    wait(lambda: layout.status()["done"] == 0.25, "a quarter of it")
    assert not layout.status()["ready"]
    rows.may.set()
    layout.wait()
    assert layout.status()["ready"] and rows.times == 1
    assert layout.points is rows.points


@pytest.mark.parametrize(
    ("error", "says"),
    [(MissingDependency("pip install 'activeclust[map]'"), "activeclust[map]"), (ValueError("odd"), "odd")],
)
def test_why_there_is_none_is_said(error, says):
    rows = Rows(error=error)
    rows.may.set()
    layout = Layout(rows)
    layout.wait()
    status = layout.status()
    assert not status["ready"] and says in status["why"] and rows.times == 1


def test_a_model_of_ones_own_needs_no_layout():
    status = Layout(object()).status()
    assert not status["ready"] and "makes no layout" in status["why"]


def test_the_page_gets_the_layout_as_16_bit_pairs_when_it_is_there(page, monkeypatch):
    reply = page.client.get("/api/map/layout").json()
    assert "makes no layout" in reply["why"] and not reply["ready"]
    assert page.client.get("/map/layout/0").status_code == 404
    points = np.random.default_rng(0).normal(size=(60, 2)).astype(np.float32)
    monkeypatch.setattr(type(page.service.loop.prepared), "layout", lambda self: points, raising=False)
    wait(lambda: page.client.get("/api/map/layout").json()["ready"], "the layout")
    got = np.frombuffer(page.client.get("/map/layout/0").content, "<u2").reshape(-1, 2).astype(float)
    assert np.corrcoef(got[:, 0], points[:, 0])[0, 1] > 0.999999
    assert np.corrcoef(got[:, 1], points[:, 1])[0, 1] > 0.999999


ITEMS = ["Grüße", {"a": 3, "note": "big CAT"}, np.zeros(3), "cat 2", "nothing"]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("cat", [1, 3]),
        ("GRÜSSE", [0]),
        ("2", [2, 3]),
        ("row 4", [4]),
        ("", []),
        (" ", []),
        ("3", [3, 1]),
        ("99", []),
    ],
)
def test_rows_are_found_by_number_and_by_words(text, rows):
    assert RowTexts(ITEMS).find(text, 9) == rows


def test_a_name_comes_first_and_the_limit_holds():
    names = ["x1", "x2", "x3", "cat", "x5"]
    assert RowTexts(ITEMS, names).find("Cat", 9) == [3, 1]
    assert RowTexts(ITEMS, names).find("x", 2) == [0, 1]


def test_the_page_finds_rows(page):
    assert page.client.get("/api/map/find", params={"q": "alert(7)"}).json()["rows"] == [7]
    assert page.client.get("/api/map/find", params={"q": "row 3"}).json()["rows"] == [3]
    assert page.client.get("/api/map/find").json()["rows"] == []
