"""Tensors out of a file: safetensors, or PyTorch's own format read without running anything in it.

The file is read, never mapped for the time of its use: a mapped file that is cut short by another program ends the
process. Reading takes the size of the tensors in memory, once.
"""

from __future__ import annotations

import json
import pickle
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from io import BufferedReader
    from pathlib import Path

    from torch import Tensor

Container = Literal["safetensors", "zip", "pickle"]

# Where training frameworks keep the tensors when they store more than them; the first is torch-em's and micro-sam's.
_INSIDE = ("model_state", "state_dict", "model")
_LONGEST_HEADER = 100 * 2**20
# What torch.load is seen to raise for cut and altered files, besides UnpicklingError.
_DAMAGED = (
    AssertionError,
    AttributeError,
    EOFError,
    KeyError,
    IndexError,
    OverflowError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
)


class TensorFileError(ValueError):
    """A file without readable tensors.

    Parameters
    ----------
    message
        What is wrong with it, without its name.
    remedy
        What to do, where that is not just to get the file again.
    """

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(message)
        self.remedy = remedy


def check_container(file: BufferedReader) -> Container:
    """Tell the format of a file and whether it is whole, as far as that shows without reading its tensors.

    Parameters
    ----------
    file
        An open file, read from its start.

    Returns
    -------
    ``safetensors``, ``zip`` (PyTorch since 1.6) or ``pickle`` (before; only its first bytes are looked at).

    Raises
    ------
    TensorFileError
        If it is none of them or ends too early.
    """
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(9)
    if start.startswith(b"PK\x03\x04"):
        return _check_zip(file)
    if len(start) == 9 and start[8:] == b"{":
        _check_safetensors(file, int.from_bytes(start[:8], "little"), size)
        return "safetensors"
    if start.startswith((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        return "pickle"
    raise TensorFileError("is truncated or no weights file")


def _check_zip(file: BufferedReader) -> Container:
    try:
        whole = zipfile.is_zipfile(file)  # looks for the table of contents, at the end
    except zipfile.BadZipFile:
        whole = False
    if not whole:
        raise TensorFileError("is truncated")
    return "zip"


def _check_safetensors(file: BufferedReader, length: int, size: int) -> None:
    file.seek(8)
    try:
        header: Any = json.loads(file.read(length)) if length <= min(size, _LONGEST_HEADER) else None
        ends = [int(entry["data_offsets"][1]) for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise TensorFileError("is truncated or no weights file") from error
    if 8 + length + max(ends, default=0) != size:
        raise TensorFileError("is truncated")


def read_tensors(file: BufferedReader, path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file.

    Parameters
    ----------
    file
        The file, open.
    path
        Its path.

    Returns
    -------
    Tensors by name, as stored, in memory of their own. From a training checkpoint its model's only.

    Raises
    ------
    TensorFileError
        If the file is damaged, no weights file, or holds objects that only a program could make; none is run.
    """
    if check_container(file) == "safetensors":
        return _read_safetensors(path)
    file.seek(0)
    return _tensors_in(_load_without_running(file))


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return {name: tensor.clone() for name, tensor in load_file(path).items()}
    except (SafetensorError, RuntimeError) as error:
        raise TensorFileError("is damaged") from error


def _load_without_running(file: BufferedReader) -> Any:
    import torch

    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        found = re.search(r"GLOBAL ([\w.]+)", str(error))
        if found is None:
            raise TensorFileError("is damaged or no weights file") from error
        raise TensorFileError(
            f"holds more than tensors (it asks for {found[1]}, which is not run)",
            "save its tensors alone, as micro_sam.util.export_custom_sam_model does, and choose that file",
        ) from error
    except _DAMAGED as error:
        raise TensorFileError("is truncated, damaged or no weights file") from error


def _tensors_in(loaded: Any) -> dict[str, Tensor]:
    from torch import Tensor

    outer = loaded if isinstance(loaded, Mapping) else {}
    inner = next((outer[key] for key in _INSIDE if isinstance(outer.get(key), Mapping)), outer)
    tensors = {str(name): tensor.detach() for name, tensor in inner.items() if isinstance(tensor, Tensor)}
    if not tensors:
        raise TensorFileError("holds no tensors by name")
    return tensors
