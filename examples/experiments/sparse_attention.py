"""What rows attend to (the paper's open question for n above 10,000): inducing tokens, windows, or all rows.

python examples/experiments/sparse_attention.py
"""

from __future__ import annotations

import ctypes
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from alike import KINDS, OURS, PURE, SHIPPED, STEPS, TASKS, kinds_of_attention, posterior_of
from plumbing import (
    COLOURS,
    Experiment,
    Run,
    each,
    holm,
    interval,
    main,
    problem,
    ranged,
    save,
    scores,
    table,
    tested,
)

from activeclust.datasets import load
from activeclust.pfn.inference import Network, Session
from activeclust.pfn.prior import Prior, draw_dataset

#: n -> number of data sets of the prior
SIZES = {500: 8, 1000: 8, 2000: 6, 5000: 3, 10_000: 2, 20_000: 1}
MNIST = {1000: 5, 5000: 2}
EACH = 3
LABELS = {OURS: "inducing tokens (ours)", "windows and global tokens": "windows and global tokens",
          "dense": "dense", PURE: "pure form of the paper"}  # fmt: skip
OTHERS = tuple(kind for kind in KINDS if kind != OURS)


def measure(run: Run) -> pd.DataFrame:
    """Per source, n, data set and kind: V-measure, seconds and memory of a posterior."""
    nets = kinds_of_attention(run)
    records = [{"source": "training", "kind": name, "seconds": net.card["seconds"], "loss": net.card["loss"],
                "parameters": sum(p.numel() for p in net.model.parameters())} for name, net in nets.items()]  # fmt: skip
    for data, n, draw in _problems(run):
        anchors = each(data.y, EACH, run.rng(n, draw))
        for kind, net in nets.items():
            guess, seconds, memory = _measured(net, data, anchors)
            records.append({"source": data.name, "n": n, "draw": draw, "kind": kind, "seconds": seconds, "mib": memory,
                            "v_measure": scores(data, guess, anchors)["v_measure"]})  # fmt: skip
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


