"""Tables of results on the pages of ``docs/``, made from the records that benchmarks wrote.

    python benchmarks/pages.py            # fill every marked place
    python benchmarks/pages.py --check    # say which are not as the records have them; exit status 1 if any

A place is marked by two comments, ``<!-- results: NAME ARGUMENTS -->`` and ``<!-- end of results -->``; what lies
between them is overwritten. No figure in such a table is typed by hand, and a test compares pages and records.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from pathlib import Path

from results_asking import asked, first_batch, four_curves, page_and_loop, stopping
from results_cells import ROOT
from results_posterior import against, each_set, losses, posterior, summary, trust
from results_store import answers, damage, kills, million
from results_zeroshot import without_answers

PLACE = re.compile(r"(<!-- results: (?P<what>[^>]+?) -->\n).*?(\n?<!-- end of results -->)", re.DOTALL)


RESULTS: dict[str, Callable[..., str]] = {
    "posterior": posterior,
    "against": against,
    "each-set": each_set,
    "asked": asked,
    "first-batch": first_batch,
    "four-curves": four_curves,
    "page-and-loop": page_and_loop,
    "stopping": stopping,
    "losses": losses,
    "summary": summary,
    "trust": trust,
    "without-answers": without_answers,
    "damage": damage,
    "kills": kills,
    "million": million,
    "answers": answers,
}


def filled(text: str) -> str:
    """The page with what the records say in every marked place."""

    def fill(found: re.Match) -> str:
        what, *arguments = found["what"].split()
        if what not in RESULTS:
            raise SystemExit(f"There is no result {what!r}; expected one of {', '.join(RESULTS)}.")
        return f"{found[1]}\n{RESULTS[what](*arguments)}\n\n{found[3].lstrip()}"

    return PLACE.sub(fill, text)


def pages() -> list[Path]:
    """Pages that hold marked places."""
    return [
        path
        for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
        if PLACE.search(path.read_text(encoding="utf-8"))
    ]


def main() -> None:
    """Fill, or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page differs")
    options = parser.parse_args()
    stale = []
    for path in pages():
        text = path.read_text(encoding="utf-8")
        new = filled(text)
        if new != text:
            stale.append(path.name)
            if not options.check:
                path.write_text(new, encoding="utf-8")
    print(f"{'not as the records have it' if options.check else 'filled'}: {', '.join(stale) or 'none'}")
    if options.check and stale:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
