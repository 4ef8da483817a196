"""Candidate partitions: a learned choice among them without anchors, and their consensus with the posterior."""
