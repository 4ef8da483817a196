"""A person labels, undoes, reloads, is cut off and resumes, looks at every view: in Debian's chromium.

The steps are one test, in one browser and over one server: each goes on where the one before has left off.
``ACTIVECLUST_SCREENSHOTS=docs/figures pytest tests/web/test_browser.py`` keeps a picture of every view.
"""

from __future__ import annotations

import signal

import numpy as np
import pytest
from person import PHONE, Person, Server, chromium, needs_chromium, wait
from sklearn.datasets import load_digits

from activeclust.store import open_store

pytestmark = needs_chromium()
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ROWS = 400
VIEWS = ("answer", "grid", "map", "clusters", "answers", "rows", "progress", "result")


@pytest.fixture
def server(tmp_path):
    np.savez(tmp_path / "d.npz", X=load_digits().images[:ROWS])
    running = Server(tmp_path, 8650)
    yield running
    running.end(signal.SIGKILL)


@pytest.fixture
def browser(tmp_path):
    driver = chromium(tmp_path / "profile")
    yield driver
    driver.quit()


def test_a_person_at_the_page(server, browser, tmp_path):
    store = open_store(tmp_path / "a.db")
    names = [NAMES[label] for label in load_digits().target[:ROWS]]
    person = Person(browser, server, store.open_run("digits"), names)
    for step in STEPS:
        step(person)
    assert not person.problems()
    store.close()


def labels_undoes_and_reloads(person: Person) -> None:
    person.open()
    wait(lambda: person.all("#item img.pixels"), "a picture of 8 by 8 pixels, which stay pixels")
    person.label(16)
    person.answered(16)
    last = person.run.events()[-1].row
    person.press("u")
    person.answered(15)
    wait(lambda: person.row() == last, "the row that was taken back")
    person.label(1)
    person.browser.refresh()
    person.label(4)
    person.answered(20)


def is_cut_off_and_resumes(person: Person) -> None:
    """The server is killed: answers wait in the browser, and are sent to the next server."""
    held = person.find("body")
    wait(lambda: int(held.get_attribute("data-held")) >= 2, "two more rows to be held")
    person.server.end(signal.SIGKILL)
    person.label(2)  # the next rows are here already
    wait(lambda: "wait" in person.text("#network"), "the notice")
    person.server.start()
    person.open()
    person.answered(22)
    person.label(8)
    person.answered(30)
    assert all(anchor.cluster == person.names[anchor.row] for anchor in person.run.anchors())


