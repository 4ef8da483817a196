"""Active learning on tables: loops as their libraries document them, and ours."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np
import pandas as pd
from plumbing import (
    COLLECTIONS,
    Run,
    holm,
    interval,
    ranged,
    table,
    tested,
)
from rivals import typiclust
from rows import Rows, sample_of
from sklearn.datasets import load_iris, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tables import KEEL, PUBLIC

from activeclust.compare import Arm, compare
from activeclust.integrations.classifier import Classifier

TABLES, ROWS, BUDGET, BATCH, TABLE_REPEATS = 20, 600, 100, 20, 1


AT = (20, 60, 100)


AUTO = "auto, our posterior"


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


def measure_tables(run: Run):
    budget = 20 if run.quick else BUDGET
    for rows in tables(run):
        for name, arm in arms().items():
            for repeat in range(run.repeats(TABLE_REPEATS, quick=1)):
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)  # of the rivals' models
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


def accuracies(frame: pd.DataFrame, k: int) -> pd.DataFrame:
    """Table by arm: mean over repeats after k answers."""
    part = frame[(frame["protocol"] == "tables") & (frame["k"] == k)]
    return part.pivot_table(index="set", columns="method", values="accuracy", aggfunc="mean", sort=False)


def areas(frame: pd.DataFrame) -> pd.DataFrame:
    """Table by arm: mean accuracy over the rounds."""
    part = frame[frame["protocol"] == "tables"]
    return part.pivot_table(index="set", columns="method", values="accuracy", aggfunc="mean", sort=False)


def against_auto(frame: pd.DataFrame) -> list[tuple[str, tuple, float, float, int]]:
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


def tables_told(frame: pd.DataFrame) -> str:
    area = areas(frame)
    budgets = [k for k in AT if k in set(frame.loc[frame["protocol"] == "tables", "k"])]
    against = {arm: rest for arm, *rest in against_auto(frame)}
    corrected = dict(zip(against, holm([w for _, _, w, _ in against.values()]), strict=True))
    rows = []
    for arm in arms_of(frame):
        cells = [f"{accuracies(frame, k)[arm].mean():.3f}" for k in budgets]
        end = ("", "", "", "", "")
        if arm in against:
            bounds, t, w, worse = against[arm]
            end = (ranged(bounds), f"{t:.3f}", f"{w:.3f}", f"{corrected[arm]:.3f}", worse)
        rows.append((arm, *cells, f"{area[arm].mean():.3f}", *end))
    return f"""**Active learning on {len(area)} tables** of the KEEL repository and R packages (the first of `benchmarks/tables.py` with 200 rows or more, at most 20 classes and 80 columns; at most {ROWS} rows): to {BUDGET} labels,
rounds of {BATCH}, one run each; accuracy on the rows without a label, mean over tables. *Mean*: over all rounds. *Less*: `{AUTO}` less the arm in that mean, with Student's 95 % interval over the tables, p of t
and of Wilcoxon's signed-rank test, and the latter corrected for {len(against)} arms (Holm). Most are among the sets of [the posterior's page](../posterior.md), and none was used to choose `auto`'s constants.

{table(("", *(f"{k} labels" for k in budgets), "mean", f"`{AUTO}` less", "p (t)", "p (Wilcoxon)", "p (Holm)", "tables on which ours is worse"), rows)}"""
