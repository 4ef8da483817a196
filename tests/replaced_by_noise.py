"""Replace each strategy, rule, graph, model, metric, stop rule and annotator by noise, and show that its tests notice.

python tests/replaced_by_noise.py [--jobs 2] [--only TEXT]

Each replacement is tested in a fork of this process (``tests/support/noise.py``): once by random values, once by a
constant. The libraries are imported once.
The exit status is 1 if one is not noticed, or if the tests fail without any replacement.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from activeclust import strategies
from activeclust.pfn.rules import RULES

ROOT = Path(__file__).resolve().parents[1]
CHOICES, PARTS = "tests/strategies/test_choices.py", "tests/strategies/test_scores_and_selections.py"
RULE_TESTS, METRICS = "tests/pfn/test_rules.py", "tests/test_metrics.py"
VIEWS, MODELS, ZERO_SHOT, CONSENSUS = (
    "tests/views/test_graphs.py",
    "tests/clusterer/test_estimator.py",
    "tests/zeroshot/test_zeroshot.py",
    "tests/zeroshot/test_consensus.py",
)
ANNOTATORS = "tests/annotators"
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
#: what rows become: function of activeclust/views -> its module
GEOMETRY = {
    "_affinity": "views", "_sharp_affinity": "views", "_angle_affinity": "views", "_refined_affinity": "views",
    "_nearest": "views", "directions": "views", "leading_eigenvectors": "spectrum", "fit_projection": "projection",
}  # fmt: skip
ANSWERING = {
    "AnnotatorCaller": "test_calling.py", "Terminal": "test_terminal.py", "LanguageModel": "test_language_model.py",
}  # fmt: skip
ALREADY_IMPORTED = "ignore::pytest.PytestAssertRewriteWarning"
IMPORTED_ONCE = (
    "activeclust.cli.loop", "activeclust.clusterer.estimator", "activeclust.loop.active_loop",
    "activeclust.pfn.inference", "activeclust.zeroshot.discover", "hypothesis", "openai", "pandas", "scipy.stats",
    "sklearn.utils.estimator_checks", "torch",
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
        for n in ("expected_gain", "expected_interval", "answers_to", "converged")
    }
    found["activeclust.audit:estimate"] = (STOPPING, "not audit")
    found |= {f"oracle:{name}": (ORACLES, "") for name in ("LabelOracle", "NoisyOracle")}
    found |= {f"activeclust.strategy:{name}": (PARTS, "") for name in STRATEGY_PARTS}
    found |= {f"activeclust.views.{module}:{name}": (VIEWS, "") for name, module in GEOMETRY.items()}
    found |= {f"annotator:{name}": (f"{ANNOTATORS}/{file}", "") for name, file in ANSWERING.items()}
    found["activeclust.annotators.prompt:read_reply"] = (f"{ANNOTATORS}/test_language_model.py", "")
    found["model:pfn"] = (MODELS, "blobs or unseen or many_clusters")
    found["model:selector"] = (ZERO_SHOT, "are_found")
    found["model:consensus"] = (CONSENSUS, "better_than")
    found |= {
        f"activeclust.zeroshot.consensus.{name}": (CONSENSUS, "anchor or candidates or support or order")
        for name in (
            "candidates:anchors_of_parts",
            "candidates:left_out",
            "support:support",
        )
    }
    experts = "tests/zeroshot/test_consensus_experts.py"
    found |= {
        f"activeclust.zeroshot.consensus.experts:{name}": (experts, "")
        for name in ("expert_support", "skill")
    }
    found |= {
        f"activeclust.pfn.experts:{name}": ("tests/pfn/test_experts.py", "")
        for name in ("opinions", "weighted")
    }
    return found


def start(target: str, kind: str, file: str, select: str, said: int) -> int:
    """Fork a process that runs those tests with that replacement and writes into the file ``said``; its number."""
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(said, 1)
    os.dup2(said, 2)
    os.environ["ACTIVECLUST_NOISE"] = f"{kind} {target}" if target else ""
    # the plugin of a library that is imported already cannot be rewritten, and need not be
    words = ["-q", "-x", "-p", "noise", "-p", "no:cacheprovider", "-W", ALREADY_IMPORTED, file]
    os._exit(int(pytest.main([*words, *(["-k", select] if select else [])])))


def statuses(jobs: list[tuple[str, str, str, str]], at_once: int) -> Iterator[tuple[int, int, str]]:
    """The number of each job, pytest's exit status (0 passed, 1 failed) and its output, as they end."""
    running: dict[int, tuple[int, IO[bytes]]] = {}
    waiting = list(enumerate(jobs))[::-1]
    while waiting or running:
        while waiting and len(running) < at_once:
            number, job = waiting.pop()
            said = tempfile.TemporaryFile()  # noqa: SIM115 (closed where its process has ended)
            running[start(*job, said.fileno())] = number, said
        child, status = os.wait()
        number, said = running.pop(child)
        with said:
            said.seek(0)
            yield number, os.waitstatus_to_exitcode(status), said.read().decode(errors="replace")


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
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT / "tests/support"))
    for name in IMPORTED_ONCE:
        importlib.import_module(name)
    bad = 0
    for number, code, output in statuses(jobs, given.jobs):
        target, kind, file, _ = jobs[number]
        bad += code != (1 if target else 0)
        said = "noticed" if code == 1 else "NOT NOTICED" if code == 0 else f"pytest ended with {code}"
        if target:
            print(f"{target:55} {kind:9} {said}", flush=True)
        elif code != 0:
            print(f"without any replacement {file} does not pass ({code}):\n{output[-2000:]}", flush=True)
    print(f"{len(cases)} replacements, {bad} wrong")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
