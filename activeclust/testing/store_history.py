"""Contract tests for rounds and for earlier states of a run. See activeclust.testing.store."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from activeclust.errors import InvalidInput, RoundTaken
from activeclust.store.base import Store
from activeclust.store.records import Event, Kind, Round
from activeclust.testing.store_cases import N_ROWS, label, spec


class HistoryContract:
    """Rounds are written once; earlier states are derived from the current one."""

    def test_rounds_come_back_bit_for_bit(self, store: Store) -> None:
        run = store.create_run(spec())
        metrics = {
            "a": 0.1 + 0.2,
            "b": 5e-324,
            "c": None,
            "d": 3,
            "e": math.inf,
            "f": np.float64(1 / 3),
            "ü": -0.0,
        }
        run.add_round(Round(1, 10, {"nan": math.nan}, (4, 2), 12))
        run.add_round(Round(0, 5, {"a": 1.0}, (1,), 2))
        run.add_round(Round(0, 5, metrics, (3, 1, 2), 7), replaces=Round(0, 5, {"a": 1.0}, (1,), 2))
        first, second = run.rounds()
        assert first == Round(0, 5, metrics, (3, 1, 2), 7) and str(first.metrics["ü"]) == "-0.0"
        assert type(first.metrics["d"]) is int and type(first.metrics["f"]) is float
        assert second.asked == (4, 2) and str(second.metrics["nan"]) == "nan"

    def test_round_of_two_writers_is_the_first_ones(self, store: Store) -> None:
        mine, yours = store.create_run(spec()), store.open_run("mine")
        first, second = Round(0, 5, {"a": math.nan}, (1,), 2), Round(0, 5, {"a": 1.0}, (2,), 2)
        mine.add_round(first)
        mine.add_round(first)  # its acknowledgement was lost
        with pytest.raises(RoundTaken, match="another process"):
            yours.add_round(second)
        yours.add_round(second, replaces=first)
        with pytest.raises(RoundTaken):
            mine.add_round(Round(0, 6, {}), replaces=first)
        mine.add_round(Round(1, 6, {}), replaces=None)
        assert mine.rounds() == yours.rounds() == [second, Round(1, 6, {})]

    def test_past_is_found_after_clusters_were_moved_on_and_put_back(self, store: Store) -> None:
        run = store.create_run(spec())
        seen = [run.snapshot()]
        for event in (
            label(1, "a"), label(2, "b"), label(3, "c"), label(4, 1), label(4, "a", annotator="eva"),
            Event(Kind.RENAME, cluster="a", new_cluster="d"), label(5, "a"), label(6, "d"),
            Event(Kind.MERGE, cluster="b", new_cluster="d"), Event(Kind.UNDO, target=6), label(1, "c"),
            Event(Kind.SPLIT, cluster="d", new_cluster="e", rows=(6,)),
            Event(Kind.RENAME, cluster="e", new_cluster="b"),
            Event(Kind.UNDO, target=9), Event(Kind.RENAME, cluster=1, new_cluster="1"), Event(Kind.UNDO, target=11),
            Event(Kind.UNDO, target=12), Event(Kind.SKIP, row=6), Event(Kind.MERGE, cluster="a", new_cluster="c"),
        ):  # fmt: skip
            run.append(event)
            seen.append(run.snapshot())
        for at, was in enumerate(seen):
            assert run.snapshot(at) == was, at

    def test_past_is_what_the_present_was(self, store: Store) -> None:
        run = store.create_run(spec())
        seen = [run.snapshot()]
        rename = Event(Kind.RENAME, cluster="cow", new_cluster="ox")
        merge = Event(Kind.MERGE, cluster="cow", new_cluster="dog")
        undo = [Event(Kind.UNDO, target=target) for target in (1, 3, 4, 10)]
        for event in (
            label(5, "cat"), label(3, "dog"), label(5, "dog"), Event(Kind.SKIP, row=3), undo[0],
            label(7, "cow"), undo[1], undo[2], label(5, "cow"), rename, label(3, "ox"), label(1, "dog"),
            undo[3], Event(Kind.UNSURE, row=7), merge,
        ):  # fmt: skip
            run.append(event)
            seen.append(run.snapshot())
        assert [run.snapshot(at) for at in range(len(seen))] == seen
        assert run.snapshot(at=99) == seen[-1] and run.snapshot(at=-1) == seen[0]

    def test_events_are_found_without_the_whole_log(self, store: Store) -> None:
        run = store.create_run(spec())
        run.extend([label(row, "cat", client_id=f"a%_:{row}") for row in range(4)])
        run.extend([label(5, "dog", client_id="a"), label(6, "dog"), label(7, "dog", client_id="a%x:1")])
        run.extend([Event(Kind.UNDO, target=2, client_id="b"), Event(Kind.UNDO, target=5)])
        log = run.events()
        assert run.find(client_prefix="a%_:") == log[:4]
        assert run.find(client_prefix="") == [*log[:5], log[6], log[7]]
        assert run.find(seqs=[6, 1, 99]) == [log[0], log[5]] and run.find(seqs=[]) == []
        assert run.find(targets=[1, 2, 5]) == log[7:] and run.find(targets=[2], client_prefix="b") == [log[7]]
        assert run.find(targets=[2], client_prefix="a") == [] and run.find() == log

    def test_newest_events_and_those_with_a_note_are_found(self, store: Store) -> None:
        run = store.create_run(spec())
        notes: list[dict[str, Any]] = [
            {"a%_\"é": 1}, {"x": {"a%_\"é": 1}}, {"x": '"a%_\\"é"'}, {}, {"é": None, "a%_\"é": None},
        ]  # fmt: skip
        log = [run.append(label(row, "cat", details=note)) for row, note in enumerate(notes)]
        run.append(Event(Kind.UNDO, target=4))
        assert run.find(noted='a%_"é') == [log[0], log[4]] and run.find(noted="a") == []
        assert run.find(noted='a%_"é', seqs=[2, 5]) == [log[4]]
        assert run.recent(9) == log[::-1] and run.recent(2) == log[:2:-1]
        assert run.recent(2, before=4) == log[2:0:-1] and run.recent(9, before=1) == run.recent(0) == []

    @pytest.mark.parametrize(
        "record", [Round(-1, 0, {}), Round(0, 0, {"a": "b"}), Round(0, 0, {}, (N_ROWS,))]  # type: ignore[dict-item]
    )  # fmt: skip
    def test_round_that_cannot_be_is_refused(self, store: Store, record: Round) -> None:
        run = store.create_run(spec())
        with pytest.raises(InvalidInput):
            run.add_round(record)
        assert run.rounds() == []
