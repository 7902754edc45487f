"""What ties the dock to things that outlive it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.utils.notifications import show_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_gfsam.controller.desk import Desk


class Links:
    """Connections of a dock, cut together; not a Qt object, so that it works while the dock is being deleted.

    Parameters
    ----------
    desk
        Closed with them.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._made: list[tuple[Any, Callable[..., Any]]] = []
        self.closed = False

    def connect(self, signal: Any, receiver: Callable[..., Any]) -> None:
        """Connect a signal of psygnal or napari."""
        signal.connect(receiver)
        self._made.append((signal, receiver))

    def close(self, *_: object) -> None:
        """Cut all, then save and close the desk; harmless twice. What fails then is told by napari."""
        if self.closed:
            return
        self.closed = True
        for signal, receiver in self._made:
            signal.disconnect(receiver)
        self._desk.problem.connect(_tell)
        self._desk.close()


def _tell(sentence: str) -> None:
    show_error(f"While GF-SAM closed: {sentence}")
