"""Pickled split files, read without running anything: only plain containers, numbers, texts and numpy arrays."""

from __future__ import annotations

import pickle
from collections import OrderedDict, defaultdict
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

_DAMAGE = (
    pickle.UnpicklingError,
    EOFError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
    ArithmeticError,
    ImportError,
    RecursionError,
    MemoryError,
)


class RefusedPickleError(ValueError):
    """A pickle that asks for something no split file needs, or is damaged; the message is one sentence."""


def read_pickle(path: Path) -> Any:
    """Read a pickle that holds nothing but containers, numbers, texts, bytes and numpy arrays.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    RefusedPickleError
        If it names any other class or function (which is not run), or is damaged.
    OSError
        If it cannot be opened.
    """
    with path.open("rb") as file:
        try:
            return _PlainUnpickler(file, encoding="latin1").load()
        except _Refusal as refusal:
            raise RefusedPickleError(
                f"{path} asks for {refusal}, which no split file needs; nothing of it was run. Get the split file "
                f"again from where it is published."
            ) from None
        except _DAMAGE as error:
            raise RefusedPickleError(f"{path} is not a pickled split file, or is damaged ({error}).") from error


class _Refusal(Exception):
    """What a pickle asked for in vain."""


class _PlainUnpickler(pickle.Unpickler):
    """An unpickler that looks names up in a fixed table and imports nothing."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what the table holds for a name."""
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _Refusal(f"{module}.{name}") from None

    def persistent_load(self, pid: Any) -> NoReturn:
        """Refuse references to things outside the file."""
        raise _Refusal(f"the outside object {str(pid)[:40]!r}")


def _latin1(text: str, encoding: str) -> bytes:
    """Stand in for ``_codecs.encode``, with which protocol 2 stores bytes; other codecs are refused."""
    if encoding not in ("latin1", "latin-1"):
        raise _Refusal(f"the codec {encoding[:40]!r}")
    return text.encode("latin-1")


def _reconstruct(subtype: object, shape: tuple[int, ...], kind: bytes | str) -> Any:
    """Stand in for numpy's function of that name: an empty plain array, to be filled by its state."""
    if subtype is not _ARRAY or shape != (0,):
        raise _Refusal("an array of another kind")
    return np.ndarray.__new__(np.ndarray, (0,), kind.decode("ascii") if isinstance(kind, bytes) else kind)


def _scalar(dtype: Any, content: bytes) -> Any:
    """Stand in for numpy's function of that name: a number from its bytes."""
    if not isinstance(dtype, np.dtype) or dtype.hasobject:
        raise _Refusal("a numpy scalar of objects")
    return np.frombuffer(content, dtype=dtype, count=1)[0]


def _frombuffer(content: bytes, dtype: Any, shape: tuple[int, ...], order: str) -> Any:
    """Stand in for numpy's function of that name (protocol 5): an array from its bytes."""
    if order not in ("C", "F"):
        raise _Refusal("an array in another order")
    return np.frombuffer(content, dtype=dtype).reshape(shape, order="C" if order == "C" else "F")


_ARRAY = object()  # stands for numpy.ndarray, which a pickle could otherwise call
_PLAIN = (bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset)
_ALLOWED: dict[tuple[str, str], Any] = {
    **{(module, kind.__name__): kind for kind in _PLAIN for module in ("builtins", "__builtin__")},
    ("__builtin__", "unicode"): str,
    ("__builtin__", "long"): int,
    ("collections", "OrderedDict"): OrderedDict,
    ("collections", "defaultdict"): defaultdict,
    ("_codecs", "encode"): _latin1,
    ("numpy", "ndarray"): _ARRAY,
    ("numpy", "dtype"): np.dtype,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _reconstruct for core in ("core", "_core")},
    **{(f"numpy.{core}.multiarray", "scalar"): _scalar for core in ("core", "_core")},
    **{(f"numpy.{core}.numeric", "_frombuffer"): _frombuffer for core in ("core", "_core")},
}
