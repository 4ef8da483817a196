"""The mark in the first line of a run's log, by which readers of other files recognise one."""

RUN_FORMAT = "activeclust run"
