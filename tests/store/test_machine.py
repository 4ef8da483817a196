"""Random histories against a model that knows nothing of votes or SQL: it reads the log from the start."""

from __future__ import annotations

import itertools
from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from activeclust.errors import InvalidInput
from activeclust.store import open_store
from activeclust.store.records import Event, Kind, RunSpec

ROWS, PEOPLE, NAMES = 6, ["", "eva", "bob"], ["cat", "dog", 1, "1"]
_number = itertools.count()


class Model:
    """The log, and nothing else."""

    def __init__(self, people: int, resolve: str) -> None:
        self.log: list[Event] = []
        self.people, self.resolve = people, resolve

    def live(self) -> list[tuple[int, Event]]:
        undone = {event.target for event in self.log if event.kind is Kind.UNDO}
        return [(n, e) for n, e in enumerate(self.log, 1) if n not in undone and e.kind is not Kind.UNDO]

    def said(self) -> dict:
        """{(row, annotator, is a review): [kind, cluster, seq]} after the whole log."""
        said: dict = {}
        for seq, event in self.live():
            if event.row is not None:
                said[event.row, event.annotator, event.kind is Kind.REVIEW] = [event.kind, event.cluster, seq]
                continue
            for (row, _, _), answer in said.items():
                moves = event.kind is not Kind.SPLIT or row in event.rows
                if moves and (type(answer[1]), answer[1]) == (type(event.cluster), event.cluster):
                    answer[1] = event.new_cluster
        return said

    def order(self) -> list[int]:
        return list(dict.fromkeys(event.row for _, event in self.live() if event.row is not None))

    def outcome(self, row: int) -> tuple:
        """(kind, cluster, annotator, seq) of a row that somebody has answered."""
        said = [(seq, kind, who, name) for (r, who, _), (kind, name, seq) in self.said().items() if r == row]
        reviews = [answer for answer in said if answer[1] is Kind.REVIEW]
        labels = [answer for answer in said if answer[1] is Kind.LABEL]
        pool = reviews or (labels if labels and self.people > 1 else said)
        if not reviews and self.people > 1 and labels:
            counts = Counter(answer[3] for answer in labels)
            best = [name for name, count in counts.items() if count == max(counts.values())]
            if len(best) > 1 or (len(counts) > 1 and self.resolve == "review"):
                return Kind.REVIEW, None, None, None
            pool = [answer for answer in labels if (type(answer[3]), answer[3]) == (type(best[0]), best[0])]
        seq, kind, who, name = max(pool, key=lambda answer: answer[0])
        return (Kind.LABEL if reviews else kind), name, who, seq

    def accepts(self, event: Event) -> bool:
        in_use = {(type(name), name) for _, name, _ in self.said().values()}
        old, new = (type(event.cluster), event.cluster), (type(event.new_cluster), event.new_cluster)
        if event.kind is Kind.UNDO:
            return any(seq == event.target for seq, _ in self.live())
        if event.row is not None:
            return True
        if old == new or old not in in_use:
            return False
        if event.kind is Kind.SPLIT:
            return all(
                any(r == row and (type(name), name) == old for (r, _, _), (_, name, _) in self.said().items())
                for row in event.rows
            )
        return (new in in_use) is (event.kind is Kind.MERGE)


rows, names, people = st.integers(0, ROWS - 1), st.sampled_from(NAMES), st.sampled_from(PEOPLE)
answers = st.builds(Event, st.just(Kind.LABEL), row=rows, cluster=names, annotator=people)
passes = st.builds(Event, st.sampled_from([Kind.SKIP, Kind.UNSURE]), row=rows, annotator=people)
reviews = st.builds(Event, st.just(Kind.REVIEW), row=rows, cluster=names, annotator=people)
undos = st.builds(Event, st.just(Kind.UNDO), target=st.integers(1, 20), annotator=people)
moves = st.builds(Event, st.sampled_from([Kind.RENAME, Kind.MERGE]), cluster=names, new_cluster=names)
some_rows = st.lists(rows, min_size=1, max_size=3, unique=True).map(tuple)
splits = st.builds(Event, st.just(Kind.SPLIT), cluster=names, new_cluster=names, rows=some_rows)
events = st.one_of(answers, answers, answers, passes, reviews, undos, moves, splits)


