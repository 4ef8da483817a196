"""Sparse against dense attention (the paper's open question): V-measure and seconds at equal n.

python examples/experiments/sparse_attention.py
"""

from __future__ import annotations

import resource
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from alike import train_alike
from dense_attention import DensePFN, DenseSession
from plumbing import COLOURS, Experiment, Problem, Run, each, interval, main, problem, save, scores, table

from activeclust.datasets import load
from activeclust.pfn.inference import Network, Session
from activeclust.pfn.model import PFN
from activeclust.pfn.prior import Prior, draw_dataset

#: n -> number of data sets of the prior
SIZES = {500: 8, 1000: 8, 2000: 6, 5000: 5, 10_000: 3, 12_000: 3, 20_000: 3}
MNIST = {1000: 5, 5000: 5}
EACH, STEPS = 3, 150
MEMORY = 6 * 2**30  # bytes of data that the dense pass may have
ARMS = {"sparse": "sparse: 16 inducing tokens", "dense, 256 rows": "dense, 256 context rows",
        "dense": "dense: all rows"}  # fmt: skip


def measure(run: Run) -> pd.DataFrame:
    """Per source, n, data set and arm: V-measure, seconds of a posterior, whether it fitted."""
    nets = train_alike({"sparse": PFN, "dense": DensePFN}, run, "twins", STEPS)
    records = []
    for data, n, draw in _problems(run):
        anchors = each(data.y, EACH, run.rng(n, draw))
        codes = np.unique(data.y[anchors], return_inverse=True)[1]
        for arm in ARMS:
            out, seconds = _posterior(nets, arm, data, anchors, codes)
            score = np.nan
            if out is not None:
                score = scores(data, np.unique(data.y)[out.argmax(1)], anchors)["v_measure"]
            records.append({"source": data.name, "n": n, "draw": draw, "arm": arm, "v_measure": score,
                            "seconds": seconds, "fits": out is not None})  # fmt: skip
        records.append({"source": data.name, "n": n, "draw": draw, "arm": "evidence", "v_measure": np.nan,
                        "seconds": _evidence(nets["sparse"], data, anchors, codes), "fits": True})  # fmt: skip
        run.say(f"{data.name} {n} {draw}")
    return pd.DataFrame(records)


def _problems(run: Run):
    sizes = {150: 2, 300: 2} if run.quick else SIZES
    for n, count in sizes.items():
        for draw in range(min(count, run.draws or count)):
            # few clusters and no rounding: n distinct rows, and anchors that number the same at every n
            prior = Prior(rows=(n, n), clusters={"3-10": 1.0}, rounded=0.0)
            X, y = draw_dataset(prior, run.rng(n, draw, 1))
            yield problem("prior", X, y, run.model), n, draw
    if not run.quick:
        mnist = load("mnist")
        for n, count in MNIST.items():
            for draw in range(min(count, run.draws or count)):
                rows = run.rng(n, draw, 2).permutation(len(mnist.y))[:n]
                yield problem("MNIST", mnist.X[rows], mnist.y[rows], run.model), n, draw


def _posterior(nets: dict[str, Network], arm: str, data: Problem, anchors: np.ndarray, codes: np.ndarray):
    """(n, C) and processor seconds of the second call, when the kernels' columns are there; None: no memory."""
    source = data.prepared.source
    at = source.inverse[anchors]
    name = "sparse" if arm == "sparse" else "dense"
    session = (DenseSession if arm == "dense" else Session)(source, nets[name], torch.device("cpu"))
    call = session.dense_posterior if arm == "dense" else session.posterior
    session.evidence(at, codes)  # the kernels' columns are kept
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, hard))
    try:
        began = time.process_time()
        out = call(at, codes)
        seconds = time.process_time() - began
    except RuntimeError as error:
        if "memory" not in str(error):
            raise
        return None, np.nan
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))
    return out.known[source.inverse], seconds