def _measured(net: Network, data, anchors: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Labels, processor seconds and peak memory (MiB) of a posterior whose kernels' columns are there."""
    source = data.prepared.source
    at = source.inverse[anchors]
    names, codes = np.unique(data.y[anchors], return_inverse=True)
    session = Session(source, net, torch.device("cpu"))
    session.evidence(at, codes)  # the kernels' columns are kept
    before = _forget_peak()
    began = time.process_time()
    out = posterior_of(session, at, codes)
    seconds = time.process_time() - began
    return names[out.known.argmax(1)][source.inverse], seconds, _peak() - before


def _forget_peak() -> float:
    """Give freed memory back, set the peak to what is left, and return that (MiB); Linux only."""
    if sys.platform != "linux":
        return float("nan")
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> float:
    if sys.platform != "linux":
        return float("nan")
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return float("nan")


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Seconds and memory against n, and the paired difference in V-measure."""
    figure, axes = plt.subplots(1, 3, figsize=(15, 4.4), constrained_layout=True)
    prior = frame[frame["source"] == "prior"]
    for ax, value, ylabel in zip(
        axes, ("seconds", "mib"), ("processor seconds", "MiB at the peak"), strict=False
    ):
        for kind, colour in zip(KINDS, COLOURS, strict=False):
            by = prior[prior["kind"] == kind].groupby("n")[value].median()
            ax.plot(by.index, by, marker="o", ms=4, color=colour, label=LABELS[kind])
        ax.set(xscale="log", yscale="log", xlabel="rows n", ylabel=f"{ylabel} of a posterior", title=ylabel)
    for i, kind in enumerate(k for k in OTHERS if k != PURE):
        found = differences(frame, "prior", kind)
        x = np.array(list(found)) * 1.06 ** (i - 0.5)
        bounds = np.array([f[1] for f in found.values()]).reshape(-1, 3)
        axes[2].errorbar(x, bounds[:, 0], yerr=[bounds[:, 0] - bounds[:, 1], bounds[:, 2] - bounds[:, 0]],
                         fmt="o", ms=5, capsize=2, color=COLOURS[i + 1], label=LABELS[kind])  # fmt: skip
    axes[2].set(
        xscale="log", xlabel="rows n", ylabel="V-measure above inducing tokens", title="quality, paired"
    )
    axes[2].axhline(0, color="k", lw=1)
    ns = sorted(frame["n"].dropna().unique())
    for ax in axes:
        ax.minorticks_off()
        ax.set_xticks(ns, [f"{int(n):,}" for n in ns], rotation=30)
        ax.legend(fontsize=9)
    save(figure, path)


def differences(frame: pd.DataFrame, source: str, kind: str) -> dict[int, tuple[np.ndarray, tuple]]:
    """Per n: a kind less ours over data sets, and its mean with Student's interval."""
    wide = frame[frame["source"] == source].pivot(index=["n", "draw"], columns="kind", values="v_measure")
    change = wide[kind] - wide[OURS]
    return {int(n): (v.to_numpy(), interval(v)) for n, v in change.groupby("n") if len(v) > 1}


def page(frame: pd.DataFrame) -> str:
    """The page."""
    prior = frame[frame["source"] == "prior"]
    wide = prior.pivot(index=["n", "draw"], columns="kind", values="v_measure")
    tests = [(kind, wide[kind] - wide[OURS]) for kind in OTHERS]
    p = [tested(less) for _, less in tests]
    corrected = holm([w for _, w in p])
    overall = [
        (LABELS[kind], _told((None, interval(less))), f"{t:.3f}", f"{w:.3f}", f"{h:.3f}")
        for (kind, less), (t, w), h in zip(tests, p, corrected, strict=True)
    ]
    exponent = {kind: _slope(prior[prior["kind"] == kind]) for kind in KINDS}
    largest = int(prior["n"].max())
    at = prior[prior["n"] == largest].groupby("kind")[["seconds", "mib"]].median()
    window, dense = (interval(wide[kind] - wide[OURS]) for kind in OTHERS[:2])
    clear = [LABELS[kind] for (kind, _), h in zip(tests, corrected, strict=True) if h < 0.05]
    return f"""
The paper names sparse attention for n above 10,000 as an open question. Three answers, and dense attention, in networks trained alike. *Inducing tokens*
(ours): rows attend to the anchors and to 16 tokens that have read the anchors and 256 rows. *Windows and global tokens*, as in Longformer and BigBird: rows attend to the
anchors, to 16 global tokens that have read every row, and to their 8 nearest rows, so the blocks follow the neighbour graph. *Dense*: rows attend to the anchors and to every row. Beside
them the *pure form of the paper*: tokens of coordinates and attention, without kernels, graphs or rules.

{{figure}}

## Expectation (written before the run)

No loss of quality beyond 0.01 in V-measure from inducing tokens, since what a row needs of its neighbours reaches it through the graph kernels. Windows hear
the neighbours once more, which should change little. Seconds linear in n for both against quadratic for dense attention. The pure form should be far behind: it
must learn from tasks what the rules compute.

## Results

Four networks, the first three from the same first weights, all on the same {STEPS:,} steps of {TASKS} tasks ({STEPS * TASKS:,} tasks, {STEPS * TASKS / SHIPPED:.0%} of the {SHIPPED:,}
that the network that ships has seen), with the rate falling to zero at the end. Training loss over the last 20 steps (the same tasks for all):

{_trained(frame)}

Data sets of the prior (3 to 10 clusters) and samples of MNIST, {EACH} anchors per cluster, the same sets and anchors for all. Differences in V-measure are paired, less inducing tokens, with Student's 95 % interval over the data
sets. Seconds are processor time of one posterior with views and kernel columns made, memory is the peak beyond what was held before; medians, in the order {", ".join(LABELS[k] for k in KINDS)}.
Dense attention is computed in chunks of 1,024 queries, or 20,000 rows would need 13 GB a block.

{_by_rows(frame)}

Over all {len(wide)} data sets of the prior (the set is the unit; Holm over the {len(OTHERS)} comparisons):

{table(["less inducing tokens", "V-measure", "p (t)", "p (Wilcoxon)", "p (Holm)"], overall)}

## Interpretation

Windows and global tokens change the V-measure by {window[0]:+.4f} [{window[1]:+.4f}, {window[2]:+.4f}] and dense attention by {dense[0]:+.4f} [{dense[1]:+.4f}, {dense[2]:+.4f}] against inducing tokens; clear of zero
after the correction: {", ".join(clear) or "nothing"}. Seconds grow like n^{exponent[OURS]:.2f} (inducing tokens), n^{exponent[OTHERS[0]]:.2f} (windows) and n^{exponent["dense"]:.2f} (dense) from n = 2,000 on; at n = {largest:,} dense
attention takes {at.loc["dense", "seconds"] / at.loc[OURS, "seconds"]:.0f} times as long as inducing tokens and windows {at.loc[OTHERS[0], "seconds"] / at.loc[OURS, "seconds"]:.1f} times. Windows and dense attention hold all rows at once, inducing tokens a chunk: hence
the memory. Two limits: the pure form, which has everything to learn, may need many times as many tasks; and in training a task has 128 rows, so dense attention never saw thousands.
"""


def _by_rows(frame: pd.DataFrame) -> str:
    measured = frame[frame["source"] != "training"]
    rows = []
    for source in dict.fromkeys(measured["source"]):
        part = measured[measured["source"] == source]
        found = {kind: differences(frame, source, kind) for kind in OTHERS}
        for n, group in part.groupby("n"):
            by = group.groupby("kind")
            ours = by["v_measure"].mean()[OURS]
            cells = [_told(found[kind].get(int(n))) for kind in OTHERS]
            seconds = " / ".join(f"{by['seconds'].median()[kind]:.2f}" for kind in KINDS)
            memory = " / ".join(f"{by['mib'].median()[kind]:,.0f}" for kind in KINDS)
            rows.append(
                (f"{source}, {int(n):,}", group["draw"].nunique(), f"{ours:.3f}", *cells, seconds, memory)
            )
    return table(["rows", "sets", "V, inducing tokens", *(LABELS[k] for k in OTHERS), "seconds", "MiB"], rows)


def _trained(frame: pd.DataFrame) -> str:
    training = frame[frame["source"] == "training"].set_index("kind")
    rows = [
        (
            LABELS[kind],
            f"{int(training.loc[kind, 'parameters']):,}",
            f"{training.loc[kind, 'seconds']:.0f}",
            f"{training.loc[kind, 'loss']:.3f}",
        )
        for kind in KINDS
    ]
    return table(["", "parameters", "processor seconds of its steps", "loss"], rows)


def _told(found: tuple | None) -> str:
    if found is None:
        return ""
    return ranged(found[1])


def _slope(part: pd.DataFrame) -> float:
    by = part.groupby("n")["seconds"].median()
    by = by[by.index >= 2000] if (by.index >= 2000).sum() > 1 else by
    return float(np.polyfit(np.log(by.index.to_numpy(float)), np.log(by.to_numpy().clip(1e-4)), 1)[0])


EXPERIMENT = Experiment(
    "sparse_attention", "Sparse against dense attention", measure, draw, page, consensus="off"
)

if __name__ == "__main__":
    main(EXPERIMENT)
