"""The map in Debian's chromium: both painters draw the same, names, rows from near, the layout, and finding."""

from __future__ import annotations

import signal

import numpy as np
import pytest
from person import Person, Server, chromium, needs_chromium, wait
from sklearn.datasets import load_digits

from activeclust.store import open_store

pytestmark = needs_chromium()
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ROWS = 300


@pytest.fixture
def person(tmp_path):
    np.savez(tmp_path / "d.npz", X=load_digits().images[:ROWS])
    server = Server(tmp_path, 8660)
    driver = chromium(tmp_path / "profile", webgl=True)
    store = open_store(tmp_path / "a.db")
    names = [NAMES[label] for label in load_digits().target[:ROWS]]
    yield Person(driver, server, store.open_run("digits"), names)
    driver.quit()
    store.close()
    server.end(signal.SIGKILL)


def test_the_map(person):
    person.open()
    person.label(20)
    person.answered(20)
    person.settled()
    person.view("map")
    for step in STEPS:
        step(person)
    assert not person.problems()


def both_painters_draw_the_same(person: Person) -> None:
    """Points on pixels' middles, one alone, three on one place, one away, one of no cluster, one outside."""
    webgl, canvas = person.later(_PAINTED)
    assert webgl is not None, "this chromium has no WebGL 2"
    webgl, canvas = (np.array(pixels, float).reshape(40, 60, 4)[..., :3] for pixels in (webgl, canvas))
    assert np.abs(webgl - canvas).max() <= 2
    paper, one, three, none = canvas[35, 50], canvas[10, 10], canvas[10, 30], canvas[25, 10]
    assert paper.tolist() == [250, 250, 250]
    assert one[0] > one[1] + 60 and abs(one[1] - one[2]) < 3  # red
    assert np.linalg.norm(three - paper) > np.linalg.norm(one - paper)  # the more, the darker
    assert abs(none[0] - none[1]) < 3  # grey
    away = canvas[25, 30]
    assert abs(away[0] - away[1]) < 3 and np.linalg.norm(away - paper) < np.linalg.norm(none - paper)


_PAINTED = """
const { webglPainter } = await import("/static/painter-webgl.js");
const { CanvasPainter } = await import("/static/painter-canvas.js");
const xy = Uint16Array.from([10, 30, 30, 30, 30, 30, 30, 30, 10, 15, 30, 15, 500, 30]);
const looks = {
  codes: Uint16Array.from([0, 0, 1, 0, 65535, 0, 0]), certainty: Uint8Array.from([255, 255, 100, 0, 0, 255, 255]),
  flags: Uint8Array.from([0, 0, 0, 1, 0, 2, 0]), colours: ["#d02020", "rgb(20, 30, 220)"], grey: "#777777",
  paper: "#fafafa", line: "#101010" };
const read = (make) => {
  const canvas = document.createElement("canvas");
  const painter = make(canvas);
  if (!painter) return null;
  painter.places(xy);
  painter.looks(looks);
  painter.draw({ wide: 60, tall: 40, scale: 1, x0: 0.5, y0: 40.5, radius: 2.5 });
  const copy = new OffscreenCanvas(60, 40).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  return [...copy.getImageData(0, 0, 60, 40).data];
};
return [read((canvas) => webglPainter(canvas, { software: true })), read((canvas) => new CanvasPainter(canvas))];
"""


def shows_pca_first_and_the_layout_when_it_is_made(person: Person) -> None:
    person.laid_out()
    # rows that lie together are of one digit more often than on two principal axes
    assert share_alike(person, "layout/0") > share_alike(person, "pca/0") + 0.1
    person.choose("#map-axes", "Neighbours")


def share_alike(person: Person, view: str) -> float:
    data = person.later(
        f"return [...new Uint16Array(await (await import('/static/server.js')).bytes('/map/{view}'))]"
    )
    points = np.array(data, float).reshape(-1, 2)
    far = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(far, np.inf)
    names = np.array(person.names)
    return float((names[far.argsort(1)[:, :5]] == names[:, None]).mean())


def names_clusters_where_they_lie(person: Person) -> None:
    """A name stands where most rows of its cluster are, and every cluster has one unless another covers it."""
    wait(lambda: person.later(_NAMED + "return map.plot.named ?? 0") >= 4, "names on the map")
    for text, inside in person.later(_NAMED + _INSIDE):
        assert inside, text


_NAMED = 'const { map } = await import("/static/map.js"); '
_INSIDE = """
const { clusters } = await import("/static/state.js");
return map.plot.names.map(({ text, at }) => {
  const code = map.ids.findIndex((id) => clusters().find((c) => c.id === id)?.text === text);
  const count = new Map();
  const rows = [...map.codes.keys()].sort((a, b) => far(a) - far(b)).slice(0, 9);
  function far(row) { return Math.hypot(map.plot.xy[2 * row] - at[0], map.plot.xy[2 * row + 1] - at[1]); }
  for (const row of rows) count.set(map.codes[row], (count.get(map.codes[row]) ?? 0) + 1);
  return [text, (count.get(code) ?? 0) >= 3];
});
"""


def shows_rows_from_near(person: Person) -> None:
    assert not person.all(".near-row")
    person.later(_NAMED + "map.plot.zoom(5, map.plot.x(5), map.plot.y(5))")
    wait(lambda: person.all(".near-row img"), "pictures beside their points")
    person.shot("map-near")
    places = person.later(_NAMED + _PLACES)
    assert places and all(off < 2 for off in places), places
    person.find('[aria-label="Show all"]').click()
    wait(lambda: not person.all(".near-row"), "an end of pictures from far")


_PLACES = """
const box = document.getElementById("map-box").getBoundingClientRect();
return [...map.near.shown].map(([row, element]) => {
  const at = element.getBoundingClientRect();
  return Math.abs((at.left + at.right) / 2 - box.left - 1 - map.plot.x(row));
});
"""


def finds_rows_and_clusters(person: Person) -> None:
    from selenium.webdriver.common.keys import Keys

    person.fill("#map-text", "row 17" + Keys.ENTER)
    wait(lambda: "1 row with" in person.text("#map-found"), "the row")
    assert person.later(_NAMED + "return [...map.plot.selected]") == [17]
    at = person.later(_NAMED + "return [map.plot.x(17), map.plot.y(17), map.plot.width, map.plot.height]")
    assert 0 < at[0] < at[2] and 0 < at[1] < at[3]
    known = person.later("return (await import('/static/state.js')).clusters()[0].text")
    person.fill("#map-text", known.upper() + Keys.ENTER)
    wait(lambda: "alone" in person.text("#map-found"), "the cluster")
    assert person.all('#map-legend [aria-pressed="true"]')[0].text.startswith(known)
    person.fill("#map-text", "no such thing" + Keys.ENTER)
    wait(lambda: "0 rows" in person.text("#map-found"), "nothing")


def keeps_up_with_a_hand(person: Person) -> None:
    """Drawing is tried for a while; how fast it is depends on the machine, and is not asserted."""
    drawn = person.later(_NAMED + _DRAGGED)
    assert drawn >= 10


_DRAGGED = """
map.plot.moving = true;
map.plot.frames = [];
for (let i = 0; i < 15; i += 1) {
  map.plot.pan(i, -i);
  await new Promise(requestAnimationFrame);
}
map.plot.rest();
return map.plot.frames.length;
"""

STEPS = (
    both_painters_draw_the_same,
    shows_pca_first_and_the_layout_when_it_is_made,
    names_clusters_where_they_lie,
    shows_rows_from_near,
    finds_rows_and_clusters,
    keeps_up_with_a_hand,
)
