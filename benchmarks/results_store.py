"""Tables of the store and of long runs: damage, kills, a million events, and answers that grow."""

from __future__ import annotations

from results_cells import plain, records


def damage() -> str:
    """What came of damaged databases."""
    frame = records("reliability")
    frame = frame[~frame["kind"].str.endswith(", killed")].drop(columns="had ended")
    return plain(frame.rename(columns={"kind": "damage", "found by check": "found by `db check`"}))


def kills() -> str:
    """What came of killed commands that were given again."""
    frame = records("reliability")
    frame = frame[frame["kind"].str.endswith(", killed")]
    frame = frame.assign(kind=frame["kind"].str.removesuffix(", killed"))
    columns = ["kind", "attempts", "had ended", "as written", "refused", "wrong"]
    return plain(
        frame[columns].rename(columns={"kind": "command", "attempts": "kills", "had ended": "after its end"})
    )


def million() -> str:
    """Processor seconds and memory on a run of a million events."""
    frame = records("million").drop(columns="seconds")
    return plain(
        frame.rename(columns={"cpu_seconds": "processor seconds", "peak_mb": "peak memory, MB"}).rename(
            columns={"measurement": "what"}
        )
    )


def answers() -> str:
    """Processor seconds per answer and memory as answers grow."""
    return plain(
        records("answers").rename(
            columns={
                "seconds_per_answer": "seconds per answer",
                "posterior_seconds_per_answer": "the posterior's",
                "memory_mb": "memory, MB",
            }
        )
    )