class StoreMachine(RuleBasedStateMachine):
    store = None

    @initialize(people=st.integers(1, 3), resolve=st.sampled_from(["majority", "review"]))
    def start(self, people: int, resolve: str) -> None:
        self.model = Model(people, resolve)
        options = {"annotators": people, "resolve": resolve}
        name = f"run {next(_number)}"
        self.run_ = self.store.create_run(RunSpec(name, "entropy", 0, ROWS, "h", "m", options=options))
        self.was = {}  # by the number of the last event, the snapshot of that time

    @rule(event=events)
    def append(self, event: Event) -> None:
        if self.model.accepts(event):
            assert self.run_.append(event).seq == len(self.model.log) + 1
            self.model.log.append(event)
        else:
            with pytest.raises(InvalidInput):
                self.run_.append(event)

    @rule(batch=st.lists(events, min_size=2, max_size=5))
    def extend(self, batch: list[Event]) -> None:
        before = list(self.model.log)
        for event in batch:
            if not self.model.accepts(event):
                self.model.log = before
                with pytest.raises(InvalidInput):
                    self.run_.extend(batch)
                return
            self.model.log.append(event)
        self.run_.extend(batch)

    @rule()
    def undo_last(self) -> None:
        kinds = (Kind.LABEL, Kind.SKIP, Kind.UNSURE)
        expected = [seq for seq, event in self.model.live() if event.kind in kinds]
        last = self.run_.last_undoable()
        assert (last.seq if last else None) == (expected[-1] if expected else None)
        if last is not None:
            self.append(Event(Kind.UNDO, target=last.seq))

    @rule()
    def open_again(self) -> None:
        self.run_ = self.store.open_run(self.run_.spec.name)

    @invariant()
    def counts_as_the_model_says(self) -> None:
        snapshot = self.run_.snapshot()
        outcomes = {row: self.model.outcome(row) for row in self.model.order()}
        expected = [(row, *o[1:]) for row, o in outcomes.items() if o[0] is Kind.LABEL]
        assert [(a.row, a.cluster, a.annotator, a.seq) for a in snapshot.anchors] == expected
        assert [type(a.cluster) for a in snapshot.anchors] == [type(line[1]) for line in expected]
        assert snapshot.withdrawn == {row: o[0] for row, o in outcomes.items() if o[0] is not Kind.LABEL}
        assert snapshot.last_seq == len(self.model.log)
        self.was[snapshot.last_seq] = snapshot

    @rule(at=st.integers(0, 20))
    def look_back(self, at: int) -> None:
        if at in self.was:
            assert self.run_.snapshot(at) == self.was[at]

    @invariant()
    def everybody_is_heard(self) -> None:
        said = {
            (row, who, kind is Kind.REVIEW): [kind, name, seq] for row, kind, name, who, seq in self._votes()
        }
        assert said == self.model.said()
        for who in PEOPLE:
            wanted = [
                row
                for row in self.model.order()
                if not any((row, person, True) in said for person in PEOPLE)
                and (row, who, False) not in said
                and sum((row, person, False) in said for person in PEOPLE) < self.model.people
            ]
            assert self.run_.unfinished(who) == wanted

    def _votes(self) -> list[tuple]:
        return [(v.row, v.kind, v.cluster, v.annotator, v.seq) for v in self.run_.votes()]


def check(store, examples: int) -> None:
    machine = type("Machine", (StoreMachine,), {"store": store})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    store.close()


def test_memory_counts_as_the_log_says():
    check(open_store(None), 100)


def test_sqlite_counts_as_the_log_says(tmp_path):
    check(open_store(tmp_path / "answers.db"), 25)


def test_postgresql_counts_as_the_log_says(postgres_url):
    check(open_store(postgres_url), 15)
