"""Runtime of a posterior on a GPU, and on one core of the same machine, for the experiment `runtime`.

python benchmarks/runtime_gpu.py

Needs a GPU; writes docs/experiments/runtime-gpu.csv, which the experiment `runtime` puts beside what it measures.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from activeclust import PFNClusterer
from activeclust.pfn.prior import Prior, draw_dataset

SIZES, ANCHORS, TIMES = (500, 1000, 2000, 5000, 10_000, 20_000), (10, 100, 500), 2
RECORDS = Path(__file__).resolve().parents[1] / "docs" / "experiments" / "runtime-gpu.csv"


def data_of(n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A data set of the prior with n rows and ten clusters."""
    return draw_dataset(Prior(rows=(n, n), clusters={"10-10": 1.0}, flat=0.0, rounded=0.0, split=0.0), rng)


def posteriors(model: PFNClusterer, device: str, seed: int) -> Iterator[dict]:
    """Seconds of posteriors whose anchors' columns exist: of the processor, or by the clock if it only waits."""
    now = time.process_time if device == "cpu" else time.perf_counter
    for n in SIZES:
        for repeat in range(TIMES):
            rng = np.random.default_rng([seed, n, repeat])
            X, y = data_of(n, rng)
            prepared = model.prepare(X)
            for k in ANCHORS:
                anchors = rng.choice(len(y), min(k, len(y) // 2), replace=False)
                codes = np.unique(y[anchors], return_inverse=True)[1]
                model.posterior(prepared, anchors, codes)
                began = now()
                model.posterior(prepared, anchors, codes)  # ends with the result on the processor
                yield {"what": "posterior", "n": n, "k": k, "repeat": repeat, "seconds": now() - began}


def main() -> None:
    """Measure on both devices and write the records."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=RECORDS)
    options = parser.parse_args()
    if not torch.cuda.is_available():
        sys.exit(
            "There is no GPU that PyTorch can use here. examples/experiments/runtime.py measures the processor."
        )
    torch.set_num_threads(1)
    frames = []
    for device, name in (("cuda", "cuda"), ("cpu", "beside")):
        records = posteriors(PFNClusterer(device=device), device, options.seed)
        frames.append(pd.DataFrame(records).assign(device=name, machine=torch.cuda.get_device_name()))
    pd.concat(frames).to_csv(options.out, index=False, float_format="%.6g", lineterminator="\n")
    print(options.out)


if __name__ == "__main__":
    main()
