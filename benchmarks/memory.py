"""What each strategy takes on a pool of 70,000 rows: ``python benchmarks/memory.py [--out docs/figures]``.

A float32 matrix of 70,000 x 70,000 has 19.6 GB. Peak memory is that of the arrays and objects which the
strategy makes (tracemalloc, which numpy reports to), for a batch of 5 after 200 answers to 10 clusters, the
model's own passes left out: posteriors there are of a model of two lines. Writes memory.csv, and ends with
status 1 where a strategy is above the ceiling.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import tracemalloc
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np

from activeclust import strategies
from activeclust.integrations import modal
from activeclust.testing.strategies import make_state

N_ROWS, WIDTH = 70_000, 64
CEILING = 1_000  # MB


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("docs/figures"))
    parser.add_argument("--strategies", help="names with commas between; all, and modAL's, by default")
    given = parser.parse_args()
    state = make_state(N_ROWS, anchors=range(0, 2000, 10), n_clusters=10)
    points = np.random.default_rng(0).normal(size=(N_ROWS, WIDTH)).astype(np.float32)
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    state = replace(state, views={"pca": points, "diffusion": unit})
    names = given.strategies.split(",") if given.strategies else strategies.names() + modal.names()
    lines = []
    for name in names:
        strategy = strategies.get(name)
        tracemalloc.start()
        busy = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's own
            rows = strategy(state, 5, np.random.default_rng(0))
        busy = time.process_time() - busy
        peak = tracemalloc.get_traced_memory()[1] / 1e6
        tracemalloc.stop()
        assert len(set(np.asarray(rows).tolist())) == 5
        lines.append((name, f"{peak:.0f}", f"{busy:.2f}"))
        print(f"{name:<32} {peak:>7.0f} MB  {busy:>7.2f} s", flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    with (given.out / "memory.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([("strategy", "peak_mb", "cpu_seconds"), *lines])
    above = [name for name, peak, _ in lines if float(peak) > CEILING]
    print(f"at most {CEILING} MB: {'does not hold for ' + ', '.join(above) if above else 'holds'}")
    sys.exit(bool(above))


if __name__ == "__main__":
    main()
