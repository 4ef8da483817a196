"""Two people in two browsers of their own: the second one logs in with the password, and is asked for a name."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from person import Person, Server, chromium, needs_chromium, wait

from activeclust.store import open_store

pytestmark = needs_chromium()
PASSWORD = "open sesame"


@pytest.fixture
def two(tmp_path, monkeypatch):
    monkeypatch.setenv("ACTIVECLUST_PASSWORD", PASSWORD)
    X = np.random.default_rng(0).normal(size=(60, 4)) + 6 * np.eye(3, 4)[np.arange(60) % 3]
    np.savez(tmp_path / "d.npz", X=X.astype(np.float32))
    server = Server(tmp_path, 8675)
    store = open_store(tmp_path / "a.db")
    drivers = [chromium(tmp_path / name) for name in ("first", "second")]
    yield [Person(driver, server, store.open_run("digits"), []) for driver in drivers]
    for driver in drivers:
        driver.quit()
    store.close()
    server.end(signal.SIGKILL)


def test_the_second_one_logs_in_and_is_somebody_else(two):
    from selenium.webdriver.common.keys import Keys

    ann, bob = two
    ann.open()
    bob.browser.get(f"http://127.0.0.1:{bob.server.port}/")
    assert bob.faults() == []
    bob.find("input[name=password]").send_keys("a wrong one" + Keys.ENTER)
    wait(lambda: "Wrong password" in bob.text("main"), "the refusal")
    bob.find("input[name=password]").send_keys(PASSWORD + Keys.ENTER)
    wait(lambda: bob.all("body[data-ready]"), "the page")
    bob.find("#start-go").click()
    wait(lambda: bob.all("#ask-who[open]"), "the question who that is")
    assert bob.faults() == []
    bob.find("#ask-who-name").send_keys("bob" + Keys.ENTER)
    wait(lambda: bob.text("#who-shown") == "bob", "the name")

    row = wait(lambda: ann.row() is not None and [ann.row()], "a row")[0]
    other = wait(lambda: bob.row() is not None and [bob.row()], "a row")[0]
    assert row != other, "a row is one person's"
    ann.find("#new-name").send_keys("red" + Keys.ENTER)
    ann.answered(1)
    bob.find("#undo").click()
    wait(lambda: "no answer to undo" in bob.text("#toasts"), "that undo is one's own")
    assert len(ann.run.anchors()) == 1