def looks_by_night_and_on_a_phone(person: Person) -> None:
    person.settled()
    person.shot("light")
    person.emulate("setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    person.shot("dark")
    person.view("map")
    person.shot("map-dark")
    person.emulate("setEmulatedMedia", features=[])
    person.emulate("setDeviceMetricsOverride", **PHONE)
    for view in VIEWS[::-1]:
        person.view(view)
        assert person.js("return document.documentElement.scrollWidth") <= 391, view
        if view in ("map", "answer"):
            person.shot({"map": "map-phone", "answer": "phone"}[view])
    for control in ("skip", "unsure", "undo"):
        assert person.js(_IN_SIGHT, control), f"{control} is below what a phone shows"
    person.emulate("clearDeviceMetricsOverride")


_IN_SIGHT = "return document.getElementById(arguments[0]).getBoundingClientRect().bottom <= innerHeight"


def changes_keys_and_switches_them_off(person: Person) -> None:
    """A key moves to another cluster; without single keys, pressing one does nothing."""
    person.view("answer")
    keys = person.keys()
    person.find("#open-settings").click()
    person.find('[aria-label="Key for one"]').send_keys("x")
    person.shot("settings")
    person.find("#single-keys").click()
    person.find("#settings .primary").click()
    assert person.js("return document.body.classList.contains('no-keys')")
    at = person.row()
    person.press("x", keys["two"], "s")
    person.find("#open-settings").click()
    person.find("#single-keys").click()
    person.find("#settings .primary").click()
    assert person.row() == at
    person.answered(30)
    assert person.keys() == keys | {"one": "x"}


def has_landmarks_and_names(person: Person) -> None:
    """What a screen reader goes by: landmarks, one main heading, names; and all that axe-core looks at.

    The other colours of the dark scheme are all that differs there.
    """
    for view in VIEWS:
        person.view(view)
        bare = person.js(_NAMELESS)
        assert not bare, f"{view}: {bare}"
        assert (view, person.faults()) == (view, [])
    person.emulate("setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    for view in VIEWS:
        person.view(view)
        assert (view, "dark", person.faults("color-contrast")) == (view, "dark", [])
    person.emulate("setEmulatedMedia", features=[])
    assert person.js("return ['header', 'nav[aria-label]', 'main', 'h1'].every((s) => "
                     "document.querySelectorAll(s).length === 1)")  # fmt: skip
    assert person.find(".skip-link").get_attribute("href").endswith("#question")
    for opener, dialog in (("#open-settings", "#settings"), ("#open-sheet", "#sheet")):
        person.find(opener).click()
        assert (dialog, person.faults()) == (dialog, [])
        person.find(f"{dialog} .primary").click()


_NAMELESS = """
const shown = (e) => e.getClientRects().length > 0;
const name = (e) => (e.getAttribute("aria-label") || e.textContent || e.title || e.placeholder
  || [...(e.labels ?? [])].map((l) => l.textContent).join("")).trim() || e.querySelector("img[alt]")?.alt;
const used = "button, a, input, select, canvas:not([aria-hidden]), [role]:not(svg [role])";
return [...document.querySelectorAll(used)]
  .filter((e) => shown(e) && !e.matches("[role=status]") && !name(e)).map((e) => e.outerHTML.slice(0, 120));
"""


def asks_and_labels_on_the_map(person: Person) -> None:
    """Hover shows a row, a click asks about it, a lasso labels rows together, undo takes all of them back."""
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    person.view("map")
    person.settled()
    wait(lambda: person.all("#map-legend button"), "the colours")
    person.laid_out()
    person.shot("map")
    canvas = person.find("#map-points")
    row, x, y = person.later(_A_LONELY_ROW)
    ActionChains(person.browser).move_to_element_with_offset(canvas, x, y).perform()
    wait(lambda: f"row {row}" in person.text("#map-card"), "the row's card")
    ActionChains(person.browser).click().perform()
    wait(lambda: person.row() == row, "the row that was clicked")

    person.view("map")
    person.find('[data-tool="lasso"]').click()
    drawn = ActionChains(person.browser).move_to_element_with_offset(canvas, -300, -200).click_and_hold()
    for dx, dy in ((600, 0), (0, 220), (-600, 0)):
        drawn.move_by_offset(dx, dy)
    drawn.release().perform()
    wait(lambda: "selected" in person.text("#map-picked"), "the rows in the lasso")
    person.shot("map-lasso")
    assert person.faults() == []
    picked = int(person.text("#map-picked").split()[0].replace(",", ""))
    assert picked > 12, "more than are shown at once"
    first = wait(
        lambda: person.text("#map-shown").startswith("1 to") and person.js(_SAMPLES), "the first of them"
    )
    turn = "//*[@id='map-pages']//button[text()='Next']"
    person.steadily(lambda: person.browser.find_element("xpath", turn).click())
    others = wait(
        lambda: person.text("#map-shown").startswith("13 to") and person.js(_SAMPLES), "those after them"
    )
    assert not set(first) & set(others), "none is labelled unseen"
    person.find("#map-name").send_keys("upper half" + Keys.ENTER)
    person.answered(30 + picked)
    ActionChains(person.browser).key_down(Keys.CONTROL).send_keys("z").key_up(Keys.CONTROL).perform()
    person.answered(30)
    wait(lambda: person.later(_ANSWERED) == 30, "a map that knows of it")

    person.js("document.getElementById('map-points').focus()")
    person.press(Keys.ARROW_RIGHT)
    for arrow in 5 * (Keys.ARROW_RIGHT, Keys.ARROW_DOWN, Keys.ARROW_LEFT, Keys.ARROW_UP):
        person.press(arrow)
        if person.later(_AT_AN_OPEN_ROW):  # an answered one is not selected by itself
            break
    person.press(Keys.SPACE)
    wait(lambda: person.text("#map-picked") == "1 row selected", "a row selected by key")
    said = person.js("return document.getElementById('map-said').textContent")
    person.press(Keys.ENTER)
    wait(lambda: person.row() is not None and f"Row {person.row()}," in said, "the row at the cursor")


_SAMPLES = "return [...document.querySelectorAll('#map-samples [data-row]')].map((e) => e.dataset.row)"
_AT_AN_OPEN_ROW = "const { map } = await import('/static/map.js'); return map.kinds[map.cursor] !== 1;"
_ANSWERED = (
    "return (await import('/static/map.js')).map.kinds.reduce((sum, kind) => sum + (kind === 1 ? 1 : 0), 0)"
)
_A_LONELY_ROW = """
const { map } = await import("/static/map.js");
const box = document.getElementById("map-points").getBoundingClientRect();
for (let row = 0; row < map.plot.n; row += 1) {
  const x = map.plot.x(row), y = map.plot.y(row);
  if (x < 20 || y < 20 || x > box.width - 20) continue;
  // the pointer moves by whole pixels: a row that is nearest all round its point
  const around = [[0, 0], [1, 1], [1, -1], [-1, 1], [-1, -1]];
  if (map.kinds[row] !== 0 || !around.every(([i, j]) => map.plot.nearest(x + i, y + j) === row)) continue;
  let near = 0;
  map.plot.near(x, y, 4, () => { near += 1; });
  if (near < 40) return [row, Math.round(x - box.width / 2), Math.round(y - box.height / 2)];
}
"""


def follows_the_curve_and_looks_again(person: Person) -> None:
    person.view("progress")
    wait(lambda: person.all("#view-progress .curve"), "the curves")
    person.steadily(lambda: person.find("#suspects button").click())
    wait(lambda: "Find again" in person.text("#suspects"), "the suspects")
    person.shot("progress")


def takes_many_that_look_alike(person: Person) -> None:
    person.view("grid")
    person.choose("#grid-cluster", "six")
    tiles = wait(lambda: person.all("#view-grid .grid-tile"), "rows that look alike")
    assert all("%" in tile.text for tile in tiles), "how sure the model is of each"
    wrong = [tile for tile in tiles if person.names[int(tile.get_attribute("data-row"))] != "six"]
    for row in [tile.get_attribute("data-row") for tile in wrong]:
        person.find(f'#view-grid .grid-tile[data-row="{row}"] .grid-pick').click()
    person.shot("grid")
    person.find("#grid-take").click()
    person.answered(30 + len(tiles) - len(wrong))
    assert all(anchor.cluster == person.names[anchor.row] for anchor in person.run.anchors())


TYPES_WHILE_IT_IS_DRAWN = """
const [how] = given;
const { views } = await import(new URL('/static/views.js', location));
const fetched = window.fetch;
let release;
const held = new Promise((resolve) => { release = resolve; });
window.fetch = async (...asked) => { await held; return fetched(...asked); };
const drawn = how === 'opened' ? views.clusters.open() : views.clusters.draw(false);
const field = document.querySelector('[aria-label="New name for zero"]');
field.focus();
field.value = 'half a na';
release();
await drawn;
window.fetch = fetched;
const kept = field.isConnected ? field.value : 'gone';
field.blur();
return kept;
"""


def keeps_what_is_being_typed(person: Person) -> None:
    """A new posterior comes, or the view is opened again, and somebody begins to type while the server answers."""
    person.settled()
    person.view("clusters")
    wait(lambda: person.all('[aria-label="New name for zero"]'), "the clusters")
    for how in ("a new posterior", "opened"):
        assert person.later(TYPES_WHILE_IT_IS_DRAWN, how) == "half a na"


def renames_and_merges(person: Person) -> None:
    from selenium.webdriver.common.keys import Keys

    def clusters() -> set[str]:
        return {anchor.cluster for anchor in person.run.anchors()}

    person.settled()
    person.view("clusters")
    wait(lambda: person.all('[aria-label="New name for zero"]'), "the clusters")
    person.shot("clusters")
    person.fill('[aria-label="New name for zero"]', "nought" + Keys.ENTER)
    wait(lambda: "nought" in clusters(), "the new name")
    person.choose('[aria-label="Merge nought into"]', "one")
    wait(lambda: "nought" not in clusters(), "the merge")


def edits_a_past_answer_and_exports(person: Person) -> None:
    person.view("answers")
    wait(lambda: person.all("#view-answers li"), "the answers")
    person.shot("answers")
    answers = len(person.run.anchors())
    change = "//*[@id='view-answers']//li[not(contains(@class, 'old'))]//button[text()='Change']"
    person.steadily(lambda: person.browser.find_element("xpath", change).click())
    wait(lambda: "answered:" in person.text("#question-note"), "the answered row")
    row = person.row()
    person.press(person.keys()["nine"])
    wait(lambda: {a.row: a.cluster for a in person.run.anchors()}.get(row) == "nine", "the new answer")
    text = person.later("return (await fetch(document.querySelector('a[href*=csv]').href)).text()")
    assert len(text.strip().splitlines()) == answers + 1 and "nought" not in text


def checks_random_rows_and_takes_the_result(person: Person) -> None:
    """A check in which the model's guess is hidden; then the clusters, and a file with every row."""
    person.view("result")
    wait(lambda: person.all("#begin-check"), "the result")
    person.steadily(lambda: person.find("#begin-check").click())
    wait(lambda: "row 1 of 30" in person.text("#check-note"), "the check")
    assert not person.all("#suggestions .bar"), "nothing sways the answer"
    person.label(3)
    person.steadily(lambda: person.find("#check-note button").click())
    wait(lambda: "of 3 rows drawn at random" in person.text("#view-result .trust"), "what the check gave")
    person.shot("result")
    text = person.later(
        "return (await fetch(document.querySelector('#view-result a[href*=csv]').href)).text()"
    )
    assert len(text.strip().splitlines()) == ROWS + 1


def finds_rows(person: Person) -> None:
    person.view("rows")
    person.fill("#rows-text", "17")
    wait(lambda: person.text("#rows-count") == "1 row", "row 17")
    assert "row 17" in person.text("#rows-found").lower()
    person.fill("#rows-text", " ")
    person.choose("#rows-state", "not answered")
    wait(lambda: "1 to 24" in person.text("#rows-count"), "open rows, the doubtful ones first")
    person.shot("rows")


STEPS = (
    labels_undoes_and_reloads,
    is_cut_off_and_resumes,
    looks_by_night_and_on_a_phone,
    changes_keys_and_switches_them_off,
    has_landmarks_and_names,
    asks_and_labels_on_the_map,
    follows_the_curve_and_looks_again,
    takes_many_that_look_alike,
    keeps_what_is_being_typed,
    renames_and_merges,
    edits_a_past_answer_and_exports,
    finds_rows,
    checks_random_rows_and_takes_the_result,
)
