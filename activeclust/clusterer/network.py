"""The network of an estimator's settings, and its session on prepared rows; torch is imported at the first call."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from activeclust.clusterer.prepared import Prepared

if TYPE_CHECKING:
    from activeclust.pfn.inference import Network, Session


def network_of(weights: str | Path | None, device: str) -> Network:
    """The network of the file ``weights``, or that of the package, on ``device`` (``"auto"`` takes CUDA if it can)."""
    from activeclust.pfn.inference import WEIGHTS, load_network
    from activeclust.pfn.train import pick_device

    return load_network(weights or WEIGHTS, str(pick_device(device)))


def session_of(prepared: Prepared, network: Network, device: str) -> Session:
    """``network`` on the views of ``prepared``, which keeps the session for the next call."""
    from activeclust.pfn.inference import Session
    from activeclust.pfn.train import pick_device

    if prepared._session is None or prepared._session.network is not network:
        prepared._session = Session(prepared.source, network, pick_device(device))
    return prepared._session
