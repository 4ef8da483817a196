"""A short film of the page for the README, from the real page in Debian's chromium: ``python docs/film.py``.

Somebody who knows digits names a few, answers by key, takes a grid, and looks at the map and at the result.
Writes figures/page-film.webp, each picture with a line that says what happens.
"""

from __future__ import annotations

import io
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_digits

from activeclust.store import open_store

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))
import person as support
from person import FLAGS, Person, Server, wait

DOCS = Path(__file__).resolve().parent
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
ROWS, ANSWERS = 500, 18
WIDE, TALL, STRIP = 1120, 760, 44  # pixels of the page, and of the line below it
SCALE = 0.75
PORT = 8680


class Film:
    """Pictures of the page with the seconds they are shown."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.pictures: list[Image.Image] = []
        self.seconds: list[float] = []
        self.font = ImageFont.load_default(20)

    def take(self, words: str, seconds: float) -> None:
        """Add the page as it is."""
        page = Image.open(io.BytesIO(self.person.browser.get_screenshot_as_png())).convert("RGB")
        picture = Image.new("RGB", (WIDE, TALL + STRIP), "#0b6e8c")
        picture.paste(page.resize((WIDE, TALL)), (0, 0))
        ImageDraw.Draw(picture).text((20, TALL + STRIP // 2), words, "white", self.font, anchor="lm")
        size = round(WIDE * SCALE), round((TALL + STRIP) * SCALE)
        self.pictures.append(picture.resize(size, Image.Resampling.LANCZOS))
        self.seconds.append(seconds)

    def write(self, path: Path) -> None:
        """One file that repeats for ever."""
        first, *rest = self.pictures
        times = [round(1000 * seconds) for seconds in self.seconds]
        first.save(path, save_all=True, append_images=rest, duration=times, loop=0, quality=80, method=6)
        size = path.stat().st_size / 1024
        print(
            f"{path.name}: {len(times)} pictures, {sum(times) / 1000:.1f} s, {size:,.0f} KiB", file=sys.stderr
        )


@contextmanager
def page() -> Iterator[Person]:
    """A person at the page over digits."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    digits = load_digits()
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder) / "d.npz", X=digits.images[:ROWS])
        server = Server(Path(folder), PORT)
        options = webdriver.ChromeOptions()
        options.binary_location = str(shutil.which("chromium"))
        for flag in [*FLAGS, f"--user-data-dir={folder}/profile"]:
            options.add_argument(flag)
        browser: Any = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        store = open_store(Path(folder) / "a.db")
        try:
            names = [NAMES[label] for label in digits.target[:ROWS]]
            person = Person(browser, server, store.open_run("digits"), names)
            person.emulate(
                "setDeviceMetricsOverride", width=WIDE, height=TALL, deviceScaleFactor=1, mobile=False
            )
            yield person
        finally:
            browser.quit()
            store.close()
            server.end(signal.SIGKILL)


def shoot(person: Person, film: Film) -> None:
    """The story."""
    from selenium.webdriver.common.keys import Keys

    person.browser.get(person.server.url)
    wait(lambda: person.all("#start[open]"), "the first screen")
    film.take("The first screen: what this is, and what the data are", 1.6)
    person.find("#start-go").click()
    name = person.names[wait(lambda: person.row() is not None and [person.row()], "a row")[0]]
    person.find("#new-name").send_keys(name)
    film.take(f"A new name makes a cluster: {name}, Enter", 1.0)
    person.press(Keys.ENTER)
    wait(lambda: person.text("#recent"), "the next row")
    for number in range(2, ANSWERS + 1):
        person.label(1)
        if number % 3 == 0 and number < ANSWERS:
            person.settled()
            film.take(f"Answer {number}: by key, or Enter where the first bar is right", 0.45)
    person.settled()
    film.take(f"{ANSWERS} answers: why this row, and what was answered nearest to it", 1.4)

    person.view("grid")
    person.choose("#grid-cluster", "six")
    wait(lambda: person.all(".grid-tile") and person.js(_LOADED), "rows that look alike")
    film.take("Many similar rows, answered at once", 1.2)
    tiles = person.all(".grid-tile")
    wrong = [row for tile in tiles if person.names[row := int(tile.get_attribute("data-row"))] != "six"]
    for row in wrong:
        person.find(f'.grid-tile[data-row="{row}"] .grid-pick').click()
    person.find("#grid-take").click()
    person.answered(ANSWERS + len(tiles) - len(wrong))
    person.settled()
    wait(lambda: not person.all(".toast"), "the end of the notice")

    person.view("map")
    person.laid_out()
    film.take("The map: similar rows are close together", 1.6)
    person.view("result")
    wait(lambda: person.all("#begin-check") and person.js(_LOADED), "the result")
    film.take("The result, at any time: clusters, their accuracy, a file with every row", 1.8)


#: every picture in sight has come
_LOADED = """
return [...document.querySelectorAll(".view:not([hidden]) img")].every(
  (image) => image.complete || image.getBoundingClientRect().top > innerHeight);
"""


def main() -> None:
    """Shoot and write."""
    support.PATIENCE = support.LAYOUT_PATIENCE = (
        900  # seconds: how long the machine takes is not seen in the film
    )
    with page() as person:
        person.browser.set_script_timeout(300)
        film = Film(person)
        shoot(person, film)
        film.write(DOCS / "figures" / "page-film.webp")


if __name__ == "__main__":
    main()
