"""Tables, pictures and cards: what they show is what the rounds hold."""

from __future__ import annotations

import io

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from activeclust.annotators.card import item_html
from activeclust.annotators.pictures import image_png, is_image
from activeclust.annotators.terminal_view import fit, half_blocks, item_view, shades
from activeclust.files.pictures import unit_range
from activeclust.loop.history import History
from activeclust.loop.report import HEADINGS, plot_history, rounds_table, spread
from activeclust.store.records import Round


def rounds(n: int) -> list[Round]:
    scores = [{"accuracy": None, "clusters": 0, "agreement": None}]
    scores += [{"accuracy": i / n, "clusters": min(i, 10), "agreement": 0.5} for i in range(1, n)]
    return [Round(i, 2 * i, metrics, (i,), i) for i, metrics in enumerate(scores)]


def text_of(renderable, width=80) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(renderable)
    return console.file.getvalue()


@given(st.integers(1, 60), st.integers(2, 15))
def test_spread_keeps_the_ends_and_the_order(n, most):
    chosen = [record.index for record in spread(rounds(n), most)]
    assert chosen == sorted(set(chosen))
    assert len(chosen) <= most
    assert {0, n - 1} <= set(chosen)


def test_the_table_shows_the_last_round_at_80_columns():
    text = text_of(rounds_table(rounds(51)))
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "0.980" in text
    assert " 100 " in text
    assert HEADINGS["v_measure"] not in text, "a metric that no round has is left out"


def test_the_curve_draws_every_metric_there_is(tmp_path):
    history = History(rounds(21), "budget")
    figure = history.plot(tmp_path / "curve.png", title="mine")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")
    scores = next(axes for axes in figure.axes if axes.get_ylabel() == "score")
    (line,) = scores.lines
    np.testing.assert_allclose(line.get_xdata(), history.budget[1:])
    np.testing.assert_allclose(line.get_ydata(), history.metric("accuracy")[1:])
    history.plot(tmp_path / "curve.svg")
    assert "<svg" in (tmp_path / "curve.svg").read_text()


def test_a_curve_of_nothing_is_still_a_picture(tmp_path):
    plot_history([], tmp_path / "none.png")
    plot_history(rounds(1), tmp_path / "one.png")
    assert (tmp_path / "one.png").is_file()


def test_history_says_what_it_is():
    assert repr(History(rounds(3), "pool")) == "History(3 rounds, 4 answers, ended='pool')"
    assert History([]).last == {}
    assert History([]).area_under_curve() is None
    assert History([]).to_frame().empty


# ---------------------------------------------------------------- pictures


def test_colour_and_grey_pictures_become_png():
    for image in (
        np.zeros((4, 5)),
        np.full((4, 5, 3), 255, np.uint8),
        np.random.default_rng(0).random((3, 3, 4)),
    ):
        assert is_image(image)
        assert image_png(image).startswith(b"\x89PNG")
    assert not is_image(np.zeros((4, 5, 2)))
    assert not is_image([[1, 2]])


@given(st.integers(1, 90), st.integers(1, 90))
def test_a_picture_of_any_shape_fits_and_keeps_its_brightness(height, width):
    image = np.full((height, width), 0.25)
    small = fit(image, 64, 48)
    assert small.shape[0] <= 48
    assert small.shape[1] <= 64
    np.testing.assert_allclose(small, 0.25)


def test_half_blocks_hold_two_pixels_each():
    picture = fit(np.eye(33), 64, 48)
    text = half_blocks(picture)
    lines = text.plain.split("\n")
    assert len(lines) == 17
    assert {len(line) for line in lines} == {33}
    assert len(shades(picture).plain.split("\n")) == 17


def test_values_are_scaled_by_their_kind():
    assert unit_range(np.array([[0, 255]], np.uint8)).tolist() == [[0, 1]]
    assert unit_range(np.array([[-1.0, 1.0]])).tolist() == [[0, 1]]
    assert unit_range(np.array([[0.25, 0.5]])).tolist() == [[0.25, 0.5]]
    assert unit_range(np.array([[7.0, 7.0]])).tolist() == [[0, 0]]


def test_items_of_every_kind_are_shown_and_their_markup_is_not_obeyed():
    console = Console(file=io.StringIO(), width=80, color_system=None)
    hostile = "[bold]x[/bold] <b>y</b>"
    assert "[bold]x[/bold]" in text_of(item_view(hostile, console))
    assert "[bold]x[/bold]" in text_of(item_view({hostile: hostile}, console))
    assert "<b>" not in item_html({hostile: hostile})
    assert "(784 numbers)" in text_of(item_view(np.zeros(784), console))
    assert len(text_of(item_view("x" * 10_000, console))) < 2_000
