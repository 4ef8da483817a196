"""A person at the page: the command in a process of its own, chromium, and what one does with them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from served import Served

AXE = Path(__file__).resolve().parents[2] / "node_modules/axe-core/axe.min.js"
PATIENCE = 60  #: seconds until something that should happen has not
LAYOUT_PATIENCE = 300  #: the map's layout is made by a process that gives way to every other one
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
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
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")


def needs_chromium() -> pytest.MarkDecorator:
    """The mark of tests with a browser; without selenium their whole file is skipped."""
    pytest.importorskip("selenium", reason="selenium drives the browser")
    return pytest.mark.skipif(
        not (CHROMIUM and DRIVER), reason="chromium and chromedriver are not installed (.ci/browser)"
    )


def chromium(profile: Path, *, webgl: bool = False) -> Any:
    """Selenium's driver of a new browser with a profile of its own; ``webgl`` draws without a graphics card."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    software = ["--enable-unsafe-swiftshader", "--use-angle=swiftshader"]
    flags = [flag for flag in FLAGS if flag != "--disable-gpu"] + software if webgl else FLAGS
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in [*flags, f"--user-data-dir={profile}"]:
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_script_timeout(PATIENCE)
    return driver


def wait(truth: Callable[[], Any], what: str, patience: float | None = None) -> Any:
    """What ``truth`` gives once it is true."""
    end = time.monotonic() + (patience or PATIENCE)
    while not (found := truth()):
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.03)
    return found


_STATE = "const { call } = await import('/static/server.js'); return call('/api/state');"


class Server:
    """The command in a process of its own: over d.npz, or with other words after ``annotate``."""

    def __init__(self, folder: Path, port: int, data: str = "d.npz --name digits") -> None:
        self.folder, self.port, self.data = folder, port, data
        self.start()

    def start(self) -> None:
        words = f"annotate {self.data} --ui web --no-browser --port {self.port} --seed 0 --db a.db"
        self.command = Served(words.split(), self.folder)
        self.url = self.command.url

    def end(self, how: signal.Signals) -> None:
        self.command.end(how)


