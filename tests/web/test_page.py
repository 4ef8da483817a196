"""The page's requests: the honest ones, and the hostile ones."""

from __future__ import annotations

import concurrent.futures
import json

import numpy as np
import pytest

from activeclust.store.base import Kind
from activeclust.web.security import LARGEST_BODY, MOST_AT_ONCE

HOST = "127.0.0.1:8999"
WRITES = ("next", "answer", "label-many", "alike", "undo", "rename", "merge", "put-back")


def answer(row: int, name: str, client_id: str) -> dict:
    return {"row": row, "name": name, "client_id": client_id, "who": "ann"}


def test_an_answer_sent_twice_counts_once_and_undo_takes_back_one(page):
    for _ in range(2):
        assert page.post("/api/answer", answer(3, "cat", "a")).json()["seq"] == 1
    page.post("/api/answer", answer(4, "dog", "b"))
    for _ in range(2):  # the reply was lost, and the undo is sent again
        undone = page.post("/api/undo", {"client_id": "u", "who": "ann"}).json()["undone"]
        assert [event["row"] for event in undone] == [4]
    assert [(a.row, a.cluster) for a in page.desk.run.anchors()] == [(3, "cat")]


def test_the_posterior_follows_and_rows_of_two_people_differ(page):
    page.post("/api/answer", answer(3, "cat", "a"))
    page.caught_up()
    mine = page.post("/api/next", {"who": "ann", "want": 3}).json()["queries"]
    theirs = page.post("/api/next", {"who": "bob", "want": 3}).json()["queries"]
    assert len(mine) == len(theirs) == 3
    assert not {q["row"] for q in mine} & {q["row"] for q in theirs}
    assert mine[0]["suggestions"][0]["text"] == "cat"
    again = page.post("/api/next", {"who": "ann", "want": 3}).json()["queries"]
    assert {q["row"] for q in again} == {q["row"] for q in mine}, "a reload asks the same"


def test_one_gesture_labels_many_and_undoes_as_one(page):
    page.post("/api/answer", answer(0, "cat", "a"))
    page.caught_up()
    found = page.post("/api/alike", {"who": "ann", "cluster": '"cat"', "n": 8}).json()["queries"]
    rows = [q["row"] for q in found]
    body = {"rows": rows, "cluster": '"cat"', "who": "ann", "client_id": "g", "gesture": "grid"}
    assert page.post("/api/label-many", body).json()["rows"] == 8
    assert page.post("/api/label-many", body).json()["rows"] == 8
    assert len(page.desk.run.anchors()) == 9
    page.post("/api/undo", {"client_id": "u", "who": "ann"})
    assert len(page.desk.run.anchors()) == 1


def test_rename_merge_and_export(page):
    page.post("/api/answer", answer(0, "cat", "a"))
    page.post("/api/answer", answer(1, "dog", "b"))
    page.post("/api/rename", {"cluster": '"cat"', "name": "lynx", "client_id": "c"})
    page.post("/api/merge", {"cluster": '"dog"', "into": '"lynx"', "client_id": "d"})
    page.caught_up()
    assert page.client.get("/export/csv").text.count("lynx") == 2
    assert [c["text"] for c in page.client.get("/api/clusters").json()["clusters"]] == ["lynx"]
    assert [line["kind"] for line in page.client.get("/api/answers").json()["lines"]][:2] == [
        "merge",
        "rename",
    ]
    assert page.client.get("/api/curves").json()["names"]


def test_somebody_faster_than_the_model_is_never_without_a_row(page):
    """The worker stands still: the shelf runs empty, and rows that the last posterior doubts take over."""
    asked: list[int] = []
    with page.desk._model:
        held: list[int] = []
        for number in range(40):
            body = {"who": "ann", "want": 3, "have": held}
            held = [q["row"] for q in page.post("/api/next", body).json()["queries"]]
            assert len(set(held)) == 3
            asked.append(held.pop(0))
            page.post("/api/answer", answer(asked[-1], "cat", f"c{number}"))
    assert len(set(asked)) == 40


