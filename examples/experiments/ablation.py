"""Ablation: the V-measure of the network trained without each part, compared with the whole network.

python examples/experiments/ablation.py
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from alike import TASKS, train_alike
from plumbing import (
    COLOURS,
    Experiment,
    Problem,
    Run,
    each,
    holm,
    interval,
    main,
    problem,
    real_sets,
    save,
    scores,
    table,
    tested,
)

from activeclust.pfn.evidence import BIAS_FEATURES, PAIR_FEATURES, ROW_FEATURES, RULE_NAMES, TASK_FEATURES
from activeclust.pfn.inference import Session
from activeclust.pfn.model import PFN, Batch, Context
from activeclust.pfn.prior import Prior, draw_dataset

DATASETS, DRAWS, ANCHORS = 12, 3, (1, 3, 10)
OF_PCA = {"gp_pca", "gp_white", "nearest_pca", "mean_pca", "gauss_pca"}  # rules that look at no graph
GAUSSIANS = {rule for rule in RULE_NAMES if rule.startswith("gauss_")}
SOFT = {rule for rule in RULE_NAMES if rule.startswith("soft_")}


class Stripped(PFN):
    """A network that is not shown part of its input, in training and afterwards."""

    without: frozenset[str] = frozenset()  #: rules
    sees_graph = sees_distance = sees_context = sees_groups = True

    def encode(self, batch: Batch) -> Context:
        """As the package's, of what is left of the batch."""
        batch = self._strip(batch)
        if not self.sees_context:
            batch = replace(batch, pair=batch.pair[:, :0], row=batch.row[:, :0], bias=batch.bias[:, :0])
        return super().encode(batch)

    def decode(self, context: Context, batch: Batch) -> torch.Tensor:
        """As the package's, of what is left of the batch."""
        return super().decode(context, self._strip(batch))

    def with_attention(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """As the package's, of what is left of the batch."""
        return super().with_attention(self._strip(batch))

    def _strip(self, batch: Batch) -> Batch:
        pair, row, bias, task = self._masks(batch.pair.device)
        return replace(
            batch, pair=batch.pair * pair, anchor_pair=batch.anchor_pair * pair, row=batch.row * row,
            anchor_row=batch.anchor_row * row, bias=batch.bias * bias, anchor_bias=batch.anchor_bias * bias,
            task=batch.task * task,
        )  # fmt: skip

    @classmethod
    def _masks(cls, device: torch.device) -> list[torch.Tensor]:
        """Ones, and zeros where a feature is left out, for pair, row, bias and task features."""
        every = (PAIR_FEATURES, ROW_FEATURES, BIAS_FEATURES, TASK_FEATURES)
        return [
            torch.tensor(
                [float(cls._sees(name, of_bias=names is BIAS_FEATURES)) for name in names], device=device
            )
            for names in every
        ]

    @classmethod
    def _sees(cls, feature: str, of_bias: bool) -> bool:
        """Whether the arm sees the feature, by its name in :mod:`activeclust.pfn.evidence`."""
        part, _, name = feature.partition(":")
        if of_bias:
            return cls.sees_distance and (cls.sees_graph or part == "distance")
        if part == "groups":
            return cls.sees_graph and cls.sees_groups
        if part == "graph":
            return cls.sees_graph
        if part == "reach":  # which kernels are of a graph is a matter of the rule
            return cls.sees_graph or name in OF_PCA
        return name not in cls.without


class WithoutGraph(Stripped):
    """Neither the diffusion view nor any kernel of a graph."""

    without, sees_graph = frozenset(set(RULE_NAMES) - OF_PCA), False


class WithoutGaussians(Stripped):
    """Without the Gaussians per cluster."""

    without = frozenset(GAUSSIANS)


class WithoutGroups(Stripped):
    """Without the features of groups without an anchor."""

    sees_groups = False


class WithoutDistance(Stripped):
    """No bias in the attention to anchors: neither kernels nor distances."""

    sees_distance = False


class WithoutContext(Stripped):
    """Inducing tokens read anchors only."""

    sees_context = False


class WithoutUnlabelled(Stripped):
    """Besides, no rule that is fitted to unlabelled rows; the graphs are still of all rows."""

    without, sees_context = frozenset(SOFT | GAUSSIANS), False


STEPS = 150
WHOLE = "whole"
ARMS: dict[str, type[PFN]] = {
    WHOLE: PFN,
    "without the graphs": WithoutGraph,
    "without Gaussians": WithoutGaussians,
    "without groups": WithoutGroups,
    "without distance bias": WithoutDistance,
    "without context rows": WithoutContext,
    "without rules on unlabelled rows": WithoutUnlabelled,
}


def measure(run: Run) -> pd.DataFrame:
    """Per data set, anchors per cluster, draw and arm: V-measure."""
    nets = train_alike(ARMS, run, "arms", STEPS)
    records = []
    for data in _problems(run):
        sessions = {a: Session(data.prepared.source, net, torch.device("cpu")) for a, net in nets.items()}
        for count in ANCHORS:
            for draw in range(run.repeats(DRAWS, 1)):
                anchors = each(data.y, count, run.rng(count, draw))
                codes = np.unique(data.y[anchors], return_inverse=True)[1]
                for arm, session in sessions.items():
                    records.append(
                        {"set": data.name, "anchors": count, "draw": draw, "arm": arm,
                         "v_measure": _v_measure(session, data, anchors, codes)}
                    )  # fmt: skip
        run.say(data.name)
    return pd.DataFrame(records)


def _problems(run: Run) -> list[Problem]:
    quick, full = (
        {"rows": (150, 200), "clusters": {"3-6": 1.0}},
        {"rows": (700, 1500), "clusters": {"3-25": 1.0}},
    )
    prior = Prior(**(quick if run.quick else full))  # rows are left when each cluster has ten anchors
    drawn = (draw_dataset(prior, run.rng(i, 1)) for i in range(1 if run.quick else DATASETS))
    of_prior = [problem(f"prior {i}", X, y, run.model) for i, (X, y) in enumerate(drawn)]
    return [*of_prior, *real_sets(run)]


def _v_measure(session: Session, data: Problem, anchors: np.ndarray, codes: np.ndarray) -> float:
    """One answer a distinct row is kept, as the package does: the first."""
    source = data.prepared.source
    first = np.sort(np.unique(source.inverse[anchors], return_index=True)[1])
    kept, code = source.inverse[anchors][first], codes[first]
    names, code = np.unique(code, return_inverse=True)
    out = session.posterior(kept, code).known[source.inverse]
    return scores(data, np.unique(data.y)[names][out.argmax(1)], anchors)["v_measure"]


def _changes(frame: pd.DataFrame) -> pd.DataFrame:
    """Paired with the whole: mean over draws of a set's change, by arm, set and anchors."""
    wide = frame.pivot(index=["set", "anchors", "draw"], columns="arm", values="v_measure")
    less = wide[[a for a in ARMS if a != WHOLE]].sub(wide[WHOLE], axis=0)
    return less.groupby(["set", "anchors"]).mean()


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Changes on the prior's sets with intervals, and on each real set."""
    change = _changes(frame)
    of_prior = change.index.get_level_values("set").str.startswith("prior")
    arms = list(change.columns)
    figure, axes = plt.subplots(1, 2, figsize=(11, 4), sharey=True, constrained_layout=True)
    for i, count in enumerate(ANCHORS):
        part = change[of_prior].xs(count, level="anchors")
        bounds = np.array([interval(part[arm]) for arm in arms])
        y = np.arange(len(arms)) + 0.22 * (i - 1)
        axes[0].errorbar(bounds[:, 0], y, xerr=[bounds[:, 0] - bounds[:, 1], bounds[:, 2] - bounds[:, 0]],
                         fmt="o", ms=4, capsize=2, color=COLOURS[i], label=f"{count} anchor{'s' * (count > 1)} per cluster")  # fmt: skip
    mean = change[~of_prior].groupby("set", sort=False).mean()
    for i, name in enumerate(mean.index):
        axes[1].plot(mean.loc[name], np.arange(len(arms)) + 0.15 * (i - 1.5), "s", ms=5,
                     color=COLOURS[i], label=name)  # fmt: skip
    axes[0].set_yticks(range(len(arms)), arms)
    axes[0].invert_yaxis()
    for ax, title in zip(axes, ("data sets of the prior", "real sets, mean over anchors"), strict=True):
        ax.axvline(0, color="k", lw=1)
        ax.set(xlabel="V-measure less that of the whole", title=title)
        ax.legend(fontsize=8, loc="lower left")
    save(figure, path)


def page(frame: pd.DataFrame) -> str:
    """The page."""
    change = _changes(frame)
    of_prior = change.index.get_level_values("set").str.startswith("prior")
    sets = list(dict.fromkeys(frame.loc[~frame["set"].str.startswith("prior"), "set"]))
    whole = frame[frame["arm"] == WHOLE].groupby(["set", "anchors"])["v_measure"].mean()
    first = [f"{whole[whole.index.get_level_values('set').str.startswith('prior')].xs(c, level='anchors').mean():.3f}"
             for c in ANCHORS]  # fmt: skip
    rows: list[list[str]] = [[WHOLE, *first, *(f"{whole[name].mean():.3f}" for name in sets)]]
    tests = {
        (arm, count): tested(change[of_prior].xs(count, level="anchors")[arm])
        for arm in change.columns
        for count in ANCHORS
    }
    corrected = dict(zip(tests, holm([w for _, w in tests.values()]), strict=True))
    clear = []
    for arm in change.columns:
        cells = []
        for count in ANCHORS:
            mean, low, high = interval(change[of_prior].xs(count, level="anchors")[arm])
            cells.append(f"{mean:+.3f} [{low:+.3f}, {high:+.3f}]")
            if corrected[arm, count] < 0.05:
                clear.append(f"{arm} at {count} ({mean:+.3f}, p {corrected[arm, count]:.3f})")
        cells += [f"{change[arm].xs(name, level='set').mean():+.3f}" for name in sets]
        rows.append([arm, *cells])
    n_prior = sum(name.startswith("prior") for name in dict.fromkeys(frame["set"]))
    head = ["", *(f"prior, {c} each" for c in ANCHORS), *sets]
    return f"""
Which parts of the network contribute most to the quality of the posterior? Each arm is trained without one part, from the same initial weights,
on the same {STEPS} steps of {TASKS} tasks, and evaluated without it.

{{figure}}

## Expectation (written before the run)

The graphs contribute most, since the other methods consist of the rules on them. The Gaussians contribute one point with
ten anchors per cluster, and do no harm with one. The distance bias and the context rows contribute less than one point
each, since the row's token already has that information from the rules.
The groups show which rows may be of a cluster not seen so far; V-measure is computed on known clusters, so they should not change it.

## Results

V-measure of the whole network, and under it each arm's change, paired on the same rows and anchors: {n_prior} data sets of the prior with
Student's 95 % interval over the sets, and the real sets with the mean over {", ".join(map(str, ANCHORS))} anchors per cluster.
Dense attention, windows over the neighbour graph and the pure form of the paper are in [sparse against dense attention](sparse_attention.md).

{table(head, rows)}

## Interpretation

Changes on the prior's sets that are clear of zero (Wilcoxon's signed-rank test over the sets, p corrected for all {len(tests)} cells by Holm's procedure): {"; ".join(clear) or "none"}.
These networks were trained for {STEPS} steps, a small part of the training of the network in the package; the contribution of a part to a finished
network may be smaller, since other parts learn to replace it, or larger, if the part is slow to learn.
"""


EXPERIMENT = Experiment(
    "ablation", "Ablation: the contribution of each part", measure, draw, page, consensus="off"
)

if __name__ == "__main__":
    main(EXPERIMENT)
