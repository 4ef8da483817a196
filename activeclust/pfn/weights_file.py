"""Weight files: tensors as safetensors, with a model card as JSON of the same name in the same folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from torch import Tensor, nn

from activeclust.errors import InvalidInput, WeightsError

Model = TypeVar("Model", bound=nn.Module)


@dataclass(frozen=True)
class WeightsFile:
    """A weight file with its card, in memory.

    Attributes
    ----------
    path : Path
    state : dict of str to Tensor
    card : dict
    hash : str
        First 16 hexadecimal digits of the file's BLAKE2b hash.
    """

    path: Path
    state: dict[str, Tensor]
    card: dict
    hash: str

    @classmethod
    def read(cls, path: str | Path, command: str) -> WeightsFile:
        """The file at ``path``, as ``activeclust COMMAND`` writes it.

        Raises
        ------
        WeightsError
            If the file or its card is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        path = Path(path)
        card_path = path.with_suffix(".json")
        try:
            card = json.loads(card_path.read_text())
            state = load_file(path)
            digest = hashlib.blake2b(path.read_bytes(), digest_size=8).hexdigest()
        except (OSError, json.JSONDecodeError, SafetensorError) as error:
            raise WeightsError(
                f"Could not read the weights {path} with their card {card_path.name}: {error}. Expected a "
                f".safetensors file and a .json file of the same name, as `activeclust {command}` writes them."
            ) from error
        return cls(path, state, card, digest)

    def into(self, make: Callable[[dict], Model], what: str) -> Model:
        """The network ``make(configuration)`` with these weights, in evaluation mode and without gradients.

        Raises
        ------
        WeightsError
            If the weights are of another network; ``what`` is what the message calls it.
        """
        try:
            model = make(self.card["config"])
            model.load_state_dict(self.state)
        except (KeyError, TypeError, RuntimeError, InvalidInput) as error:
            raise WeightsError(
                f"The weights {self.path} do not fit this version's {what}: {str(error).splitlines()[0]}"
            ) from error
        return model.eval().requires_grad_(False)
