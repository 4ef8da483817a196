"""Tables of what is asked: strategies by answers for each cluster, the page beside the loop, and the first batch."""

from __future__ import annotations

import pandas as pd
from results_cells import bold, records, weights


def asked(name: str) -> str:
    """Accuracy and clusters met by answers for each cluster: a table a collection, and where auto is behind."""
    from questions import CHOSEN_ON, behind, means

    frame = records(name)
    parts = {str(key): group for key, group in frame.groupby("collection", sort=False)}
    parts["all"] = frame
    held = frame[~frame["data"].isin(CHOSEN_ON)]
    parts["sets on which no constant was chosen"] = held
    lines = [f"Weights `{weights(name)}`; [`{name}.csv`](figures/{name}.csv).", ""]
    for title, part in parts.items():
        accuracy = means(part).groupby("arm").mean()
        found = means(part, "found").groupby("arm").mean()
        numbers = list(accuracy.columns)
        sets = f"{part['data'].nunique()} data set{'s' if part['data'].nunique() > 1 else ''}"
        lines += [
            f"| {title}, {sets} | " + " | ".join(map(str, numbers)) + " | clusters met at 1 |",
            "|---|" + "--:|" * (len(numbers) + 1),
        ]
        for arm in accuracy.mean(axis=1).sort_values(ascending=False).index:
            cells = [bold(pd.Series([accuracy.loc[arm, n]]), pd.Series([accuracy[n].max()])) for n in numbers]
            lines.append(f"| {arm} | " + " | ".join(cells) + f" | {found.loc[arm, numbers[0]]:.3f} |")
        lines += ["", "; ".join(behind(part)) + ".", ""]
    return "\n".join(lines).rstrip()


def stopping(name: str) -> str:
    """What runs of ``auto`` expect, and where the stop rules end them."""
    from questions import stopping as told

    frame = records(name)
    sets, samples = frame["data"].nunique(), frame["repeat"].nunique()
    head = f"Weights `{weights(name)}`; {sets} data sets, {samples} samples of rows each."
    return f"{head}\n\n{told(frame)}"


def four_curves(name: str) -> str:
    """The README's table: four ways of asking, mean over all sets."""
    from how_good import ARMS
    from questions import means

    frame = records(name)
    accuracy = means(frame).groupby("arm").mean()
    numbers = [n for n in accuracy.columns if n <= 10]
    lines = [
        f"Mean accuracy over {frame['data'].nunique()} data sets (embedded texts, pictures, digits, drawn shapes, "
        "tables) after one, two, five and ten answers per cluster:",
        "",
        "| | " + " | ".join(map(str, numbers)) + " |",
        "|---|" + "--:|" * len(numbers),
    ]
    for arm, (title, _) in ARMS.items():
        cells = [bold(pd.Series([accuracy.loc[arm, n]]), pd.Series([accuracy[n].max()])) for n in numbers]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def page_and_loop(name: str) -> str:
    """Accuracy of the plain loop, and of the annotation page less the loop."""
    from page_questions import differences

    found = differences(records(name))
    people = sorted(found["people"].unique())
    lines = [
        f"Weights `{weights(name)}`; {found['seeds'].iloc[0]} seeds, intervals over them; "
        f"[`{name}.csv`](figures/{name}.csv).",
        "",
        "| | answers | loop | " + " | ".join(f"page less loop, {n} on the page" for n in people) + " |",
        "|---|--:|--:|" + "--:|" * len(people),
    ]
    for (data, answers), part in found.groupby(["data", "answers"], sort=False):
        part = part.set_index("people")
        cells = [
            f"{part.loc[n, 'mean']:+.3f} [{part.loc[n, 'low']:+.3f}, {part.loc[n, 'high']:+.3f}]"
            for n in people
        ]
        lines.append(f"| {data} | {answers} | {part['loop'].iloc[0]:.3f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def first_batch(name: str) -> str:
    """Clusters met and accuracy after the first C questions, by collection and over all sets."""
    from cold_start import by_collection, paired

    frame = records(name)
    met, accuracy = by_collection(frame, "found"), by_collection(frame, "accuracy")
    collections = [c for c in met.columns if c != "all sets"]
    lines = [
        f"Weights `{weights(name)}`; {frame['data'].nunique()} data sets, "
        f"{frame['repeat'].nunique()} samples of rows each; [`{name}.csv`](figures/{name}.csv).",
        "",
        "| | clusters discovered: " + " | ".join(collections) + " | all sets | accuracy, all sets |",
        "|---|" + "--:|" * (len(collections) + 2),
    ]
    for arm in accuracy["all sets"].sort_values(ascending=False).index:
        cells = [bold(pd.Series([met.loc[arm, c]]), pd.Series([met[c].max()])) for c in met.columns]
        cells.append(
            bold(pd.Series([accuracy.loc[arm, "all sets"]]), pd.Series([accuracy["all sets"].max()]))
        )
        lines.append(f"| {arm} | " + " | ".join(cells) + " |")
    told = [
        f"{what}: {paired(frame, value)}"
        for value, what in (("found", "clusters discovered"), ("accuracy", "accuracy"))
    ]
    return "\n".join([*lines, "", "; ".join(told) + "."])
