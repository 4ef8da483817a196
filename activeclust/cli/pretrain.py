"""``activeclust pretrain``, ``pretrain-zero-shot``, ``pretrain-consensus``: train on a prior of your own."""

from __future__ import annotations

import click

from activeclust.cli.options import examples


@click.command("pretrain", epilog=examples("pretrain --prior mine.json --minutes 60 --out my-weights"))
@click.option(
    "--prior",
    "prior_file",
    type=click.Path(dir_okay=False),
    help="JSON file with the fields of the prior that differ from the package's.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    default="pretrain-out",
    show_default=True,
    help="Folder for the checkpoint, the log, the weights and their card. A checkpoint in it is resumed.",
)
@click.option(
    "--steps",
    type=click.IntRange(1),
    default=20_000,
    show_default=True,
    help="Total number of gradient steps.",
)
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="Total wall time; the first of the two limits ends the schedule.",
)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--device", default="auto", show_default=True)
@click.option(
    "--workers",
    type=click.IntRange(0),
    default=1,
    show_default=True,
    help="Number of processes that draw tasks.",
)
@click.option(
    "--replay",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Steps on earlier tasks after each on new ones; 2 or 3 on a GPU, which waits for tasks otherwise.",
)
@click.option(
    "--without-attention",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    help="Share of the tasks in which the posterior is made without the attention, by the rules alone.",
)
@click.option("--width", type=click.IntRange(8), help="Token width of the network, a multiple of 8.")
@click.option("--blocks", type=click.IntRange(1), help="Attention blocks of the network.")
@click.option(
    "--init",
    type=click.Path(dir_okay=False),
    help="Initial weights, or `package` for those in the package.",
)
@click.option("--learning-rate", type=click.FloatRange(0, min_open=True), help="Peak learning rate.")
def pretrain(prior_file, folder, width, blocks, init, learning_rate, **schedule) -> None:
    """Pre-train the network on synthetic tasks and write weights for PFNClusterer(weights=...).

    Ctrl-C keeps the last checkpoint; the same command resumes from it.
    """
    from pathlib import Path

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from activeclust.pfn.inference import WEIGHTS
    from activeclust.pfn.model import Config
    from activeclust.pfn.prior import PACKAGE_PRIOR, Prior
    from activeclust.pfn.train import Trainer, TrainOptions

    sizes = {name: value for name, value in (("width", width), ("blocks", blocks)) if value is not None}
    if init == "package":
        init = str(WEIGHTS)
    rate = {} if learning_rate is None else {"learning_rate": learning_rate}
    options = TrainOptions(
        prior=Prior.read(prior_file) if prior_file else PACKAGE_PRIOR,
        config=Config(**sizes), init=init, **schedule, **rate,
    )  # fmt: skip
    trainer = Trainer(options, folder)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[left]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("pre-training", total=1.0, left="")
        trainer.run(lambda t, loss: bar.update(task, completed=t.progress, left=_left(t, loss)))
    weights, card = trainer.export(Path(folder) / "pfn.safetensors")
    click.echo(f"{weights}\n{card}")


def _left(trainer, loss: float) -> str:
    """Step, loss and time left, for the progress bar."""
    share = max(trainer.progress, 1e-6)
    minutes = trainer.seconds * (1 - share) / share / 60
    return f"step {trainer.step} · loss {loss:.3f} · {minutes:.0f} min left"


