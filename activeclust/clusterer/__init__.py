"""The network as a scikit-learn estimator."""

from activeclust.clusterer.estimator import PFNClusterer, contradictions
from activeclust.clusterer.prepared import Prepared

__all__ = ["PFNClusterer", "Prepared", "contradictions"]
