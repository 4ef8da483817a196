"""The networks of an estimator's settings, and its session on prepared rows; torch is imported at the first call."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from activeclust.clusterer.prepared import Prepared
from activeclust.errors import InvalidInput

if TYPE_CHECKING:
    from activeclust.pfn.inference import Network, Session
    from activeclust.zeroshot.consensus.network import Trained


def network_of(weights: str | Path | None, device: str) -> Network:
    """The network of the file ``weights``, or that of the package, on ``device`` (``"auto"`` takes CUDA if it can)."""
    from activeclust.pfn.device import pick_device
    from activeclust.pfn.inference import WEIGHTS, load_network

    return load_network(weights or WEIGHTS, str(pick_device(device)))


def session_of(prepared: Prepared, network: Network, device: str) -> Session:
    """``network`` on the views of ``prepared``, which keeps the session for the next call."""
    from activeclust.pfn.device import pick_device
    from activeclust.pfn.inference import Session

    if prepared._session is None or prepared._session.network is not network:
        prepared._session = Session(prepared.source, network, pick_device(device))
    return prepared._session


def consensus_of(consensus: str | Path, *weights: str | Path | None) -> Trained | None:
    """The consensus of the setting ``consensus``; None for none.

    Parameters
    ----------
    consensus : str or path
        ``"auto"``: that of the package with the package's other networks, and none with others, which it was not
        trained for. ``"off"``: none. Otherwise a file.
    *weights : path or None
        Files of the other networks; None for those in the package.

    Raises
    ------
    InvalidInput
        For another word, which is not the name of a ``.safetensors`` file either.
    """
    from activeclust.zeroshot.consensus.network import WEIGHTS, load_consensus

    if consensus == "off" or (consensus == "auto" and any(file is not None for file in weights)):
        return None
    if consensus != "auto" and Path(consensus).suffix != ".safetensors":
        raise InvalidInput(f"consensus is 'auto', 'off' or a .safetensors file, got {str(consensus)!r}.")
    return load_consensus(WEIGHTS if consensus == "auto" else consensus)


def hash_of(network: Network, consensus: Trained | None, partition_weights: str | Path | None) -> str:
    """The hash of all weights that a posterior depends on: 16 hexadecimal digits."""
    from activeclust.zeroshot.selector import WEIGHTS

    if consensus is None:
        return network.hash
    parts = (network.hash, consensus.hash, _file_hash(str(partition_weights or WEIGHTS)))
    return hashlib.blake2b(" ".join(parts).encode(), digest_size=8).hexdigest()


@functools.lru_cache(maxsize=4)
def _file_hash(path: str) -> str:
    return hashlib.blake2b(Path(path).read_bytes(), digest_size=8).hexdigest()
