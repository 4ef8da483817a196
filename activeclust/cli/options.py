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
    from activeclust.datasets.loading import Dataset
    from activeclust.loop.active_loop import ActiveLoop
    from activeclust.store.base import RunSpec

_DATA = (
    click.option(
        "--labels", metavar="FILE", help="Labels of an array file or of pictures: .npy, or one name a line."
    ),
    click.option("--label-column", metavar="NAME", help="Column with the labels [default: label]."),
    click.option("--id-column", metavar="NAME", help="Column that names the rows [default: id]."),
    click.option("--text-column", metavar="NAME", help="Column that is text [default: the one of prose]."),
    click.option(
        "--features",
        metavar="A,B,...|FILE",
        help="Columns to cluster by [default: all others], or an array file with a vector a row.",
    ),
    click.option(
        "--embed",
        metavar="MODEL",
        help="Cluster pictures or text by this model's vectors: a name or a folder; text by its words: tf-idf "
        "[default for text: the model of activeclust[text] where it is installed].",
    ),
    click.option("--impute", is_flag=True, help="Fill missing values instead of refusing them."),
    click.option(
        "--drop",
        multiple=True,
        metavar="COLUMN",
        help="Neither cluster by this column nor show it (repeatable).",
    ),
    click.option(
        "--encoding", metavar="NAME", help="Of a text file [default: UTF-8, else a guess that is said]."
    ),
    click.option("--decimal", type=click.Choice([".", ","]), default=".", help="Sign before fractions."),
    click.option("--sheet", metavar="NAME", help="Of an .xlsx file [default: the first]."),
)
_VIEWS = (
    click.option(
        "--landmarks", type=click.IntRange(2), metavar="N",
        help="Rows with views of their own; the others follow those near them [default: all up to 200,000, "
        "50,000 of more].",
    ),
    click.option(
        "--cache/--no-cache", default=True, show_default=True,
        help="Keep the views on disk, for the next start (ACTIVECLUST_CACHE names the folder).",
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
    """Options that say how a file is read; :func:`load_data` takes them."""
    for option in reversed(_DATA):
        command = option(command)
    return command


def views_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that say how views are made; :func:`clusterer_of` takes them."""
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
        help="Begin with the answers of a table: a column id (or row, from 0) and a column cluster.",
    )(command)  # fmt: skip


def begin_with_answers(loop: ActiveLoop, data: Dataset, given: Mapping[str, Any], *, labels: bool) -> None:
    """Write what is known before anybody is asked: the file of ``--answers``, and the data's own labels.

    Parameters
    ----------
    loop : ActiveLoop
    data : Dataset
    given : mapping
        The command's options.
    labels : bool
        Whether the labels of the data are answers: some rows have one, and the others are to be asked about.
    """
    from activeclust.datasets.given_answers import GivenAnswer, read_answers
    from activeclust.store.answers import Answer, begin_with
    from activeclust.store.base import Kind
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
    """Say on stderr what became of the answers of a run whose rows have changed."""
    if loop.carried_over is not None:
        say(str(loop.carried_over))


def data_settings(source: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """What a run must remember to load its rows again, from any folder."""

    def absolute(name: str) -> str:
        prefix = "hf:" if name.startswith("hf:") else ""
        bare, at, split = name.removeprefix(prefix).partition("@") if prefix else (name, "", "")
        path = Path(bare).expanduser()
        return f"{prefix}{path.resolve()}{at}{split}" if path.exists() else name

    kept = {key: given[key] for key in (*DATA_OPTIONS, "landmarks") if given.get(key)}
    kept |= {key: absolute(kept[key]) for key in ("labels", "features", "embed") if key in kept}
    return {"source": absolute(source)} | kept


def writable_folder(folder: Path) -> Path:
    """Make a folder and try to write into it, so that hours of answers do not end in an error."""
    probe = folder / ".activeclust-can-write"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise DataFileError(f"Nothing can be written into {folder}: {error.strerror or error}.") from error
    return folder


@contextlib.contextmanager
def bars() -> Iterator[None]:
    """A progress bar on stderr for each step within that says how far it is; gone when all are done."""
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
    """Where tables go; wide enough not to wrap where the output is no terminal."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, 110))
