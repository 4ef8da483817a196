"""Run the README's first command for real, and put its table and its curve into the README.

python docs/refresh_readme.py
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parent
COMMAND = "loop --oracle mnist --strategy entropy --budget 100"
FIGURE = DOCS / "figures" / "loop-mnist-entropy.png"


def main() -> None:
    """Overwrite the README's block of this command and the figure beside it."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "activeclust.cli", *COMMAND.split(), "--out", folder]
        words += ["--db", str(Path(folder) / "runs.db")]
        table = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
        FIGURE.parent.mkdir(exist_ok=True)
        shutil.copy(Path(folder) / "curve.png", FIGURE)
    readme = DOCS.parent / "README.md"
    text = readme.read_text(encoding="utf-8")
    block = f"```console\n$ activeclust {COMMAND}\n{table.rstrip()}\n```"
    readme.write_text(
        re.sub(
            rf"```console\n\$ activeclust {COMMAND}\n.*?```", lambda _: block, text, count=1, flags=re.DOTALL
        ),
        encoding="utf-8",
    )


if __name__ == "__main__":
    main()