def _evidence(net: Network, data: Problem, anchors: np.ndarray, codes: np.ndarray) -> float:
    """Processor seconds of what comes before the network, the same for all arms."""
    session = Session(data.prepared.source, net, torch.device("cpu"))
    at = data.prepared.source.inverse[anchors]
    session.evidence(at, codes)  # the kernels' columns are kept
    began = time.process_time()
    with torch.inference_mode():
        session.evidence(at, codes).at(slice(0, session.basis.n))
    return time.process_time() - began


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Seconds against n, and the paired difference in V-measure."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.3), constrained_layout=True)
    prior = frame[frame["source"] == "prior"]
    for arm, colour in zip(ARMS, COLOURS, strict=False):
        by = prior[(prior["arm"] == arm) & prior["fits"]].groupby("n")["seconds"].median()
        left.plot(by.index, by, marker="o", ms=4, color=colour, label=ARMS[arm])
    left.set(
        xscale="log", yscale="log", xlabel="rows n", ylabel="processor seconds a posterior", title="cost"
    )
    stopped = prior.loc[~prior["fits"], "n"]
    if len(stopped):
        left.axvline(stopped.min(), color=COLOURS[2], ls=":", lw=1.3)
        left.text(stopped.min() * 0.95, left.get_ylim()[0] * 1.2, f"dense needs more\nthan {MEMORY >> 30} GiB",
                  color=COLOURS[2], fontsize=9, va="bottom", ha="right")  # fmt: skip
    left.legend(loc="upper left", fontsize=9)
    pairs = [(s, a) for s in dict.fromkeys(frame["source"]) for a in list(ARMS)[1:]]
    for i, (source, arm) in enumerate(pairs):
        colour, marker = COLOURS[list(ARMS).index(arm)], "os"[source == "MNIST"]
        found = differences(frame, source, arm)
        x = np.array(list(found)) * 1.05 ** (i - (len(pairs) - 1) / 2)
        bounds = np.array(list(found.values()))
        right.errorbar(x, bounds[:, 0], yerr=[bounds[:, 0] - bounds[:, 1], bounds[:, 2] - bounds[:, 0]],
                       fmt=marker, ms=5, capsize=2, color=colour, label=f"{source}: {ARMS[arm]}")  # fmt: skip
    right.set(xscale="log", xlabel="rows n", ylabel="V-measure above sparse", title="quality, paired")
    right.axhline(0, color="k", lw=1)
    for ax in (left, right):
        ns = sorted(frame["n"].unique())
        ax.minorticks_off()
        ax.set_xticks([n for n in ns if n != 12_000], [f"{n:,}" for n in ns if n != 12_000], rotation=30)
    right.legend(fontsize=9)
    save(figure, path)


def differences(frame: pd.DataFrame, source: str, arm: str) -> dict[int, tuple[float, float, float]]:
    """Per n: mean of arm minus sparse over data sets, with Student's interval."""
    wide = frame[frame["source"] == source].pivot(index=["n", "draw"], columns="arm", values="v_measure")
    change = (wide[arm] - wide["sparse"]).dropna()
    return {int(n): interval(v) for n, v in change.groupby("n") if len(v) > 1}


