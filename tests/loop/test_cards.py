"""What a notebook shows: a run and its history as cards, and figures as pictures without any magic command."""

from __future__ import annotations

import io
import pickle
import re

import numpy as np
import pytest

from activeclust import LabelOracle
from activeclust.compare.plots import _new_figure
from activeclust.loop.figure import new_figure


def texts(card: str) -> str:
    """A card's text without its tags and pictures."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", card))


def test_a_history_is_a_card_with_its_table_and_its_curve(make):
    loop = make(labels_true=None)
    history = loop.run(budget=12)
    card = history._repr_html_()
    said = texts(card)
    assert "12 answers in 13 rounds, the budget is used up" in said
    assert "expected" in said and f"{history.last['expected_accuracy']:.3f}" in said
    assert card.count("<img") == 1 and "data:image/png;base64," in card
    assert card.count("<tr>") == 9  # the heading, and eight of the rounds


def test_a_loop_is_a_card_with_its_clusters(make, blobs):
    loop = make()
    assert "answers 0" in texts(loop._repr_html_())
    loop.run(budget=20)
    said = texts(loop._repr_html_())
    assert "rows 60" in said and "answers 20" in said and "clusters 4" in said
    sizes = [int((loop.labels == name).sum()) for name in ("cat", "dog")]
    for name, size in zip(("cat", "dog"), sizes, strict=True):
        given = sum(cluster == name for cluster in loop.anchors.values())
        assert f"{name} {size} {given}" in said
    assert repr(loop) == "ActiveLoop('run': 60 rows, 20 answers, 4 clusters, strategy 'entropy')"


def test_of_many_clusters_the_largest_are_shown(make, blobs):
    names = np.array([f"c{row % 25}" for row in range(60)], dtype=object)
    loop = make(LabelOracle(names), strategy="random")
    loop.run(budget=60)
    assert "and 5 more clusters" in texts(loop._repr_html_())


def test_names_are_never_markup(make):
    loop = make(lambda query: "<script>x</script>", name=None)
    loop.run(budget=2)
    for card in (loop._repr_html_(), loop.history._repr_html_()):
        assert "<script" not in card


def test_a_history_of_nothing_says_so(make):
    assert "No rounds yet." in make(None).history._repr_html_()


@pytest.mark.parametrize("kind", [new_figure, _new_figure])
def test_a_figure_shows_its_picture_and_can_be_sent_to_another_process(kind):
    from matplotlib.image import imread

    figure, axes = kind(4, 3)
    axes.plot([0, 1], [0, 1])
    picture = imread(io.BytesIO(figure._repr_png_()))
    assert picture.shape[:2] == (330, 440) and picture[..., :3].std() > 0.05
    assert pickle.loads(pickle.dumps(figure))._repr_png_()[1:4] == b"PNG"


def test_a_notebook_shows_plots_and_cards(tmp_path):
    """A real kernel without ``%matplotlib inline``."""
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    pytest.importorskip("ipykernel")
    code = """
import numpy as np
from activeclust import ActiveLoop, LabelOracle
X = np.random.default_rng(0).normal(size=(60, 3)); y = np.arange(60) % 2; X[:, 0] += 9 * y
loop = ActiveLoop(X, LabelOracle(y), random_state=0); history = loop.run(budget=4)
"""
    cells = [code, "history", "loop", "history.plot()"]
    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(book, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = [[output["data"] for output in cell.outputs if "data" in output] for cell in book.cells]
    assert "4 answers" in shown[1][0]["text/html"] and "Run run" in shown[2][0]["text/html"]
    assert "image/png" in shown[3][0]
