"""How good the page's questions are: ``python benchmarks/page_questions.py [--out DIR] [--seeds 2] [--budget 40]``.

People hold rows while they look at them, and the worker that makes posteriors is a few answers behind. This drives
:meth:`ActiveLoop.propose` as the page's worker does, with an oracle in the place of each person, and compares the
accuracy with that of the plain loop, which waits for every posterior.

- Each person holds ``HELD`` rows, leased to them, and answers the oldest.
- The worker proposes ``AHEAD`` rows after every ``LAG`` answers, without those that are held.

Writes page_questions.csv: data, way, people, seed, answers, accuracy over all rows, clusters found.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections import deque
from pathlib import Path

import numpy as np

from activeclust import ActiveLoop, LabelOracle, PFNClusterer
from activeclust.datasets import load

HELD = 3  # rows that one page holds
AHEAD = 12  # rows that the worker chooses ahead
LAG = 2  # answers that the worker is behind
SHOWN = (10, 20, 40, 100)
COLUMNS = ("data", "way", "people", "seed", "answers", "accuracy", "clusters")


def score(loop: ActiveLoop, y: np.ndarray) -> tuple[float, int]:
    """(accuracy over all rows, clusters found)."""
    return float((loop.labels.astype(str) == y.astype(str)).mean()), len(loop.clusters)


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
    """Answers -> score, several people answering rows that were chosen ahead."""
    loop = ActiveLoop(X, None, clusterer=PFNClusterer(random_state=seed), random_state=seed)
    held: list[deque[int]] = [deque() for _ in range(people)]
    ready: deque[int] = deque()
    found = {}
    for answers in range(budget):
        if answers % LAG == 0 or not ready:
            ready = deque(loop.propose(AHEAD, without=list(loop.stored.leased())))
        for i, mine in enumerate(held):
            while len(mine) < HELD and ready:
                row = ready.popleft()
                if loop.stored.lease([row], 1, f"person {i}", 600.0):
                    mine.append(row)
        row = held[answers % people].popleft()
        loop.tell(row, y[row])
        if answers + 1 in SHOWN:
            found[answers + 1] = score(loop, y)
    return found


def rows_of(name: str, data: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rows and labels: ``mnist``, ``digits300``, or a file of ``modern``, 2,000 rows of it."""
    if name == "digits300":
        digits = load("digits")
        return digits.X[:300], np.asarray(digits.oracle_labels())[:300]
    if name == "mnist":
        mnist = load("mnist")
        return mnist.X, np.asarray(mnist.oracle_labels())
    with np.load(data / "modern" / f"{name}.npz", allow_pickle=False) as file:
        chosen = np.random.default_rng(2025).permutation(len(file["y"]))[:2_000]
        return file["X"][chosen].astype(np.float32), file["y"][chosen]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path("data"), help="folder that holds modern/")
    parser.add_argument("--sets", default="digits300,mnist,agnews")
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--budget", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with (options.out / "page_questions.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for name in options.sets.split(","):
            X, y = rows_of(name, options.data)
            for seed in range(options.seeds):
                ways = {("loop", 1): by_loop(X, y, seed, options.budget)}
                for people in (1, 3):
                    ways["page", people] = by_page(X, y, seed, options.budget, people)
                for (way, people), found in ways.items():
                    for answers, (accuracy, clusters) in found.items():
                        writer.writerow([name, way, people, seed, answers, f"{accuracy:.4f}", clusters])
                    curve = " ".join(f"{b}: {a:.3f} ({c})" for b, (a, c) in found.items())
                    print(name, way, people, seed, curve, file=sys.stderr)
                file.flush()


if __name__ == "__main__":
    main()