def _drawn_options(default_datasets: int, default_epochs: int, least: int, out: str):
    """The options of the networks that are trained in passes over data sets drawn before."""
    options = [
        click.option(
            "--prior",
            "prior_file",
            type=click.Path(dir_okay=False),
            help="JSON file with the fields of activeclust.pfn.prior.Prior that differ from their defaults.",
        ),
        click.option(
            "--out",
            "folder",
            type=click.Path(file_okay=False),
            default=out,
            show_default=True,
            help="Folder for data sets, checkpoint, weights and card. Data sets and checkpoints in it are used.",
        ),
        click.option(
            "--datasets",
            type=click.IntRange(least),
            default=default_datasets,
            show_default=True,
            help="Number of data sets to draw.",
        ),
        click.option(
            "--epochs",
            type=click.IntRange(1),
            default=default_epochs,
            show_default=True,
            help="Passes over the data sets.",
        ),
        click.option("--seed", type=int, default=0, show_default=True),
        click.option(
            "--workers",
            type=click.IntRange(0),
            default=1,
            show_default=True,
            help="Number of processes that draw data sets.",
        ),
    ]

    def add(command):
        for option in reversed(options):
            command = option(command)
        return command

    return add


@click.command(
    "pretrain-zero-shot",
    epilog=examples("pretrain-zero-shot --prior mine.json --datasets 1000 --out my-selector"),
)
@_drawn_options(1000, 20, 16, "pretrain-zero-shot-out")
def pretrain_zero_shot(prior_file, folder, datasets, epochs, seed, workers) -> None:
    """Train the network that judges candidate partitions and chooses one without answers.

    Use it as PFNClusterer(partition_weights=...). Ctrl-C keeps the data sets drawn and the last pass; the same
    command resumes from there.
    """
    from dataclasses import replace

    from activeclust.pfn.prior import Prior
    from activeclust.zeroshot.train import SelectorOptions, SelectorTrainer

    options = SelectorOptions(datasets=datasets, epochs=epochs, seed=seed, workers=workers)
    if prior_file:  # a prior of one's own has its own rows, for every data set
        prior = Prior.read(prior_file)
        options = replace(options, prior=prior, large=prior.rows)
    trainer = SelectorTrainer(options, folder)
    _draw_and_train(trainer, lambda scores: f"held-out ARI {scores.get('held_out_ari', float('nan')):.3f}")
    _export(trainer, folder, "partitions.safetensors")


@click.command(
    "pretrain-consensus",
    epilog=examples("pretrain-consensus --prior mine.json --datasets 2000 --out my-consensus"),
)
@_drawn_options(2000, 6, 24, "pretrain-consensus-out")
def pretrain_consensus(prior_file, folder, datasets, epochs, seed, workers) -> None:
    """Train the network that combines posteriors with candidate partitions.

    Use it as PFNClusterer(consensus=...). Ctrl-C keeps the data sets drawn and the last pass; the same command
    resumes from there.
    """
    from dataclasses import replace

    from activeclust.pfn.prior import Prior
    from activeclust.zeroshot.consensus.options import ConsensusOptions
    from activeclust.zeroshot.consensus.train import ConsensusTrainer

    options = ConsensusOptions(datasets=datasets, epochs=epochs, seed=seed, workers=workers)
    if prior_file:
        options = replace(options, prior=Prior.read(prior_file), easier_share=0.0)
    trainer = ConsensusTrainer(options, folder)
    _draw_and_train(
        trainer, lambda scores: f"held-out loss {scores.get('held_out_log_loss', float('nan')):.3f}"
    )
    _export(trainer, folder, "consensus.safetensors")


def _draw_and_train(trainer, said) -> None:
    """Draw the missing data sets and train to the last pass, with two progress bars; ``said(scores)`` is shown."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    options = trainer.options
    with Progress(*columns, console=Console(stderr=True)) as bar:
        drawing = bar.add_task("data sets", total=options.datasets, said="")
        trainer.draw(lambda there: bar.update(drawing, completed=there, said=f"{there:,}"))
        passes = bar.add_task("passes", total=options.epochs, completed=trainer.epoch, said="")
        trainer.run(
            lambda t, loss: bar.update(passes, completed=t.epoch, said=f"loss {loss:.3f}, {said(t.scores)}")
        )


def _export(trainer, folder: str, name: str) -> None:
    from pathlib import Path

    weights, card = trainer.export(Path(folder) / name)
    click.echo(f"{weights}\n{card}")


COMMANDS = [pretrain, pretrain_zero_shot, pretrain_consensus]
