"""The geometry of rows: PCA coordinates, neighbour graphs and their eigenvectors; independent of anchors."""
