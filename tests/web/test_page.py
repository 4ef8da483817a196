"""The page's honest requests."""

from __future__ import annotations

import json

import numpy as np
import pytest
from person import wait

from activeclust.store.records import Event, Kind


def answer(row: int, name: str, client_id: str) -> dict:
    return {"row": row, "name": name, "client_id": client_id}


def test_an_answer_sent_twice_counts_once_and_undo_takes_back_one(page):
    for _ in range(2):
        assert page.post("/api/answer", answer(3, "cat", "a")).json()["seq"] == 1
    page.post("/api/answer", answer(4, "dog", "b"))
    for _ in range(2):  # the reply was lost, and the undo is sent again
        undone = page.post("/api/undo", {"client_id": "u"}).json()["undone"]
        assert [event["row"] for event in undone] == [4]
    assert [(a.row, a.cluster) for a in page.service.run.anchors()] == [(3, "cat")]


def test_the_posterior_follows_and_rows_of_two_people_differ(page):
    page.post("/api/answer", answer(3, "cat", "a"))
    page.caught_up()
    mine = page.post("/api/next", {"want": 3}).json()["queries"]
    theirs = page.browser().post("/api/next", {"want": 3}).json()["queries"]
    assert len(mine) == len(theirs) == 3
    assert not {q["row"] for q in mine} & {q["row"] for q in theirs}
    assert mine[0]["suggestions"][0]["text"] == "cat"
    again = page.post("/api/next", {"want": 3}).json()["queries"]
    assert {q["row"] for q in again} == {q["row"] for q in mine}, "a reload asks the same"


def test_one_gesture_labels_many_and_undoes_as_one(page):
    page.post("/api/answer", answer(0, "cat", "a"))
    page.caught_up()
    found = page.post("/api/alike", {"cluster": '"cat"', "n": 8}).json()["queries"]
    rows = [q["row"] for q in found]
    body = {"rows": rows, "cluster": '"cat"', "client_id": "g", "gesture": "grid"}
    assert page.post("/api/label-many", body).json()["rows"] == 8
    assert page.post("/api/label-many", body).json()["rows"] == 8
    assert len(page.service.run.anchors()) == 9
    page.post("/api/undo", {"client_id": "u"})
    assert len(page.service.run.anchors()) == 1


def test_rename_merge_and_export(page):
    page.post("/api/answer", answer(0, "cat", "a"))
    page.post("/api/answer", answer(1, "dog", "b"))
    page.post("/api/rename", {"cluster": '"cat"', "name": "lynx", "client_id": "c"})
    page.post("/api/merge", {"cluster": '"dog"', "into": '"lynx"', "client_id": "d"})
    page.caught_up()
    assert page.first.get("/export/csv").text.count("lynx") == 2
    assert [c["text"] for c in page.first.get("/api/clusters").json()["clusters"]] == ["lynx"]
    assert [line["kind"] for line in page.first.get("/api/answers").json()["lines"]][:2] == [
        "merge",
        "rename",
    ]
    assert page.first.get("/api/curves").json()["names"]


def test_a_cluster_that_exists_is_meant_by_its_id_whatever_its_name(page):
    """Names that nobody can type here came by an import: blanks at the end, and letters without end."""
    page.service.run.extend(
        [Event(Kind.LABEL, row=row, cluster=name) for row, name in enumerate(("cat ", "cat", "x" * 300))]
    )
    page.service.worker.wake()
    wait(lambda: len(page.service.clusters()) == 3, "what another process wrote")
    ids = {c["text"]: c["id"] for c in page.first.get("/api/clusters").json()["clusters"]}
    assert set(ids) == {"cat ", "cat", "x" * 300}
    for row, name in ((3, "cat "), (4, "x" * 300)):
        shown = [[id_, 0.3] for id_ in ids.values()]
        body = {"row": row, "cluster": ids[name], "client_id": f"a{row}", "suggestions": shown}
        assert page.post("/api/answer", body).status_code == 200
    renamed = {"cluster": ids["cat "], "name": "lynx", "client_id": "r"}
    assert page.post("/api/rename", renamed).status_code == 200
    clusters = {a.row: a.cluster for a in page.service.run.anchors()}
    assert clusters == {0: "lynx", 1: "cat", 2: "x" * 300, 3: "lynx", 4: "x" * 300}


