"""Creating a stored run, and resuming it if rows and settings are the same."""

from __future__ import annotations

import contextlib
import os
import warnings
from dataclasses import replace
from typing import Literal

import numpy as np

from activeclust.errors import InvalidInput, RunExists, RunMismatch, RunNotFound
from activeclust.identities import moved
from activeclust.loop.carry import CarriedOver, carry_over
from activeclust.store import DATABASE, open_store
from activeclust.store.base import Run, Store
from activeclust.store.records import RunSpec
from activeclust.validation import counted, generator_of

#: settings that must agree, so that a resumed run asks what an uninterrupted one would have asked
_SETTINGS = {"strategy": "strategy", "seed": "seed", "batch_size": "batch size", "model_hash": "model"}


def find_store(store: Store | str | os.PathLike[str] | None, name: str | None) -> Store:
    """The store: the one given, else ``activeclust.db`` for a named run, else memory.

    Examples
    --------
    >>> find_store(None, None).url
    'memory:'
    """
    if store is not None and not isinstance(store, (str, os.PathLike)):
        return store
    if store is None and name is not None:
        return open_store(DATABASE)
    return open_store(store)


def find_seed(
    store: Store,
    name: str,
    resume: bool | Literal["auto"],
    random_state: int | np.random.RandomState | np.random.Generator | None,
) -> int:
    """The seed that was given, else that of the resumed run, else a new one.

    A RandomState or a Generator draws the seed.

    Examples
    --------
    >>> find_seed(open_store(), "run", False, 7)
    7
    """
    if isinstance(random_state, (np.random.RandomState, np.random.Generator)):
        return int(generator_of(random_state).integers(2**31))
    if random_state is None:
        if resume:
            with contextlib.suppress(RunNotFound):  # open_run reports it, or creates the run
                return store.open_run(name).spec.seed
        return int(np.random.SeedSequence().generate_state(1)[0] >> 1)  # 31 bits fit every database
    if (
        isinstance(random_state, (int, np.integer))
        and not isinstance(random_state, bool)
        and random_state >= 0
    ):
        return int(random_state)
    raise InvalidInput(f"random_state is a seed, an integer from 0 upward, or None; got {random_state!r}.")


def open_run(
    store: Store,
    spec: RunSpec,
    *,
    resume: bool | Literal["auto"],
    strict: bool = True,
    seed_given: bool = True,
) -> tuple[Run, CarriedOver | None]:
    """Create or open the run; with changed rows, also return how its answers were carried over.

    Parameters
    ----------
    store : Store
    spec : RunSpec
        The run's settings now.
    resume : bool or "auto"
        False: the run must not exist. True: it must exist. "auto": it is resumed if it exists, else created. A run that
        was imported as answers only is assigned to these rows if their number agrees.
    strict : bool
        Whether other rows, another strategy, seed, batch size or model are refused. Otherwise the answers are carried
        over to the rows by their ids.
    seed_given : bool
        Whether the seed was given. A seed that was drawn is replaced by that of an existing run.

    Raises
    ------
    RunExists, RunNotFound
        If ``resume`` is False and the run exists, or True and it does not.
    RunMismatch
        If settings differ; the message names each.
    """
    if resume not in (True, False, "auto"):
        raise InvalidInput(f"resume is True, False or 'auto', got {resume!r}.")
    if resume is False:
        try:
            return store.create_run(spec), None
        except RunExists as error:
            raise RunExists(
                f"There is a run {spec.name!r} in {store.url} already: resume it (--resume, resume=True), "
                "or take another name."
            ) from error
    try:
        run = store.open_run(spec.name)
    except RunNotFound:
        if resume is True:
            raise
        try:
            return store.create_run(spec), None
        except RunExists:  # another process was quicker
            run = store.open_run(spec.name)
    if not seed_given:
        spec = replace(spec, seed=run.spec.seed)
    if not run.spec.data_hash and run.spec.n_rows == spec.n_rows:
        with contextlib.suppress(RunMismatch):  # another process was quicker
            run.describe(spec)  # only answers were imported: now the run gets its rows and settings
        run = store.open_run(spec.name)
    if not same_rows(run.spec, spec):
        if strict or run.spec.row_ids is None or spec.row_ids is None:
            raise RunMismatch(other_rows(run.spec, spec))
        return carry_over(store, run, spec)
    _compare(run.spec, spec, strict=strict)
    return run, None


def same_rows(stored: RunSpec, now: RunSpec) -> bool:
    """Whether two runs have the same rows in the same order, by their numbers and, if known, by their ids.

    Examples
    --------
    >>> spec = RunSpec("a", "auto", seed=0, n_rows=3, data_hash="x", model_hash="")
    >>> same_rows(spec, spec)
    True
    """
    if (stored.n_rows, stored.data_hash) != (now.n_rows, now.data_hash):
        return False
    # equal numbers are not enough: vectors may come from a separate file
    one, other = stored.row_ids, now.row_ids
    return one is None or other is None or one.by != other.by or one == other


def other_rows(stored: RunSpec, now: RunSpec) -> str:
    """The message on how the rows differ from those of the stored run, and what to do."""
    was = f" (from {stored.source})" if stored.source else ""
    one, other = stored.row_ids, now.row_ids
    if one is None or other is None or one.by != other.by:
        told = (
            ""
            if one is None or other is None
            else f" They were identified by {one.words}, now by {other.words}."
        )
        return (
            f"Run {stored.name!r} was made from other rows{was}: {stored.n_rows:,} rows with hash "
            f"{stored.data_hash[:12]}, now {now.n_rows:,} with {now.data_hash[:12]}.{told} "
            "Give the same data, or another name for a new run."
        )
    at = moved(one, other)
    elsewhere = sum(then != here for then, here in at.items())
    changes = [
        f"{counted(n, 'row')} {words}"
        for n, words in (
            (len(one) - len(at), "removed"), (len(other) - len(at), "added"), (elsewhere, "elsewhere")
        )
        if n
    ]  # fmt: skip
    how = ", ".join(changes) or "the same rows with other numbers, from other columns or another preparation"
    return (
        f"Run {stored.name!r} was made from other rows{was}: {how}, identified by {one.words}. Give the same data, "
        f"carry its answers over by {one.words} (--changed, strict=False), or give another name for a new run."
    )


def _compare(stored: RunSpec, now: RunSpec, *, strict: bool) -> None:
    differ = [key for key in _SETTINGS if getattr(stored, key) != getattr(now, key)]
    listed = ", ".join(
        f"{_SETTINGS[key]} {_short(getattr(stored, key))} (now {_short(getattr(now, key))})" for key in differ
    )
    were, are = (spec.options.get("annotators", 1) for spec in (stored, now))
    if "annotators" in now.options and were != are:
        raise RunMismatch(
            f"Run {stored.name!r} wants {were} answers for each row, now {are}: that is fixed when a run is made. "
            "Leave it out to resume the run, or take another name."
        )
    if differ and strict:
        raise RunMismatch(
            f"Run {stored.name!r} was made with {listed}. Give the same settings, or continue it with other "
            "ones (--changed, strict=False); its answers are kept either way."
        )
    if stored.package_version != now.package_version:
        warnings.warn(
            f"Run {stored.name!r} was made by activeclust {stored.package_version}, this is "
            f"{now.package_version}: its answers count as before, the next questions may differ.",
            stacklevel=4,
        )


def _short(value: object) -> str:
    text = str(value)
    return text[:12] if len(text) > 40 else text