def test_the_map_places_every_row_and_colours_it_when_there_is_something_new(page):
    n = page.desk.n_rows
    points = np.frombuffer(page.client.get("/map/pca/0").content, "<u2").reshape(n, 2).astype(int)
    far = page.desk.loop.prepared.views["pca"]
    far = far - far.mean(axis=0)
    _, _, axes = np.linalg.svd(far, full_matrices=False)
    along = far @ axes[0]
    assert abs(np.corrcoef(along, points[:, 0])[0, 1]) > 0.999
    assert points.max() == 65535 and np.ptp(points[:, 0]) >= np.ptp(points[:, 1])

    page.post("/api/answer", answer(3, "cat", "a"))
    page.post("/api/answer", {"row": 4, "signal": "skip", "client_id": "b"})
    page.caught_up()
    body = page.client.get("/api/map").content
    length = int.from_bytes(body[:4], "little")
    header = json.loads(body[4 : 4 + length])
    codes, rest = np.frombuffer(body, "<u2", n, 4 + length), body[4 + length + 2 * n :]
    certainty, kinds = np.frombuffer(rest, np.uint8, n), np.frombuffer(rest, np.uint8, n, n)
    assert header["clusters"] == ['"cat"'] and set(codes) == {0}
    assert (kinds[3], kinds[4], certainty[3]) == (1, 2, 255) and kinds.sum() == 3
    assert page.client.get("/api/map", params={"since": header["seq"]}).status_code == 204
    assert page.client.get("/api/rows", params={"of": "3,4"}).json()["queries"][0]["answer"]["text"] == "cat"


@pytest.mark.parametrize(
    "path",
    ["/map/labels/0", "/map/pca/3", "/map/..%2f/0", "/api/rows?of=", "/api/rows?of=1,x", "/api/rows?of=60"],
)
def test_the_map_refuses_what_is_not_there(page, path):
    assert page.client.get(path).status_code in (404, 422)
    assert page.stranger().get("/map/pca/0").status_code == 401


# ---------------------------------------------------------------- hostile


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", f"{HOST}.evil.example", ""])
def test_another_host_is_refused(page, host):
    assert page.client.get("/api/state", headers={"Host": host}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:8999"},  # this machine, but not the address that was asked
        {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "cross-site"},
        {"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-site"},
        {"Origin": f"http://{HOST}", "Content-Type": "text/plain"},
    ],
)
@pytest.mark.parametrize("path", WRITES)
def test_a_foreign_write_is_refused(page, path, headers):
    given = {"Content-Type": "application/json"} | headers
    got = page.client.post(f"/api/{path}", content=b'{"client_id": "x"}', headers=given)
    assert got.status_code == 403
    assert page.desk.run.last_seq == 0


def test_a_write_that_does_not_say_where_it_comes_from_is_refused(page):
    assert page.client.post("/api/answer", json=answer(0, "cat", "a")).status_code == 403


def test_the_icon_is_where_browsers_look_for_it(page):
    for path in ("/favicon.ico", "/static/icon.svg"):
        given = page.client.get(path)
        assert given.status_code == 200 and given.headers["content-type"].startswith("image/svg+xml")
        assert b"<svg" in given.content


def test_nothing_is_shown_without_the_token(page):
    stranger = page.stranger()
    for path in ("/api/state", "/picture/1", "/export/csv", "/static/page.js", "/favicon.ico", "/api/rows/0"):
        assert stranger.get(path).status_code == 401, path
    for token in ("", "wrong", page.session.token[:-1], page.session.secret):
        assert stranger.get("/", params={"token": token}).status_code == 401
    stranger.cookies.set(page.session.cookie, "wrong")
    assert stranger.get("/").status_code == 401
    assert page.client.get("/").status_code == 200
    origin = {"Origin": f"http://{HOST}"}
    assert stranger.post("/api/answer", json=answer(0, "cat", "a"), headers=origin).status_code == 401


