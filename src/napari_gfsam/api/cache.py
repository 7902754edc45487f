"""What was computed from pixels, kept by their content: least recently used goes first."""

from __future__ import annotations

from collections import OrderedDict
from threading import RLock
from typing import TYPE_CHECKING, Protocol, TypeVar, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Sized(Protocol):
    """Anything that knows how much memory it holds, which may grow."""

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        ...


Entry = TypeVar("Entry", bound=Sized)


class FeatureCache:
    """A bounded store of features.

    The key names the pixels the model sees, the model's weights, its precision and the version of the resize, so
    that an array changed in place or read with another contrast never meets a stale feature.

    Parameters
    ----------
    capacity
        Bytes to hold at most; the newest entry always stays.
    """

    def __init__(self, capacity: int) -> None:
        if capacity < 0:
            raise ValueError(f"The cache cannot hold {capacity} bytes; use 0 or more.")
        self._capacity = capacity
        self._entries: OrderedDict[Hashable, Sized] = OrderedDict()
        self._lock = RLock()

    def get(self, key: Hashable, make: Callable[[], Entry]) -> Entry:
        """Return the entry of `key`, made now if it is not there; safe to call from several threads."""
        with self._lock:
            known = self._entries.get(key)
        entry = cast("Entry", known) if known is not None else make()  # unlocked: others need not wait for a model
        with self._lock:
            entry = cast("Entry", self._entries.setdefault(key, entry))
            self._entries.move_to_end(key)
            self._shrink()
        return entry

    def peek(self, key: Hashable, make: Callable[[], Entry]) -> Entry:
        """Return the entry of `key`, made if it is not there; it is neither put in nor counted as used."""
        with self._lock:
            known = self._entries.get(key)
        return cast("Entry", known) if known is not None else make()

    def __contains__(self, key: Hashable) -> bool:
        """Tell whether an entry is there, without using it."""
        return key in self._entries

    @property
    def nbytes(self) -> int:
        """Bytes held now."""
        with self._lock:
            return sum(entry.nbytes for entry in self._entries.values())

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()

    def _shrink(self) -> None:
        held = self.nbytes
        while held > self._capacity and len(self._entries) > 1:
            held -= self._entries.popitem(last=False)[1].nbytes
