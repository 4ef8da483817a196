"""The notebook's widget: what its messages do to the loop, and what chromium shows of it."""

from __future__ import annotations

import base64
import json
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from person import CHROMIUM, DRIVER, chromium, wait

from activeclust.errors import InvalidInput, MissingDependency
from activeclust.notebook import annotate

pytest.importorskip("anywidget", reason="the widget needs activeclust[notebook]")
from activeclust.notebook import widget as module


class Front:
    """What Jupyter is to a widget: carries messages there and back."""

    def __init__(self, widget) -> None:
        self.widget, self.sent = widget, []
        widget.send = lambda content, buffers=None: self.sent.append((content, buffers or []))

    def tell(self, **message):
        """Send a message; the state then, and what else came back."""
        self.sent.clear()
        self.widget._handle_custom_msg(message, [])
        return self.widget.state, list(self.sent)


@pytest.fixture
def front(make):
    return Front(annotate(make(None, who="eva"), budget=10))


def test_an_answer_is_in_the_loop_before_the_next_question(front):
    first = front.widget.state["question"]["row"]
    state, _ = front.tell(do="answer", row=first, name="cat")
    assert front.widget.loop.anchors == {first: "cat"}
    assert front.widget.loop.stored.events()[0].annotator == "eva"
    assert state["answered"] == 1 and state["question"]["row"] != first and state["trouble"] == ""
    assert state["clusters"] == [{"id": '"cat"', "text": "cat", "rows": 60, "key": "c"}]
    assert state["question"]["suggestions"][0]["id"] == '"cat"'
    assert json.loads(json.dumps(state)) == state


def test_integers_and_texts_stay_apart_and_a_typed_name_means_a_known_cluster(front):
    loop = front.widget.loop
    loop.tell(0, 7)
    front.tell(do="answer", row=1, cluster="7")
    front.tell(do="answer", row=2, cluster='"7"')
    front.tell(do="answer", row=3, name="7")
    assert [loop.anchors[row] for row in range(4)] == [7, 7, "7", 7]


def test_skip_unsure_and_undo(front):
    loop, row = front.widget.loop, front.widget.state["question"]["row"]
    state, _ = front.tell(do="answer", row=row, signal="skip")
    assert state["answered"] == 0 and state["question"]["row"] != row
    second = state["question"]["row"]
    front.tell(do="answer", row=second, signal="unsure")
    assert set(loop.stored.withdrawn()) == {row, second}
    assert front.tell(do="undo")[0]["question"]["row"] == second
    assert front.tell(do="undo")[0]["question"]["row"] == row
    assert "no answer to undo" in front.tell(do="undo")[0]["trouble"]


def test_the_budget_ends_the_questions_but_not_the_answers(front):
    while question := front.widget.state["question"]:
        front.tell(do="answer", row=question["row"], name=f"c{question['row'] % 2}")
    state = front.widget.state
    assert (state["answered"], state["ended"]) == (10, "budget")
    row = next(row for row in range(60) if row not in front.widget.loop.anchors)
    state, _ = front.tell(do="question", row=row)
    assert state["question"]["row"] == row
    front.tell(do="answer", row=row, name="c0")
    assert len(front.widget.loop.anchors) == 11


def test_the_grid_holds_open_rows_of_the_cluster_likeliest_first(front, blobs):
    loop, y = front.widget.loop, blobs[1]
    for row in range(30):
        loop.tell(row, y[row])
    _, [(grid, _)] = front.tell(do="grid", cluster='"cat"')
    rows = [tile["row"] for tile in grid["tiles"]]
    assert rows and all(y[row] == "cat" and row >= 30 for row in rows)
    shares = [tile["p"] for tile in grid["tiles"]]
    assert shares == sorted(shares, reverse=True)
    state, _ = front.tell(do="many", rows=rows, cluster='"cat"')
    assert all(loop.anchors[row] == "cat" for row in rows) and state["answered"] == 30 + len(rows)


def test_tiles_of_a_table_show_what_tells_rows_apart_and_texts_begin(make, blobs):
    rows = [
        {"id": f"r{row}", "kind": name, **{f"c{i}": 1 for i in range(8)}} for row, name in enumerate(blobs[1])
    ]
    front = Front(annotate(make(None, items=rows)))
    front.widget.loop.tell(0, "cat")
    _, [(grid, _)] = front.tell(do="grid", cluster='"cat"')
    assert grid["wide"]
    for tile in grid["tiles"]:
        assert str(rows[tile["row"]]["kind"]) in tile["html"] and tile["html"].count("<tr>") <= 4
    front = Front(annotate(make(None, items=["word " * 200] * 60)))
    front.widget.loop.tell(0, "cat")
    _, [(grid, _)] = front.tell(do="grid", cluster='"cat"')
    assert all(len(tile["html"]) < 400 for tile in grid["tiles"])


