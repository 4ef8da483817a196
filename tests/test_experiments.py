"""The experiments run (small), and the pages in docs/experiments say what their records say."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import warm

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS, PAGES = ROOT / "examples" / "experiments", ROOT / "docs" / "experiments"
PARTS = {
    "plumbing", "alike", "kinds_of_attention", "placed", "broken_sets", "mismatch_page", "protocol_mixtures",
    "protocol_tables", "protocol_cobras",
}  # fmt: skip  #: modules of which experiments are made
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py") if path.stem not in PARTS)


@pytest.fixture
def experiment(request, monkeypatch):
    """The experiment of that name, imported as its script imports."""
    monkeypatch.syspath_prepend(SCRIPTS)
    before = set(sys.modules)
    yield importlib.import_module(request.param).EXPERIMENT
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(SCRIPTS)):
            del sys.modules[name]


@pytest.mark.parametrize("experiment", NAMES, indirect=True)
def test_an_experiment_runs(experiment, tmp_path, monkeypatch, capsys):
    from matplotlib.image import imread
    from plumbing import main, read

    monkeypatch.chdir(tmp_path)
    main(experiment, ["--quick", "--out", str(tmp_path)])
    frame = read(tmp_path / f"{experiment.name}.csv")
    assert len(frame) > 3
    assert frame.attrs["quick"] is True
    text = (tmp_path / f"{experiment.name}.md").read_text(encoding="utf-8")
    for part in ("## Expectation (written before the run)", "## Results", "## Interpretation"):
        assert part in text
    pictures = re.findall(r"!\[[^\]]+\]\(([\w.]+)\)", text)
    assert f"{experiment.name}.png" in pictures
    for picture in pictures:
        assert imread(tmp_path / picture).std() > 0.01, f"{picture} is blank"
    if experiment.name == NAMES[0]:  # the others' pages and records are compared below
        made = {path: path.read_bytes() for path in tmp_path.glob("*.md")}
        main(experiment, ["--from-csv", "--out", str(tmp_path)])
        assert made == {path: path.read_bytes() for path in tmp_path.glob("*.md")}


@pytest.mark.parametrize("experiment", NAMES, indirect=True)
def test_a_page_says_what_its_records_say(experiment):
    from plumbing import read, whole_page

    frame = read(PAGES / f"{experiment.name}.csv")
    assert not frame.attrs["quick"], "the page of a quick run was committed"
    page = (PAGES / f"{experiment.name}.md").read_text(encoding="utf-8")
    assert page == whole_page(experiment, frame), "remake it: python examples/experiments/NAME.py --from-csv"
    for picture in re.findall(r"!\[[^\]]+\]\(([\w.]+)\)", page):
        assert (PAGES / picture).is_file()


@pytest.mark.parametrize("experiment", NAMES[:1], indirect=True)
def test_a_page_of_other_weights_says_so_in_its_head(experiment):
    from plumbing import read, whole_page

    from activeclust import PFNClusterer

    frame = read(PAGES / f"{experiment.name}.csv")
    frame.attrs["weights"] = "0123456789abcdef"
    assert "> Measured with the weights `0123456789abcdef`, which are not those that ship" in whole_page(
        experiment, frame
    )
    frame.attrs["weights"] = PFNClusterer(consensus=experiment.consensus).model_hash
    assert "which are not those that ship" not in whole_page(experiment, frame)


def test_every_experiment_is_in_the_list():
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"\((\w+)\.md\)", index))) == NAMES
    run = re.search(r"^EXPERIMENTS := ((?:.*\\\n)*.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1]
    assert sorted(run.replace("\\", " ").split()) == NAMES


def test_the_method_states_the_prior_that_ships():
    from activeclust.pfn import tasks
    from activeclust.pfn.prior import PACKAGE_PRIOR

    text = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
    told = [int(share) for share in re.findall(r"\*\*(\d+) %\*\*", text)]
    share: dict[str, float] = {}
    for weight, prior in zip(*PACKAGE_PRIOR.variants(), strict=True):
        (kind,) = prior.kinds
        share[kind] = share.get(kind, 0.0) + 100 * weight
    hidden = [100 * tasks._HIDING_EACH, 100 * tasks._HIDING]
    expected = [
        share[kind] for kind in ("modes", "embedding", "documents", "turning", "turntable", "glyphs", "table")
    ] + hidden
    assert told == pytest.approx(expected)


def test_corrections_and_tests_are_those_that_they_are_named_after(monkeypatch):
    from scipy import stats
    from statsmodels.stats.multitest import multipletests

    monkeypatch.syspath_prepend(SCRIPTS)
    plumbing = importlib.import_module("plumbing")
    rng = np.random.default_rng(0)
    p = rng.random(9) ** 3
    assert plumbing.holm(p) == pytest.approx(multipletests(p, method="holm")[1])
    less = rng.normal(0.4, 1, 12)
    t, w = plumbing.tested(less)
    assert t == pytest.approx(stats.ttest_1samp(less, 0).pvalue)
    assert w == pytest.approx(stats.wilcoxon(less).pvalue)
    assert plumbing.tested([0.0, 0.0, 0.0]) == (1.0, 1.0)


@pytest.fixture
def attention(monkeypatch):
    """The module of networks with other attention, imported as the scripts import it."""
    monkeypatch.syspath_prepend(SCRIPTS)
    return importlib.import_module("kinds_of_attention"), importlib.import_module("placed")


def _session(model, seed=0):
    import torch

    from activeclust.pfn.inference import Network, Session
    from activeclust.views.views import make_views

    rng = np.random.default_rng(seed)
    y = np.arange(60) % 3
    X = 4 * np.eye(3)[y] + rng.normal(size=(60, 3))
    views = make_views(X.astype(np.float32))
    truth = np.empty(views.n_rows, dtype=int)
    truth[views.inverse] = y
    return Session(views, Network(model.eval().requires_grad_(False), {}, "test"), torch.device("cpu")), truth


@pytest.mark.parametrize("name", ["DensePFN", "WindowPFN", "PureForm"])
def test_other_attention_gives_a_posterior_and_hears_what_it_should(attention, name):
    import torch

    from activeclust.pfn.model import Config

    kinds, placed = attention
    torch.manual_seed(0)
    session, truth = _session(getattr(kinds, name)(Config()))
    rows = np.array([0, 1, 2, 3, 4, 5])
    codes = np.unique(truth[rows], return_inverse=True)[1]
    make = placed.only_places if name == "PureForm" else placed.whole
    batch = make(session, rows, codes)
    out = session.network.model(batch)[0].exp()
    assert out.shape == (60, codes.max() + 2)
    assert out.sum(1) == pytest.approx(torch.ones(60), abs=1e-5)
    if name == "WindowPFN":  # another window changes the posterior; another order of the window does not
        model = session.network.model
        torch.nn.init.normal_(model.blocks[0].read.out.weight)
        here = model(batch)
        batch.near = batch.near.flip(-1)
        assert torch.allclose(model(batch), here, atol=1e-5)
        batch.near = (batch.near + 7) % 60
        assert not torch.allclose(model(batch), here, atol=1e-4)


def test_a_chunk_of_queries_gives_what_the_whole_gives(attention, monkeypatch):
    import torch

    from activeclust.pfn.model import Config

    kinds, placed = attention
    torch.manual_seed(0)
    session, truth = _session(kinds.DensePFN(Config()))
    rows = np.arange(6)
    batch = placed.whole(session, rows, np.unique(truth[rows], return_inverse=True)[1])
    whole = session.network.model(batch)
    monkeypatch.setattr(kinds, "_QUERIES", 7)
    assert torch.allclose(session.network.model(batch), whole, atol=1e-5)


def test_a_quick_run_does_not_touch_the_pages(tmp_path):
    done = warm.run([str(SCRIPTS / "variance.py"), "--quick"], cwd=tmp_path)
    assert done.returncode == 2
    assert "--quick needs --out" in done.stderr
