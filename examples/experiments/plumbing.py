"""What the experiments share: data sets, one posterior call, intervals, and the way from CSV to page.

An experiment is three functions: ``measure(run) -> DataFrame`` of plain records, ``draw(frame, path)``, and
``page(frame) -> str``. :func:`main` measures, writes the CSV, reads it back, and makes figure and page from
what it read: no figure in a page is typed by hand, and ``--from-csv`` remakes both without measuring.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy import stats
from sklearn.datasets import load_breast_cancer, make_blobs
from sklearn.metrics import v_measure_score
from sklearn.preprocessing import StandardScaler

from activeclust import PFNClusterer
from activeclust.clusterer import Prepared
from activeclust.datasets import load
from activeclust.metrics import mean_interval

sys.path.append(
    str(Path(__file__).resolve().parents[2] / "benchmarks")
)  # its data sets and tests are ours too

from data import COLLECTIONS
from rows import Rows, sample_of
from scores import signed_rank

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "docs" / "experiments"
#: a colour a method, legible for the colour-blind (Wong, Nature Methods 2011)
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#666666", "#000000"]
STYLE = {
    "figure.dpi": 110, "savefig.dpi": 130, "font.size": 10, "axes.spines.top": False,
    "axes.spines.right": False, "axes.grid": True, "grid.alpha": 0.25, "legend.frameon": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
}  # fmt: skip


@dataclass(frozen=True)
class Run:
    """One execution: how large, where to, from which seed, with which weights."""

    quick: bool
    out: Path
    seed: int
    model: PFNClusterer
    draws: int | None = None

    def repeats(self, whole: int, quick: int) -> int:
        """How many draws: those of the whole experiment or of the quick one, or as many as were asked for."""
        return self.draws or (quick if self.quick else whole)

    def rng(self, *numbers: int) -> np.random.Generator:
        """A generator named by numbers, so that no draw depends on what was drawn before."""
        return np.random.default_rng([self.seed, *numbers])

    def say(self, text: str) -> None:
        """Progress, to stderr."""
        print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Problem:
    """A data set with its views made."""

    name: str
    X: np.ndarray
    y: np.ndarray
    prepared: Prepared

    @property
    def clusters(self) -> int:
        """Number of true clusters."""
        return len(np.unique(self.y))


@dataclass(frozen=True)
class Experiment:
    """An experiment; ``name`` is the stem of its files, ``consensus`` that of ``PFNClusterer``."""

    name: str
    title: str
    measure: Callable[[Run], pd.DataFrame]
    draw: Callable[[pd.DataFrame, Path], None]
    page: Callable[[pd.DataFrame], str]
    consensus: str = "auto"


# ------------------------------------------------------------------------------------- data


def problem(name: str, X: np.ndarray, y: np.ndarray, model: PFNClusterer) -> Problem:
    """Rows with their views."""
    return Problem(name, X, np.asarray(y), model.prepare(X))


def real_sets(run: Run) -> list[Problem]:
    """MNIST and three others, all at hand without a network: digits, breast cancer, 50 blobs that touch."""
    if run.quick:
        digits = load("digits")
        X, y = make_blobs(240, centers=6, cluster_std=1.5, random_state=run.seed)
        return [problem("digits", digits.X[:300], digits.y[:300], run.model),
                problem("blobs", X, y, run.model)]  # fmt: skip
    cancer = load_breast_cancer()
    X, y = make_blobs(3000, n_features=2, centers=50, cluster_std=0.8, center_box=(-20, 20), random_state=0)
    mnist, digits = load("mnist"), load("digits")
    return [
        problem("MNIST", mnist.X, mnist.y, run.model),
        problem("digits", digits.X, digits.y, run.model),
        problem("breast cancer", StandardScaler().fit_transform(cancer.data), cancer.target, run.model),
        problem("50 blobs", X, y, run.model),
    ]


def collections(run: Run, most: int, names: Sequence[str] = ("mnist70k", "modern", "sets")) -> Iterator[Rows]:
    """Data sets of the benchmarks' collections, at most ``most`` random rows of each; ``group`` is the collection.

    Rows that the collection calls noise are left out. The folder is the environment variable ACTIVECLUST_DATA's.
    """
    if run.quick:
        digits = load("digits")
        yield Rows("digits", digits.X[:200], digits.y[:200], group="modern")
        for seed in range(2):
            yield Rows(f"blobs {seed}", *make_blobs(150, centers=4, random_state=seed), group="sets")
        return
    folder = os.environ.get("ACTIVECLUST_DATA")
    for name in names:
        for rows in COLLECTIONS[name](Path(folder) if folder else None):
            kept = Rows(rows.name, rows.X[rows.scored], rows.y[rows.scored], group=name)
            yield sample_of(kept, most, run.seed)


def each(y: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """``count`` random rows of every cluster (all of a smaller one)."""
    of = [np.flatnonzero(y == c) for c in np.unique(y)]
    return np.concatenate([rng.choice(rows, min(count, len(rows)), replace=False) for rows in of])


# ------------------------------------------------------------------------------------- posterior


def posterior(
    model: PFNClusterer, data: Problem, anchors: np.ndarray, labels: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Names (C,), posterior (n, C), none-of-these (n,), given the anchors' labels (k,)."""
    names, codes = np.unique(labels, return_inverse=True)
    known, new = model.posterior(data.prepared, anchors, codes)
    return names, known, new


