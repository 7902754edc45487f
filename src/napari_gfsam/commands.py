"""What napari's menus call."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from napari import Viewer

    from napari_gfsam.widgets.dock import Dock

PLUGIN, WIDGET = "napari-gfsam", "GF-SAM"


def new_reference(viewer: Viewer) -> None:
    """Open the dock, if it is not open, and make a new reference label layer over the picture that is worked on."""
    dock = open_dock(viewer)
    dock.desk.guarded(dock.new_reference)()


def open_dock(viewer: Viewer) -> Dock:
    """Return the dock of a viewer, opened if it is not open and shown if it is hidden."""
    frame, widget = viewer.window.add_plugin_dock_widget(PLUGIN, WIDGET)
    frame.show()
    frame.raise_()
    return cast("Dock", widget)
