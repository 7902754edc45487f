"""Arrays by name with a JSON header in a safetensors file: data only, nothing in it is ever run."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_gfsam.io.schema import build

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Arrays: TypeAlias = dict[str, NDArray[Any]]
Header = TypeVar("Header")
_HEADER, _CHECKSUM = "napari-gfsam", "checksum"


class ArchiveError(ValueError):
    """A stored prediction that cannot be read; the message is one sentence for the user."""


def to_bytes(header: Any, arrays: Arrays) -> bytes:
    """Return the content of a file.

    Parameters
    ----------
    header
        A dataclass of JSON-ready values.
    arrays
        By name, contiguous.
    """
    from safetensors.numpy import save  # a window opens without it

    text = _text(header)
    return bytes(save(arrays, {_HEADER: text, _CHECKSUM: _checksum(text, arrays)}))


def read(path: Path, kind: type[Header], form: str) -> tuple[Header, Arrays]:
    """Read a file.

    Parameters
    ----------
    path
        The file.
    kind
        Class of the header.
    form
        What its ``format`` must say.

    Raises
    ------
    ArchiveError
        If it is missing, damaged, none of ours or of another format.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            notes = file.metadata() or {}
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (the file is no mapping)
        text = notes.get(_HEADER, "")
        if notes.get(_CHECKSUM) != _checksum(text, arrays):
            raise ValueError("its checksum is wrong")
        values = json.loads(text)
        if values["format"] != form:
            raise ValueError(f"its format is {values['format']!r}, this version reads {form!r}")
        return build(kind, values), arrays
    except OSError as error:
        raise ArchiveError(f"{path} cannot be read ({error.strerror or error}); run this target again.") from error
    except (SafetensorError, ValueError) as error:
        raise ArchiveError(f"{path} is damaged or no file of ours ({error}); run this target again.") from error


def read_value(path: Path, name: str) -> Any:
    """Return one value of a file's header, ``None`` where there is none; nothing else is read.

    Raises
    ------
    OSError
        If the file cannot be read.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="np") as file:
            return json.loads((file.metadata() or {})[_HEADER])[name]
    except (SafetensorError, ValueError, LookupError, TypeError):
        return None


def content_name(header: Any, arrays: Arrays) -> str:
    """Return 32 hexadecimal digits that name a content."""
    digest = sha256()
    for part in _parts(_text(header), arrays):
        digest.update(part)
    return digest.hexdigest()[:32]


def _text(header: Any) -> str:
    return json.dumps(asdict(header), allow_nan=False, ensure_ascii=False)


def _checksum(text: str, arrays: Arrays) -> str:
    value = 0
    for part in _parts(text, arrays):
        value = zlib.crc32(part, value)
    return f"{value:08x}"


def _parts(text: str, arrays: Arrays) -> Iterator[bytes | memoryview]:
    yield text.encode("utf-8")
    for name, array in sorted(arrays.items()):
        yield f"{name} {array.dtype} {array.shape}".encode()
        yield array.reshape(-1).view(np.uint8).data