def test_the_cookie_is_strict_and_no_script_reads_it(page):
    cookie = page.stranger().get("/", params={"token": page.session.token}).headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie and page.session.token not in cookie


def test_reading_writes_nothing(page):
    for path in WRITES:
        assert page.client.get(f"/api/{path}").status_code == 405
    assert page.client.get("/api/answer", params=answer(0, "cat", "a")).status_code == 405
    assert page.desk.run.last_seq == 0


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/%2e%2e/app.py",
        "/static//etc/passwd",
        "/picture/../../etc/passwd",
        "/picture/..%2f..%2fetc%2fpasswd",
        "/picture/-1",
        "/picture/60",
        "/picture/99999999999999999999",
        "/export/..%2fcsv",
    ],
)
def test_no_path_leads_out(page, path):
    got = page.client.get(path)
    assert got.status_code in (400, 404, 405, 422)
    assert b"root:" not in got.content and b"import" not in got.content


def test_script_in_names_rows_and_labels_stays_text(page):
    html = page.client.get("/")
    assert "<img src=x" not in html.text and "&lt;img src=x" in html.text
    policy = html.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    page.post("/api/answer", answer(0, "</script><script>alert(1)</script>", "a"))
    page.caught_up()
    for path in ("/api/state", "/api/rows/0", "/api/clusters", "/api/answers"):
        got = page.client.get(path)
        assert got.headers["content-type"] == "application/json", path
        assert got.headers["x-content-type-options"] == "nosniff"
    assert page.client.get("/picture/1").content.startswith(b"\x89PNG")


@pytest.mark.parametrize("path", WRITES)
def test_oversized_posts_are_refused(page, path):
    big = {"client_id": "x" * LARGEST_BODY}
    assert page.post(f"/api/{path}", big).status_code == 413

    def parts():  # without a length that could be looked at
        for _ in range(2 * LARGEST_BODY // 4096):
            yield b" " * 4096

    headers = {"Origin": f"http://{HOST}", "Content-Type": "application/json"}
    assert page.client.post(f"/api/{path}", content=parts(), headers=headers).status_code == 413


@pytest.mark.parametrize(
    "body",
    [
        [],
        "x",
        {},
        {"row": 0, "client_id": "a"},
        {"row": 60, "name": "x", "client_id": "a"},
        {"row": "0", "name": "x", "client_id": "a"},
        {"row": True, "name": "x", "client_id": "a"},
        {"row": 0, "name": " ", "client_id": "a"},
        {"row": 0, "name": "x" * 201, "client_id": "a"},
        {"row": 0, "name": "a\0b", "client_id": "a"},
        {"row": 0, "name": "\ud800", "client_id": "a"},
        {"row": 0, "name": "x"},
        {"row": 0, "cluster": "{}", "client_id": "a"},
        {"row": 0, "signal": "stop", "client_id": "a"},
        {"row": 0, "name": "x", "client_id": "a", "suggestions": [["1", "much"]]},
    ],
)
def test_nonsense_is_refused_in_words(page, body):
    got = page.post("/api/answer", body)
    assert got.status_code in (400, 422)
    assert got.json()["error"]
    assert page.desk.run.last_seq == 0


def test_a_thousand_requests_at_once_are_bounded_and_none_is_lost(page):
    guard = page.app.middleware_stack
    while type(guard).__name__ != "Guard":
        guard = guard.app

    def send(number: int) -> tuple[int, int]:
        return number, page.post("/api/answer", answer(number % 60, "cat", f"c{number}")).status_code

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        got = dict(pool.map(send, range(1000)))
    assert set(got.values()) <= {200, 503}
    assert 0 < guard.peak <= MOST_AT_ONCE
    taken = {f"c{number}" for number, status in got.items() if status == 200}
    written = [event.client_id for event in page.desk.run.events() if event.kind is Kind.LABEL]
    assert len(written) == len(set(written)) and taken == set(written)
    assert page.client.get("/api/state").status_code == 200
