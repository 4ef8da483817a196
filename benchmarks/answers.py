"""Seconds per answer and memory as answers grow: `python benchmarks/answers.py`, then `python benchmarks/pages.py`.

A loop with one question a round over rows of ten clusters that overlap, begun with so many answers. A row of the CSV
for each number: processor seconds per further answer of the whole loop, of the posterior alone, and the memory in use.
Processor time, so that what else the machine does counts little.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
import psutil
from sklearn.datasets import make_blobs

from activeclust import ActiveLoop, LabelOracle, PFNClusterer

FURTHER = 3  # answers that are timed, after one that fills the caches


class Timed(PFNClusterer):
    """Counts the processor seconds of its posteriors."""

    spent = 0.0

    def posterior(self, prepared, rows, codes):
        """As ever, timed."""
        began = time.process_time()
        try:
            return super().posterior(prepared, rows, codes)
        finally:
            Timed.spent += time.process_time() - began


def measure(rows: int, answers: list[int], strategy: str) -> list[dict[str, float]]:
    """One dict for each number of answers."""
    X, y = make_blobs(rows, 20, centers=10, cluster_std=5.0, random_state=0)
    order = np.random.default_rng(0).permutation(rows).tolist()
    process, found = psutil.Process(), []
    for k in answers:
        loop = ActiveLoop(
            X, LabelOracle(y), clusterer=Timed(device="cpu", cache=False), strategy=strategy, random_state=0,
            anchors={row: int(y[row]) for row in order[: max(1, k)]},
        )  # fmt: skip
        loop.run(len(loop.anchors) + 1)
        began, model = time.process_time(), Timed.spent
        loop.run(len(loop.anchors) + FURTHER)
        found.append(
            {
                "answers": k,
                "seconds_per_answer": round((time.process_time() - began) / FURTHER, 4),
                "posterior_seconds_per_answer": round((Timed.spent - model) / FURTHER, 4),
                "memory_mb": round(process.memory_info().rss / 1e6),
            }
        )
        print(found[-1], flush=True)
    return found


def main() -> None:
    """Measure and write the CSV."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2000)
    parser.add_argument(
        "--answers", type=int, nargs="+", default=[1, 10, 100, 200, 400, 700, 1000, 1500, 1950]
    )
    parser.add_argument("--strategy", default="random")
    parser.add_argument("--out", type=Path, default=Path("docs/figures/answers.csv"))
    given = parser.parse_args()
    found = measure(given.rows, given.answers, given.strategy)
    with given.out.open("w", newline="") as file:
        table = csv.DictWriter(file, list(found[0]), lineterminator="\n")
        table.writeheader()
        table.writerows(found)
    print(
        f"{given.out}: {np.mean([row['seconds_per_answer'] for row in found]):.3f} s per answer in the mean"
    )


if __name__ == "__main__":
    main()
