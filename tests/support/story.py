"""What a run is told by, to compare two of them."""

from __future__ import annotations

from activeclust import ActiveLoop


def story(loop: ActiveLoop):
    """Everything about a run that must not depend on interruptions."""
    events = [(e.kind, e.row, e.cluster, e.new_cluster, e.target) for e in loop.stored.events()]
    return events, loop.stored.rounds(), list(loop.anchors.items())
