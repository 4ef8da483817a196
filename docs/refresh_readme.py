"""Run the README's first commands for real, and put their tables and curves into the README.

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
#: command -> the figure that is kept of it
COMMANDS = {
    "loop --oracle mnist --strategy entropy --budget 100": None,
    "loop --oracle mnist --budget 100": "loop-mnist-auto.png",
}


def main() -> None:
    """Overwrite the README's block of each command and the figure beside it."""
    for command, figure in COMMANDS.items():
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "activeclust", *command.split(), "--out", folder]
            words += ["--db", str(Path(folder) / "runs.db")]
            table = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
            if figure is not None:
                shutil.copy(Path(folder) / "curve.png", DOCS / "figures" / figure)
        readme = DOCS.parent / "README.md"
        text = readme.read_text(encoding="utf-8")
        block = f"```console\n$ activeclust {command}\n{table.rstrip()}\n```"
        old = rf"```console\n\$ activeclust {re.escape(command)}\n.*?```"
        readme.write_text(
            re.sub(old, lambda _, new=block: new, text, count=1, flags=re.DOTALL), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
