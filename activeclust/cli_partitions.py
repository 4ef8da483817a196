"""``activeclust pretrain-zero-shot``: train the choice among partitions, for a prior of one's own."""

from __future__ import annotations

import click


@click.command("pretrain-zero-shot")
@click.option(
    "--prior",
    "prior_file",
    type=click.Path(dir_okay=False),
    help="JSON file with the fields of activeclust.pfn.prior.Prior that differ from their defaults.",
)
@click.option(
    "--out",
    "folder",
    type=click.Path(file_okay=False),
    default="pretrain-zero-shot-out",
    show_default=True,
    help="Folder for data sets, checkpoint, weights and card. What is in it is used.",
)
@click.option(
    "--datasets", type=click.IntRange(16), default=1000, show_default=True, help="Data sets to draw."
)
@click.option("--epochs", type=click.IntRange(1), default=20, show_default=True, help="Passes over them.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option(
    "--workers", type=click.IntRange(0), default=1, show_default=True, help="Processes that draw data sets."
)
def pretrain_zero_shot(prior_file, folder, datasets, epochs, seed, workers) -> None:
    """Train the network that chooses a partition when there is no answer at all.

    Use it as PFNClusterer(partition_weights=...). Ctrl-C keeps what is drawn and the last pass; the same
    command goes on from there.
    """
    from dataclasses import replace
    from pathlib import Path

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from activeclust.pfn.prior import Prior
    from activeclust.zeroshot.train import SelectorOptions, SelectorTrainer

    options = SelectorOptions(datasets=datasets, epochs=epochs, seed=seed, workers=workers)
    if prior_file:  # a prior of one's own has its own rows, for every data set
        prior = Prior.read(prior_file)
        options = replace(options, prior=prior, large=prior.rows)
    trainer = SelectorTrainer(options, folder)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[said]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        drawing = bar.add_task("data sets", total=datasets, said="")
        trainer.draw(lambda there: bar.update(drawing, completed=there, said=f"{there:,}"))
        passes = bar.add_task("passes", total=epochs, completed=trainer.epoch, said="")
        trainer.run(
            lambda t, loss: bar.update(
                passes,
                completed=t.epoch,
                said=f"loss {loss:.3f}, held-out ARI {t.scores.get('held_out_ari', float('nan')):.3f}",
            )
        )
    weights, card = trainer.export(Path(folder) / "partitions.safetensors")
    click.echo(f"{weights}\n{card}")


COMMANDS = [pretrain_zero_shot]