def scores(data: Problem, predicted: np.ndarray, anchors: np.ndarray) -> dict[str, float]:
    """V-measure and accuracy on the rows that are not anchors."""
    rest = np.setdiff1d(np.arange(len(data.y)), anchors)
    truth, guess = data.y[rest], np.asarray(predicted)[rest]
    return {
        "v_measure": float(v_measure_score(truth, guess)),
        "accuracy": float((guess == truth).mean()),
    }


# ------------------------------------------------------------------------------------- pages


def interval(values: Iterable[float]) -> tuple[float, float, float]:
    """Mean and Student's 95 % interval; the mean thrice where there are fewer than two values."""
    x = np.asarray(list(values), dtype=float)
    if len(x) < 2:
        mean = float(x[0]) if len(x) else float("nan")
        return mean, mean, mean
    found = mean_interval(x)
    return found.mean, found.low, found.high


def told(values: Iterable[float], digits: int = 3) -> str:
    """``0.812 ± 0.010``."""
    mean, low, _ = interval(values)
    return f"{mean:.{digits}f} ± {mean - low:.{digits}f}"


def ranged(bounds: Sequence[float], digits: int = 3) -> str:
    """A mean with its interval.

    >>> ranged((0.25, -0.5, 1.0), 2)
    '+0.25 [-0.50, +1.00]'
    """
    mean, low, high = (f"{bound:+.{digits}f}" for bound in bounds)
    return f"{mean} [{low}, {high}]"


def holm(p: Sequence[float]) -> np.ndarray:
    """p-values corrected for all of them by Holm's step-down procedure (1979).

    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    p = np.asarray(p, dtype=float)
    order = np.argsort(p)
    raised = np.maximum.accumulate((len(p) - np.arange(len(p))) * p[order]).clip(max=1.0)
    out = np.empty(len(p))
    out[order] = raised
    return out


def tested(differences: Iterable[float]) -> tuple[float, float]:
    """p that the mean difference is 0: of Student's t test, and of Wilcoxon's signed-rank test."""
    x = np.asarray(list(differences), dtype=float)
    if len(x) < 2 or np.ptp(x) == 0:
        same = len(x) < 2 or x[0] == 0
        return (1.0 if same else 0.0), signed_rank(x)
    t = abs(x.mean()) / (x.std(ddof=1) / np.sqrt(len(x)))
    return float(2 * stats.t.sf(t, len(x) - 1)), signed_rank(x)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, the first column to the left, the others to the right."""
    lines = [f"| {' | '.join(head)} |", f"|---|{'--:|' * (len(head) - 1)}"]
    return "\n".join([*lines, *(f"| {' | '.join(str(cell) for cell in row)} |" for row in rows)])


def band(axes, x, groups: Sequence[Iterable[float]], label: str | None, **style) -> None:
    """A line of means with its 95 % band."""
    bounds = np.array([interval(values) for values in groups])
    (line,) = axes.plot(x, bounds[:, 0], marker="o", ms=4, label=label, **style)
    axes.fill_between(x, bounds[:, 1], bounds[:, 2], color=line.get_color(), alpha=0.15, lw=0)