def test_the_map_says_where_rows_lie_and_what_they_look_like(front, blobs):
    y = blobs[1]
    for row in range(20):
        front.widget.loop.tell(row, y[row])
    _, [(content, buffers)] = front.tell(do="map")
    xy, codes = (np.frombuffer(b, "<u2") for b in buffers[:2])
    certainty, kinds = (np.frombuffer(b, np.uint8) for b in buffers[2:])
    assert len(xy) == 120 and len(codes) == len(certainty) == len(kinds) == 60
    assert (kinds == 1).sum() == 20 and (certainty[kinds == 1] == 255).all()
    loop = front.widget.loop
    assert [content["clusters"][code] for code in codes] == [json.dumps(name) for name in loop.labels]
    points = loop.prepared.views["pca"][:, :2]
    assert np.corrcoef(xy[::2].astype(float), points[:, 0])[0, 1] > 0.9999
    assert "makes no layout" in content["layout"]["why"]


@pytest.mark.parametrize(
    ("message", "says"),
    [({"do": "fly"}, "does one of"), ({"do": "answer", "row": 99, "name": "x"}, "from 0 to 59"),
     ({"do": "answer", "row": 1}, "one of cluster, name and signal"), ({"do": "answer", "row": 1, "name": " "}, "name"),
     ({"do": "grid", "cluster": "["}, "id"), ({"do": "many", "rows": "all", "name": "x"}, "list")],
)  # fmt: skip
def test_what_cannot_be_done_is_said_and_changes_nothing(front, message, says):
    state, _ = front.tell(**message)
    assert says in state["trouble"] and front.widget.loop.anchors == {}


def test_answers_of_others_are_seen(front):
    front.widget.loop.stored.append(_label(5, "dog"))
    assert front.tell(do="undo")[0]["answered"] == 1


def _label(row, cluster):
    from activeclust.store.records import Event, Kind

    return Event(Kind.LABEL, row=row, cluster=cluster, annotator="bob")


def test_a_bad_budget_is_refused(make):
    with pytest.raises(InvalidInput, match="budget"):
        annotate(make(None), budget=0)


def test_without_the_extra_the_command_that_installs_it_is_named(make, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "anywidget", None)
    monkeypatch.delitem(sys.modules, "activeclust.notebook.widget")
    with pytest.raises(MissingDependency, match=r"pip install 'activeclust\[notebook\]'"):
        annotate(make(None))


# ---------------------------------------------------------------- in a browser

PAGE = b"""<!doctype html><meta charset="utf-8"><link rel="stylesheet" href="/widget.css"><div id="cell"></div>
<script type="module">
import widget from "/widget.js";
const listeners = new Map();
let state = {};
const fire = (name, ...given) => { for (const run of listeners.get(name) ?? []) run(...given); };
async function exchange(message) {
  const reply = await (await fetch("/message", { method: "POST", body: JSON.stringify(message) })).json();
  const changed = JSON.stringify(reply.state) !== JSON.stringify(state);
  state = reply.state;
  if (changed) fire("change:state");
  for (const { content, buffers } of reply.sent)
    fire("msg:custom", content, buffers.map((b) => {
      const bytes = Uint8Array.from(atob(b), (c) => c.charCodeAt(0));
      return new DataView(bytes.buffer);
    }));
}
const model = {
  get: () => state,
  on: (name, run) => listeners.set(name, [...(listeners.get(name) ?? []), run]),
  off: (name, run) => listeners.set(name, (listeners.get(name) ?? []).filter((other) => other !== run)),
  send: exchange,
};
window.model = model;
window.maps = 0;
model.on("msg:custom", ({ kind }) => { window.maps += kind === "map"; });
await exchange(null);
widget.render({ model, el: document.getElementById("cell") });
</script>"""