class Person:
    """Somebody who knows what the rows are.

    Parameters
    ----------
    browser : selenium's driver
    server : Server
    run : Run
        The same run in the store, to see what arrives there.
    names : list of str
        Each row's cluster.
    """

    def __init__(self, browser: Any, server: Server, run: Any, names: list[str]) -> None:
        self.browser, self.server, self.run, self.names = browser, server, run, names

    # ---------------------------------------------------------------- looking

    def find(self, selector: str) -> Any:
        return self.browser.find_element("css selector", selector)

    def all(self, selector: str) -> list[Any]:
        return self.browser.find_elements("css selector", selector)

    def js(self, code: str, *given: Any) -> Any:
        return self.browser.execute_script(code, *given)

    def later(self, code: str, *given: Any) -> Any:
        """What a promise gives."""
        return self.browser.execute_async_script(
            f"const done = arguments[arguments.length - 1]; (async (...given) => {{ {code} }})"
            "(...arguments).then(done, (error) => done(`failed: ${error}`))",
            *given,
        )

    def row(self) -> int | None:
        """The row that is asked about; None while there is none, or the page is still on its way."""
        title = self.all("#question-title")
        found = re.match(r"Row ([\d,]+)", title[0].text) if title else None
        return int(found[1].replace(",", "")) if found else None

    def answered(self, n: int) -> None:
        """Wait until so many answers are in the store."""
        wait(lambda: len(self.run.anchors()) == n, f"{n} answers in the store")

    def text(self, selector: str) -> str:
        """What is written there at this moment; nothing where there is no such element."""
        return self.js(f"return document.querySelector({selector!r})?.innerText ?? ''")

    def settled(self) -> None:
        """Wait until the posterior knows of every answer."""
        wait(lambda: self.later(_STATE)["behind"] is False, "a posterior")

    def laid_out(self) -> None:
        """Wait until the map's points stay where they are: in the layout of neighbours, or where there is none."""
        shown = "return document.getElementById('map-axes').value"

        def stays() -> bool:
            notice = self.text("#map-layout")
            return "no layout" in notice or (notice == "" and self.js(shown) == "layout/0")

        wait(stays, "the layout of neighbours, or why there is none", LAYOUT_PATIENCE)

    def shot(self, name: str) -> None:
        """Keep a picture, where ACTIVECLUST_SCREENSHOTS names a folder."""
        if folder := os.environ.get("ACTIVECLUST_SCREENSHOTS"):
            time.sleep(0.6)
            self.js("document.getElementById('toasts').replaceChildren()")
            self.browser.save_screenshot(str(Path(folder) / f"page-{name}.png"))

    def faults(self, *rules: str) -> list[str]:
        """What axe-core finds wrong with the page as it stands, by all its rules or by those that are named.

        Nothing where it is not installed (npm ci).
        """
        if not AXE.is_file():
            return []
        if not self.js("return Boolean(window.axe)"):
            self.js(AXE.read_text(encoding="utf-8"))
        found = self.later(
            "const [rules] = given; const only = rules.length ? { runOnly: rules } : {};"
            "return (await axe.run(document, { resultTypes: ['violations'], preload: false, ...only }))"
            ".violations.map((v) => `${v.id}: ${v.nodes[0].html.slice(0, 160)}`)",
            rules,
        )
        assert isinstance(found, list), found
        return found

    def problems(self) -> list[str]:
        """What the browser's console complains of; a lost connection and a machine without a graphics card left out."""
        lines = [entry["message"] for entry in self.browser.get_log("browser")]
        expected = "ERR_CONNECTION|ERR_SOCKET|401|fallback to software WebGL|GL Driver Message"
        return [line for line in lines if not re.search(expected, line)]

    # ---------------------------------------------------------------- doing

    def open(self) -> None:
        """Open the address; what the page says of itself the first time is read and closed."""
        self.browser.get(self.server.url)
        wait(lambda: self.all("body[data-ready]"), "the page")
        for begin in self.all("#start[open] #start-go"):
            begin.click()

    def steadily(self, do: Callable[[], Any]) -> None:
        """Do something to elements of a view that is drawn anew when a posterior comes."""
        from selenium.common.exceptions import StaleElementReferenceException

        def tried() -> bool:
            try:
                do()
            except StaleElementReferenceException:
                return False
            return True

        wait(tried, "an element that stays")

    def fill(self, selector: str, text: str) -> None:
        """Type into a field in place of what it holds."""

        def type_it() -> None:
            field = self.find(selector)
            field.click()
            field.clear()
            field.send_keys(text)

        self.steadily(type_it)

    def choose(self, selector: str, text: str) -> None:
        """Choose the option of a list that begins with a text."""

        def click_it() -> None:
            options = wait(lambda: self.all(f"{selector} option"), selector)
            next(option for option in options if option.text.startswith(text)).click()

        self.steadily(click_it)

    def view(self, name: str) -> None:
        self.find(f'[data-view="{name}"]').click()
        wait(lambda: self.all(f"#view-{name}:not([hidden]) h2"), name)

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.browser).send_keys(*keys).perform()

    def keys(self) -> dict[str, str]:
        """Cluster -> key."""
        return self.js(
            "return Object.fromEntries([...document.querySelectorAll('#suggestions button:not(.none), #others button')]"
            ".map((b) => [b.querySelector('.name').textContent, b.querySelector('kbd').textContent]))"
        )

    def label(self, times: int) -> None:
        """Answer the next rows: by key, or by typing the name of a new cluster."""
        from selenium.webdriver.common.keys import Keys

        for _ in range(times):
            at = wait(lambda: self.row() is not None and [self.row()], "a row")[0]
            name = self.names[at]
            keys = wait(lambda: "" not in (keys := self.keys()).values() and [keys], "keys")[0]
            if name in keys:
                assert len(set(keys.values())) == len(keys), "keys clash"
                if self.browser.switch_to.active_element.tag_name == "input":
                    self.press(Keys.ESCAPE)
                self.press(keys[name])
            else:
                self.find("#new-name").send_keys(name + Keys.ENTER)
            wait(lambda at=at: self.row() not in (at, None), "the next row")

    def emulate(self, command: str, **given: Any) -> None:
        self.browser.execute_cdp_cmd(f"Emulation.{command}", given)
