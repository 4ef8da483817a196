"""Hostile requests to the page: other hosts and sites, strangers, nonsense, floods."""

from __future__ import annotations

import concurrent.futures
import json
import os
from pathlib import Path

import pytest

from activeclust.store.records import Kind
from activeclust.web.security import LARGEST_BODY, MOST_AT_ONCE

from .conftest import HOST
from .test_page import answer

WRITES = ("who", "next", "answer", "label-many", "alike", "undo", "rename", "merge", "put-back", "go-on")


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


def test_hundreds_of_requests_at_once_are_bounded_and_none_is_lost(page):
    guard = page.app

    def send(number: int) -> tuple[int, int]:
        return number, page.post("/api/answer", answer(number % 60, "cat", f"c{number}")).status_code

    with concurrent.futures.ThreadPoolExecutor(100) as pool:
        got = dict(pool.map(send, range(400)))
    assert set(got.values()) <= {200, 503}
    assert 0 < guard.peak <= MOST_AT_ONCE
    taken = {f"c{number}" for number, status in got.items() if status == 200}
    written = [event.client_id for event in page.service.run.events() if event.kind is Kind.LABEL]
    assert len(written) == len(set(written)) and taken == set(written)
    assert page.first.get("/api/state").status_code == 200
