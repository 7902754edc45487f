from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_gfsam.bridge.keys import KEYS, bind, key_of, unbind
from tests.bridge.window import press_key

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def press(viewer, entry):
    *modifiers, letter = entry.key.split("+")
    held = Qt.KeyboardModifier.NoModifier
    for modifier in modifiers:
        held |= {"Ctrl": CTRL, "Shift": SHIFT}[modifier]
    press_key(viewer, getattr(Qt.Key, f"Key_{letter}"), held)


def recorded():
    """Return a list and actions that write their names into it."""
    seen = []
    names = {entry.action for entry in KEYS} | {entry.release for entry in KEYS if entry.release}
    return seen, {name: lambda name=name: seen.append(name) for name in names}


def test_keys_and_actions_are_unique_and_told():
    assert len({entry.key for entry in KEYS}) == len({entry.action for entry in KEYS}) == len(KEYS)
    assert all(entry.text and not entry.text.endswith(".") for entry in KEYS)
    assert (key_of("accept"), key_of("undo"), key_of("dance")) == ("K", "Ctrl+Z", "")


@pytest.mark.gui
@pytest.mark.parametrize("kind", ["labels", "points"])
def test_every_key_works_on_our_layers(make_napari_viewer, kind):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_points(ndim=2) if kind == "points" else viewer.add_labels(np.zeros((32, 32), np.uint8))
    seen, actions = recorded()
    bind(layer, actions)
    for entry in KEYS:
        press(viewer, entry)
    assert seen == [name for entry in KEYS for name in (entry.action, entry.release) if name]
    assert str(layer.mode) == "pan_zoom"


@pytest.mark.gui
def test_keys_without_a_pointer_work_on_the_viewer_too(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    viewer.add_image(np.zeros((32, 32)))
    seen, actions = recorded()
    wanted = [entry for entry in KEYS if not entry.layers_only and not entry.release]
    bind(viewer, {entry.action: actions[entry.action] for entry in wanted})
    for entry in wanted:
        press(viewer, entry)
    assert seen == [entry.action for entry in wanted]


@pytest.mark.gui
def test_undo_is_ours_and_napari_s_own_afterwards(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(np.zeros((32, 32), np.uint8))
    layer.paint((16, 16), 1)
    seen, actions = recorded()
    bind(layer, actions)
    press_key(viewer, Qt.Key.Key_Z, CTRL)
    assert seen == ["undo"]
    assert layer.data.any()
    unbind(layer)
    press_key(viewer, Qt.Key.Key_Z, CTRL)
    assert seen == ["undo"]
    assert not layer.data.any()


@pytest.mark.gui
def test_hide_lasts_as_long_as_the_key_is_held(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(np.zeros((32, 32), np.uint8))
    seen, actions = recorded()
    bind(layer, actions)
    press_key(viewer, Qt.Key.Key_H, up=False)
    assert seen == ["hide"]
    press_key(viewer, Qt.Key.Key_H, down=False)
    assert seen == ["hide", "show"]


@pytest.mark.gui
def test_binding_is_bounded_to_the_given_actions_and_can_be_repeated(make_napari_viewer):
    viewer = make_napari_viewer(show=True)
    layer = viewer.add_labels(np.zeros((32, 32), np.uint8))
    seen = []
    bind(layer, {"accept": lambda: seen.append("old")})
    bind(layer, {"accept": lambda: seen.append("new")})
    press_key(viewer, Qt.Key.Key_K)
    press_key(viewer, Qt.Key.Key_J)
    press_key(viewer, Qt.Key.Key_P)
    assert seen == ["new"]
    assert str(layer.mode) == "paint"


def test_unbinding_what_was_never_bound_is_harmless():
    from napari.layers import Labels

    unbind(Labels(np.zeros((4, 4), np.uint8)))
