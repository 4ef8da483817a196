"""Clustering without anchors: candidate partitions, their descriptions, and a learned choice among them."""
