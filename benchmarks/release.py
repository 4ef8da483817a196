"""The suite that nobody tunes on, run once a release: its result is written as it comes out.

    make release-benchmarks

Runs ``posterior.py release`` (tables that are in no other collection, shapes drawn from the version's name; see
:func:`data.release`) and writes docs/release-benchmarks.md beside docs/figures/posterior-release.csv and .png. Commit
all three whatever they say. A run that was stopped resumes; a version that has its result is not run again.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from data import COLLECTIONS
from posterior import COLUMNS
from records import FIGURES, read
from summary import OURS, report

from activeclust import __version__

PAGE = FIGURES.parent / "release-benchmarks.md"
DRAWS = 3
RIVALS = "Laplace;Poisson;1-NN, PCA;logistic, PCA;random forest, PCA;seeded k-means"
HEAD = re.compile(r"^Version (\S+), weights `(\w+)`", re.MULTILINE)


def done(page: Path, version: str) -> bool:
    """Whether the page holds the result of this version: then a second run would be a choice between results."""
    found = HEAD.search(page.read_text(encoding="utf-8")) if page.exists() else None
    return found is not None and found[1] == version


def text(path: Path, version: str) -> str:
    """The page, from the records."""
    frame = read(path, COLUMNS)
    weights = ", ".join(sorted(set(frame.loc[frame["method"] == OURS, "weights"].dropna())))
    sets, draws = frame["data"].nunique(), frame["draw"].nunique()
    names = list(COLLECTIONS["release"]().names)
    return f"""# The release suite

Version {version}, weights `{weights}`: {sets} data sets, {draws} draws of 1, 2 and 5 random anchors per cluster.

These data sets are in no other collection of the benchmarks, and the made ones are drawn anew from every version's
name. They are run once a release by `make release-benchmarks`, nothing is decided on them, and this page is committed
as it comes out. Intervals are Student's at 95 % over the data sets, p is Wilcoxon's signed-rank test's and not
corrected. The records: `docs/figures/posterior-release.csv`.

![The release suite](figures/posterior-release.png)

```text
{report(frame, {"": names}).strip()}
```
"""


def main() -> None:
    """Run, and write the page."""
    if done(PAGE, __version__):
        raise SystemExit(
            f"{PAGE.name} has the result of version {__version__}: the suite is run once a release. "
            "Raise the version first."
        )
    command = [
        sys.executable,
        str(Path(__file__).with_name("posterior.py")),
        "release",
        "--draws",
        str(DRAWS),
        "--only",
        RIVALS,
    ]
    subprocess.run(command, check=True)
    PAGE.write_text(text(FIGURES / "posterior-release.csv", __version__), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
