"""Rows become geometry: PCA coordinates, neighbour graphs and their eigenvectors. Knows nothing of anchors."""
