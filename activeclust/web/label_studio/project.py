"""A Label Studio project: its labelling configuration and its tasks."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from activeclust.errors import InvalidInput
from activeclust.store.label_studio import CONTROL, OBJECT, UNSURE_CONTROL, label_config
from activeclust.store.records import Cluster
from activeclust.web.items import is_picture, item_json, picture

WIDEST = 512  #: pixels of a picture within a task
LARGEST = 1_000_000  #: characters of a configuration


@dataclass(frozen=True)
class Control:
    """The ``<Choices>`` control of a project with which a cluster is chosen.

    Attributes
    ----------
    name, to_name : str
        What results call it, and the tag that shows the row.
    choices : frozenset of str
        Clusters that it offers; only these can be suggested.
    """

    name: str = CONTROL
    to_name: str = OBJECT
    choices: frozenset[str] | None = None

    def offers(self, name: str) -> bool:
        """Whether the control offers a cluster."""
        return self.choices is None or name in self.choices


def find_control(config: str) -> Control:
    """The control of a labelling configuration: the ``<Choices>`` named "cluster", else the first one.

    Raises
    ------
    InvalidInput
        Where there is none, or the text is no such configuration.

    Examples
    --------
    >>> choices = '<Choices name="kind" toName="t"><Choice value="cat"/></Choices>'
    >>> find_control(f'<View><Text name="t" value="$t"/>{choices}</View>')
    Control(name='kind', to_name='t', choices=frozenset({'cat'}))
    """
    if len(config) > LARGEST or "<!DOCTYPE" in config or "<!ENTITY" in config:
        raise InvalidInput("A labelling configuration is a text of tags, without DOCTYPE and entities.")
    try:
        tree = ElementTree.fromstring(config)
    except ElementTree.ParseError as error:
        raise InvalidInput(f"The labelling configuration cannot be read: {error}.") from error
    found = [tag for tag in tree.iter("Choices") if tag.get("name") not in (None, UNSURE_CONTROL)]
    if not found:
        raise InvalidInput(
            "The labelling configuration has no <Choices> in which a cluster could be chosen. One that fits: "
            + label_config(["one cluster", "another"])
        )
    tag = next((tag for tag in found if tag.get("name") == CONTROL), found[0])
    values = (choice.get("alias") or choice.get("value") for choice in tag.iter("Choice"))
    choices = frozenset(value for value in values if value)
    return Control(str(tag.get("name")), tag.get("toName", OBJECT), choices or None)


def make_tasks(items: Any) -> Iterator[dict[str, Any]]:
    """Tasks to import into a project, one per row; they contain their pictures.

    Examples
    --------
    >>> next(make_tasks(["a text"]))
    {'data': {'row': 0, 'text': 'a text'}}
    """
    for row in range(len(items)):
        yield {"data": {"row": row} | _shown(items[row], row)}


def make_config(items: Any, clusters: Iterable[Cluster]) -> str:
    """A labelling configuration for these tasks."""
    tags = {
        "image": f'<Image name="{OBJECT}" value="$image"/>',
        "columns": f'<Table name="{OBJECT}" value="$columns"/>',
        "text": f'<Text name="{OBJECT}" value="$text"/>',
    }
    return label_config(clusters, shown=tags[next(iter(_shown(items[0], 0)))])


def _shown(item: Any, row: int) -> dict[str, Any]:
    if is_picture(item):
        return {"image": "data:image/png;base64," + base64.b64encode(picture(item, WIDEST)).decode()}
    shown = item_json(item, row, "")
    if shown["kind"] == "columns":
        return {"columns": dict(shown["columns"])}
    return {"text": shown["text"] if shown["kind"] == "text" else "  ".join(shown["numbers"])}
