"""The posterior combined with candidate partitions of the rows, by a small trained network."""
