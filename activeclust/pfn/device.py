"""Where torch computes: the device of a name, and whether it has half precision."""

from __future__ import annotations

from pathlib import Path

import torch

from activeclust.errors import InvalidInput


def pick_device(name: str) -> torch.device:
    """The device of that name; ``"auto"`` is CUDA if available, else the CPU.

    Examples
    --------
    >>> pick_device("cpu")
    device(type='cpu')
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InvalidInput(
            f"The device {name!r} cannot be used here: {str(error).splitlines()[0]}. Try 'cpu'."
        ) from error
    return device


def has_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 faster than in single precision."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    return device.type == "cpu" and torch.ops.mkldnn._is_mkldnn_bf16_supported() and _cpu_flag("avx512_bf16")


def _cpu_flag(flag: str) -> bool:
    info = Path("/proc/cpuinfo")
    return info.exists() and flag in info.read_text()
