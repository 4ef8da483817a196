"""Runtime against rows n and anchors k (the paper's Figure 4).

python examples/experiments/runtime.py
"""

from __future__ import annotations

import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from plumbing import COLOURS, PAGES, Experiment, Run, main, save, table
from runtime_gpu import ANCHORS, RECORDS, SIZES, TIMES, data_of
from sklearn.cluster import AgglomerativeClustering, KMeans

from activeclust.clusterer.candidates import candidates_of

BELOW = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.13)}
WARD_UP_TO = 10_000  # its memory is n x n
SCALE = PAGES.parent / "figures" / "scale.csv"


def measure(run: Run) -> pd.DataFrame:
    """Processor seconds of the views, of a posterior at several k, and of k-means and Ward on the same rows."""
    records = []
    for n in (200, 400) if run.quick else SIZES:
        for repeat in range(run.repeats(TIMES, quick=1)):
            rng = run.rng(n, repeat)
            X, y = data_of(n, rng)
            began = time.process_time()
            prepared = run.model.prepare(X)
            records.append(_record("views", n, 0, repeat, began))
            began = time.process_time()
            candidates_of(prepared, run.model.partition_weights)
            records.append(_record("candidates", n, 0, repeat, began))
            for k in (10, 40) if run.quick else ANCHORS:
                anchors = rng.choice(len(y), min(k, len(y) // 2), replace=False)
                codes = np.unique(y[anchors], return_inverse=True)[1]
                run.model.posterior(prepared, anchors, codes)  # makes the anchors' columns, once an anchor
                began = time.process_time()
                run.model.posterior(prepared, anchors, codes)
                records.append(_record("posterior", n, k, repeat, began))
            began = time.process_time()
            KMeans(10, n_init=1, random_state=repeat).fit(X)
            records.append(_record("k-means", n, 0, repeat, began))
            if n <= WARD_UP_TO:
                began = time.process_time()
                AgglomerativeClustering(10).fit(X)
                records.append(_record("Ward", n, 0, repeat, began))
        run.say(f"n={n}")
    frame = pd.DataFrame(records)
    frame["device"] = "cpu"
    return pd.concat([frame, _scale(), _gpu()])


def _scale() -> pd.DataFrame:
    """What benchmarks/scale.py has measured so far, to a million rows and beside more rivals; 64 columns, k = 100."""
    if not SCALE.exists():
        return pd.DataFrame()
    made = pd.read_csv(SCALE)
    made = made[(made["status"] == "ok") & (made["d"] == 64) & (made["k"] == 100) & (made["threads"] == 1)]
    made = made[made["device"] == "cpu"].assign(repeat=0, device="scale")
    return made.rename(columns={"method": "what", "cpu_s": "seconds"})[
        ["what", "n", "k", "repeat", "seconds", "device"]
    ]


def _record(what: str, n: int, k: int, repeat: int, began: float) -> dict:
    return {"what": what, "n": n, "k": k, "repeat": repeat, "seconds": time.process_time() - began}


def _gpu() -> pd.DataFrame:
    """The posteriors that benchmarks/runtime_gpu.py measured on a GPU, and on one core beside it, so far."""
    return pd.read_csv(RECORDS) if RECORDS.exists() else pd.DataFrame()


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Seconds against n on log axes: a line a k, and what benchmarks/scale.py measured."""
    scale = frame[frame["device"] == "scale"]
    figure, (ax, right) = plt.subplots(1, 2, figsize=(12, 5.4), sharey=True, constrained_layout=True)
    right.set_visible(len(scale) > 0)
    own = {
        "ours": "views and a posterior",
        "ours-again": "a posterior alone",
        "ours-zero": "clusters without an answer",
    }
    palette = iter([*COLOURS, *plt.get_cmap("tab20").colors])
    for what, part in scale.groupby("what", sort=False):
        by = part.groupby("n")["seconds"].median()
        right.plot(by.index, by, "-" if what in own else "--", lw=2 if what in own else 1.1, marker="o", ms=3.5,
                   color=next(palette), label=own.get(what, what))  # fmt: skip
    right.set(xscale="log", yscale="log", xlabel="rows n", title="benchmarks/scale.py: 64 columns, k = 100")
    if len(scale):
        right.legend(fontsize=8, ncols=3, **BELOW)
    cpu = frame[frame["device"] == "cpu"]
    ks = sorted(cpu.loc[cpu["what"] == "posterior", "k"].unique())
    lines = [
        ("views", 0, "views (once per data set)", "#666666", "-"),
        ("candidates", 0, "candidate partitions (once per data set)", "#999999", "-."),
    ]
    lines += [("posterior", k, f"posterior, k = {k}", c, "-") for k, c in zip(ks, COLOURS, strict=False)]
    lines += [("k-means", 0, "k-means (one start)", "#E69F00", "--"), ("Ward", 0, "Ward", "#000000", "--")]
    for what, k, label, colour, style in lines:
        by = cpu[(cpu["what"] == what) & (cpu["k"] == k)].groupby("n")["seconds"].median()
        ax.plot(by.index, by, style, marker="o", ms=4, color=colour, label=label)
    for k, c in zip(ks, COLOURS, strict=False):
        by = frame[(frame["device"] == "cuda") & (frame["k"] == k)].groupby("n")["seconds"].median()
        if len(by):
            ax.plot(by.index, by, ":", marker="^", ms=5, color=c, label=f"GPU, k = {k}")
    ns = sorted(cpu["n"].unique())
    ax.set(xscale="log", yscale="log", xlabel="rows n", ylabel="processor seconds (GPU: by the clock)")
    ax.set_xticks(ns, [f"{n:,}" for n in ns])
    ax.minorticks_off()
    ax.legend(fontsize=8, ncols=3, **BELOW)
    save(figure, path)


def slope(part: pd.DataFrame, start: int = 2000) -> float:
    """Exponent of n in the median seconds, from ``start`` rows on."""
    by = part.groupby("n")["seconds"].median()
    by = by[by.index >= start] if (by.index >= start).sum() > 1 else by
    return float(np.polyfit(np.log(by.index.to_numpy(float)), np.log(by.to_numpy()), 1)[0])


def page(frame: pd.DataFrame) -> str:
    """The page."""
    cpu, gpu = frame[frame["device"] == "cpu"], frame[frame["device"] == "cuda"]
    post = cpu[cpu["what"] == "posterior"]
    ks, ns = sorted(post["k"].unique()), sorted(cpu["n"].unique())
    median = cpu.groupby(["what", "k", "n"])["seconds"].median()
    rows = []
    for n in ns:
        ward = f"{median['Ward', 0, n]:.2f}" if ("Ward", 0, n) in median.index else "-"
        once = (f"{median[what, 0, n]:.2f}" for what in ("views", "candidates"))
        rows.append((f"{n:,}", *once, *(f"{median['posterior', k, n]:.3f}" for k in ks),
                     f"{median['k-means', 0, n]:.3f}", ward))  # fmt: skip
    slopes = ", ".join(f"n^{slope(post[post['k'] == k]):.2f} at k = {k}" for k in ks)
    last = ns[-1]
    grown = median["posterior", ks[-1], last] / median["posterior", ks[0], last]
    views = slope(cpu[cpu["what"] == "views"])
    if len(gpu):
        of = gpu.groupby(["k", "n"])["seconds"].median()
        beside = frame[frame["device"] == "beside"].groupby(["k", "n"])["seconds"].median()
        at = sorted(k for k, n in of.index if n == of.index.get_level_values("n").max())
        most = gpu["n"].max()
        gained = [f"{of[k, most]:.2f} s ({beside[k, most]:.2f} s) with {k} anchors" for k in at]
        on_gpu = (
            f"On a GPU (another machine, {gpu['machine'].iloc[0]}, by the clock, the time of one core beside it in brackets), a posterior "
            f"of {most:,} rows takes {', '.join(gained)}: below 5,000 rows a GPU gains little, as its time is that of starting small products."
        )
    else:
        on_gpu = "`benchmarks/runtime_gpu.py` measures the paper's GPU column; it has not been run."
    scale = frame[(frame["device"] == "scale") & (frame["what"] == "ours")]
    reach = (
        f"To the right, what `benchmarks/scale.py` measured, up to {scale['n'].max():,} rows: views and a posterior of those take "
        f"{scale.loc[scale['n'].idxmax(), 'seconds']:.0f} s. Its records, with memory, are in `docs/figures/scale.csv`."
        if len(scale)
        else "`benchmarks/scale.py` measures up to a million rows."
    )
    return f"""
The paper's Figure 4: seconds against the number of rows n and of anchors k.

{{figure}}

## Expectation (written before the run)

Views: a neighbour search and an eigensolver, a little more than linear in n. Posterior: linear in n; in k, constant until the anchors' terms
outweigh the rest, then linear, with a k³ of the kernels' inverses that is negligible below a thousand. Candidate partitions: constant
above 1,500 rows, which they are computed from.

## Results

Data sets of the prior with ten clusters, median of {cpu["repeat"].nunique()} repeats, processor seconds. The posterior is computed for anchors whose kernel columns exist,
as in each round of a loop; a new anchor adds a column once. k-means and Ward on the same rows for scale.

{table(("rows", "views", "candidates", *(f"posterior, k = {k}" for k in ks), "k-means", "Ward"), rows)}

## Interpretation

The posterior grows like {slopes} (from 2,000 rows on), the views like n^{views:.2f}. From k = {ks[0]} to k = {ks[-1]} the posterior of
{last:,} rows takes {grown:.1f} times as long. k-means is faster throughout but solves another problem; Ward needs n² memory and was
not run above {WARD_UP_TO:,} rows. {on_gpu} These are single-thread times on one machine, a
little too long if other work shares its caches. {reach}
"""


EXPERIMENT = Experiment("runtime", "Runtime against rows and anchors", measure, draw, page)

if __name__ == "__main__":
    main(EXPERIMENT)
