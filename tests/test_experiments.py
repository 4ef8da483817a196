"""The experiments run (small), and the pages in docs/experiments say what their records say."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest
import warm

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS, PAGES = ROOT / "examples" / "experiments", ROOT / "docs" / "experiments"
PARTS = {"plumbing", "alike", "dense_attention"}  #: modules that the experiments share
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
    for part in ("## What was expected", "## What came out", "## What it means"):
        assert part in text
    pictures = re.findall(r"!\[[^\]]+\]\(([\w.]+)\)", text)
    assert f"{experiment.name}.png" in pictures
    for picture in pictures:
        assert imread(tmp_path / picture).std() > 0.01, f"{picture} is blank"
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


def test_every_experiment_is_in_the_list():
    index = (PAGES / "index.md").read_text(encoding="utf-8")
    assert sorted(set(re.findall(r"\((\w+)\.md\)", index))) == NAMES
    make = (ROOT / "Makefile").read_text()
    assert "experiments:" in make


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
    expected = [share[kind] for kind in ("modes", "embedding", "turning", "table")] + hidden
    assert told == pytest.approx(expected)


def test_a_quick_run_does_not_touch_the_pages(tmp_path):
    done = warm.run([str(SCRIPTS / "variance.py"), "--quick"], cwd=tmp_path)
    assert done.returncode == 2
    assert "--quick needs --out" in done.stderr
