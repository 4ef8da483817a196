"""A picture file on the page, in the terminal, in a notebook; what is said where the extra is missing."""

from __future__ import annotations

import io
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from rich.console import Console

from activeclust.annotators import Query
from activeclust.annotators.terminal_view import item_view
from activeclust.cli.annotate import _default_ui, annotate_command
from activeclust.cli.label_studio import label_studio_command
from activeclust.errors import DataFileError, MissingDependency
from activeclust.web import items
from activeclust.web.items import WIDEST, item_json, picture


@pytest.fixture
def photo(tmp_path):
    """A JPEG of 2,000 by 1,000 pixels that its camera held upright: red above, blue below."""
    pixels = np.zeros((1000, 2000, 3), np.uint8)
    pixels[:, :1000, 0], pixels[:, 1000:, 2] = 250, 250
    exif = Image.Exif()
    exif[0x0112] = 6  # turn it by a quarter to the right
    Image.fromarray(pixels).save(tmp_path / "photo.jpg", exif=exif)
    return tmp_path / "photo.jpg"


def test_a_photo_is_turned_shrunk_and_stripped(photo):
    sent = Image.open(io.BytesIO(picture(photo)))
    assert sent.size == (WIDEST // 2, WIDEST) and not sent.getexif()
    assert sent.getpixel((400, 10))[0] > 200 and sent.getpixel((400, WIDEST - 10))[2] > 200
    assert item_json(photo, 3, "k")["src"] == "picture/3?of=k", "its path is not told"


def test_large_photos_are_decoded_one_at_a_time(photo, monkeypatch):
    """Each takes memory by its pixels."""
    at_once, most = [], []

    def watched(item, width):
        at_once.append(item)
        most.append(len(at_once))
        time.sleep(0.02)  # the others could come now
        at_once.pop()
        return b"png"

    monkeypatch.setattr(items, "picture", watched)
    monkeypatch.setattr(items, "LARGE", 10_000)
    pictures = items.Pictures([photo] * 4)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(pictures.png, range(4))) == [b"png"] * 4
    assert max(most) == 1


def test_small_pictures_do_not_wait_for_one_another(photo, monkeypatch):
    together = threading.Barrier(4)

    def watched(item, width):
        together.wait(timeout=60)
        return b"png"

    monkeypatch.setattr(items, "picture", watched)
    pictures = items.Pictures([photo] * 4)
    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(pictures.png, range(4))) == [b"png"] * 4


def test_a_photo_in_the_terminal_and_in_a_notebook(photo):
    screen = Console(
        file=io.StringIO(), force_terminal=True, color_system="truecolor", width=80, _environ={}, record=True
    )
    screen.print(item_view(photo, screen))
    lines = screen.export_text().rstrip("\n").splitlines()
    assert len(lines) == 24 and set("".join(lines)) == {"▀"}
    grey = Console(file=io.StringIO(), width=80, record=True)
    grey.print(item_view(photo, grey))
    assert "▀" not in grey.export_text()
    card = Query(3, photo, (("red", 0.9),), 0.1, ("red",))._repr_html_()
    assert "data:image/png;base64," in card


def test_a_damaged_picture_is_named(tmp_path):
    broken = tmp_path / "<b>.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    with pytest.raises(DataFileError, match=r"<b>\.png cannot be shown"):
        picture(broken)
    assert "cannot be shown" in str(item_view(broken, Console()))
    assert "<b>.png" not in Query(0, broken, (), 1.0, ())._repr_html_()


@pytest.mark.parametrize(
    ("command", "words"),
    [(annotate_command, ["digits", "--ui", "web"]), (label_studio_command, ["digits"])],
    ids=["annotate", "label-studio"],
)
def test_a_missing_extra_is_named_with_its_command(command, words, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, "starlette", None)  # what the import system takes for: not there
    got = CliRunner().invoke(command, words)
    assert isinstance(got.exception, MissingDependency)
    assert "starlette" in str(got.exception) and "pip install 'activeclust[web]'" in str(got.exception)
    assert _default_ui() == "terminal"
