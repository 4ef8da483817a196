"""Options that several commands share."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from activeclust.cli.say import say
from activeclust.errors import DataFileError
from activeclust.store import DATABASE

if TYPE_CHECKING:
    from rich.console import Console

    from activeclust.clusterer.estimator import PFNClusterer
    from activeclust.datasets.dataset import Dataset
    from activeclust.loop.active_loop import ActiveLoop
    from activeclust.store.records import RunSpec

_DATA = (
    click.option(
        "--labels",
        metavar="FILE",
        help="Labels of an array file or of pictures: .npy, or text with one name per line.",
    ),
    click.option("--label-column", metavar="NAME", help="Column with the labels [default: label]."),
    click.option("--id-column", metavar="NAME", help="Column with the rows' ids [default: id]."),
    click.option(
        "--text-column",
        metavar="NAME",
        help="Column to encode as text [default: the only one with sentences].",
    ),
    click.option(
        "--features",
        metavar="A,B,...|FILE",
        help="Columns used as features [default: all others], or an array file with one vector per row.",
    ),
    click.option(
        "--embed",
        metavar="MODEL",
        help="Encode pictures or text by this sentence-transformers model, a name or a folder; tf-idf encodes text by "
        "TF-IDF [default for text: the model of activeclust[text] if installed, else tf-idf].",
    ),
    click.option("--impute", is_flag=True, help="Fill missing values instead of refusing them."),
    click.option(
        "--drop",
        multiple=True,
        metavar="COLUMN",
        help="Leave this column out of the features and of what is shown (repeatable).",
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        help="Encoding of a text file [default: UTF-8, else a guess, which is printed].",
    ),
    click.option("--decimal", type=click.Choice([".", ","]), default=".", help="Decimal separator."),
    click.option("--sheet", metavar="NAME", help="Sheet of an .xlsx file [default: the first]."),
)
_VIEWS = (
    click.option(
        "--landmarks", type=click.IntRange(2), metavar="N",
        help="Number of rows with views of their own; other rows are interpolated from them [default: all rows up "
        "to 200,000, else 50,000].",
    ),
    click.option(
        "--cache/--no-cache", default=True, show_default=True,
        help="Cache the views on disk for the next start (ACTIVECLUST_CACHE names the folder).",
    ),
)  # fmt: skip
DATA_OPTIONS = (
    "labels",
    "label_column",
    "id_column",
    "text_column",
    "features",
    "embed",
    "impute",
    "drop",
    "encoding",
    "decimal",
    "sheet",
)
_VECTORS = (".npy", ".npz")

strategy_option = click.option(
    "--strategy", default="auto", show_default=True, metavar="NAME", help="Query strategy: which rows to ask about."
)  # fmt: skip
batch_size_option = click.option(
    "--batch-size", type=click.IntRange(1), default=1, show_default=True, help="Questions per round."
)
drawn_seed_option = click.option(
    "--seed", type=click.IntRange(0), help="Seed of all random choices [default: drawn and recorded]."
)
seed_option = click.option(
    "--seed", type=click.IntRange(0), default=0, show_default=True, help="Seed of all random choices."
)
stop_option = click.option(
    "--stop", metavar="RULE", help="Stop rule that ends the run early: converged, accuracy=0.95, gain=0.001."
)


def examples(*commands: str) -> str:
    """The end of a command's ``--help``: command lines that work, given as they are typed after ``activeclust``.

    Examples
    --------
    >>> print(examples("runs").replace(chr(8), ""))
    <BLANKLINE>
    Examples:
      activeclust runs
    """
    return "\b\nExamples:\n" + "\n".join(f"  activeclust {command}" for command in commands)


def data_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of how a file is read; :func:`load_data` takes them."""
    for option in reversed(_DATA):
        command = option(command)
    return command


def views_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of how views are computed; :func:`clusterer_of` takes them."""
    for option in reversed(_VIEWS):
        command = option(command)
    return command


def clusterer_of(given: Mapping[str, Any], seed: int | None = None) -> PFNClusterer:
    """The clusterer that ``--device`` and the options of :func:`views_options` ask for."""
    from activeclust.clusterer.estimator import PFNClusterer

    return PFNClusterer(
        device=given["device"], landmarks=given["landmarks"], cache=given["cache"], random_state=seed
    )


def db_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--db``."""
    return click.option(
        "--db", metavar="URL", default=DATABASE, show_default=True, envvar="ACTIVECLUST_DB",
        help="Database: a path, sqlite:///PATH or postgresql://... (or the variable ACTIVECLUST_DB).",
    )(command)  # fmt: skip


