"""The rules of the evidence: known methods in closed form, a family per file.

:data:`RULES` lists them in the order in which the network reads them. To add one: write a file for its family (or use
an existing family), put an object into the list, after the rules it uses, and train the network again.
"""

from __future__ import annotations

from activeclust.pfn.rules.ellipsoids import Ellipsoids
from activeclust.pfn.rules.interpolation import Interpolation
from activeclust.pfn.rules.means import CosineToMeans, DistanceToMeans
from activeclust.pfn.rules.nearest import NearestByCosine, NearestByDistance, NearestByKernel
from activeclust.pfn.rules.poisson import Poisson
from activeclust.pfn.rules.rule import FLOOR, Fitted, Rule, RuleScores
from activeclust.pfn.rules.soft_means import SoftMeans

__all__ = ["FLOOR", "RULES", "Fitted", "Rule", "RuleScores"]

_POISSON = Poisson("poisson_refined", "refined_near")
_GREEN = SoftMeans("soft_green", "green")
_FAR = Interpolation("gp_refined_far", "refined_far")
_GRAPH = Interpolation("gp_graph", "graph")
_CHAIN = Interpolation("gp_graph_chain", "graph_chain")
_PCA = Interpolation("gp_pca", "pca")
_WHITE = Interpolation("gp_white", "white")
_MEAN_PCA = DistanceToMeans("mean_pca")
_ANGLE = Interpolation("gp_angle", "angle")
_POISSON_ANGLE = Poisson("poisson_angle", "angle_near")
_SOFT_ANGLE = SoftMeans("soft_angle", "angle")

#: Every rule, in the order in which the network reads them.
RULES: tuple[Rule, ...] = (
    Interpolation("gp_refined_near", "refined_near"),
    _FAR,
    _GRAPH,
    _CHAIN,
    _PCA,
    _WHITE,
    _POISSON,
    Poisson("poisson_graph", "graph"),
    CosineToMeans("mean_refined24", "refined24"),
    CosineToMeans("mean_refined8", "refined8"),
    CosineToMeans("mean_green", "green"),
    CosineToMeans("mean_graph24", "graph24"),
    SoftMeans("soft_refined24", "refined24"),
    SoftMeans("soft_refined8", "refined8"),
    _GREEN,
    SoftMeans("soft_graph24", "graph24"),
    NearestByCosine("nearest_refined24", "refined24"),
    NearestByKernel("nearest_kernel", "refined_far"),
    NearestByDistance("nearest_pca"),
    _MEAN_PCA,
    Ellipsoids("gauss_green", (_GREEN,)),
    Ellipsoids("gauss_graph", (_GREEN, _FAR, _GRAPH, _CHAIN, _POISSON)),
    Ellipsoids("gauss_pca", (_PCA, _WHITE, _MEAN_PCA)),
    Interpolation("gp_relevant", "relevant"),
    Interpolation("ridge", "linear"),
    Interpolation("gp_sharp", "sharp"),
    _ANGLE,
    Interpolation("gp_sphere", "sphere"),
    Interpolation("gp_white_sphere", "white_sphere"),
    Poisson("poisson_sharp", "sharp"),
    _POISSON_ANGLE,
    CosineToMeans("mean_angle", "angle"),
    CosineToMeans("mean_sphere", "sphere"),
    _SOFT_ANGLE,
    SoftMeans("soft_sphere", "sphere", 0.05),
    SoftMeans("blend_sphere", "sphere", 0.1, (_ANGLE,)),
    Ellipsoids("gauss_angle", (_SOFT_ANGLE, _POISSON_ANGLE)),
)
