"""Run the first commands of the README and of docs/strategies.md for real, and put their tables and curves there.

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
#: command -> the page that shows it, and the figure that is kept of it
COMMANDS = {
    "loop --oracle mnist --budget 100": (DOCS.parent / "README.md", "loop-mnist-auto.png"),
    "loop --oracle mnist --strategy entropy --budget 100": (DOCS / "strategies.md", None),
}


def main() -> None:
    """Overwrite the block of each command on its page, and the figure beside it."""
    for command, (page, figure) in COMMANDS.items():
        with tempfile.TemporaryDirectory() as folder:
            words = [sys.executable, "-m", "activeclust", *command.split(), "--out", folder]
            words += ["--db", str(Path(folder) / "runs.db")]
            table = subprocess.run(words, check=True, stdout=subprocess.PIPE, text=True).stdout
            if figure is not None:
                shutil.copy(Path(folder) / "curve.png", DOCS / "figures" / figure)
        text = page.read_text(encoding="utf-8")
        block = f"```console\n$ activeclust {command}\n{table.rstrip()}\n```"
        old = rf"```console\n\$ activeclust {re.escape(command)}\n.*?```"
        page.write_text(
            re.sub(old, lambda _, new=block: new, text, count=1, flags=re.DOTALL), encoding="utf-8"
        )


if __name__ == "__main__":
    main()
