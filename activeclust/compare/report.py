"""A comparison as a terminal table, as figures, and as one self-contained HTML page."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from activeclust.compare.comparison import SHARES, Comparison
from activeclust.compare.plots import figures, ordered, save, to_svg
from activeclust.metrics import Interval
from activeclust.resources.output import write_text

if TYPE_CHECKING:
    from rich.table import Table


def save_all(comparison: Comparison, folder: str | os.PathLike[str]) -> list[Path]:
    """Write ``scores.csv``, ``comparison.json``, the pictures as PNG and SVG, and ``report.html``.

    Returns
    -------
    list of Path
        The files written.
    """
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    comparison.to_csv(out / "scores.csv")
    comparison.to_json(out / "comparison.json")
    files = [out / "scores.csv", out / "comparison.json"]
    for name, figure in figures(comparison).items():
        for kind in ("png", "svg"):
            save(figure, out / f"{name}.{kind}")
            files.append(out / f"{name}.{kind}")
    write_text(out / "report.html", to_html(comparison))
    return [*files, out / "report.html"]


# ---------------------------------------------------------------- tables


def _columns(comparison: Comparison) -> list[str]:
    needed = [f"to {share:.0%}" for share in SHARES]
    final = comparison.shown_budgets[-1]
    return [
        "strategy", "area", *(f"@{b}" for b in comparison.shown_budgets), *needed,
        f"clusters @{final}", f"area - {comparison.reference}", "penalty",
    ]  # fmt: skip


def _rows(comparison: Comparison) -> list[list[str]]:
    rows = []
    for line in comparison.table():
        difference = line["difference"].get("area")
        clusters = line["clusters"].get(comparison.shown_budgets[-1])
        rows.append(
            [
                line["strategy"],
                _pm(line["area"]),
                *(_pm(interval) for interval in line["at"].values()),
                *("never" if x is None else f"{x:g}" for x in line["labels_needed"].values()),
                "" if clusters is None else f"{clusters:.1f}",
                "" if difference is None else _signed(difference),
                f"{line['penalty']:.2f}" if comparison.repeats > 1 else "",
            ]
        )
    return rows


def _pm(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    if np.isnan(interval.low):
        return f"{interval.mean:.3f}"
    return f"{interval.mean:.3f} ±{(interval.high - interval.low) / 2:.3f}"


def notes(comparison: Comparison) -> list[str]:
    """What was run, and what the columns of the tables mean."""
    s = comparison.settings
    varied = s.get("varied") or ()
    begin = (
        [f"{', '.join(varied)}: each run begins with one random row, since nothing else varies."]
        if varied
        else []
    )
    lines = [
        f"{comparison.dataset}: {comparison.n_rows:,} rows, {comparison.repeats} paired runs per strategy "
        f"(same seeds), batches of {s.get('batch_size', '?')}, seed {s.get('seed', '?')}, "
        f"start {s.get('start', 0)}, share of wrong answers {s.get('noise', 0):g}.",
        "area: mean accuracy over the budget. @b: accuracy after b answers, answered rows included; "
        "± is half a 95 % interval (Student).",
        "to 80/90/95 %: median answers until that share of the best strategy's final accuracy; "
        "the bar is the same for all.",
        f"area - {comparison.reference}: paired difference; all intervals of differences hold together "
        "at 95 % (Bonferroni); a star: clear of zero.",
        "penalty: BADGE's, the share of doubling budgets at which another strategy wins a paired t-test "
        "(p < 0.05), mean over all; lower is better.",
        *begin,
    ]
    if comparison.repeats == 1:
        return [lines[0], "One run: no intervals, no differences.", lines[2]]
    return lines


def to_table(comparison: Comparison, width: int = 80) -> Table:
    """The table for a terminal of ``width`` characters, with the columns that fit; :func:`notes` explains them."""
    from rich.table import Table

    head, rows = _columns(comparison), _rows(comparison)
    if width < 20 + 14 * len(head):  # without the intervals, and fewer columns
        kept = [i for i, name in enumerate(head) if name not in _ONLY_WHEN_WIDE]
        head = [head[i] for i in kept]
        rows = [[row[i].split(" ±")[0].split(" [")[0] for i in kept] for row in rows]
    table = Table(box=None, pad_edge=False)
    for i, column in enumerate(head):
        table.add_column(column, justify="left" if i == 0 else "right", no_wrap=True)
    for row in rows:
        table.add_row(*row, style="bold" if row[0] == "auto" else None)
    return table


_ONLY_WHEN_WIDE = {"to 80%", "to 95%", "@5", "@200", "penalty"}


def to_markdown(comparison: Comparison) -> str:
    """The table in Markdown, for a README or an issue."""
    lines = [_columns(comparison), ["---"] + ["--:"] * (len(_columns(comparison)) - 1), *_rows(comparison)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def to_html(comparison: Comparison) -> str:
    """One self-contained HTML page without other files, external resources or scripts."""
    parts = [f"<h1>Query strategies on {html.escape(comparison.dataset)}</h1>"]
    parts += ["<ul>", *(f"<li>{html.escape(note)}</li>" for note in notes(comparison)), "</ul>"]
    parts.append(_html_table(_columns(comparison), _rows(comparison)))
    captions = {
        "curves": "Accuracy over the answers",
        "clusters": "Clusters found over the answers",
        "differences": f"Area under the curve against {comparison.reference}",
        "penalties": "Pairwise penalty matrix (BADGE)",
    }
    for name, figure in figures(comparison).items():
        parts.append(
            f"<figure><figcaption>{html.escape(captions[name])}</figcaption>{to_svg(figure)}</figure>"
        )
    differences = comparison.differences()
    if differences:
        keys = list(next(iter(differences.values())))
        names = [s for s in ordered(comparison) if s in differences]
        rows = [[s, *(_signed(differences[s][k]) for k in keys)] for s in names]
        head = ["strategy", *(f"@{k}" if k != "area" else "area" for k in keys)]
        parts.append(f"<h2>Paired differences to {html.escape(comparison.reference)}</h2>")
        parts.append("<p>Accuracy. A star: the interval is clear of zero.</p>")
        parts.append(_html_table(head, rows))
    return _PAGE.format(title=html.escape(f"Strategies on {comparison.dataset}"), body="\n".join(parts))


def _signed(difference: Interval) -> str:
    """Mean and interval, with a star where the interval is clear of zero."""
    star = "*" if difference.excludes_zero else ""
    return f"{difference.mean:+.3f}{star} [{difference.low:+.3f}, {difference.high:+.3f}]"


def _html_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells)

    body = "".join(f'<tr class="{"ours" if row[0] == "auto" else ""}">{line("td", row)}</tr>' for row in rows)
    head_line = f"<thead><tr>{line('th', head)}</tr></thead>"
    return f'<div class="wide"><table>{head_line}<tbody>{body}</tbody></table></div>'


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto;
       padding: 0 1rem; color: #222; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2rem; }}
ul {{ color: #555; padding-left: 1.2rem; font-size: .9rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .85rem; }}
th, td {{ text-align: right; padding: .3rem .6rem; white-space: nowrap; border-bottom: 1px solid #ddd; }}
th:first-child, td:first-child {{ text-align: left; position: sticky; left: 0; background: #fff; }}
tr.ours td {{ background: #eef5fb; font-weight: 600; }}
figure {{ margin: 2rem 0; }} figcaption {{ font-weight: 600; margin-bottom: .5rem; }}
svg {{ max-width: 100%; height: auto; }}
</style></head><body>
{body}
</body></html>
"""
