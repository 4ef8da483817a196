"""Replace each strategy, rule, metric, stop rule and oracle by noise, and show that its tests notice.

python tests/replaced_by_noise.py [--jobs 2] [--only TEXT]

Each replacement runs in a process of its own (``tests/support/noise.py``): once by random values, once by a constant.
The exit status is 1 if one is not noticed, or if the tests fail without any replacement.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from activeclust import strategies
from activeclust.pfn.rules import RULES

ROOT = Path(__file__).resolve().parents[1]
CHOICES, PARTS = "tests/strategies/test_choices.py", "tests/strategies/test_scores_and_selections.py"
RULE_TESTS, METRICS = "tests/pfn/test_rules.py", "tests/test_metrics.py"
STOPPING, ORACLES = "tests/loop/test_stopping.py", "tests/annotators/test_oracles.py"

SCORES = ("accuracy", "v_measure", "ari", "nmi", "clusters", "ece")
FUNCTIONS = (
    "expected_calibration_error", "agreement", "area_under_budget_curve", "mean_interval", "paired_difference",
    "known_rows", "codes",
)  # fmt: skip
#: what strategies are made of
STRATEGY_PARTS = (
    "entropy_of", "margin_of", "uncertainty_of", "heavy_rows", "top_rows", "diverse_rows", "cover", "take",
    "sample_rows", "kernel_between", "closeness",
)  # fmt: skip


def targets() -> dict[str, tuple[str, str]]:
    """What is replaced -> the file of its tests, and which of them (pytest's -k)."""
    found = {f"strategy:{name}": (CHOICES, name) for name in strategies.builtin_names()}
    # what every batch of scored rows shares is tested under one name
    found |= {
        f"strategy:{n}": (CHOICES, "highest_score")
        for n in ("margin", "least_confidence", "entropy", "density_entropy", "new_cluster")
    }
    found |= {f"rule:{rule.name}": (RULE_TESTS, rule.name) for rule in RULES}
    found |= {f"activeclust.metrics:evaluate[{score}]": (METRICS, "") for score in SCORES}
    found |= {f"activeclust.metrics:{name}": (METRICS, "") for name in FUNCTIONS}
    found |= {f"stop:{name}": (STOPPING, "not audit") for name in ("converged", "accuracy", "gain")}
    found |= {
        f"activeclust.loop.stopping:{n}": (STOPPING, "not audit")
        for n in ("expected_gain", "estimate", "converged")
    }
    found |= {f"oracle:{name}": (ORACLES, "") for name in ("LabelOracle", "NoisyOracle")}
    found |= {f"activeclust.strategy:{name}": (PARTS, "") for name in STRATEGY_PARTS}
    return found


def status(target: str, kind: str, file: str, select: str) -> int:
    """Pytest's exit status with that replacement; 0 passed, 1 failed."""
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "noise",
        "-p",
        "no:cacheprovider",
        file,
        "-k",
        select,
    ]
    env = os.environ | {
        "ACTIVECLUST_NOISE": f"{kind} {target}" if target else "",
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": os.pathsep.join(
            filter(None, [str(ROOT / "tests/support"), os.environ.get("PYTHONPATH", "")])
        ),
    }
    return subprocess.run(words, cwd=ROOT, env=env, capture_output=True, check=False).returncode


def main() -> int:
    """Print the table; 1 where a replacement is not noticed."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="replace only what has this text in its name")
    given = parser.parse_args()
    chosen = {target: tests for target, tests in targets().items() if given.only in target}
    # `random` is itself a random draw: only a constant can stand for it
    cases = [
        (t, k) for t in chosen for k in ("random", "constant") if (t, k) != ("strategy:random", "random")
    ]
    jobs = [("", "", file, "") for file in sorted({file for file, _ in chosen.values()})] + [
        (t, k, *chosen[t]) for t, k in cases
    ]
    bad = 0
    with ThreadPoolExecutor(given.jobs) as pool:
        for (target, kind, file, select), code in zip(
            jobs, pool.map(lambda job: status(*job), jobs), strict=True
        ):
            right = code == (1 if target else 0)
            bad += not right
            said = "noticed" if code == 1 else "NOT NOTICED" if code == 0 else f"pytest ended with {code}"
            if target:
                print(f"{target:55} {kind:9} {said}", flush=True)
            elif not right:
                print(f"without any replacement {file} -k {select!r} does not pass ({code})", flush=True)
    print(f"{len(cases)} replacements, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