def test_what_was_undone_is_no_part_of_the_curve(page):
    def shown() -> list[int]:
        page.caught_up()
        asked = [q["row"] for q in page.post("/api/next", {"want": 3}).json()["queries"]]
        page.post("/api/put-back", {"rows": asked})
        return [point[0] for point in page.first.get("/api/curves").json()["points"]]

    for row in range(4):
        page.post("/api/answer", answer(row, "cd"[row % 2], f"a{row}"))
        before = shown()
    for number in range(2):
        page.post("/api/undo", {"client_id": f"u{number}"})
        shown()
    page.post("/api/answer", answer(9, "c", "b"))
    after = shown()
    assert before[-1] == 4 and after[-1] == 3
    assert after == sorted(set(after))


def test_somebody_faster_than_the_model_is_never_without_a_row(page):
    """The worker stands still: the shelf runs empty, and rows that the last posterior doubts take over."""
    asked: list[int] = []
    with page.service.worker.model:
        held: list[int] = []
        for number in range(40):
            body = {"want": 3, "have": held}
            held = [q["row"] for q in page.post("/api/next", body).json()["queries"]]
            assert len(set(held)) == 3
            asked.append(held.pop(0))
            page.post("/api/answer", answer(asked[-1], "cat", f"c{number}"))
    assert len(set(asked)) == 40


def test_rows_that_nobody_has_looked_at_are_exchanged_for_what_the_newest_posterior_chose(page):
    service = page.service

    def told(row: int) -> None:
        service.answer(Event(Kind.LABEL, row=row, cluster="cat", annotator="bob", client_id=f"bob {row}"))
        page.caught_up()

    mine = service.take("ann", [], 3)
    assert service.take("ann", mine, 3, mine[1:]) == mine, "there is no newer posterior"
    others = [row for row in range(service.n_rows) if row not in mine]
    told(others[0])
    best = [row for row in service.worker.prefetched() if row != mine[0]][:2]
    again = service.take("ann", mine, 3, mine[1:])
    assert again == [mine[0], *best], "the row on the screen stays, the others are the newest choice"
    assert set(service.run.leased("ann")) == set(again), "what was exchanged is anybody's again"
    told(next(row for row in others[1:] if row not in again))
    assert service.take("ann", again, 3) == again, "rows that were looked at stay"
    shown = {row for record in service.run.rounds() for row in record.asked}
    assert {mine[0]} <= shown <= {mine[0], *again}, (
        "a resumed run asks what was looked at, and no row that was not"
    )


def test_the_map_places_every_row_and_colours_it_when_there_is_something_new(page):
    n = page.service.n_rows
    points = np.frombuffer(page.first.get("/map/pca/0").content, "<u2").reshape(n, 2).astype(int)
    far = page.service.loop.prepared.views["pca"]
    far = far - far.mean(axis=0)
    _, _, axes = np.linalg.svd(far, full_matrices=False)
    along = far @ axes[0]
    assert abs(np.corrcoef(along, points[:, 0])[0, 1]) > 0.999
    assert points.max() == 65535 and np.ptp(points[:, 0]) >= np.ptp(points[:, 1])

    page.post("/api/answer", answer(3, "cat", "a"))
    page.post("/api/answer", {"row": 4, "signal": "skip", "client_id": "b"})
    page.caught_up()
    body = page.first.get("/api/map").content
    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    codes, rest = np.frombuffer(body, "<u2", n, 4 + length), body[4 + length + 2 * n :]
    certainty, kinds = np.frombuffer(rest, np.uint8, n), np.frombuffer(rest, np.uint8, n, n)
    assert header["clusters"] == ['"cat"'] and set(codes) == {0}
    assert (kinds[3], kinds[4], certainty[3]) == (1, 2, 255) and kinds.sum() == 3
    assert page.first.get("/api/map", params={"since": header["seq"]}).status_code == 204
    assert page.first.get("/api/rows", params={"of": "3,4"}).json()["queries"][0]["answer"]["text"] == "cat"


@pytest.mark.parametrize(
    "path",
    ["/map/labels/0", "/map/pca/3", "/map/..%2f/0", "/api/rows?of=", "/api/rows?of=1,x", "/api/rows?of=60"],
)
def test_the_map_refuses_what_is_not_there(page, path):
    assert page.first.get(path).status_code in (404, 422)
    assert page.stranger().get("/map/pca/0").status_code == 401


