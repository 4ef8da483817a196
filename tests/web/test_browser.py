"""A person at the page: Debian's chromium, the real command, the real network, digits."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits

pytest.importorskip("selenium", reason="selenium drives the browser")
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed (.ci/browser)"
)
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
FLAGS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1280,860",
]


class Server:
    """The command in a process of its own."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self.port = folder, port
        self.start()

    def start(self) -> None:
        words = f"annotate d.npz --ui web --no-browser --port {self.port} --seed 0 --db a.db --name digits"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "activeclust.cli", *words.split()],
            cwd=self.folder,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"http://\S+", line):
                self.url = found[0]
                return
        raise AssertionError("the server ended")

    def end(self, how: signal.Signals) -> None:
        self.process.send_signal(how)
        self.process.communicate(timeout=30)


@pytest.fixture
def server(tmp_path):
    digits = load_digits()
    np.savez(tmp_path / "d.npz", X=digits.images[:400])
    running = Server(tmp_path, 8650)
    yield running
    running.end(signal.SIGKILL)


@pytest.fixture
def browser(tmp_path):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()


def wait(truth, what: str, seconds: float = 30):
    end = time.monotonic() + seconds
    while not (found := truth()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.03)
    return found


def shot(browser, name: str) -> None:
    if folder := os.environ.get("ACTIVECLUST_SCREENSHOTS"):
        browser.save_screenshot(str(Path(folder) / f"page-{name}.png"))


def test_a_person_labels_undoes_reloads_resumes_renames_merges_exports(server, browser, tmp_path):
    from selenium.webdriver.common.keys import Keys

    from activeclust.store import open_store

    true = load_digits().target
    run = open_store(tmp_path / "a.db").open_run("digits")

    def row() -> int | None:
        found = re.match(r"Row ([\d,]+)", browser.find_element("id", "question-title").text)
        return int(found[1].replace(",", "")) if found else None

    def press(key: str) -> None:
        browser.switch_to.active_element.send_keys(key)

    def label(times: int) -> None:
        for _ in range(times):
            at = wait(lambda: row() is not None and [row()], "a row")[0]
            name = NAMES[true[at]]
            keys = browser.execute_script(
                "return Object.fromEntries([..."
                "document.querySelectorAll('#suggestions button, #others button')]"
                ".map((b) => [b.querySelector('.name').textContent, b.querySelector('kbd').textContent]))"
            )
            if name in keys:
                assert len(set(keys.values())) == len(keys), "keys clash"
                if browser.switch_to.active_element.tag_name == "input":
                    press(Keys.ESCAPE)
                press(keys[name])
            else:
                browser.find_element("id", "new-name").send_keys(name + Keys.ENTER)
            wait(lambda at=at: row() not in (at, None), "the next row")

    def answered(n: int) -> None:
        wait(lambda: len(run.anchors()) == n, f"{n} answers in the store")

    browser.get(server.url)
    label(16)
    answered(16)
    last = run.events()[-1].row
    press("u")
    answered(15)
    wait(lambda: row() == last, "the row that was taken back")
    label(1)
    browser.refresh()
    label(4)
    answered(20)

    body = browser.find_element("tag name", "body")
    wait(lambda: int(body.get_attribute("data-held")) >= 2, "two more rows to be held")
    server.end(signal.SIGKILL)
    label(2)  # these wait in the browser; the next rows are here already
    assert "wait" in wait(lambda: browser.find_element("id", "network").text, "the notice")
    server.start()
    browser.get(server.url)
    answered(22)
    label(8)
    answered(30)
    assert all(anchor.cluster == NAMES[true[anchor.row]] for anchor in run.anchors())

    time.sleep(2.5)
    shot(browser, "light")
    media = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    shot(browser, "dark")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    shot(browser, "phone")
    assert browser.execute_script("return document.documentElement.scrollWidth") <= 391
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})

    def view(name: str) -> None:
        browser.find_element("css selector", f'[data-view="{name}"]').click()
        selector = f"#view-{name} h2"
        wait(lambda: browser.find_elements("css selector", selector), name)
        time.sleep(0.5)
        shot(browser, name)

    view("progress")
    view("grid")
    view("clusters")
    field = browser.find_element("css selector", '[aria-label="New name for zero"]')
    field.clear()
    field.send_keys("nought" + Keys.ENTER)
    wait(lambda: "nought" in {a.cluster for a in run.anchors()}, "the new name")
    selector = '[aria-label="Merge nought into"] option'
    options = wait(lambda: browser.find_elements("css selector", selector), "the renamed cluster")
    next(option for option in options if option.text == "one").click()
    wait(lambda: "nought" not in {a.cluster for a in run.anchors()}, "the merge")
    view("answers")
    text = browser.execute_async_script(
        "const done = arguments[0]; fetch('/export/csv').then((r) => r.text()).then(done)"
    )
    assert len(text.strip().splitlines()) == 31 and "nought" not in text
    errors = [e["message"] for e in browser.get_log("browser") if "Security Policy" in e["message"]]
    assert not errors
