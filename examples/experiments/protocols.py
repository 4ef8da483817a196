"""Protocols of the field: Cluster-PFN's Gaussian mixtures, active learning on tables, COBRAS on its public sets.

python examples/experiments/protocols.py
"""

from __future__ import annotations

import importlib.util
import os
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from plumbing import (
    COLLECTIONS,
    COLOURS,
    Experiment,
    Problem,
    Run,
    band,
    holm,
    interval,
    main,
    posterior,
    problem,
    save,
    table,
    tested,
)
from rivals import typiclust
from rows import Rows, sample_of
from scipy import stats
from sklearn.cluster import HDBSCAN, KMeans
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import adjusted_rand_score, silhouette_score
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler
from tables import KEEL, PUBLIC

from activeclust import ActiveLoop, LabelOracle
from activeclust.compare import Arm, compare
from activeclust.integrations.classifier import Classifier

# -- Gaussian mixtures
MIXTURES, POINTS, MOST = 5, 500, 10
#: spread of the centres in units of a component's standard deviation
HARDNESS = {"easy": 8.0, "hard": 3.0}
ZERO = "no anchors"
#: what Cluster-PFN's authors report on their own draws (arXiv 2510.24318)
PUBLISHED = {("easy", 2): 0.64, ("easy", 5): 0.72, ("hard", 2): 0.44, ("hard", 5): 0.52}

# -- active learning on tables
TABLES, ROWS, BUDGET, BATCH, TABLE_REPEATS = 20, 600, 100, 20, 1
AT = (20, 60, 100)
AUTO = "auto, our posterior"

# -- COBRAS
QUERIES = (25, 50, 100)
COBRAS_SETS = ("uci_ecoli", "uci_ionosphere", "uci_wine", "uci_wdbc", "uci_statlog", "other_iris")
COBRAS_ROWS, COBRAS_REPEATS = 400, 1


def arms() -> dict[str, Arm]:
    """Loops as their libraries document them, and ours; random rows with each model for comparison."""
    logistic = Classifier(LogisticRegression(max_iter=1000))
    forest = Classifier(RandomForestClassifier(50, random_state=0))
    theirs = {
        "scikit-activeml entropy, logistic regression": Arm("skactiveml:UncertaintySampling", logistic),
        "scikit-activeml TypiClust, logistic regression": Arm(typiclust, logistic),
    }
    return {
        AUTO: Arm("auto"),
        "random, our posterior": Arm("random"),
        "random, logistic regression": Arm("random", logistic),
        "modAL margin, logistic regression": Arm("modal:margin_sampling", logistic),
        "modAL margin, forest": Arm("modal:margin_sampling", forest),
        **(theirs if importlib.util.find_spec("skactiveml") else {}),
    }


def arms_of(frame: pd.DataFrame) -> list[str]:
    """The arms that were measured, in order."""
    return list(dict.fromkeys(frame.loc[frame["protocol"] == "tables", "method"]))


def measure(run: Run) -> pd.DataFrame:
    """The records of all three protocols, told apart by ``protocol``."""
    return pd.DataFrame([*_mixtures(run), *_tables(run), *_cobras(run)])


# ------------------------------------------------------------------------------------- mixtures


