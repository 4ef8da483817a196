"""An annotator for the terminal: shows the row and the most probable clusters, and reads one key per answer.

Every cluster has the same key as on the page (:class:`~activeclust.annotators.keys.ClusterKeys`). In a terminal
a key acts at once; from a pipe one line is one answer (``c``, ``n new name``, an empty line for the first
suggestion), and the end of input stops.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TextIO

from activeclust.annotators.keyboard import END, ESCAPE, Keyboard
from activeclust.annotators.keys import ClusterKeys
from activeclust.annotators.printable import printable
from activeclust.annotators.query import SKIP, STOP, UNDO, UNSURE, Answer, Query, Signal
from activeclust.annotators.terminal_view import can_show, item_view

if TYPE_CHECKING:
    from rich.console import Console

    from activeclust.store.records import Cluster

SIGNALS = {"s": SKIP, "?": UNSURE, "u": UNDO, "q": STOP, "\x04": STOP}
SHOWN = 3  #: suggestions with a bar
BAR_WIDTH = 20  #: characters of a bar of probability 1
HELP = {"Enter": "first", "n": "new", "s": "skip", "?": "unsure", "u": "undo", "q": "stop"}
KEY, FIRST, BAR = "cyan", "bold", "blue"  #: styles; under NO_COLOR only bold remains


class Terminal:
    """An annotator: shows a query and reads the answer.

    Parameters
    ----------
    console : rich.console.Console, optional
        Where questions are shown; the standard output, colours off where NO_COLOR is set.
    keys : text stream, optional
        Where answers are read; the standard input.

    Examples
    --------
    >>> import io
    >>> from rich.console import Console
    >>> ask = Terminal(Console(file=io.StringIO()), io.StringIO("n cat\\nc\\n"))
    >>> ask(Query(0, "a small one", (), 1.0, ()))
    'cat'
    >>> ask(Query(1, "another", (("cat", 0.8),), 0.2, ("cat",)))
    'cat'
    """

    def __init__(self, console: Console | None = None, keys: TextIO | None = None) -> None:
        from rich.console import Console

        self.console = console or Console(highlight=False)
        self.keys = keys or sys.stdin
        self._cluster_keys = ClusterKeys()
        self.live = self.keys.isatty() and self.console.is_terminal
        self._keyboard = Keyboard(self.keys, self.console.file)
        self._plain = not can_show(self.console, "█▏·…")
        self._metrics: Mapping[str, Any] = {}
        self._answered, self._budget = 0, 0
        self._given, self._began = 0, time.monotonic()
        self._note = ""

    def progress(self, answered: int, budget: int, metrics: Mapping[str, Any]) -> None:
        """For ``ActiveLoop.run(progress=...)``: what the status line shows."""
        self._answered, self._budget, self._metrics = answered, budget, metrics

    def __call__(self, query: Query) -> Answer:
        """Ask until there is an answer."""
        while True:
            self._show(query)
            answer = self._answer(query)
            if answer is not None:
                self._given += not isinstance(answer, Signal)
                self._note = self._say(query, answer)
                return answer

    # ---------------------------------------------------------------- showing

    def _show(self, query: Query) -> None:
        if self.live:
            self.console.clear()
        self.console.rule(self._status(query), align="left", style="dim")
        if self._note:
            self.console.print(self._named(self._note), style="dim", markup=False)
        self.console.print()
        self.console.print(item_view(query.item, self.console))
        self.console.print()
        self.console.print(self._suggestions(query))
        self.console.print()
        with_bar = [name for name, _ in query.suggestions[:SHOWN]]
        keys = self._keys(query.clusters)
        if others := {key: self._short(name) for key, name in keys.items() if name not in with_bar}:
            self.console.print(_hints(others))
        self.console.print(_hints(HELP))

    def _status(self, query: Query) -> str:
        parts = [f"row {query.row}"]
        if query.budget_left is not None:
            budget = self._budget or query.budget_left
            parts.append(f"{budget - query.budget_left}/{budget}")
        parts.append(f"{len(query.clusters)} clusters")
        if (agreement := self._metrics.get("agreement")) is not None:
            parts.append(f"agreement {agreement:.2f}")
        if (low := self._metrics.get("expected_low")) is not None:
            parts.append(f"expected accuracy {low:.2f} to {self._metrics['expected_high']:.2f}")
        minutes = (time.monotonic() - self._began) / 60
        if self._given > 1:
            parts.append(f"{self._given / minutes:.0f}/min")
        return (" - " if self._plain else " · ").join(parts)

    def _suggestions(self, query: Query) -> Any:
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, style=KEY)
        overflow: Any = "crop" if self._plain else "ellipsis"
        table.add_column(no_wrap=True, overflow=overflow, max_width=max(12, self.console.width - 40))
        table.add_column(no_wrap=True, style=BAR)
        table.add_column(no_wrap=True, justify="right")
        keys = {name: key for key, name in self._keys(query.clusters).items()}
        lines = [
            (f"[{keys[name]}]" if name in keys else "", self._named(name), chance)
            for name, chance in query.suggestions[:SHOWN]
        ]
        for i, (key, name, chance) in enumerate(
            [*lines, ("[n]", "(a new cluster)", query.new_cluster_probability)]
        ):
            style = FIRST if i == 0 and _first(query) is not None else "dim" if i == len(lines) else ""
            full, least = ("#", "|") if self._plain else ("█", "▏")
            filled = Text(full * round(BAR_WIDTH * chance) or least)
            table.add_row(Text(key), Text(name, style=style), filled, Text(f"{chance:.0%}", style=style))
        return table

    def _keys(self, clusters: tuple[Cluster, ...]) -> dict[str, Cluster]:
        """Mapping from keys to clusters, the same throughout a run; clusters beyond the last key are typed after n."""
        return {key: cluster for cluster, key in self._cluster_keys.of(clusters).items()}

    def _named(self, name: object) -> str:
        """A name without control characters, in the terminal's encoding."""
        return printable(name, encoding=self.console.encoding)

    def _short(self, name: Cluster, width: int = 20) -> str:
        text, more = self._named(name), "..." if self._plain else "…"
        return text if len(text) <= width else text[: width - len(more)] + more

    def _say(self, query: Query, answer: Answer) -> str:
        if answer is UNDO:
            return "The last answer is taken back."
        words = (
            {SKIP: "skipped", UNSURE: "unsure"}.get(answer) if not isinstance(answer, (str, int)) else None
        )
        return f"row {query.row}: {words or answer}"

    # ---------------------------------------------------------------- reading

    def _answer(self, query: Query) -> Answer | None:
        key, rest = self._read()
        if key in ("\r", "\n"):
            first = _first(query)
            if first is None:
                self._note = "Most probably it is a new cluster: n names it."
            return first
        if key in SIGNALS:
            return SIGNALS[key]
        if key == "n":
            return self._new(query, rest)
        keys = self._keys(query.clusters)
        if (letter := key.lower()) in keys:
            return keys[letter]
        self._note = f"{'Escape' if key[0] == ESCAPE else repr(key)} is not a key here."
        return None

    def _new(self, query: Query, rest: str) -> Answer | None:
        name = rest or self._line("name: ")
        if name == END:
            return STOP
        if name is None or not name.strip():
            self._note = "A cluster needs a name." if name is not None else "No new cluster."
            return None
        typed = name.strip()
        if printable(typed) != typed:
            self._note = f"A name has no control characters; {typed} has some."
            return None
        # a name that is in use means that cluster, also where it was first given as a number
        return next((known for known in query.clusters if str(known) == typed), typed)

    def _read(self) -> tuple[str, str]:
        """A key, and the rest of its line if the input is a pipe."""
        if self.live:
            return self._keyboard.key(), ""
        line = self.keys.readline()
        if not line:
            return "q", ""
        line = line.rstrip("\r\n")
        return (line[0], line[1:].strip()) if line.strip() else ("\n", "")

    def _line(self, prompt: str) -> str | None:
        """A line; None if the person cancels with Escape, END at the end of the input."""
        if self.live:
            return self._keyboard.line(prompt)
        line = self.keys.readline()
        return line.rstrip("\r\n") if line else END


def _first(query: Query) -> Cluster | None:
    """The answer of Enter: the most probable cluster, unless *none of these* is more probable."""
    if not query.suggestions or query.suggestions[0][1] < query.new_cluster_probability:
        return None
    return query.suggestions[0][0]


def _hints(meanings: Mapping[str, str]) -> Any:
    """Keys and what they do; a hint is never broken across lines."""
    from rich.columns import Columns
    from rich.text import Text

    hints = (Text.assemble((f"[{key}]", KEY), (f" {meaning}", "dim")) for key, meaning in meanings.items())
    return Columns(hints, padding=(0, 2))