def test_every_browser_is_somebody(page):
    ann, bob = page.browser(), page.browser("bob")
    page.post("/api/answer", answer(1, "cat", "a"))
    ann.post("/api/answer", answer(2, "cat", "b"))
    bob.post("/api/answer", answer(3, "cat", "c") | {"who": "ann"})  # nobody speaks in another's name
    said = {event.row: event.annotator for event in page.service.run.events()}
    assert said == {1: "", 2: "person 2", 3: "bob"}
    assert page.first.get("/api/state").json()["ask_who"] is False
    assert ann.get("/api/state").json()["ask_who"] is True, "asked for a name, as there is somebody else"
    refused = ann.post("/api/who", {"name": "bob"})
    assert refused.status_code == 422 and "'bob'" in refused.json()["error"]
    assert ann.post("/api/who", {"name": "ann"}).json() == {"who": "ann", "ask_who": False}


def test_undo_is_ones_own(page):
    bob = page.browser("bob")
    page.post("/api/answer", answer(1, "cat", "a"))
    seq = bob.post("/api/answer", answer(2, "dog", "b")).json()["seq"]
    undone = page.post("/api/undo", {"client_id": "u"}).json()["undone"]
    assert [event["row"] for event in undone] == [1]
    assert page.post("/api/undo", {"client_id": "v"}).json()["undone"] == []
    refused = page.post("/api/undo", {"client_id": "w", "target": seq})
    assert refused.status_code == 422 and "bob" in refused.json()["error"]
    assert [a.row for a in page.service.run.anchors()] == [2]
    assert bob.post("/api/undo", {"client_id": "x", "target": seq}).json()["undone"][0]["row"] == 2


def test_a_budget_is_kept_to_the_answer_whoever_holds_what(make_page):
    page = make_page(budget=7)
    people = [page.first, page.browser("ann"), page.browser("bob")]
    held: list[list[int]] = [[] for _ in people]
    number = 0
    for turn in range(12):
        for i, person in enumerate(people):
            body = {"want": 3, "have": held[i]}
            held[i] = [q["row"] for q in person.post("/api/next", body).json()["queries"]]
            if held[i] and (turn + i) % 2:
                number += 1
                got = person.post("/api/answer", answer(held[i].pop(0), "cat", f"c{number}"))
                assert got.status_code == 200
    assert len(page.service.run.anchors()) == number == 7 and not any(held)
    state = page.first.get("/api/state").json()
    assert (state["answered"], state["ended"]) == (7, "budget")
    more = page.post(
        "/api/answer", answer(next(r for r in range(60) if r not in page.service._asked), "cat", "z")
    )
    assert more.status_code == 422 and "budget of 7" in more.json()["error"]
    rows = [row for row in range(60) if row not in page.service._asked][:3]
    assert page.post("/api/label-many", {"rows": rows, "name": "cat", "client_id": "g"}).status_code == 422
    page.post("/api/go-on", {"more": 3})
    assert page.post("/api/label-many", {"rows": rows, "name": "cat", "client_id": "g"}).json()["rows"] == 3
    assert page.first.get("/api/state").json()["ended"] == "budget"


def test_rows_looked_at_together_are_not_asked_about_afterwards(page):
    page.post("/api/answer", answer(0, "cat", "a"))
    page.caught_up()
    found = page.post("/api/alike", {"cluster": '"cat"', "n": 8}).json()["queries"]
    grid = {q["row"] for q in found}
    asked = {q["row"] for q in page.post("/api/next", {"want": 12}).json()["queries"]}
    assert len(asked) == 12 and not asked & grid, "a reload asks what was asked before, not the grid's rows"
    body = {"rows": sorted(grid), "cluster": '"cat"', "client_id": "g", "gesture": "grid"}
    page.post("/api/label-many", body)
    page.post("/api/undo", {"client_id": "u"})
    again = {q["row"] for q in page.post("/api/next", {"want": 12, "have": sorted(asked)}).json()["queries"]}
    assert again == asked, "rows of a gesture that was taken back are rows like others"


def test_rows_that_are_put_back_are_asked_about_first(page):
    held = [q["row"] for q in page.post("/api/next", {"want": 3}).json()["queries"]]
    page.post("/api/put-back", {"rows": held})
    assert not page.service.run.leased()
    bob = page.browser("bob")
    assert [q["row"] for q in bob.post("/api/next", {"want": 3}).json()["queries"]] == held


def test_keys_follow_names_and_stay(page):
    for row, name in enumerate(["cat", "7", "cow"]):
        page.post("/api/answer", answer(row, name, f"c{row}"))
    page.caught_up()

    def keys():
        return {c["text"]: c["key"] for c in page.first.get("/api/state").json()["clusters"]}

    assert keys() == {"cat": "c", "7": "7", "cow": "o"}
    page.post("/api/rename", {"cluster": '"cat"', "name": "zebra", "client_id": "r"})
    page.caught_up()
    assert keys() == {"zebra": "c", "7": "7", "cow": "o"}
