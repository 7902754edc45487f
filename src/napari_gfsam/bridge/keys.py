"""Every key of the plugin, as data; and binding them to layers, which see a key before the viewer does.

Focus in the picture: napari asks the active layer, then the viewer. Focus in the dock: the dock makes its own
shortcuts from the same table. The keys are free on napari's Labels, Points and viewer, except undo and redo, which
are ours on our layers: there one history holds strokes and decisions in the order in which they were made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Parameters
    ----------
    action
        What the controller knows it by.
    key
        As people and Qt write it, such as ``Ctrl+Z`` (the Command key on a Mac).
    text
        What it does, for tooltips and the page of keys.
    release
        The action when the key is let go, empty for keys that are pressed only.
    layers_only
        Not for the dock: there the key is needed for typing, or it acts at the mouse pointer in the picture.
    """

    action: str
    key: str
    text: str
    release: str = ""
    layers_only: bool = False


KEYS: tuple[Key, ...] = (
    Key("run", "R", "Run on all chosen targets"),
    Key("try", "T", "Try on the plane that is shown"),
    Key("accept", "K", "Accept the proposal"),
    Key("skip", "J", "Skip this target, come back later"),
    Key("next", "N", "Next target, least sure first"),
    Key("previous", "U", "Previous target"),
    Key("toggle_point", "I", "Switch the point under the pointer, or the selected points, on or off", layers_only=True),
    Key("toggle_cluster", "O", "Switch the cluster under the pointer on or off", layers_only=True),
    Key("add_positive", "G", "Add a point here: this belongs to the class", layers_only=True),
    Key("add_negative", "W", "Add a point here: this does not belong to the class", layers_only=True),
    Key("delete_object", "D", "Delete the object under the pointer", layers_only=True),
    Key("alternatives", "Q", "Show the next other reading of this target"),
    Key("hide", "H", "Hide the overlay while the key is held", release="show"),
    Key("undo", "Ctrl+Z", "Undo the last stroke or decision"),
    Key("redo", "Ctrl+Shift+Z", "Redo"),
)


def key_of(action: str) -> str:
    """Return the key of an action, such as ``K`` for ``accept``; empty if it has none."""
    return next((entry.key for entry in KEYS if entry.action == action), "")


def bind(provider: Any, actions: Mapping[str, Callable[[], object]]) -> None:
    """Bind the keys of some actions to one layer, or to the viewer; keys of actions that are left out stay free.

    Binding again replaces. An exception in an action reaches napari, which shows it.

    Parameters
    ----------
    provider
        A layer of ours, or the viewer.
    actions
        By action name, what to call; a held key needs the action of its release too.
    """
    for entry in KEYS:
        if entry.action in actions:
            provider.bind_key(_napari_key(entry.key), _handler(entry, actions), overwrite=True)


def unbind(provider: Any) -> None:
    """Take all keys of ours off a layer or the viewer; what its class binds works again."""
    for entry in KEYS:
        provider.bind_key(_napari_key(entry.key), None)


def _handler(entry: Key, actions: Mapping[str, Callable[[], object]]) -> Callable[[Any], object]:
    """Return what napari calls with the layer: a function, or for a held key a generator function."""
    pressed = actions[entry.action]

    def press(_: Any) -> None:
        pressed()

    def hold(_: Any) -> Iterator[None]:
        pressed()
        yield
        actions[entry.release]()

    return hold if entry.release else press


def _napari_key(key: str) -> int:
    """Return the key combination as a number, in which ``Ctrl`` is the Command key on a Mac (as napari's own is)."""
    from app_model.types import KeyCode, KeyMod

    *modifiers, letter = key.split("+")
    combination = int(KeyCode.from_string(letter))
    for modifier in modifiers:
        combination |= int({"Ctrl": KeyMod.CtrlCmd, "Shift": KeyMod.Shift, "Alt": KeyMod.Alt}[modifier])
    return combination