def mixture(spread: float, d: int, n: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """1 to 10 Gaussians with full covariances, sizes and centres drawn at random."""
    k = int(rng.integers(1, MOST + 1))
    share = rng.dirichlet(np.full(k, 5.0))
    y = rng.choice(k, n, p=share)
    X = np.empty((n, d))
    for c in range(k):
        covariance = np.atleast_2d(stats.wishart.rvs(d + 3, np.eye(d) / (d + 3), random_state=rng))
        centre = spread * rng.normal(size=d)
        X[y == c] = rng.multivariate_normal(centre, covariance, int((y == c).sum()))
    return X, np.unique(y, return_inverse=True)[1]


def _mixtures(run: Run):
    for hardness, spread in HARDNESS.items():
        for d in (2,) if run.quick else (2, 5):
            for draw in range(run.repeats(MIXTURES, quick=1)):
                X, y = mixture(spread, d, 150 if run.quick else POINTS, run.rng(d, draw, int(spread)))
                data = problem("mixture", StandardScaler().fit_transform(X), y, run.model)
                for method, labels in _partitions(run, data).items():
                    found = len(set(labels.tolist()) - {-1})
                    yield {"protocol": "mixtures", "set": f"{hardness} {d} {draw}", "hardness": hardness, "d": d, "method": method,
                           "clusters": found, "true": data.clusters, "ari": float(adjusted_rand_score(y, labels))}  # fmt: skip
            run.say(f"mixtures {hardness} {d}")


def _partitions(run: Run, data: Problem) -> dict[str, np.ndarray]:
    X = data.X
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # k-means and mixtures that do not converge are scored as they stand
        mixtures = [GaussianMixture(k, random_state=run.seed).fit(X) for k in range(1, MOST + 1)]
        means = [KMeans(k, n_init=5, random_state=run.seed).fit_predict(X) for k in range(2, MOST + 1)]
    return {
        ZERO: run.model.zero_shot(data.prepared)[1].argmax(1),
        "Gaussian mixture, BIC": min(mixtures, key=lambda m: m.bic(X)).predict(X),
        "Gaussian mixture, AIC": min(mixtures, key=lambda m: m.aic(X)).predict(X),
        "k-means, silhouette": max(means, key=lambda labels: silhouette_score(X, labels)),
        "HDBSCAN": HDBSCAN(min_cluster_size=max(5, len(X) // 30), copy=True).fit_predict(X),
    }


# ------------------------------------------------------------------------------------- tables


def tables(run: Run) -> list[Rows]:
    """Tables of KEEL and R packages with 200 rows or more, at most 20 classes and 80 columns, in their list's order."""
    if run.quick:
        sets = (("iris", load_iris()), ("wine", load_wine()))
        return [Rows(name, StandardScaler().fit_transform(b.data), b.target) for name, b in sets]
    found = []
    for name in (*KEEL, *PUBLIC):
        rows = COLLECTIONS["tables"]().load(name)
        if len(rows.y) < 200 or len(np.unique(rows.y)) > 20 or rows.X.shape[1] > 80:
            continue
        found.append(sample_of(rows, ROWS, run.seed))
        if len(found) == TABLES:
            break
    return found


def _tables(run: Run):
    budget = 20 if run.quick else BUDGET
    for rows in tables(run):
        for name, arm in arms().items():
            for repeat in range(run.repeats(TABLE_REPEATS, quick=1)):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of the rivals: models that do not converge
                    # a model that has none of its own is the one whose weights are measured
                    done = compare(np.asarray(rows.X, np.float32), rows.y, strategies={name: arm}, budget=budget, batch_size=BATCH,
                                   repeats=1, seed=run.seed + repeat, clusterer=run.model)  # fmt: skip
                for answers, accuracy in zip(
                    done.budgets.tolist(), done.scores(name, "accuracy")[0], strict=True
                ):
                    if answers:
                        yield {"protocol": "tables", "set": rows.name, "method": name, "draw": repeat, "k": int(answers),
                               "accuracy": float(accuracy)}  # fmt: skip
        run.say(f"table {rows.name}")


# ------------------------------------------------------------------------------------- COBRAS


def _cobras(run: Run):
    if importlib.util.find_spec("cobras_ts") is None:
        run.say("COBRAS is left out: pip install --no-deps cobras-ts")
        return
    queries = QUERIES[:1] if run.quick else QUERIES
    for rows in _cobras_sets(run):
        for repeat in range(run.repeats(COBRAS_REPEATS, quick=1)):
            for q, labels in zip(queries, cobras(rows, queries, repeat), strict=True):
                yield {"protocol": "COBRAS", "set": rows.name, "method": "COBRAS", "draw": repeat, "k": q,
                       "ari": float(adjusted_rand_score(rows.y, labels))}  # fmt: skip
            data = problem(rows.name, rows.X, rows.y, run.model)
            for q, labels, answers in ours(run, data, queries, repeat):
                yield {"protocol": "COBRAS", "set": rows.name, "method": AUTO, "draw": repeat, "k": q, "answers": answers,
                       "ari": float(adjusted_rand_score(rows.y, labels))}  # fmt: skip
        run.say(f"COBRAS {rows.name}")


def _cobras_sets(run: Run) -> list[Rows]:
    if run.quick:
        return [Rows("iris", *load_iris(return_X_y=True))]
    folder = os.environ.get("ACTIVECLUST_DATA")
    collection = COLLECTIONS["sets"](Path(folder) if folder else None)
    cancer = load_breast_cancer()
    found = [Rows("breast cancer", cancer.data, cancer.target), *collection.only(*COBRAS_SETS)]
    kept = []
    for rows in found:
        rows = sample_of(Rows(rows.name, rows.X[rows.scored], rows.y[rows.scored]), COBRAS_ROWS, run.seed)
        kept.append(Rows(rows.name, StandardScaler().fit_transform(rows.X), rows.y))
    return kept


def cobras(rows: Rows, queries: tuple[int, ...], seed: int) -> list[np.ndarray]:
    """Labels after so many must-link or cannot-link questions, by the authors' package."""
    from cobras_ts.cobras_kmeans import COBRAS_kmeans
    from cobras_ts.superinstance_kmeans import SuperInstance_kmeans

    class Querier:
        """The package's own imports a plotting library for all of them; this is its LabelQuerier."""

        def query_points(self, one: int, other: int) -> bool:
            return bool(rows.y[one] == rows.y[other])

        def update_clustering(self, clustering) -> None:
            """Nothing is shown."""

        def continue_cluster_process(self) -> bool:
            return True

    class Cobras(COBRAS_kmeans):
        """Its own splitting says ``np.int``, which NumPy no longer has; this is the same with ``int``."""

        def split_superinstance(self, si, k):
            at = np.array(si.indices)
            labels = KMeans(k, n_init=10, random_state=seed).fit_predict(self.data[at])
            si.children = [SuperInstance_kmeans(self.data, at[labels == c].tolist(), self.train_indices, si) for c in np.unique(labels)]  # fmt: skip
            return si.children

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        solved = Cobras(rows.X, Querier(), max(queries)).cluster()
    after = solved[1]  # a labelling after each question
    return [np.asarray(after[min(q, len(after)) - 1]) for q in queries]


def ours(run: Run, data: Problem, queries: tuple[int, ...], seed: int):
    """Labels after so many pairwise questions: to place a row among the c clusters known takes up to c of them."""
    loop = ActiveLoop(
        data.X, LabelOracle(data.y), strategy="auto", batch_size=5, random_state=seed, clusterer=run.model
    )
    loop.run(budget=min(max(queries), len(data.y) // 2))
    anchors = np.array(list(loop.anchors))
    known, cost = set(), []
    for row in anchors:
        cost.append(len(known))
        known.add(int(data.y[row]))
    spent = np.cumsum(cost)
    for q in queries:
        mine = anchors[: max(1, int((spent <= q).sum()))]
        names, out, _ = posterior(run.model, data, mine, data.y[mine])
        labels = names[out.argmax(1)]
        labels[mine] = data.y[mine]
        yield q, labels, len(mine)


# ------------------------------------------------------------------------------------- from the records


def shares(frame: pd.DataFrame) -> pd.DataFrame:
    """Whether a method found the exact number, data set by method."""
    part = frame[frame["protocol"] == "mixtures"]
    return (part["clusters"] == part["true"]).groupby([part["set"], part["method"]]).first().unstack()


def accuracies(frame: pd.DataFrame, k: int) -> pd.DataFrame:
    """Table by arm: mean over repeats after k answers."""
    part = frame[(frame["protocol"] == "tables") & (frame["k"] == k)]
    return part.pivot_table(index="set", columns="method", values="accuracy", aggfunc="mean", sort=False)


def areas(frame: pd.DataFrame) -> pd.DataFrame:
    """Table by arm: mean accuracy over the rounds."""
    part = frame[frame["protocol"] == "tables"]
    return part.pivot_table(index="set", columns="method", values="accuracy", aggfunc="mean", sort=False)


def draw(frame: pd.DataFrame, path: Path) -> None:
    """Exact numbers, accuracy against answers over tables, ARI against pairwise questions."""
    figure, axes = plt.subplots(1, 3, figsize=(16, 4.6), constrained_layout=True)
    exact = shares(frame)
    bars = exact.mean()[list(dict.fromkeys(frame.loc[frame["protocol"] == "mixtures", "method"]))]
    bounds = [
        stats.binomtest(int(exact[m].sum()), len(exact)).proportion_ci(method="wilson") for m in bars.index
    ]
    axes[0].barh(range(len(bars)), bars, color=[COLOURS[m != ZERO] for m in bars.index],
                 xerr=[bars - [b.low for b in bounds], [b.high for b in bounds] - bars], error_kw={"capsize": 2, "lw": 1})  # fmt: skip
    axes[0].set_yticks(range(len(bars)), bars.index)
    axes[0].invert_yaxis()
    axes[0].set(title="Gaussian mixtures: number exact", xlabel="share of data sets", xlim=(0, 1))
    part = frame[frame["protocol"] == "tables"]
    for arm, colour in zip(arms_of(frame), COLOURS, strict=False):
        by = part[part["method"] == arm].groupby(["k", "set"])["accuracy"].mean().unstack()
        axes[1].plot(
            by.index,
            by.mean(axis=1),
            marker="o",
            ms=3,
            color=colour,
            label=arm,
            lw=2.4 if arm == AUTO else 1.2,
        )
    axes[1].set(
        title=f"{part['set'].nunique()} tables", xlabel="answers", ylabel="accuracy, mean over tables"
    )
    axes[1].legend(fontsize=7, loc="lower right")
    part = frame[frame["protocol"] == "COBRAS"]
    for method, label in ((AUTO, AUTO), ("COBRAS", "COBRAS")):
        groups = part[part["method"] == method].groupby(["k", "set"])["ari"].mean().groupby("k")
        if len(groups):
            band(axes[2], list(groups.groups), [g for _, g in groups], label)
    axes[2].set(title="COBRAS's protocol", xlabel="pairwise questions", ylabel="ARI, mean over sets")
    if len(part):
        axes[2].legend()
    save(figure, path)


def page(frame: pd.DataFrame) -> str:
    """The page."""
    return f"""
How the method performs in three protocols of other authors.

{{figure}}

## Expectation (written before the run)

*Mixtures.* BIC knows that the data are Gaussian mixtures and the network does not, so BIC should be better if components touch. *Tables.* Margin sampling with a fitted classifier should catch up
with `auto` within 100 answers, since the label of a table often depends on a few columns. *COBRAS* asks pairwise questions; it should be behind where clusters are not round.

## Results

{_mixtures_told(frame)}

{_tables_told(frame)}

{_cobras_told(frame)}

## Interpretation

{_meaning(frame)}
"""


def _mixtures_told(frame: pd.DataFrame) -> str:
    part = frame[frame["protocol"] == "mixtures"]
    exact, methods = shares(frame), list(dict.fromkeys(part["method"]))
    ari = part.pivot(index="set", columns="method", values="ari")
    settings = list(dict.fromkeys(zip(part["hardness"], part["d"].astype(int), strict=True)))
    p = {m: _mcnemar(exact[ZERO], exact[m]) for m in methods if m != ZERO}
    corrected = dict(zip(p, holm(list(p.values())), strict=True))
    rows = []
    for m in methods:
        bounds = stats.binomtest(int(exact[m].sum()), len(exact)).proportion_ci(method="wilson")
        cells = [f"{exact.loc[exact.index.str.startswith(f'{h} {d} '), m].mean():.0%}" for h, d in settings]
        rows.append((m, *cells, f"{exact[m].mean():.0%} [{bounds.low:.0%}, {bounds.high:.0%}]", f"{ari[m].mean():.3f}",
                     "" if m == ZERO else f"{corrected[m]:.3f}"))  # fmt: skip
    rows.append(("*Cluster-PFN, as published*", *(f"*{PUBLISHED[s]:.0%}*" for s in settings), "", "", ""))
    each = int((part["method"] == ZERO).sum() / len(settings))
    return f"""**Gaussian mixtures**, after Cluster-PFN (arXiv 2510.24318): 1 to {MOST} Gaussians with full covariances, {POINTS} rows, centres {HARDNESS["easy"]:g} (easy) or {HARDNESS["hard"]:g} (hard) standard
deviations wide, 2 and 5 dimensions, {each} data sets of each kind. How often the number of clusters is exact, without any anchor; overall with Wilson's 95 % interval; mean ARI; p of McNemar's exact
test that *{ZERO}* and the method are exact equally often, corrected for {len(p)} comparisons (Holm). k-means can find 2 to {MOST}, mixtures 1 to {MOST}, as they are given that range; ours and HDBSCAN get
no range. Cluster-PFN's trained network is not public here: its figures are its authors' on their own draws, not on these.

{table(("number exact", *(f"{h}, {d} dimensions" for h, d in settings), "all", "ARI", "p (Holm)"), rows)}"""


def _mcnemar(a: pd.Series, b: pd.Series) -> float:
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return 1.0 if only_a + only_b == 0 else float(stats.binomtest(only_a, only_a + only_b).pvalue)


def _against(frame: pd.DataFrame) -> list[tuple[str, tuple, float, float, int]]:
    area = areas(frame)
    return [
        (
            arm,
            interval(area[AUTO] - area[arm]),
            *tested(area[AUTO] - area[arm]),
            int((area[AUTO] < area[arm]).sum()),
        )
        for arm in arms_of(frame)
        if arm != AUTO
    ]


def _tables_told(frame: pd.DataFrame) -> str:
    area = areas(frame)
    budgets = [k for k in AT if k in set(frame.loc[frame["protocol"] == "tables", "k"])]
    against = {arm: rest for arm, *rest in _against(frame)}
    corrected = dict(zip(against, holm([w for _, _, w, _ in against.values()]), strict=True))
    rows = []
    for arm in arms_of(frame):
        cells = [f"{accuracies(frame, k)[arm].mean():.3f}" for k in budgets]
        end = ("", "", "", "", "")
        if arm in against:
            bounds, t, w, worse = against[arm]
            end = (_told(bounds), f"{t:.3f}", f"{w:.3f}", f"{corrected[arm]:.3f}", worse)
        rows.append((arm, *cells, f"{area[arm].mean():.3f}", *end))
    return f"""**Active learning on {len(area)} tables** of the KEEL repository and R packages (the first of `benchmarks/tables.py` with 200 rows or more, at most 20 classes and 80 columns; at most {ROWS} rows): to {BUDGET} labels,
rounds of {BATCH}, one run each; accuracy on the rows without a label, mean over tables. *Mean*: over all rounds. *Less*: `{AUTO}` less the arm in that mean, with Student's 95 % interval over the tables, p of t
and of Wilcoxon's signed-rank test, and the latter corrected for {len(against)} arms (Holm). Most are among the sets of [the posterior's page](../posterior.md), and none was used to choose `auto`'s constants.

{table(("", *(f"{k} labels" for k in budgets), "mean", f"`{AUTO}` less", "p (t)", "p (Wilcoxon)", "p (Holm)", "tables on which ours is worse"), rows)}"""


def _cobras_told(frame: pd.DataFrame) -> str:
    part = frame[frame["protocol"] == "COBRAS"]
    if not len(part):
        return (
            "**COBRAS** was not measured: its package (`pip install --no-deps cobras-ts`) was not installed."
        )
    by = part.groupby(["method", "k", "set"])["ari"].mean()
    answers = part[part["method"] == AUTO].groupby("k")["answers"].mean()
    rows = []
    for k in sorted(part["k"].unique()):
        less = by[AUTO, k] - by["COBRAS", k]
        _, w = tested(less)
        rows.append((int(k), f"{by['COBRAS', k].mean():.3f}", f"{by[AUTO, k].mean():.3f}", f"{answers[k]:.0f}", _told(interval(less)),
                     f"{w:.3f}", int((less < 0).sum())))  # fmt: skip
    return f"""**COBRAS** (Van Craenendonck et al., IDA 2018; the authors' package `cobras-ts` 0.1.3, which runs on today's NumPy with a new implementation of its splitting) on {part["set"].nunique()} public sets that its authors use or that are like them, ARI of all
rows. It asks whether two rows belong together. An answer of ours places a row among the clusters known so far, which takes up to as many pairwise questions; this number is counted, so at the same number of
questions ours has far fewer answers.

{table(("pairwise questions", "COBRAS", AUTO, "answers of ours", "ours less COBRAS", "p (Wilcoxon)", "sets on which ours is worse"), rows)}"""


def _meaning(frame: pd.DataFrame) -> str:
    exact = shares(frame).mean()
    others = exact.drop(ZERO)
    ahead = [a for a, bounds, _, _, _ in _against(frame) if bounds[2] < 0]
    behind = [a for a, bounds, _, _, _ in _against(frame) if bounds[1] > 0]
    last = max(int(k) for k in frame.loc[frame["protocol"] == "tables", "k"])
    end = accuracies(frame, last).mean()
    part = frame[frame["protocol"] == "COBRAS"]
    text = (
        f"The number of clusters of a Gaussian mixture is exact in {exact[ZERO]:.0%} of the cases without an anchor; the best of the others is {others.idxmax()} with {others.max():.0%}. "
        f"On tables `{AUTO}` is, over all rounds, clear of zero above {', '.join(behind) or 'none of the others'} and below {', '.join(ahead) or 'none'}; after {last} labels the best mean accuracy is that of "
        f"{end.idxmax()} ({end.max():.3f}; `{AUTO}` {end[AUTO]:.3f})."
    )
    if len(part):
        by = part.groupby(["method", "k"])["ari"].mean()
        ks = sorted(part["k"].unique())
        text += (
            " Against COBRAS: "
            + ", ".join(f"{by[AUTO, k] - by['COBRAS', k]:+.3f} ARI at {int(k)} questions" for k in ks)
            + "."
        )
    return (
        text
        + " The label of a table need not follow the groups of its rows, which is all that a clustering can find; where a classifier is wanted, fit one."
    )


def _told(bounds: tuple[float, float, float]) -> str:
    return f"{bounds[0]:+.3f} [{bounds[1]:+.3f}, {bounds[2]:+.3f}]"


EXPERIMENT = Experiment("protocols", "Protocols of the field", measure, draw, page)

if __name__ == "__main__":
    main(EXPERIMENT)
