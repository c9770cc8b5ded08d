"""PyTorch's generator of the CPU: what `torch.manual_seed` seeds and dropout, initialisation and `torch.rand` draw from.

The generators of other devices are not followed; the docs say so.
"""

from __future__ import annotations

import importlib
import sys
from typing import Protocol, cast

import msgspec


class _Array(Protocol):
    def tobytes(self) -> bytes: ...


class _Tensor(Protocol):
    def tolist(self) -> list[int]: ...
    def numpy(self) -> _Array: ...


class _Torch(Protocol):
    uint8: object

    def get_rng_state(self) -> _Tensor: ...
    def set_rng_state(self, state: _Tensor) -> None: ...
    def frombuffer(self, buffer: bytearray, *, dtype: object) -> _Tensor: ...


def _module() -> _Torch:
    return cast(_Torch, importlib.import_module("torch"))


def _state() -> bytes:
    state = _module().get_rng_state()
    try:
        return state.numpy().tobytes()
    except RuntimeError:  # a PyTorch without NumPy
        return bytes(state.tolist())


class TorchSource:
    """Implements Source."""

    name = "torch"

    def loaded(self) -> bool:
        """True once PyTorch is fully imported."""
        return hasattr(sys.modules.get("torch"), "set_rng_state") and hasattr(sys.modules.get("torch"), "compile")

    def mark(self, *, between: bool) -> object:
        """A hash of the state's five kilobytes."""
        return hash(_state())

    def untouched(self, mark: object) -> bool:
        """See Source."""
        return True

    def serialize(self) -> bytes:
        """The bytes of `torch.get_rng_state()`, as text."""
        return msgspec.json.encode({"torch": _state()})

    def restore(self, data: bytes) -> None:
        """See Source."""
        held = msgspec.json.decode(data, type=dict[str, bytes])
        torch = _module()
        try:
            torch.set_rng_state(torch.frombuffer(bytearray(held["torch"]), dtype=torch.uint8))
        except (KeyError, RuntimeError) as error:
            raise ValueError(str(error)) from error