def save(figure, path: Path) -> None:
    """Write a PNG that is the same every time."""
    figure.savefig(path, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)


# ------------------------------------------------------------------------------------- command


def read(path: Path) -> pd.DataFrame:
    """The CSV of an experiment, with its first line in ``attrs``."""
    with path.open(encoding="utf-8") as file:
        about = json.loads(file.readline().removeprefix("# "))
    frame = pd.read_csv(path, comment="#", keep_default_na=False, na_values=[""])
    frame.attrs.update(about)
    return frame


def stale(about: dict, consensus: str = "auto") -> str:
    """What a page says in its head where other weights ship than those it was measured with."""
    if about["quick"] or about["weights"] == PFNClusterer(consensus=consensus).model_hash:
        return ""
    return (
        f"> Measured with the weights `{about['weights']}`, which are not those that ship now, and not measured again yet: see "
        "[the training log](../training-log.md).\n\n"
    )


def whole_page(experiment: Experiment, frame: pd.DataFrame) -> str:
    """The page, from what the CSV holds."""
    about = frame.attrs
    size = "quick" if about["quick"] else f"{about['draws']} draws" if about["draws"] else "full"
    foot = (
        f"Made by `python examples/experiments/{experiment.name}.py` ({size}, seed {about['seed']}): weights "
        f"`{about['weights']}`, {about['cpu_seconds']:.0f} s of processor time on {about['threads']} thread(s), "
        f"{about['machine']}, {about['versions']}. The records: [{experiment.name}.csv]({experiment.name}.csv)."
    )
    if experiment.consensus == "off":
        foot = f"Of the posterior network alone, without candidate partitions. {foot}"
    picture = f"![{experiment.title}]({experiment.name}.png)"
    body = experiment.page(frame).strip().replace("{figure}", picture)
    return f"# {experiment.title}\n\n{stale(about, experiment.consensus)}{body}\n\n---\n\n{foot}\n"


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> Path:
    """Measure, write NAME.csv, and make NAME.png and NAME.md from it."""
    parser = argparse.ArgumentParser(description=experiment.title)
    parser.add_argument(
        "--quick", action="store_true", help="seconds in place of minutes; shows that it runs"
    )
    parser.add_argument("--from-csv", action="store_true", help="remake figure and page, measure nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--draws", type=int, help="other than the experiment's own number of draws; the page says so"
    )
    parser.add_argument("--weights", help="a .safetensors file in place of the package's weights")
    parser.add_argument("--out", type=Path, help=f"folder; {PAGES} without --quick")
    options = parser.parse_args(arguments)
    if options.quick and options.out is None:
        parser.error("--quick needs --out: its figures must not replace those of the full run")
    out = options.out or PAGES
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{experiment.name}.csv"
    if not options.from_csv:
        model = PFNClusterer(
            device="cpu", weights=options.weights, random_state=options.seed, consensus=experiment.consensus
        )
        run = Run(options.quick, out, options.seed, model, options.draws)
        began = time.process_time()
        frame = experiment.measure(run)
        _write(path, frame, run, time.process_time() - began)
    frame = read(path)
    with plt.rc_context(STYLE):
        experiment.draw(frame, out / f"{experiment.name}.png")
    (out / f"{experiment.name}.md").write_text(whole_page(experiment, frame), encoding="utf-8")
    print(out / f"{experiment.name}.md")
    return path


def _write(path: Path, frame: pd.DataFrame, run: Run, seconds: float) -> None:
    import torch

    about = {
        "experiment": path.stem, "quick": run.quick, "draws": run.draws, "seed": run.seed, "weights": run.model.model_hash,
        "cpu_seconds": round(seconds, 1), "threads": torch.get_num_threads(),
        "machine": f"{platform.machine()}, Python {platform.python_version()}",
        "versions": ", ".join(f"{p} {version(p)}" for p in ("activeclust", "torch", "numpy", "scikit-learn")),
    }  # fmt: skip
    text = frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    path.write_text(f"# {json.dumps(about)}\n{text}", encoding="utf-8")
