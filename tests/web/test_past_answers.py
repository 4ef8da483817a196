"""Past answers: page by page from the newest back, each with what has become of it, without reading the whole log."""

from __future__ import annotations

import pytest

from activeclust.store.log import explain
from activeclust.store.records import Event, Kind


@pytest.fixture
def page(make_page):
    page = make_page()
    events = [
        Event(Kind.LABEL, row=number % 50, cluster=f"c{number % 3}", annotator="ann", client_id=f"a{number}")
        for number in range(260)
    ]
    page.service.write(*events)
    page.service.write(*(Event(Kind.UNDO, target=seq, annotator="ann") for seq in range(100, 230)))
    page.service.write(Event(Kind.LABEL, row=3, cluster="c0", annotator="bob", client_id="b"))
    page.caught_up()
    return page


def read_all(page):
    lines, before = [], ""
    while True:
        reply = page.first.get(f"/api/answers{before}").json()
        lines += reply["lines"]
        if not reply["more"]:
            return lines
        assert len(reply["lines"]) == 100
        before = f"?before={lines[-1]['seq']}"


def test_every_answer_is_there_once_with_what_became_of_it(page):
    lines = read_all(page)
    whole = [line for line in explain(page.service.run.events()) if line.event.kind is not Kind.UNDO]
    assert [line["seq"] for line in lines] == [line.event.seq for line in reversed(whole)]
    assert [line["undone"] for line in lines] == [line.undone_by is not None for line in reversed(whole)]
    standing = {}
    for line in whole:
        if line.undone_by is None:
            standing[line.event.row] = line.event.seq
    assert {line["seq"] for line in lines if not (line["undone"] or line["replaced"])} == {*standing.values()}


def test_the_whole_log_is_not_read(page, monkeypatch):
    def refuse(*_):
        raise AssertionError("the whole log was read")

    for name in ("events", "stream"):
        monkeypatch.setattr(page.service.run, name, refuse)
    assert len(read_all(page)) == 261


def test_several_people_answer_a_row_and_none_replaces_another(make_page):
    page = make_page(options={"annotators": 2})
    for who, cluster in (("ann", "cat"), ("bob", "dog"), ("ann", "cow")):
        page.service.write(
            Event(Kind.LABEL, row=1, cluster=cluster, annotator=who, client_id=f"{who}{cluster}")
        )
    lines = page.first.get("/api/answers").json()["lines"]
    assert [(line["cluster"]["text"], line["replaced"]) for line in lines] == [
        ("cow", False), ("dog", False), ("cat", True),
    ]  # fmt: skip
