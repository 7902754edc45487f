"""Modules brought to their device and precision, trusted only after they answered there as they did on the CPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import torch
from torch import Tensor, nn

from napari_gfsam.models.device import (
    DTYPES,
    DeviceMemoryError,
    SelfTestError,
    check_answer,
    first_line,
    is_out_of_memory,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_gfsam.models.device import Device, Precision

Module = TypeVar("Module", bound=nn.Module)


def place(module: Module, device: Device, narrow_parts: Sequence[nn.Module], probe: Callable[[Module], Tensor]) -> str:
    """Bring a module to a device and precision and see whether it can be trusted there.

    Parameters
    ----------
    module
        On the CPU, float32; changed in place.
    device
        Where to, and in which precision.
    narrow_parts
        What of the module works in that precision; the rest stays float32.
    probe
        Puts something small through the module.

    Returns
    -------
    The precision in which it works.

    Raises
    ------
    SelfTestError
        If the device fails, or answers otherwise than the CPU did.
    DeviceMemoryError
        If the module does not fit into the device's memory.
    """
    precision: Precision = device.precision if narrow_parts else "float32"
    if device.is_cpu and precision == "float32":
        return precision
    with torch.no_grad():
        expected = probe(module)
        for part in narrow_parts:
            part.to(DTYPES[precision])
        trust(device, precision, expected, lambda: probe(module.to(device.name)))
    return precision


def trust(device: Device, precision: Precision, expected: Tensor, answer: Callable[[], Tensor]) -> None:
    """Compare what a device answers with what is known from the CPU.

    Parameters
    ----------
    device
        The device.
    precision
        In which it answers.
    expected
        The CPU's answer, float32.
    answer
        Asks the device.

    Raises
    ------
    SelfTestError
        If the device fails or answers otherwise.
    DeviceMemoryError
        If its memory does not suffice.
    """
    try:
        found = answer().to("cpu", torch.float32)
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise DeviceMemoryError(
                f"The model does not fit into the memory of {device.name} ({first_line(error)}): "
                "choose a smaller model or the CPU (--device cpu)."
            ) from error
        raise SelfTestError(f"it fails a small self-test ({first_line(error)}).") from error
    check_answer(expected, found, precision)


class Compiled:
    """A function that goes through `torch.compile`, or as it is where that fails.

    Parameters
    ----------
    function
        What to call; tensors in, tensor out.
    wanted
        Whether to compile at all.
    backend
        Of torch's compiler.

    Attributes
    ----------
    problem
        Why it was not compiled; empty where it was, or was not to be.
    """

    def __init__(self, function: Callable[..., Tensor], *, wanted: bool, backend: Any = "inductor") -> None:
        self._plain = function
        self._fast: Any = torch.compile(function, dynamic=False, backend=backend) if wanted else None
        self.problem = ""

    def __call__(self, *given: Tensor) -> Tensor:
        """Call the function."""
        if self._fast is None:
            return self._plain(*given)
        try:
            made: Tensor = self._fast(*given)
        except (RuntimeError, ImportError, OSError) as error:
            # A missing compiler or an operator it does not know; what is wrong with the input, the plain call says.
            if is_out_of_memory(error):
                raise
            self._fast, self.problem = None, " ".join(str(error).split())
            return self._plain(*given)
        return made
