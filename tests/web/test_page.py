"""The page's requests: the honest ones, and the hostile ones."""

from __future__ import annotations

import concurrent.futures
import json
import os
from pathlib import Path

import numpy as np
import pytest

from activeclust.store.records import Event, Kind
from activeclust.web.security import LARGEST_BODY, MOST_AT_ONCE

HOST = "127.0.0.1:8999"
WRITES = ("who", "next", "answer", "label-many", "alike", "undo", "rename", "merge", "put-back", "go-on")


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


# ---------------------------------------------------------------- hostile


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", f"{HOST}.evil.example", ""])
def test_another_host_is_refused(page, host):
    assert page.first.get("/api/state", headers={"Host": host}).status_code == 421


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
    assert page.service.run.last_seq == 0


def test_a_write_that_does_not_say_where_it_comes_from_is_refused(page):
    assert page.client.post("/api/answer", json=answer(0, "cat", "a")).status_code == 403


def test_the_icon_is_where_browsers_look_for_it(page):
    for path in ("/favicon.ico", "/static/icon.svg"):
        given = page.first.get(path)
        assert given.status_code == 200 and given.headers["content-type"].startswith("image/svg+xml")
        assert b"<svg" in given.content


def test_an_address_lets_in_one_browser_once(page):
    stranger = page.stranger()
    for path in ("/api/state", "/picture/1", "/export/csv", "/static/main.js", "/favicon.ico", "/api/rows/0"):
        assert stranger.get(path).status_code == 401, path
    token = page.access.invite().partition("token=")[2]
    for wrong in ("", "wrong", token[:-1], page.first.client.cookies[page.access.cookie]):
        assert stranger.get("/", params={"token": wrong}).status_code == 401
    stranger.cookies.set(page.access.cookie, "wrong")
    assert stranger.get("/").status_code == 401
    origin = {"Origin": f"http://{HOST}"}
    assert stranger.post("/api/answer", json=answer(0, "cat", "a"), headers=origin).status_code == 401
    assert page.stranger().get("/", params={"token": token}, follow_redirects=False).status_code == 303
    assert page.stranger().get("/", params={"token": token}, follow_redirects=False).status_code == 401
    assert page.first.get("/").status_code == 200


def test_the_cookie_alone_shows_no_data(page):
    """Cookies are sent to every port of this machine; the key is not."""
    thief = page.stranger()
    thief.cookies = page.first.client.cookies
    for path in ("/api/state", "/picture/1", "/export/csv", "/map/pca/0"):
        assert thief.get(path).status_code == 401, path
    assert thief.get("/picture/1", params={"key": page.first.key}).status_code == 200
    other = page.browser()
    thief.headers["X-Activeclust-Key"] = other.key
    assert thief.get("/api/state").status_code == 401, "another browser's key"


def test_no_script_reads_the_cookie_and_no_server_hears_the_key(page):
    token = page.access.invite().partition("token=")[2]
    got = page.stranger().get("/", params={"token": token}, follow_redirects=False)
    cookie = got.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and token not in cookie
    address, _, key = got.headers["location"].partition("#")
    assert address == "/" and key.startswith("key=") and key[4:] not in cookie


def test_reading_writes_nothing(page):
    for path in WRITES:
        assert page.first.get(f"/api/{path}").status_code == 405
    assert page.first.get("/api/answer", params=answer(0, "cat", "a")).status_code == 405
    assert page.service.run.last_seq == 0


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
    got = page.first.get(path)
    assert got.status_code in (400, 404, 405, 422)
    assert b"root:" not in got.content and b"import" not in got.content


def test_script_in_names_rows_and_labels_stays_text(page):
    html = page.first.get("/")
    assert "<img src=x" not in html.text and "&lt;img src=x" in html.text
    policy = html.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    page.post("/api/answer", answer(0, "</script><script>alert(1)</script>", "a"))
    page.caught_up()
    for path in ("/api/state", "/api/rows/0", "/api/clusters", "/api/answers"):
        got = page.first.get(path)
        assert got.headers["content-type"] == "application/json", path
        assert got.headers["x-content-type-options"] == "nosniff"
    assert page.first.get("/picture/1").content.startswith(b"\x89PNG")


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
    assert page.service.run.last_seq == 0


