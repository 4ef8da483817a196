"""``activeclust audit``: the accuracy of a run's labels, from rows drawn at random."""

from __future__ import annotations

import click

from activeclust.cli.options import db_option, examples, load_data, stderr_console


@click.command("audit", epilog=examples("audit --name rows --n 30"))
@click.option("--n", "n", type=click.IntRange(1), default=50, show_default=True, help="Rows to ask about.")
@click.option("--name", required=True, metavar="NAME", help="The run whose labels are checked.")
@click.option("--oracle", is_flag=True, help="Answer with the labels in the data instead of asking a person.")
@click.option("--seed", type=click.IntRange(0), help="Seed of the choice of rows [default: drawn].")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@db_option
def audit_command(n: int, name: str, oracle: bool, seed: int | None, as_json: bool, db: str) -> None:
    """Estimate the accuracy of a run's labels from rows drawn at random.

    Unlike the rows that the strategy asks about, random ones give an unbiased accuracy. The answers are
    kept in the run as any others.
    """
    import json
    from dataclasses import asdict

    from activeclust.annotators.oracles import LabelOracle
    from activeclust.annotators.terminal import Terminal
    from activeclust.audit import audit
    from activeclust.errors import InvalidInput
    from activeclust.loop.active_loop import ActiveLoop
    from activeclust.store import open_store

    store = open_store(db, create=False)
    try:
        spec = store.open_run(name).spec
        kept = dict(spec.options.get("data", {}))
        source = kept.pop("source", spec.source)
        if not source:
            raise InvalidInput(
                f"Run {name!r} does not know where its rows came from; use activeclust.audit.audit()."
            )
        data = load_data(source, kept)
        # questions on stderr: stdout holds the result alone
        annotator = LabelOracle(data.oracle_labels()) if oracle else Terminal(stderr_console())
        loop = ActiveLoop(
            data.X, annotator, strategy=spec.strategy, store=store, name=name, items=data.items,
            batch_size=spec.batch_size, resume=True, source=spec.source, options=spec.options,
        )  # fmt: skip
        result = audit(loop, n, random_state=seed)
    finally:
        store.close()
    click.echo(json.dumps(asdict(result)) if as_json else str(result))


COMMANDS: list[click.Command] = [audit_command]
