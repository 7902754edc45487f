"""Where models work: the choice with its reason, the precision, what to do when memory runs out."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

Precision = Literal["float32", "bfloat16", "float16"]

DTYPES: dict[Precision, torch.dtype] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
#: How far a device's answer to the self-test may lie from the CPU's: root mean square of the differences over that of
#: the values.
TOLERANCES: dict[Precision, float] = {"float32": 0.01, "bfloat16": 0.2, "float16": 0.1}
TINY = 1e-12
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "alloc_failed", "not enough memory")


class DeviceError(RuntimeError):
    """A device that is not there or cannot be used; the message is one sentence for the user."""


class DeviceMemoryError(DeviceError):
    """A device ran out of memory even for the smallest piece of work; the message offers the CPU."""


class SelfTestError(DeviceError):
    """A device answered wrongly, or not at all, where the CPU's answer is known."""


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A device other than the CPU.

    Parameters
    ----------
    name
        As torch names it: ``cuda:0``, ``mps``.
    title
        For people.
    half
        The 16-bit precision it is fast and right in; None where float32 is the choice.
    """

    name: str
    title: str
    half: Precision | None = None


@dataclass(frozen=True, slots=True)
class Device:
    """Where models work and in which precision.

    Parameters
    ----------
    name
        As torch names it.
    precision
        Of the encoders' matrix products; everything after the tokens is float32.
    reason
        One sentence for people: what was chosen and why.
    """

    name: str
    precision: Precision
    reason: str

    @property
    def is_cpu(self) -> bool:
        """Whether it is the CPU."""
        return self.name == "cpu"


#: The CPU as it is without a choice.
CPU = Device("cpu", "float32", "CPU in float32")


def accelerators() -> tuple[Accelerator, ...]:
    """Return the accelerators that torch sees here, best first."""
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    found = [_cuda(index) for index in range(count)]
    if torch.backends.mps.is_available():
        found.append(Accelerator("mps", "Apple GPU"))
    return tuple(found)


def choose_device(wanted: str = "auto", precision: str = "auto", found: Sequence[Accelerator] | None = None) -> Device:
    """Choose a device and a precision.

    Parameters
    ----------
    wanted
        ``auto`` (the first accelerator, else the CPU), ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
    precision
        ``auto`` (bfloat16 where the card has it, else float16; float32 on CPU and MPS), or one of `DTYPES`.
    found
        What there is; looked up when None.

    Returns
    -------
    The device, with the reason.

    Raises
    ------
    DeviceError
        If the device is not there.
    ValueError
        If the precision is unknown.
    """
    if precision not in ("auto", *DTYPES):
        raise ValueError(f"There is no precision {precision!r}: use auto, {', '.join(DTYPES)}.")
    asked = None if precision == "auto" else cast("Precision", precision)
    found = accelerators() if found is None else found
    if wanted == "cpu" or (wanted == "auto" and not found):
        why = "as chosen" if wanted == "cpu" else "because torch finds no GPU"
        return Device("cpu", asked or "float32", f"CPU in {asked or 'float32'}, {why}")
    fitting = [one for one in found if wanted in ("auto", one.name, one.name.split(":")[0])]
    if not fitting:
        here = ", ".join(("cpu", *(one.name for one in found)))
        raise DeviceError(
            f"There is no device {wanted!r} that torch {torch.__version__} can use: choose auto or {here}."
        )
    best = fitting[0]
    chosen = asked or best.half or "float32"
    why = "found by itself" if wanted == "auto" else "as chosen"
    return Device(best.name, chosen, f"{best.title} ({best.name}) in {chosen}, {why}")


def cpu_instead(device: Device, error: Exception) -> Device:
    """Return the CPU in place of a device that failed, with the reason."""
    return Device("cpu", "float32", f"CPU in float32, because {device.name} cannot be trusted: {error}")


class Batches:
    """How many things at a time a device's memory takes: halved whenever it runs out, and kept so.

    Parameters
    ----------
    size
        To begin with.
    """

    def __init__(self, size: int) -> None:
        self.size = size

    def run(self, count: int, work: Callable[[slice], None]) -> None:
        """Work on `count` things, so many at a time.

        Parameters
        ----------
        count
            How many there are.
        work
            Does a slice of them; a slice that ran out of memory is done again in halves.

        Raises
        ------
        DeviceMemoryError
            If memory does not even take one.
        """
        start = 0
        while start < count:
            stop = min(start + self.size, count)
            if self._fits(work, slice(start, stop)):
                start = stop

    def _fits(self, work: Callable[[slice], None], part: slice) -> bool:
        try:
            work(part)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            size = part.stop - part.start
            if size == 1:
                raise DeviceMemoryError(
                    f"Memory ran out ({first_line(error)}) even for one picture or prompt at a time: "
                    "close other programs, choose a smaller model or the CPU (--device cpu)."
                ) from error
            self.size = max(1, size // 2)
        else:
            return True
        free_memory()  # out here the failed work's tensors are no longer held by the error
        return False


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error means that a device or the computer ran out of memory."""
    text = str(error).lower()
    return isinstance(error, (MemoryError, torch.cuda.OutOfMemoryError)) or any(word in text for word in OUT_OF_MEMORY)


def free_memory() -> None:
    """Give memory that nothing uses any more back to the devices."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def check_answer(expected: Tensor, found: Tensor, precision: Precision) -> None:
    """Compare a device's answer on a small input with the CPU's.

    Parameters
    ----------
    expected
        The CPU's, float32.
    found
        The device's, any dtype.
    precision
        In which it was made.

    Raises
    ------
    SelfTestError
        If they differ by more than rounding, or the device's is not finite.
    """
    answer = found.detach().to("cpu", torch.float32)
    scale = float(expected.square().mean().sqrt())
    worst = float((answer - expected).square().mean().sqrt()) / max(scale, TINY)
    if not worst <= TOLERANCES[precision]:  # true for NaN as well
        raise SelfTestError(f"its answer to a small self-test is off by {worst:.0%} of the CPU's.")


def _cuda(index: int) -> Accelerator:
    with torch.cuda.device(index):
        half: Precision = "bfloat16" if torch.cuda.is_bf16_supported(including_emulation=False) else "float16"
    return Accelerator(f"cuda:{index}", torch.cuda.get_device_name(index), half)


def first_line(error: BaseException) -> str:
    """Return the first line of what an error says, without its full stop."""
    return (str(error) or type(error).__name__).splitlines()[0].rstrip(".")
