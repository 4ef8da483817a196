"""Comparison of strategies with the same rows, the same seeds, and the same errors of the oracle.

Every run is in the store, so an interrupted sweep resumes where it stopped, and machines can share the work
(``shard``). Runs are joblib tasks: inside ``joblib.parallel_config(backend="dask")`` they go to that cluster.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from activeclust.annotators.oracles import LabelOracle, NoisyOracle
from activeclust.annotators.query import SKIP, Answer, Query
from activeclust.compare.arms import Strategies
from activeclust.compare.comparison import Comparison
from activeclust.compare.comparisons import Comparisons
from activeclust.compare.plan import Plan, dataset_of, make_plan, true_labels
from activeclust.datasets.dataset import Dataset
from activeclust.errors import InvalidInput
from activeclust.loop.active_loop import ActiveLoop
from activeclust.metrics import known_rows

#: ``progress(done, total, strategy, repeat)`` after every run
Progress = Callable[[int, int, str, int], None]


def compare(
    X: Any,
    y: Any = None,
    *,
    strategies: Strategies,
    budget: int | str,
    repeats: int = 20,
    jobs: int = 1,
    store: str | os.PathLike[str] | None = None,
    clusterer: Any = None,
    progress: Progress | None = None,
    **settings: Any,
) -> Comparison:
    """Run every strategy ``repeats`` times on paired seeds, and compare the scores.

    Parameters
    ----------
    X : array-like (n, d) or Dataset
    y : sequence of length n, optional
        True labels where ``X`` is an array. Rows whose label is None or NaN are skipped by the oracle and left out of
        the scores.
    strategies : sequence of str or callable, or mapping of str to str, callable or Arm
        Names that :func:`activeclust.strategies.get` knows, functions ``(state, n, rng) -> rows``, and, in a mapping
        from names, :class:`activeclust.compare.Arm`: a strategy with a model of its own.
    budget : int or str
        Answers per run; ``"5 each"`` is five for each true cluster.
    repeats : int
        Runs per strategy.
    jobs : int
        Number of processes; -1 for one per core.
    store : path or URL, optional
        Where the runs are kept. Runs that exist are resumed, or only read if they are complete. None keeps nothing.
    clusterer : Clusterer, optional
        The model of arms without a model of their own; a :class:`activeclust.PFNClusterer` by default.
    progress : callable, optional
        ``progress(done, total, strategy, repeat)``
    **settings
        ``name``, ``batch_size`` (5, or a text such as ``"1 each"``), ``seed`` (0), ``start``, ``noise`` (0): see
        :func:`activeclust.compare.make_plan`.

    Returns
    -------
    Comparison

    Raises
    ------
    InvalidInput
        Labels or settings that cannot be used; a model whose posterior is NaN or infinite.

    Examples
    --------
    >>> from activeclust.datasets.loading import load
    >>> digits = load("digits")
    >>> def first_rows(state, n, rng):
    ...     return state.candidates[:n]
    >>> result = compare(digits.X[:200], digits.y[:200], strategies=["random", first_rows], budget=10, repeats=2)
    >>> result.strategies, result.budgets.tolist(), result.settings["varied"]
    (('random', 'first_rows'), [0, 5, 10], ('first_rows',))
    """
    data = dataset_of(X, y)
    plan = make_plan(data, strategies, budget, repeats=repeats, clusterer=clusterer, **settings)
    done = list(execute(plan, data, jobs=jobs, store=store, clusterer=clusterer, progress=progress))
    return Comparison.from_runs(plan, data.name, len(data.X), {(s, r): rounds for s, r, rounds in done})


def compare_sets(
    sets: Mapping[str, Any], *, strategies: Strategies, budget: int | str, **settings: Any
) -> Comparisons:
    """:func:`compare` on several data sets; intervals are over the sets.

    Parameters
    ----------
    sets : mapping of str to Dataset or (X, y)
        By name.
    strategies, budget, **settings
        As in :func:`compare`. A budget such as ``"5 each"`` is the same for sets of few and of many clusters.

    Returns
    -------
    Comparisons

    Raises
    ------
    InvalidInput
        Without a data set, and as :func:`compare` does.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> sets = {f"{k} blobs": make_blobs(90, centers=k, random_state=k) for k in (3, 4)}
    >>> result = compare_sets(sets, strategies=["random", "auto"], budget="2 each", batch_size="1 each", repeats=2)
    >>> list(result.at), [part.budgets.tolist() for part in result.sets]
    (['1 each', '2 each'], [[0, 3, 6], [0, 4, 8]])
    """
    if not sets:
        raise InvalidInput("Expected one or more data sets, got none.")
    parts = []
    for name, given in sets.items():
        if isinstance(given, Dataset):
            data = replace(given, name=str(name))
        else:
            X, y = given
            data = dataset_of(X, y, str(name))
        parts.append(compare(data, strategies=strategies, budget=budget, **settings))
    return Comparisons.of(parts, budget)


def execute(
    plan: Plan,
    data: Dataset,
    *,
    jobs: int = 1,
    store: str | os.PathLike[str] | None = None,
    clusterer: Any = None,
    shard: tuple[int, int] = (1, 1),
    progress: Progress | None = None,
) -> Iterator[tuple[str, int, list[dict[str, Any]]]]:
    """Run the plan, or a part of it; yields (strategy, repeat, rounds) as runs end.

    Rounds are the records of :class:`activeclust.loop.history.History`.

    Parameters
    ----------
    plan : Plan
    data, jobs, store, clusterer, progress
        As in :func:`compare`.
    shard : (i, n)
        The i-th of n parts, i from 1.

    Raises
    ------
    InvalidInput
        For a part that does not exist.
    """
    i, n = shard
    if not 1 <= i <= n:
        raise InvalidInput(f"A shard is i/n with i from 1 to n, got {i}/{n}.")
    if clusterer is None:
        from activeclust.clusterer.estimator import PFNClusterer

        clusterer = PFNClusterer(random_state=plan.seed)
    work = plan.jobs(shard)
    models = {id(model): model for model in (plan.arm(s).clusterer or clusterer for s in plan.strategies)}
    once = {key: _PreparedOnce(model, data.X) for key, model in models.items()}
    shared = {s: once[id(plan.arm(s).clusterer or clusterer)] for s in plan.strategies}
    for done, result in enumerate(_in_parallel(plan, data, shared, store, work, jobs), start=1):
        if progress is not None:
            progress(done, len(work), result[0], result[1])
        yield result


def _in_parallel(
    plan: Plan, data: Dataset, shared: Mapping[str, _PreparedOnce], store, work, jobs: int
) -> Iterable[Any]:
    if jobs == 1:
        return (_run(plan, data, shared[job[0]], store, *job) for job in work)
    import joblib

    # in the order in which runs end, for the progress, if the backend can report it (Ray's cannot)
    backend, _ = joblib.parallel.get_active_backend()
    order = "generator_unordered" if getattr(backend, "supports_return_generator", False) else "list"
    parallel = joblib.Parallel(n_jobs=jobs, return_as=order)
    return parallel(joblib.delayed(_run)(plan, data, shared[job[0]], store, *job) for job in work)


def _run(plan: Plan, data: Dataset, shared: _PreparedOnce, store, strategy: str, repeat: int):
    from activeclust.store import open_store

    seed, start = plan.seed_of(repeat), plan.start_of(strategy)
    labels = true_labels(data)
    opened = open_store(store)
    try:
        loop = ActiveLoop(
            data.X,
            _Annotator(labels, plan.noise, seed),
            strategy=plan.arm(strategy).strategy,
            clusterer=shared,
            store=opened,
            name=plan.run_name(strategy, repeat),
            batch_size=plan.batch_size,
            random_state=seed,
            labels_true=labels,
            resume="auto",
            source=data.source,
            options={"compare": plan.name, "repeat": repeat, "start": start, "noise": plan.noise},
        )
        _answer_start(loop, start, np.random.default_rng([seed, 1]))
        first = -(-start // plan.batch_size) * plan.batch_size
        if start < first < plan.budget:
            loop.run(first)  # a shorter batch: the next rounds are at the budgets of runs without a start
        history = loop.run(plan.budget)
        if history.ended == "interrupted":
            raise KeyboardInterrupt
        return strategy, repeat, history.records()
    finally:
        opened.close()


def _answer_start(loop: ActiveLoop, start: int, rng: np.random.Generator) -> None:
    """Answer the first ``start`` rows of a random order, those that have an answer."""
    answered = 0
    for row in rng.permutation(len(loop.X)).tolist():
        if answered == start:
            return
        answer = loop.annotator(Query(row, None, (), 1.0, loop.clusters)) if loop.annotator else SKIP
        if answer is SKIP:
            continue
        answered += 1
        if row not in loop.anchors:
            loop.tell(row, answer)


@dataclass
class _Annotator:
    """The oracle, which skips rows whose label is unknown."""

    labels: np.ndarray
    noise: float
    seed: int
    oracle: LabelOracle = field(init=False)
    known: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        self.known = known_rows(self.labels)
        names = self.labels.tolist()
        some = names[int(self.known.argmax())]  # never given; a made-up name could be drawn as a mistake
        filled = [name if ok else some for name, ok in zip(names, self.known, strict=True)]
        self.oracle = NoisyOracle(filled, error_rate=self.noise, random_state=self.seed)

    def __call__(self, query: Query) -> Answer:
        return self.oracle(query) if self.known[query.row] else SKIP


class _PreparedOnce:
    """A clusterer with the views of one data set, shared by all runs."""

    def __init__(self, clusterer: Any, X: np.ndarray) -> None:
        self.clusterer, self.prepared = clusterer, clusterer.prepare(X)
        self.model_hash = clusterer.model_hash
        for further in ("resample", "hypothetical"):
            if hasattr(clusterer, further):
                setattr(self, further, getattr(clusterer, further))
        self._found: Any = None
        if hasattr(clusterer, "zero_shot"):
            self.zero_shot = self._zero_shot

    def _zero_shot(self, prepared: Any) -> Any:
        if self._found is None:  # it depends on the rows alone
            self._found = self.clusterer.zero_shot(prepared)
        return self._found

    def prepare(self, X: np.ndarray) -> Any:
        if len(X) != self.prepared.n_rows:
            raise InvalidInput(f"The views were made from {self.prepared.n_rows} rows, got {len(X)}.")
        return self.prepared

    def posterior(self, prepared: Any, rows: np.ndarray, codes: np.ndarray) -> Any:
        return self.clusterer.posterior(prepared, rows, codes)
