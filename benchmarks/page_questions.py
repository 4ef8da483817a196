"""Whether the page asks what the loop would ask: accuracy of both after 10, 20, 40 and 100 answers.

    python benchmarks/page_questions.py --data DIR [--sets digits300,mnist,agnews] [--seeds 3] [--budget 100]

People hold rows while they look at them, and the posterior of an answer is made while the next row is looked at
already. This drives the page's own service as the browser does (:meth:`AnnotationService.take` and ``answer``, the
worker in its thread), with an oracle in the place of each person: everybody answers once while a posterior is made.
Beside it the plain loop, which waits for every posterior. Each seed draws its own rows.

Writes page_questions.csv: data, way, people, seed, answers, accuracy over all rows, clusters found.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from records import FIGURES, write

from activeclust import ActiveLoop, LabelOracle, PFNClusterer
from activeclust.metrics import mean_interval
from activeclust.store.records import Event, Kind
from activeclust.web.service import AnnotationService

WANT = 3  # rows that one page holds, the one on the screen included
SHOWN = (10, 20, 40, 100)
SIZES = {"digits300": 300, "mnist": 5_000}  # rows; 2,000 of the others


class Page:
    """One person's browser: a row on the screen and those after it."""

    def __init__(self, service: AnnotationService, name: str) -> None:
        self.service, self.name = service, name
        self.current: int | None = None
        self.ahead: list[int] = []
        self.refill()

    def refill(self) -> None:
        """Rows for this person; those that nobody has looked at may be exchanged."""
        have = [] if self.current is None else [self.current, *self.ahead]
        given = self.service.take(self.name, have, WANT, self.ahead)
        self.ahead = [row for row in self.ahead if row in given]
        self.ahead += [row for row in given if row not in self.ahead and row != self.current]
        if self.current is None and self.ahead:
            self.current = self.ahead.pop(0)

    def answer(self, y: np.ndarray) -> None:
        """Answer the row on the screen; the next one is there at once."""
        row = self.current
        if row is None:
            return
        self.service.answer(
            Event(Kind.LABEL, row=row, cluster=y[row], annotator=self.name, client_id=f"{self.name} {row}")
        )
        self.current = self.ahead.pop(0) if self.ahead else None
        self.refill()


def score(loop: ActiveLoop, y: np.ndarray) -> tuple[float, int]:
    """(accuracy over all rows, clusters found)."""
    return float((loop.labels == y).mean()), len(loop.clusters)


def by_loop(X: np.ndarray, y: np.ndarray, seed: int, budget: int) -> dict[int, tuple[float, int]]:
    """Answers -> score, the loop asking one row at a time and waiting for each posterior."""
    loop = ActiveLoop(X, LabelOracle(y), clusterer=PFNClusterer(random_state=seed), random_state=seed)
    found = {}
    for answers in (b for b in SHOWN if b <= budget):
        loop.run(answers)
        found[answers] = score(loop, y)
    return found


def by_page(
    X: np.ndarray, y: np.ndarray, seed: int, budget: int, people: int
) -> dict[int, tuple[float, int]]:
    """Answers -> score, people answering on pages of their own."""
    loop = ActiveLoop(X, None, clusterer=PFNClusterer(random_state=seed), random_state=seed)
    found: dict[int, tuple[float, int]] = {}
    with AnnotationService(loop, budget=budget) as service:
        pages = [Page(service, f"person {i}") for i in range(people)]
        for answers in range(budget):
            pages[answers % people].answer(y)
            if (answers + 1) % people == 0 or answers + 1 in SHOWN:
                while not service.settled:
                    time.sleep(0.002)
            if (answers + 1) % people == 0:  # pages ask again when there is a new posterior
                for page in pages:
                    page.refill()
            if answers + 1 in SHOWN:
                with service.worker.model:
                    found[answers + 1] = score(loop, y)
        kept = len(service.run.anchors())
    if kept != budget:
        raise AssertionError(f"A budget of {budget} ended at {kept} answers.")
    return found


def rows_of(name: str, data: Path, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels: random ones of ``mnist``, of ``digits300``, or of a file of ``modern``."""
    if name == "digits300":
        from sklearn.datasets import load_digits

        X, y = load_digits(return_X_y=True)
    else:
        path = data / "mnist70k.npz" if name == "mnist" else data / "modern" / f"{name}.npz"
        with np.load(path, allow_pickle=False) as file:
            X, y = file["X"], file["y"]
    chosen = np.random.default_rng([seed, 2025]).permutation(len(y))[: SIZES.get(name, 2_000)]
    scale = 255 if X.dtype == np.uint8 else 1
    labels = np.empty(len(chosen), dtype=object)
    labels[:] = [str(label) for label in y[chosen]]
    return X[chosen].astype(np.float32) / scale, labels


def differences(frame: pd.DataFrame) -> pd.DataFrame:
    """The page less the loop, over the seeds: a line per data set, number of answers and of people."""
    at = frame.pivot_table(index=["data", "seed"], columns=["answers", "way", "people"], values="accuracy")
    lines = []
    for name, one in at.groupby("data"):
        for answers in one.columns.get_level_values(0).unique():
            loop = one[answers]["loop"][1]
            for people, page in one[answers]["page"].items():
                less = mean_interval((page - loop).to_numpy())
                lines.append(
                    {
                        "data": name,
                        "answers": answers,
                        "people": people,
                        "seeds": len(loop),
                        "loop": loop.mean(),
                        "mean": less.mean,
                        "low": less.low,
                        "high": less.high,
                    }
                )
    return pd.DataFrame(lines)


def report(frame: pd.DataFrame) -> None:
    """The page less the loop, over the seeds."""
    for d in differences(frame).itertuples():
        print(
            f"{d.data}, {d.answers} answers, {d.people} on the page: loop {d.loop:.3f}, page less loop "
            f"{d.mean:+.3f} [{d.low:+.3f}, {d.high:+.3f}]"
        )


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = os.environ.get("ACTIVECLUST_DATA", "data")
    parser.add_argument("--data", type=Path, default=Path(folder), help="folder of mnist70k.npz and modern/")
    parser.add_argument("--sets", default="digits300,mnist,agnews")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=int, default=100)
    parser.add_argument("--out", type=Path, default=FIGURES)
    options = parser.parse_args()
    lines = []
    for name in options.sets.split(","):
        for seed in range(options.seeds):
            X, y = rows_of(name, options.data, seed)
            ways = {("loop", 1): by_loop(X, y, seed, options.budget)}
            for people in (1, 3):
                ways["page", people] = by_page(X, y, seed, options.budget, people)
            for (way, people), found in ways.items():
                about = {"data": name, "way": way, "people": people, "seed": seed}
                lines += [about | {"answers": b, "accuracy": a, "clusters": c} for b, (a, c) in found.items()]
                curve = " ".join(f"{b}: {a:.3f} ({c})" for b, (a, c) in found.items())
                print(name, way, people, seed, curve, file=sys.stderr, flush=True)
    frame = pd.DataFrame(lines)
    write(options.out / "page_questions.csv", frame, [f"weights: {PFNClusterer().model_hash}"])
    report(frame)


if __name__ == "__main__":
    main()
