"""The network as a scikit-learn clusterer and classifier."""

from activeclust.clusterer.classifier import PFNClassifier
from activeclust.clusterer.contradictions import contradictions
from activeclust.clusterer.estimator import PFNClusterer
from activeclust.clusterer.prepared import Prepared

__all__ = ["PFNClassifier", "PFNClusterer", "Prepared", "contradictions"]
