"""Label Studio's machine-learning back end: Label Studio requests predictions and reports annotations.

The protocol is that of https://github.com/HumanSignal/label-studio-ml-backend (``/health``, ``/setup``,
``/predict``, ``/webhook``) with the webhooks of https://labelstud.io/guide/webhook_reference.

A prediction's ``score`` is the row's position in our order: Label Studio's *uncertainty sampling* takes the tasks
whose ``cluster`` the person has answered least, and of these the lowest score. Every row has a cluster
number of its own (``1000 * row + code``), so the score alone decides.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from activeclust.errors import DataFileError, InvalidInput
from activeclust.store.label_studio import CONTROL, UNSURE_CONTROL, from_tasks
from activeclust.store.log import LogReader
from activeclust.store.records import Event, Kind
from activeclust.web import payload
from activeclust.web.label_studio.project import Control, find_control

if TYPE_CHECKING:
    from activeclust.web.page_state import PageState
    from activeclust.web.service import AnnotationService

AHEAD = 48  #: rows whose order the strategy chooses; the others follow, the least certain first
SPAN, TOP = 1_000, 2**31 - 1  #: clusters a row's number leaves room for; Label Studio's integers
UNDONE = "label-studio-undo-"  #: how the ids of what deleted annotations take back begin
ROW = "row"  #: field of a task's data that holds the row number


class Backend:
    """The protocol over one service.

    Parameters
    ----------
    service : AnnotationService
        Made with ``ahead=AHEAD``.
    """

    def __init__(self, service: AnnotationService) -> None:
        self.service = service
        self.control = Control()
        self._deleted: set[Any] = set()  # annotations whose deletion came before they themselves
        self._rows: dict[int, int] = {}  # task id -> row, for webhooks that bring no task
        self._log = LogReader(service.run, "label_studio")
        self._turn = threading.Lock()

    @property
    def version(self) -> str:
        """The model's version; it changes with every posterior, so that predictions are requested again."""
        return f"{self.service.run.spec.name}-{self.service.page_state.seq}"

    def health(self, _: Any) -> dict[str, Any]:
        """Whether the server is up."""
        return {"status": "UP", "model_class": "activeclust", "model_version": self.version}

    def setup(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """A project has been connected or opened: store its labelling configuration."""
        self._configure(body.get("schema"))
        return {"model_version": self.version}

    def versions(self, _: Any) -> dict[str, Any]:
        """The available model versions: the newest only."""
        return {"versions": [self.version]}

    def train(self, _: Any) -> dict[str, Any]:
        """Does nothing: every annotation is used at once."""
        return {}

    def _configure(self, config: Any) -> None:
        if isinstance(config, str) and config.strip():
            self.control = find_control(config)

    # ---------------------------------------------------------------- predictions

    def predict(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """One prediction per task: the likeliest cluster, and a score for the order."""
        tasks = body.get("tasks")
        if not isinstance(tasks, list):
            raise InvalidInput("A request for predictions lists tasks.")
        self._configure(body.get("label_config"))
        state, version = self.service.page_state, self.version
        scores = Scores(state)
        return {
            "results": [self._prediction(state, scores, self._row(task), version) for task in tasks],
            "model_version": version,
        }

    def _prediction(self, state: PageState, scores: Scores, row: int, version: str) -> dict[str, Any]:
        shown = state.suggestions(row, 1)
        result = [
            {
                "id": f"row-{row}",
                "from_name": self.control.name,
                "to_name": self.control.to_name,
                "type": "choices",
                "value": {"choices": [str(cluster)]},
                "score": round(probability, 4),
                "meta": {"cluster": cluster},  # 1 and "1" are one text
            }
            for cluster, probability in shown
            if self.control.offers(str(cluster))
        ]
        code = min(max(int(state.codes[row]), 0), SPAN - 1)
        cluster = (row * SPAN + code) % TOP
        return {"result": result, "score": scores.of(row), "cluster": cluster, "model_version": version}

    def _row(self, task: Any) -> int:
        data = task.get("data") if isinstance(task, dict) else None
        number = data.get(ROW) if isinstance(data, dict) else None
        if isinstance(number, str) and number.isascii() and number.isdigit() and len(number) < 12:
            number = int(number)  # imported from CSV, every field is a text
        if number is None:
            raise InvalidInput(
                f"A task's data name the row they show in the field {ROW!r}; tasks that do are written by "
                "activeclust label-studio DATA --write FOLDER."
            )
        row = payload.row_of(number, self.service.n_rows)
        if isinstance(task.get("id"), int):
            self._rows[task["id"]] = row
        return row

    # ---------------------------------------------------------------- annotations

    def webhook(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """An event of the project: annotations become answers, deleted annotations are undone."""
        action = body.get("action")
        # after a restart this may be the first that is heard of the project
        self._configure(_of(body, "project").get("label_config"))
        with self._turn:  # created and deleted in one moment: the second must see the first
            if action in ("ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED"):
                return {"answers": self._take(body)}
            if action in ("ANNOTATION_DELETED", "ANNOTATIONS_DELETED"):
                return {"taken_back": self._take_back(body)}
        return {}

    def _take(self, body: Mapping[str, Any]) -> list[int | None]:
        annotations, tasks = _listed(body.get("annotation")), _listed(body.get("task"))
        if not annotations:
            raise InvalidInput("This event brings no annotation: let the webhook send its payload.")
        by_id = {_id(task): task for task in tasks if isinstance(task, dict)}
        events = [self._event(annotation, by_id) for annotation in annotations]
        fresh = [event for event in events if self._is_news(event)]
        return [event.seq for event in self.service.write(*fresh)] if fresh else []

    def _is_news(self, event: Event) -> bool:
        """Whether this is the newest state of the annotation; webhooks may arrive late and in any order."""
        given = _of(event.details, "label_studio")
        if given["annotation"] in self._deleted:  # an id is never given again: what was deleted stays so
            return False
        log = self._events_of(given["annotation"])
        undone = self._undone(log)
        for other in log:
            if str(getattr(undone.get(other.seq), "client_id", "")).startswith(UNDONE):
                return False
            said = _of(other.details, "label_studio")
            if other.client_id != event.client_id and _time(said.get("moment")) > _time(given["moment"]):
                return False
        return True

    def _events_of(self, annotation: Any) -> list[Event]:
        """The answers of an annotation, one for each change."""
        found = self.service.run.find(client_prefix=_client_id(annotation, ""))
        return [
            event for event in found if _of(event.details, "label_studio").get("annotation") == annotation
        ]

    def _undone(self, events: Sequence[Event]) -> dict[int | None, Event]:
        """By the number of an event, what took it back."""
        undos = self.service.run.find(targets=[event.seq for event in events if event.seq is not None])
        return {undo.target: undo for undo in undos}

    def _event(self, annotation: Any, tasks: Mapping[Any, Any]) -> Event:
        if not isinstance(annotation, dict) or not isinstance(annotation.get("id"), int):
            raise InvalidInput("An annotation is an object with an id.")
        row = self._row_of(annotation, tasks)
        given = {"annotations": [self._ours(annotation)], "data": {"row": row}}
        try:
            (answer,) = from_tasks([given])
        except DataFileError as error:
            raise InvalidInput(f"Annotation {annotation['id']} cannot be understood: {error}") from error
        cluster = answer.cluster
        if isinstance(cluster, str):
            cluster = payload.meant(cluster, self.service.clusters())
        moment = annotation.get("updated_at") or annotation.get("created_at") or ""
        return Event(
            answer.kind,
            row=row,
            cluster=cluster,
            annotator=answer.annotator,
            client_id=_client_id(annotation["id"], moment),
            details={**answer.details, "label_studio": _source(annotation)},
        )

    def _row_of(self, annotation: Mapping[str, Any], tasks: Mapping[Any, Any]) -> int:
        number = _id(annotation, "task")
        if number in tasks:
            return self._row(tasks[number])
        if number in self._rows:
            return self._rows[number]
        answered = {
            _of(event.details, "label_studio").get("task"): event.row for event in self._log.read().events
        }
        if (row := answered.get(number)) is not None:  # from before a restart
            return row
        raise InvalidInput(f"Which row task {number} shows is not known: no prediction was asked for it yet.")

    def _ours(self, annotation: Mapping[str, Any]) -> dict[str, Any]:
        """The annotation as if it had been made with our control."""
        mine = [item for item in _listed(annotation.get("result")) if isinstance(item, dict)]
        kept = [
            item | {"from_name": CONTROL if item.get("from_name") == self.control.name else UNSURE_CONTROL}
            for item in mine
            if item.get("from_name") in (self.control.name, UNSURE_CONTROL)
        ]
        created = annotation.get("updated_at") or annotation.get("created_at")
        return {**annotation, "result": kept, "created_at": created}

    def _take_back(self, body: Mapping[str, Any]) -> list[int | None]:
        given = _listed(body.get("annotations", body.get("annotation")))
        ids = [_id(annotation) for annotation in given if isinstance(annotation, dict)]
        gone = {number for number in ids if isinstance(number, int)}  # as those that are taken
        self._deleted |= gone
        events = [event for annotation in gone for event in self._events_of(annotation)]
        undone = self._undone(events)
        # the newest first: an answer that another one replaced comes back for a moment and goes as well
        events.sort(key=lambda event: event.seq or 0, reverse=True)
        targets = [event for event in events if event.seq not in undone]
        blank = Event(Kind.UNDO)
        made = [
            replace(blank, target=e.seq, annotator=e.annotator, client_id=f"{UNDONE}{e.seq}") for e in targets
        ]
        return [event.target for event in self.service.write(*made)] if made else []


class Scores:
    """Positions in our order as numbers from 0 to 1; rows to be asked first have the lowest.

    The strategy's own choice comes first, then the other open rows by their certainty; answered rows and
    those set aside come last.

    Parameters
    ----------
    state : PageState
    """

    def __init__(self, state: PageState) -> None:
        self.state = state
        self.place = {row: i for i, row in enumerate(state.order)}

    def of(self, row: int) -> float:
        """The score of a row."""
        if row in self.place:
            return round(0.5 * self.place[row] / len(self.place), 6)
        if self.state.kinds[row]:
            return 1.0
        return round(0.5 + 0.49 * float(self.state.confidence[row]), 6)


def _client_id(annotation: Any, moment: object) -> str:
    """The ``client_id`` of an annotation at a time; without a time, the common prefix."""
    return f"label-studio-{annotation}-{moment}"[:200]


def _id(holder: Mapping[str, Any], name: str = "id") -> int | str | None:
    """An id, or None if it is not valid."""
    found = holder.get(name)
    return found if isinstance(found, (int, str)) else None


def _of(holder: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = holder.get(name)
    return found if isinstance(found, Mapping) else {}


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _source(annotation: Mapping[str, Any]) -> dict[str, Any]:
    moment = annotation.get("updated_at") or annotation.get("created_at")
    return {"annotation": annotation["id"], "task": annotation.get("task"), "moment": moment}


def _time(moment: Any) -> datetime:
    """A time as Label Studio writes it; the earliest time if it is not valid."""
    try:
        found = datetime.fromisoformat(str(moment).replace("Z", "+00:00"))
    except ValueError:
        return datetime.min.replace(tzinfo=timezone.utc)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