def page(frame: pd.DataFrame) -> str:
    """The page."""
    rows, clear = [], {arm: [] for arm in list(ARMS)[1:]}
    for source in dict.fromkeys(frame["source"]):
        part = frame[frame["source"] == source]
        mean = part.groupby(["n", "arm"])["v_measure"].mean()
        seconds = part.groupby(["n", "arm"])["seconds"].median()
        found = {arm: differences(frame, source, arm) for arm in clear}
        for n, group in part.groupby("n"):
            cells = []
            for arm in clear:
                if n in found[arm]:
                    d = found[arm][n]
                    cells.append(f"{d[0]:+.3f} [{d[1]:+.3f}, {d[2]:+.3f}]")
                    if d[1] > 0 or d[2] < 0:
                        clear[arm].append(f"{source} n = {n:,} ({d[0]:+.3f})")
                else:
                    cells.append("does not fit" if arm == "dense" else "")
            times = [f"{seconds[n, a]:.2f}" if np.isfinite(seconds[n, a]) else "-" for a in ARMS]
            rows.append(
                (f"{source}, {n:,}", group["draw"].nunique(), f"{mean[n, 'sparse']:.3f}", *cells, *times)
            )
    prior = frame[(frame["source"] == "prior") & frame["fits"]]
    exponent = {arm: _slope(prior[prior["arm"] == arm]) for arm in ("sparse", "dense")}
    both = prior.loc[prior["arm"] == "dense", "n"].max()
    at = prior[prior["n"] == both].groupby("arm")["seconds"].median()
    share = at["evidence"] / at["sparse"]
    fails = frame.loc[~frame["fits"], "n"]
    limit = f"at n = {fails.min():,} it no longer fits" if len(fails) else "it always fitted"
    wide = (
        prior[prior["arm"] != "evidence"]
        .pivot(index=["n", "draw"], columns="arm", values="v_measure")
        .dropna()
    )
    whole = interval(wide["dense"] - wide["sparse"])
    verdict = {a: "; ".join(c) or "nowhere" for a, c in clear.items()}
    return f"""
The paper names sparse attention for n above 10,000 as an open question. The network here lets rows
attend to the anchors and to a few inducing tokens that summarise 256 context rows, which is linear in n. How much quality does that cost?

{{figure}}

## Expectation (written before the run)

No loss of quality beyond 0.01 in V-measure, since the graph kernels contain the information about a row's neighbours,
and dense attention trained on 128 rows per task must extrapolate to thousands. Seconds linear in n against quadratic, so that
dense is slower from a few thousand rows on and exceeds the memory at little more than 10,000.

## Results

Two networks of the package's size, from the same initial weights, on the same {STEPS} steps of 16 tasks (so both are far from
finished): one unchanged, one whose rows attend to every context row directly (`examples/experiments/dense_attention.py`). The dense
one is evaluated twice: with the 256 context rows that the sparse one has, and with all rows. Data sets of the prior (3 to 10
clusters) and samples of MNIST, {EACH} anchors per cluster; the same sets and anchors for all. Seconds are processor time of one posterior without
views and kernel columns, median; memory for data limited to {MEMORY >> 30} GiB. Differences to sparse are paired, with
Student's 95 % interval.

{table(["rows", "sets", "sparse V", "dense, 256 rows", "dense, all rows", "s sparse", "s dense 256", "s dense"], rows)}

## Interpretation

Over all {len(wide)} data sets of the prior on which dense fits, dense attention over all rows changes the V-measure by {whole[0]:+.4f}
[{whole[1]:+.4f}, {whole[2]:+.4f}]. Single sizes at which the interval excludes zero: dense over all rows {verdict["dense"]}; dense over 256
{verdict["dense, 256 rows"]} (not corrected for the number of sizes). Seconds grow like n^{exponent["sparse"]:.2f} (sparse) and
n^{exponent["dense"]:.2f} (dense) from n = 2,000 on; at n = {both:,} dense takes {at["dense"] / at["sparse"]:.1f} times as long, and {limit}. Of the sparse
one's time at that n, {share:.0%} is the evidence (the rules of [the method](../method.md)) that all share. Two limits of this comparison: the networks are small and briefly trained, and dense
attention never saw more than 128 rows in training, the number in a training task; a dense network was not trained on thousands of
rows, since the cost per task grows with the square of that number.
"""


def _slope(part: pd.DataFrame) -> float:
    by = part.groupby("n")["seconds"].median()
    by = by[by.index >= 2000] if (by.index >= 2000).sum() > 1 else by
    return float(np.polyfit(np.log(by.index.to_numpy(float)), np.log(by.to_numpy()), 1)[0])


EXPERIMENT = Experiment("sparse_attention", "Sparse against dense attention", measure, draw, page)

if __name__ == "__main__":
    main(EXPERIMENT)