@pytest.fixture
def browser(front, tmp_path):
    """Chromium with the widget, over the loop of ``front``."""
    if not (CHROMIUM and DRIVER):
        pytest.skip("chromium and chromedriver are not installed (.ci/browser)")
    pytest.importorskip("selenium", reason="selenium drives the browser")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                return self.reply(PAGE, "text/html")
            if self.path == "/widget.js":  # as a notebook gets it
                return self.reply(str(module.AnnotationWidget._esm).encode(), "text/javascript")
            file = module.STATIC / self.path.lstrip("/")
            if not file.is_file():
                return self.send_error(404)
            return self.reply(file.read_bytes(), "text/css" if file.suffix == ".css" else "text/javascript")

        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            state, sent = front.tell(**message) if message else (front.widget.state, [])
            packed = [{"content": c, "buffers": [base64.b64encode(b).decode() for b in bs]} for c, bs in sent]
            self.reply(json.dumps({"state": state, "sent": packed}).encode(), "application/json")

        def reply(self, data: bytes, kind: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    driver = chromium(tmp_path / "profile")
    driver.get(f"http://127.0.0.1:{server.server_port}/")
    yield driver
    driver.quit()
    server.shutdown()
    server.server_close()
    thread.join()


def test_keys_answer_and_a_newer_map_leaves_the_lasso_and_its_name(browser, front):
    """A cluster's key is on its buttons; typed letters and a selection stay when the map is drawn again."""
    from selenium.webdriver.common.keys import Keys

    loop = front.widget.loop
    every = partial(browser.find_elements, "css selector")
    wait(lambda: every(".ac-item"), "the question")
    every(".ac-two input")[0].send_keys("cat" + Keys.ENTER)
    wait(lambda: every(".ac-bars kbd"), "the cluster's key")
    assert every(".ac-bars kbd")[0].text == "c"
    browser.execute_script("document.querySelector('.activeclust').focus()")
    every(".activeclust")[0].send_keys("C")  # Caps Lock
    wait(lambda: len(loop.anchors) == 2, "the key's answer")
    assert set(loop.anchors.values()) == {"cat"}

    browser.find_element("css selector", '[data-view="map"]').click()
    canvas = wait(lambda: every("canvas"), "the map")[0]
    browser.execute_script(_AROUND_ALL, canvas)
    wait(lambda: every(".ac-map + div input"), "the rows in the lasso")
    every(".ac-map + div input")[0].send_keys("do")
    browser.execute_script("window.model.send({ do: 'map' })")
    wait(lambda: browser.execute_script("return window.maps") >= 2, "a newer map")
    assert every("canvas")[0] == canvas
    every(".ac-map + div input")[0].send_keys("g" + Keys.ENTER)
    wait(lambda: set(loop.anchors.values()) == {"cat", "dog"}, "the answer for all")


_AROUND_ALL = """
const canvas = arguments[0], box = canvas.getBoundingClientRect();
const point = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {
  bubbles: true, pointerId: 1, button: 0, clientX: box.left + x * box.width, clientY: box.top + y * box.height }));
canvas.setPointerCapture = () => {};
point("pointerdown", 0.01, 0.01);
for (const [x, y] of [[0.5, 0.01], [0.99, 0.01], [0.99, 0.5], [0.99, 0.99], [0.5, 0.99], [0.01, 0.99]])
  point("pointermove", x, y);
point("pointerup", 0.01, 0.5);
"""


def test_a_person_answers_in_the_widget(browser, front, blobs):
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    loop, y = front.widget.loop, [f"{type(name).__name__} {name}" for name in blobs[1]]
    find, every = (
        partial(search, "css selector") for search in (browser.find_element, browser.find_elements)
    )
    text = partial(browser.execute_script, "return document.querySelector(arguments[0])?.textContent ?? ''")
    wait(lambda: every(".ac-item"), "the question")
    for n in range(1, 9):  # by name
        row = front.widget.state["question"]["row"]
        field = find(".ac-two input")
        field.send_keys(y[row] + Keys.ENTER)
        wait(lambda n=n: len(loop.anchors) == n, "the answer")
        wait(lambda row=row: f"Row {row}" not in text(".ac-two p"), "the next row")
    assert all(cluster == y[row] for row, cluster in loop.anchors.items())
    assert "8 of 10 answers" in text(".ac-status")

    row = front.widget.state["question"]["row"]  # by a bar, then undo by key
    find(".ac-bars button").click()
    wait(lambda: len(loop.anchors) == 9, "the bar's answer")
    find(".activeclust").send_keys("u")
    wait(lambda: len(loop.anchors) == 8, "undo")
    wait(lambda: f"Row {row}" in text(".ac-two p"), "the same row again")

    find('[data-view="grid"]').click()  # many alike
    tiles = wait(lambda: every(".ac-tile"), "the tiles")
    cluster = json.loads(json.loads(json.dumps(front.sent[0][0]["cluster"])))
    tiles[0].click()
    wait(lambda: every('.ac-tile[aria-pressed="false"]'), "a tile left out")
    left = int(every('.ac-tile[aria-pressed="false"]')[0].get_attribute("data-row"))
    find(".ac-tiles + button").click()
    wait(lambda: len(loop.anchors) == 8 + len(tiles) - 1, "the others")
    assert left not in loop.anchors
    assert sum(name == cluster for name in loop.anchors.values()) >= len(tiles) - 1

    find('[data-view="map"]').click()  # the map: a lasso round everything
    canvas = wait(lambda: every("canvas"), "the map")[0]
    size = canvas.size
    drag = ActionChains(browser).move_to_element_with_offset(
        canvas, -size["width"] // 2 + 4, -size["height"] // 2 + 4
    )
    drag.click_and_hold()
    for dx, dy in ((size["width"] - 8, 0), (0, size["height"] - 8), (8 - size["width"], 0)):
        for _ in range(3):
            drag.move_by_offset(dx // 3, dy // 3)
    drag.release().perform()
    wait(lambda: "selected" in text(".ac-map + div"), "the rows in the lasso")
    field = find(".ac-map + div input")
    field.send_keys("rest" + Keys.ENTER)
    wait(lambda: len(loop.anchors) == 60, "their answers")
    find('[data-view="question"]').click()
    wait(lambda: "The budget is used up" in text(".activeclust"), "the end")
    assert not [entry for entry in browser.get_log("browser") if "favicon" not in entry["message"]]
