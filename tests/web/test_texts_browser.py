"""Habits and texts in Debian's chromium: layouts of keyboards, names that nearly are others, notes, redo, the budget's
end, and every view on a narrow screen, as axe-core sees it.

The steps are one test: each goes on where the one before has left off.
"""

from __future__ import annotations

import csv
import signal

import pytest
from person import Person, Server, chromium, needs_chromium, wait

from activeclust.store import open_store

pytestmark = needs_chromium()
TEXTS = [
    "שלום עולם, זה משפט בעברית על מזג האוויר",
    "<b>Sale!</b> <script>alert(1)</script> only today",
    "😀 best 🍕 ever, never again 🥲",
    "The committee met on Tuesday to discuss the proposal at some length. " * 30,
    "word" * 300,
]
LONG = "a cluster whose name goes on and on and does not fit a bar on any screen, let alone a phone's"
BUDGET = 14
VIEWS = ("answer", "grid", "map", "clusters", "answers", "rows", "progress", "result")
CONTENT = {
    "grid": ".grid-tile",
    "map": "#map-legend button",
    "clusters": ".cluster",
    "answers": ".log li",
    "rows": ".log li",
    "result": ".cluster",
}


@pytest.fixture
def person(tmp_path):
    with (tmp_path / "texts.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["text"], *([f"{TEXTS[row % 5]} {row}"] for row in range(60))])
    (tmp_path / "guide.md").write_text("A **cat** is a text about cats.", encoding="utf-8")
    words = f"texts.csv --name texts --embed tf-idf --guidelines guide.md --budget {BUDGET}"
    server = Server(tmp_path, 8670, words)
    driver = chromium(tmp_path / "profile")
    store = open_store(tmp_path / "a.db")
    yield Person(driver, server, store.open_run("texts"), ["cats"] * 60)
    driver.quit()
    store.close()
    server.end(signal.SIGKILL)


def test_somebody_with_texts(person):
    for step in STEPS:
        step(person)
    assert not person.problems()


def next_row(person: Person, before: int | None) -> None:
    wait(lambda: person.row() not in (before, None), "the next row")


def key(person: Person, letter: str, code: str) -> None:
    """Press a key as some keyboard has it."""
    for kind in ("keyDown", "keyUp"):
        person.browser.execute_cdp_cmd(
            "Input.dispatchKeyEvent", {"type": kind, "key": letter, "code": code, "text": letter}
        )


def is_told_what_this_is(person: Person) -> None:
    person.browser.get(person.server.url)
    wait(lambda: person.all("#start[open]"), "the first screen")
    wait(lambda: "60 rows of texts.csv" in person.text("#about-data"), "what the data are")
    assert person.faults() == []
    person.find("#start-go").click()
    assert "A cat is a text about cats." in person.find(".guidelines").get_attribute("textContent")


def is_asked_about_names_that_nearly_are_others(person: Person) -> None:
    from selenium.webdriver.common.keys import Keys

    wait(lambda: person.row() is not None, "a row")
    for name in ("cats", "Cats "):
        row = person.row()
        person.fill("#new-name", name + Keys.ENTER)
        if name == "cats":
            next_row(person, row)
    wait(lambda: "the cluster “cats”" in person.text("dialog.choice"), "the question which one is meant")
    person.find('dialog.choice button[value="same"]').click()
    person.answered(2)
    next_row(person, row)
    assert {anchor.cluster for anchor in person.run.anchors()} == {"cats"}


def answers_by_key_on_any_keyboard(person: Person) -> None:
    for answers, letter in ((3, "с"), (4, "C")):  # the first one is Cyrillic
        wait(lambda: person.keys().get("cats") == "c", "the cluster's key")
        row = person.row()
        key(person, letter, "KeyC")
        person.answered(answers)
        next_row(person, row)
        at = f"Next: Row {person.row()}"
        wait(lambda at=at: at in person.js(_ANNOUNCED), "what a screen reader hears")


_ANNOUNCED = "return document.getElementById('announced').textContent"


def presses_enter_where_none_of_these_is_likelier(person: Person) -> None:
    from selenium.webdriver.common.keys import Keys

    row = person.row()
    person.later(
        "const { page } = await import('/static/state.js'); Object.assign(page.current, { new: 0.83 }); "
        "page.current.suggestions[0].p = 0.07"
    )
    person.press(Keys.ENTER)
    assert person.js("return document.activeElement.id") == "new-name"
    person.press(Keys.ESCAPE)
    assert person.row() == row and len(person.run.anchors()) == 4


def writes_a_note_undoes_and_does_again(person: Person) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    row = person.row()
    person.fill("#note", "ask Eve")
    person.fill("#new-name", LONG + Keys.ENTER)
    person.answered(5)
    next_row(person, row)
    assert person.run.events()[-1].details["note"] == "ask Eve"
    person.press("u")
    person.answered(4)
    wait(lambda: "Undone" in person.text("#toasts"), "the server's word that it is undone")
    assert person.row() == row
    ActionChains(person.browser).key_down(Keys.CONTROL).send_keys("y").key_up(Keys.CONTROL).perform()
    person.answered(5)
    assert {a.row: a.cluster for a in person.run.anchors()}[row] == LONG
    next_row(person, row)


def sees_every_view_on_a_narrow_screen(person: Person) -> None:
    """320 pixels are also what 1280 pixels show at 400 %."""
    person.settled()
    person.emulate("setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=1, mobile=True)
    for scheme, rules in (("light", ()), ("dark", ("color-contrast",))):  # else the schemes do not differ
        person.emulate("setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for view in VIEWS:
            person.view(view)
            if view == "grid":
                person.js(_CATS)
            if view == "map":
                person.laid_out()
                person.later("const { map } = await import('/static/map.js'); document.querySelector"
                             "('#map-help button').click(); return map.plot.selected.size")  # fmt: skip
            if view in CONTENT:
                selector = f"#view-{view} {CONTENT[view]}"
                wait(lambda at=selector: person.all(at), selector)
            assert (view, scheme, person.js("return document.documentElement.scrollWidth")) == (
                view,
                scheme,
                320,
            )
            assert (view, scheme, person.faults(*rules)) == (view, scheme, [])
        person.js("document.querySelector('#view-result .whole-button').click()")
        assert ("the whole row", scheme, person.faults(*rules)) == ("the whole row", scheme, [])
        person.find(".whole-head button").click()
        for opener, dialog in (("#open-settings", "#settings"), ("#open-sheet", "#sheet")):
            person.js(f"document.querySelector('{opener}').click()")
            assert (dialog, scheme, person.faults(*rules)) == (dialog, scheme, [])
            person.find(f"{dialog} .primary").click()
    person.emulate("setEmulatedMedia", features=[])
    person.emulate("clearDeviceMetricsOverride")


_CATS = """
const choice = document.getElementById("grid-cluster");
choice.value = [...choice.options].find((option) => option.textContent.startsWith("cats")).value;
choice.dispatchEvent(new Event("change"));
"""


def reaches_the_budgets_end_and_goes_on(person: Person) -> None:
    person.view("answer")
    for answers in range(6, BUDGET + 1):
        row = wait(lambda: person.row() is not None and [person.row()], "a row")[0]
        assert person.js(_DIRECTION) == ("rtl" if row % 5 == 0 else "ltr")
        assert person.js("return document.getElementById('item').scrollTop") == 0, "a text begins at its top"
        person.js("document.getElementById('item').scrollTop = 9999")
        person.press(person.keys()["cats"])
        person.answered(answers)
        wait(lambda row=row: person.row() != row, "what comes next")
    wait(lambda: "The budget is used up" in person.text("#item"), "the end")
    assert "See the result" in person.text("#item") and "uncertain rows" in person.text("#item")
    go_on = "[...document.querySelectorAll('#item button')].find((b) => b.textContent.startsWith('Continue'))"
    person.js(f"{go_on}.click()")
    wait(lambda: person.row() is not None, "a row beyond the budget")


_DIRECTION = "return document.querySelector('#item .prose').matches(':dir(rtl)') ? 'rtl' : 'ltr'"


def leaves_and_gives_rows_back(person: Person) -> None:
    assert person.run.leased()
    person.browser.get("about:blank")
    wait(lambda: not person.run.leased(), "an end of the leases")


STEPS = (
    is_told_what_this_is,
    is_asked_about_names_that_nearly_are_others,
    answers_by_key_on_any_keyboard,
    presses_enter_where_none_of_these_is_likelier,
    writes_a_note_undoes_and_does_again,
    sees_every_view_on_a_narrow_screen,
    reaches_the_budgets_end_and_goes_on,
    leaves_and_gives_rows_back,
)
