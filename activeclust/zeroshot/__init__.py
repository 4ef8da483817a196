"""A partition without any anchor: candidate partitions, their descriptions, and a learned choice among them."""