@pytest.mark.parametrize(
    "path",
    [
        "/api/answers?before=²",
        "/api/rows/" + "9" * 5000,
        "/api/rows/²",
        "/picture/" + "9" * 5000,
        "/api/rows?of=²",
        "/map/pca/" + "9" * 5000,
    ],
)
def test_strange_numbers_are_refused_in_words(page, path):
    got = page.first.get(path)
    assert got.status_code in (404, 422) and got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "text",
    [
        '{"row": 0, "name": "x", "client_id": "\\ud800"}',
        '{"row": 0, "name": "x", "client_id": "a", "suggestions": [[["a"], 0.5]]}',
        '{"row": 0, "cluster": ' + json.dumps("[" * 5000) + ', "client_id": "a"}',
        '{"row": 0, "cluster": "' + "9" * 5000 + '", "client_id": "a"}',
        '{"row": ' + "9" * 5000 + ', "name": "x", "client_id": "a"}',
        "[" * 100_000,
        '{"row": 1e400, "name": "x", "client_id": "a"}',
    ],
)
def test_strange_bodies_are_refused_in_words(page, text):
    headers = {"Origin": f"http://{HOST}", "Content-Type": "application/json"}
    got = page.client.post("/api/answer", content=text, headers=headers)
    assert got.status_code in (400, 422) and got.json()["error"]
    assert got.headers["x-content-type-options"] == "nosniff"
    assert page.service.run.last_seq == 0
    name = page.client.post("/api/who", content='{"name": "\\ud800"}', headers=headers)
    assert name.status_code == 422


def test_an_error_that_nobody_expected_has_words_and_headers(page, monkeypatch, capsys):
    monkeypatch.setattr(page.service, "suspects", lambda limit: 1 / 0)
    got = page.first.get("/api/suspects")
    assert got.status_code == 500 and "ZeroDivisionError" in got.json()["error"]
    assert got.headers["content-security-policy"] and "ZeroDivisionError" in capsys.readouterr().err


def test_a_password_lets_in_and_a_proxy_may_stand_before(make_page):
    page = make_page(access={"password": "open sesame", "base_url": "https://example.org/label"})
    door = page.stranger()
    door.headers["Host"] = "example.org"
    assert "Password" in door.get("/label/").text
    form = {"Origin": "https://example.org", "Content-Type": "application/x-www-form-urlencoded"}
    assert door.post("/label/login", content="password=wrong", headers=form).status_code == 401
    foreign = form | {"Origin": "https://evil.example"}
    assert door.post("/label/login", content="password=open+sesame", headers=foreign).status_code == 403
    got = door.post("/label/login", content="password=open+sesame", headers=form, follow_redirects=False)
    assert got.status_code == 303 and got.headers["location"].startswith("/label/#key=")
    assert "Secure" in got.headers["set-cookie"]
    key = {"X-Activeclust-Key": got.headers["location"].partition("#key=")[2]}
    cookie = {"Cookie": got.headers["set-cookie"].partition(";")[0]}
    for path in ("/label/api/state", "/api/state"):  # the proxy leaves its path on, or takes it off
        assert door.get(path, headers=key | cookie).status_code == 200
    write = {"Origin": "https://example.org", "Content-Type": "application/json"} | key | cookie
    assert (
        door.post("/label/api/answer", content=json.dumps(answer(0, "cat", "a")), headers=write).status_code
        == 200
    )


def test_refusals_are_pages_where_a_person_opened_the_address(page):
    got = page.stranger().get("/", headers={"Accept": "text/html", "Host": "evil.example"})
    assert got.status_code == 421 and got.text.startswith("<!doctype html>")


def test_a_file_name_that_is_not_utf8_is_shown(make_page, tmp_path):
    from PIL import Image

    path = Path(os.fsdecode(os.fsencode(tmp_path / "caf") + b"\xe9.png"))
    Image.new("L", (30, 20), 200).save(path)
    page = make_page(items=[path] * 59 + [f"half a pair: {chr(0xDC80)}"])
    item = page.first.get("/api/rows/0").json()["query"]["item"]
    assert item["title"] == "caf\ufffd.png" and item["small"] is True
    assert page.first.get("/picture/0").content.startswith(b"\x89PNG")
    assert page.first.get("/api/rows/59").status_code == 200


def test_a_thousand_requests_at_once_are_bounded_and_none_is_lost(page):
    guard = page.app

    def send(number: int) -> tuple[int, int]:
        return number, page.post("/api/answer", answer(number % 60, "cat", f"c{number}")).status_code

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        got = dict(pool.map(send, range(1000)))
    assert set(got.values()) <= {200, 503}
    assert 0 < guard.peak <= MOST_AT_ONCE
    taken = {f"c{number}" for number, status in got.items() if status == 200}
    written = [event.client_id for event in page.service.run.events() if event.kind is Kind.LABEL]
    assert len(written) == len(set(written)) and taken == set(written)
    assert page.first.get("/api/state").status_code == 200
