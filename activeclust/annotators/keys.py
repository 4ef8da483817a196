"""Which key answers which cluster: the same on the page and in the terminal."""

from __future__ import annotations

import re
import threading
import unicodedata
from collections.abc import Sequence

Cluster = str | int

#: keys that are commands, on the page or in the terminal
COMMANDS = {"n": "new", "s": "skip", "?": "unsure", "u": "undo", "q": "stop", "h": "help"}
DIGITS = "1234567890"
LETTERS = "abcdefghijklmnopqrstuvwxyz"


class ClusterKeys:
    """A key for each cluster, taken from its name where possible.

    A name of one digit or one letter gets that key, another name that begins with a letter its first free letter.
    The remaining clusters get keys in order: digits, unless a cluster is named by a number, then letters. A cluster
    keeps its key for the lifetime of this object, so a key never changes its meaning.

    Examples
    --------
    >>> keys = ClusterKeys()
    >>> keys.of([3, "cat", "cow", "7"])
    {3: '3', 'cat': 'c', 'cow': 'o', '7': '7'}
    >>> keys.of(["cow", "dog", 10])
    {'cow': 'o', 'dog': 'd', 10: 'a'}
    """

    def __init__(self) -> None:
        self._keys: dict[Cluster, str] = {}
        self._lock = threading.Lock()

    def of(self, clusters: Sequence[Cluster]) -> dict[Cluster, str]:
        """The keys of the clusters; clusters beyond the last key have none.

        Parameters
        ----------
        clusters : sequence of cluster names
            In the order in which they were first named.
        """
        with self._lock:
            new = [cluster for cluster in clusters if cluster not in self._keys]
            # names that are a single key come before names that only contain one
            for cluster in sorted(new, key=lambda cluster: len(str(cluster)) > 1):
                key = self._free(cluster, clusters)
                if key is not None:
                    self._keys[cluster] = key
            return {cluster: self._keys[cluster] for cluster in clusters if cluster in self._keys}

    def rename(self, before: Cluster, after: Cluster) -> None:
        """Keep the key of a cluster that is renamed."""
        with self._lock:
            if before in self._keys and after not in self._keys:
                self._keys[after] = self._keys.pop(before)

    def _free(self, cluster: Cluster, clusters: Sequence[Cluster]) -> str | None:
        used = {*self._keys.values(), *COMMANDS}
        name = _plain(cluster)
        numbered = any(_plain(other)[:1].isdigit() for other in clusters)
        own = (
            [name]
            if len(name) == 1
            else list(name[:1] if name[:1] in DIGITS and not name[:2].isdigit() else "")
        )
        if name[:1].isalpha():
            own += [letter for letter in name if letter in LETTERS]
        spare = [*([] if numbered else DIGITS), *LETTERS]
        free = [key for key in (*own, *spare) if key in (*DIGITS, *LETTERS) and key not in used]
        if free:
            return free[0]
        # no key is left: take that of a cluster that does not exist any more
        gone = [other for other in self._keys if other not in clusters]
        if not gone:
            return None
        return self._keys.pop(gone[0])


def _plain(cluster: Cluster) -> str:
    """A name from its first letter or digit on, in lower case, without accents.

    Examples
    --------
    >>> _plain("<b>"), _plain("École"), _plain("?")
    ('b>', 'ecole', '?')
    """
    name = "".join(
        letter for letter in unicodedata.normalize("NFKD", str(cluster)) if not unicodedata.combining(letter)
    )
    return re.sub(r"^[\W_]+(?=[^\W_])", "", name.casefold())