def load_data(source: str, given: Mapping[str, Any]) -> Dataset:
    """Load rows with the options of :func:`data_options`, and say on stderr what was done to them."""
    from activeclust.datasets.loading import load

    features = given.get("features")
    of_file = features is not None and Path(features).suffix.lower() in _VECTORS
    with bars():
        data = load(
            source,
            labels=given.get("labels"),
            label_column=given.get("label_column"),
            id_column=given.get("id_column"),
            text_column=given.get("text_column"),
            features=None if not features or of_file else [name.strip() for name in features.split(",")],
            vectors=features if of_file else None,
            embed=given.get("embed"),
            impute=bool(given.get("impute")),
            drop=given.get("drop") or (),
            encoding=given.get("encoding"),
            decimal=given.get("decimal") or ".",
            sheet=given.get("sheet"),
        )
    for note in data.notes:
        say(note)
    return data


def answers_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """``--answers``; :func:`begin_with_answers` takes it."""
    return click.option(
        "--answers", metavar="FILE",
        help="Table of existing answers: a column id (or row, counted from 0) and a column cluster.",
    )(command)  # fmt: skip


def begin_with_answers(loop: ActiveLoop, data: Dataset, given: Mapping[str, Any], *, labels: bool) -> None:
    """Write the existing answers before anybody is asked: the file of ``--answers``, and the data's own labels.

    Parameters
    ----------
    loop : ActiveLoop
    data : Dataset
    given : mapping
        The command's options.
    labels : bool
        Whether the labels in the data are answers, and the rows without a label are to be asked about.
    """
    from activeclust.datasets.given_answers import GivenAnswer, read_answers
    from activeclust.store.answers import Answer, begin_with
    from activeclust.store.records import Kind
    from activeclust.validation import counted

    sources: list[tuple[str, list[GivenAnswer]]] = []
    if given.get("answers"):
        found, notes = read_answers(
            Path(given["answers"]),
            data.row_ids,
            id_column=given.get("id_column"),
            label_column=given.get("label_column"),
            encoding=given.get("encoding"),
        )
        for note in notes:
            say(note)
        sources.append((Path(given["answers"]).name, found))
    if labels and data.y is not None:
        known = [GivenAnswer(row, label) for row, label in enumerate(data.y.tolist()) if label is not None]
        sources.append(("the data's own labels", known))
    for name, answers in sources:
        written = begin_with(
            loop.stored, [Answer(a.row, Kind.LABEL, a.cluster, a.annotator) for a in answers]
        )
        if written:
            say(f"The run begins with {counted(written, 'answer')} from {name}.")
    loop.refresh()


def as_in_run(context: click.Context, given: dict[str, Any], spec: RunSpec) -> dict[str, Any]:
    """The options of :func:`data_options` as they were when a run was made, where they are not given now."""
    from click.core import ParameterSource

    stored = dict(spec.options.get("data", {}))
    kept = {
        key: stored[key]
        for key in (*DATA_OPTIONS, "landmarks")
        if key in stored
        and stored[key] != given.get(key)
        and context.get_parameter_source(key) in (ParameterSource.DEFAULT, None)
    }
    if kept:
        named = ", ".join(f"--{key.replace('_', '-')} {_words(value)}".strip() for key, value in kept.items())
        say(f"As in run {spec.name!r}: {named}.")
    return given | kept


def _words(value: Any) -> str:
    return "" if value is True else " ".join(map(str, value)) if isinstance(value, list) else str(value)


def tell_carried(loop: ActiveLoop) -> None:
    """Report on stderr how answers were carried over to changed rows."""
    if loop.carried_over is not None:
        say(str(loop.carried_over))


def data_settings(source: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that a run stores to load its rows again, from any folder."""

    def absolute(name: str) -> str:
        prefix = "hf:" if name.startswith("hf:") else ""
        bare, at, split = name.removeprefix(prefix).partition("@") if prefix else (name, "", "")
        path = Path(bare).expanduser()
        return f"{prefix}{path.resolve()}{at}{split}" if path.exists() else name

    kept = {key: given[key] for key in (*DATA_OPTIONS, "landmarks") if given.get(key)}
    kept |= {key: absolute(kept[key]) for key in ("labels", "features", "embed") if key in kept}
    return {"source": absolute(source)} | kept


def writable_folder(folder: Path) -> Path:
    """Create a folder and check that it is writable, before anybody answers."""
    probe = folder / ".activeclust-can-write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DataFileError(f"The folder {folder} is not writable: {error.strerror or error}.") from error
    return folder


@contextlib.contextmanager
def bars() -> Iterator[None]:
    """A progress bar on stderr for each step within that reports its progress; removed at the end."""
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    from activeclust.resources.progress import listening

    progress = Progress(
        TextColumn("{task.description:>16}"), BarColumn(), TaskProgressColumn(),
        TimeRemainingColumn(elapsed_when_finished=True), console=stderr_console(), transient=True,
        disable=not sys.stderr.isatty(),
    )  # fmt: skip
    tasks: dict[str, Any] = {}

    def show(step: str, done: float, total: float) -> None:
        if step not in tasks:
            tasks[step] = progress.add_task(step, total=total)
        progress.update(tasks[step], completed=done, total=total)

    with progress, listening(show):
        yield


def stderr_console() -> Console:
    """Where progress goes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def stdout_console() -> Console:
    """Where tables go; wide enough not to wrap lines if the output is not a terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, 110))
