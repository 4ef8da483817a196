"""Several people at one run: who may answer, guidelines beside the question, and rows that two people answer."""

from __future__ import annotations

import urllib.error
import urllib.request

import numpy as np
import pytest
from click.testing import CliRunner
from served import Served

from activeclust.cli.annotate import annotate_command
from activeclust.errors import InvalidInput
from activeclust.web import read_people
from activeclust.web.app import make_app

from .conftest import HOST, Browser
from .test_result import label

GUIDELINES = (
    "# What is *what*\n\n| case | answer |\n|---|---|\n| doubt | skip |\n\n<script>alert(1)</script>\n"
)


def test_names_and_passwords_of_a_file():
    assert read_people("ann\n # no one\n\nbob: a: b \n") == {"ann": "", "bob": "a: b"}
    for text, says in (("ann\nann: secret", "listed twice"), ("# nobody\n", "holds no name")):
        with pytest.raises(InvalidInput, match=says):
            read_people(text)


@pytest.fixture
def team(make_page):
    return make_page(access={"people": {"ann": "", "bob": "open sesame"}})


def test_only_those_of_the_list_answer_under_a_name(team):
    about = team.first.get("/api/about").json()
    assert about["people"] == ["ann", "bob"]
    assert team.post("/api/who", {"name": "ann"}).json()["who"] == "ann"
    refused = team.post("/api/who", {"name": "eve"})
    assert refused.status_code == 422 and "ann, bob" in refused.json()["error"]
    refused = team.post("/api/who", {"name": "bob"})
    assert refused.status_code == 422 and "log in" in refused.json()["error"]
    assert team.first.get("/api/state").json()["who"] == "ann"


def test_who_has_a_password_logs_in_with_it(team):
    stranger = team.stranger()
    form = stranger.get("/")
    assert form.status_code == 401 and "name=password" in form.text and "name=name" in form.text

    def log_in(name, password):
        origin = {"Origin": f"http://{HOST}"}
        given = {"name": name, "password": password}
        return stranger.post("/login", data=given, headers=origin, follow_redirects=False)

    for name, password in (("bob", "wrong"), ("ann", ""), ("eve", "open sesame")):
        assert log_in(name, password).status_code == 401
    entered = log_in("bob", "open sesame")
    assert entered.status_code == 303
    stranger.headers["X-Activeclust-Key"] = entered.headers["location"].partition("#key=")[2]
    assert stranger.get("/api/state").json()["who"] == "bob"


def test_guidelines_stand_beside_the_question_and_are_no_script(make_page):
    page = make_page()
    page.app = make_app(page.service, page.access, GUIDELINES)
    text = Browser(page).client.get("/").text
    assert "<em>what</em>" in text and "<td>skip</td>" in text
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text


def test_the_command_reads_both_files(tmp_path):
    np.save(tmp_path / "d.npy", np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32))
    (tmp_path / "people.txt").write_text("ann\nbob: open sesame\n")
    (tmp_path / "guide.md").write_text(GUIDELINES)
    words = (
        "annotate d.npy --ui web --no-browser --people people.txt --guidelines guide.md --seed 0 --db a.db"
    )
    command = Served(words.split(), tmp_path)
    try:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(command.url) as reply:
            assert "<em>what</em>" in reply.read().decode()
        with pytest.raises(urllib.error.HTTPError, match="401") as closed:
            urllib.request.urlopen(command.url.partition("?")[0])
        assert "name=name" in closed.value.read().decode(), "who has a password may log in"
    finally:
        command.end()


@pytest.mark.parametrize(
    ("option", "text", "says"),
    [
        ("--people", b"# nobody\n", "holds no name"),
        ("--guidelines", b"\xff\xfe\x00", "cannot be read as text"),
    ],
)
def test_files_that_are_none_are_refused(tmp_path, option, text, says):
    np.save(tmp_path / "d.npy", np.random.default_rng(0).normal(size=(40, 3)))
    (tmp_path / "f").write_bytes(text)
    words = [str(tmp_path / "d.npy"), "--ui", "web", "--no-browser", "--db", str(tmp_path / "a.db")]
    done = CliRunner().invoke(annotate_command, [*words, option, str(tmp_path / "f")])
    assert done.exit_code and says in str(done.exception)


def test_two_people_are_asked_about_the_same_rows_and_their_disputes_are_shown(make_page):
    """`--annotators 2` on the page; tests/loop/test_annotators_per_row.py has the function and the terminal."""
    page = make_page(options={"annotators": 2})
    ann, bob = page.browser("ann"), page.browser("bob")
    said = {}
    for number in range(4):
        (query,) = ann.post("/api/next", {"want": 1, "have": []}).json()["queries"]
        label(ann, query["row"], "cat")
        said[query["row"]] = number
    assert len(said) == 4
    page.caught_up()
    for number in range(4):
        (query,) = bob.post("/api/next", {"want": 1, "have": []}).json()["queries"]
        assert query["row"] == list(said)[number], "first what the other has begun"
        label(bob, query["row"], "dog" if number == 1 else "cat")
    page.caught_up()
    (found,) = bob.get("/api/find", params={"state": "disputed"}).json()["rows"]
    assert found["row"] == list(said)[1] and found["disputed"]
    assert bob.get("/api/result").json()["disputed"] == 1
