"""The layers that we own: made, found, coloured, hidden. No other layer of the viewer is ever touched here.

Layers are found by role and source in the viewer's own list, so that one that a person deleted is simply not there
(and is made again when it is next needed), and nothing here can disagree with what the viewer shows.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from psygnal import Signal

from napari_gfsam.bridge.align import MEMORY_BYTES, labels_over, plane_array, shape_of, widened
from napari_gfsam.bridge.anchors import Anchors, Place
from napari_gfsam.bridge.identity import facts_of, find_layer, layer_id, mark, our_layers, role, unmark
from napari_gfsam.bridge.looks import class_colormap, class_names, contour_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.session.types import ClassRow, PlaneKey


class Role(StrEnum):
    """What a layer of ours is for, from the bottom of the layer list up."""

    REFERENCE = "reference"
    ACCEPTED = "accepted"
    PROPOSAL = "proposal"
    INSTANCES = "instances"
    SIMILARITY = "similarity"
    CONFIDENCE = "confidence"
    CLUSTERS = "clusters"
    PROMPTS = "prompts"


#: Layers that hold class ids.
CLASS_LAYERS = (Role.REFERENCE, Role.ACCEPTED, Role.PROPOSAL)
#: Layers of which each source has its own.
OVER_SOURCE = (*CLASS_LAYERS, Role.INSTANCES)
#: Layers of which there is one, that follows the current target.
FOLLOWERS = (Role.SIMILARITY, Role.CONFIDENCE, Role.CLUSTERS, Role.PROMPTS)
#: Of layers that lie over a picture. (There are others of ours, such as a folder's picture itself.)
ROLES: tuple[str, ...] = (*OVER_SOURCE, *FOLLOWERS)
SUFFIX = {Role.REFERENCE: "reference", Role.ACCEPTED: "labels", Role.PROPOSAL: "gfsam", Role.INSTANCES: "instances"}
#: What is accepted is an outline, so that a proposal over it can be told from it.
LOOKS: dict[Role, dict[str, Any]] = {
    Role.REFERENCE: {"opacity": 0.5},
    Role.ACCEPTED: {"opacity": 0.9},
    Role.PROPOSAL: {"opacity": 0.45},
    Role.INSTANCES: {"opacity": 0.5},
}


class OurLayers:
    """All layers of ours in one viewer. Main thread only.

    Parameters
    ----------
    viewer
        The viewer.
    folder
        Gives the folder in which label arrays above 1 GB become files, asked when there is one; without it they are in
        memory.

    Notes
    -----
    Signals: ``added(layer)`` after a layer of ours came into the viewer (bind keys, fill it), ``removed(layer)`` after
    one left it, by whomever.
    """

    added = Signal(object)
    removed = Signal(object)

    def __init__(self, viewer: ViewerModel, folder: Callable[[], Path] | None = None) -> None:
        self.viewer = viewer
        self.rows: tuple[ClassRow, ...] = ()
        self._folder = folder
        self._hidden: list[str] = []
        self._anchors = Anchors()
        self._hold_all()
        viewer.layers.events.removed.connect(self._on_removed)

    def find(self, wanted: Role, source: str = "") -> Any:
        """Return our layer of a role over a source (of a follower: wherever it is), or ``None``."""
        for layer in our_layers(self.viewer, wanted):
            if wanted in FOLLOWERS or facts_of(layer).get("source") == source:
                return layer
        return None

    def labels(self, wanted: Role, over: Layer, source: str, shape: Shape | None = None) -> Labels:
        """Return the class label layer of a role over a source, in its place, made (empty) if it is not there.

        Parameters
        ----------
        wanted
            ``REFERENCE``, ``ACCEPTED`` or ``PROPOSAL``.
        over
            The layer of the user that it covers exactly and lies just above.
        source
            Id of the `PictureSource`.
        shape
            Of label space; that of the layer if not given.
        """
        layer = self.find(wanted, source)
        if layer is None:
            layer = self.add_labels(wanted, over, source, shape)
        else:
            self.hold(layer, Place(over, shape_of(layer)))
        return layer

    def add_labels(self, wanted: Role, over: Layer, source: str, shape: Shape | None = None) -> Labels:
        """Make a class label layer even if there is one of its role; parameters as in `labels`."""
        from napari.layers import Labels

        highest = max((row.id for row in self.rows), default=1)
        kwargs = labels_over(
            over,
            name=f"{over.name} · {SUFFIX[wanted]}",
            shape=shape,
            highest=highest,
            folder=self._folder_for(shape or shape_of(over)),
        )
        layer = Labels(**kwargs, **LOOKS[wanted])
        if wanted is Role.ACCEPTED:
            layer.contour = contour_of(layer.data.shape)
        self._color(layer)
        self.put(layer, wanted, over=over, source=source)
        return layer

    def put(self, layer: Layer, wanted: Role, *, over: Layer | None = None, source: str = "") -> None:
        """Take a new layer into the viewer as ours, in its place in the list; what is selected stays selected.

        One over a picture lies over it from now on, wherever that goes.
        """
        _mark(layer, wanted.value, source, over)
        if over is not None:
            self.hold(layer, Place(over, shape_of(layer)))
        selection = self.viewer.layers.selection
        selected = set(selection)
        with selection.events.blocker_all():  # napari selects what is new; undone unseen, its controls stay as they are
            self.viewer.layers.insert(self._place(wanted, over, source), layer)
            selection.clear()
            selection.update(selected)
        self.added.emit(layer)

    def follow(
        self,
        wanted: Role,
        make: Callable[..., Layer],
        over: Layer,
        plane: PlaneKey,
        shape: Shape,
        pixels: NDArray[Any],
    ) -> Any:
        """Show a picture over one plane in the one layer of a role, made by ``make(data=..., **transforms)``.

        The layer that is there is moved, so that what the user set on it stays; it is made anew only over a target
        with another number of axes.

        Parameters
        ----------
        wanted
            A role of `FOLLOWERS`.
        make
            Makes the layer.
        over, plane, shape
            The target, the plane and the shape of label space.
        pixels
            (h, w) in the order in which the plane shows its axes; another size than the plane's is stretched over it.
        """
        place = Place(over, shape, plane, pixels.shape)
        data = np.ascontiguousarray(plane_array(plane, pixels))
        layer, visible = self.followed(wanted, len(plane.index))
        if layer is None:
            layer = make(data=data, **place.kwargs(f"{wanted.value} · gfsam"), visible=visible)
            self.put(layer, wanted)
            self.hold(layer, place)
        else:
            self.lift(layer, over)
            if layer.data.shape == data.shape and layer.data.dtype == data.dtype:
                layer.data[...] = data
            else:
                layer.data = data
            self.hold(layer, place)
            layer.refresh()
        return layer

    def followed(self, wanted: Role, ndim: int) -> tuple[Any, bool]:
        """Return the layer of a follower role if it has this number of axes, and whether the user wants to see it.

        One with another number of axes is removed.
        """
        layer = self.find(wanted)
        if layer is None or layer.ndim == ndim:
            return layer, True
        visible = bool(layer.visible)
        self.remove(wanted)
        return None, visible

    def hold(self, layer: Layer, place: Place) -> None:
        """Put a layer of ours in its place over a picture and keep it there when a person moves the picture."""
        self._anchors.hold(layer, place)

    def grow(self, source: str, over: Layer, before: Shape, shape: Shape) -> None:
        """Give our layers over a picture that has more planes by now as many, empty ones.

        Parameters
        ----------
        source, over
            The picture.
        before, shape
            Of label space, earlier and now.
        """
        self.remove(Role.INSTANCES, source)  # made anew on request
        for wanted in CLASS_LAYERS:
            for layer in our_layers(self.viewer, wanted):
                if facts_of(layer).get("source") == source and shape_of(layer) == before:
                    layer.data = widened(layer.data, np.iinfo(layer.data.dtype).max, shape)
                    _mark(layer, wanted.value, source, over, layer_id(layer))
                    self.hold(layer, Place(over, shape))
        self._anchors.grow(over, before, shape)

    def rename(self, sources: Mapping[str, str]) -> None:
        """Give our layers the ids of now of their pictures."""
        for wanted in OVER_SOURCE:
            for layer in our_layers(self.viewer, wanted):
                facts = facts_of(layer)
                name = str(facts.get("source", ""))
                if sources.get(name, name) != name:
                    mark(layer, wanted.value, uuid=layer_id(layer), **{**facts, "source": sources[name]})

    def lift(self, layer: Layer, over: Layer) -> None:
        """Move a layer of ours above its target, if the target was added later or was moved above it."""
        layers = self.viewer.layers
        if layers.index(layer) < layers.index(over):
            layers.move(layers.index(layer), layers.index(over) + 1)

    def remove(self, wanted: Role, source: str = "") -> None:
        """Take our layer of a role out of the viewer; nothing happens if it is not there."""
        layer = self.find(wanted, source)
        if layer is not None:
            self.viewer.layers.remove(layer)

    def release(self, layer: Layer) -> None:
        """Make a layer of ours the person's own: it stays as it is, hidden and under another name."""
        self._anchors.let_go(layer)
        unmark(layer)
        layer.name, layer.visible = f"{layer.name} (earlier)", False

    def set_classes(self, rows: Sequence[ClassRow]) -> None:
        """Give all layers of class ids, now and later, these names and colours."""
        self.rows = tuple(rows)
        for wanted in CLASS_LAYERS:
            for layer in our_layers(self.viewer, wanted):
                self._color(layer)

    def hide(self) -> None:
        """Hide all layers of these roles that are visible, until `show`."""
        for layer in our_layers(self.viewer):
            if layer.visible and role(layer) in ROLES:
                self._hidden.append(layer_id(layer))
                layer.visible = False

    def show(self) -> None:
        """Show again what `hide` hid."""
        hidden, self._hidden = self._hidden, []
        for layer in our_layers(self.viewer):
            if layer_id(layer) in hidden:
                layer.visible = True

    def close(self) -> None:
        """Stop listening to the viewer and its layers; they stay."""
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self._anchors.close()

    def _hold_all(self) -> None:
        """Keep what is there since an earlier time over its pictures, which may have been moved meanwhile."""
        for wanted in OVER_SOURCE:
            for layer in our_layers(self.viewer, wanted):
                facts = facts_of(layer)
                over = find_layer(self.viewer, str(facts.get("over", "")))
                if over is not None and shape_of(over) == facts.get("over_shape"):
                    self.hold(layer, Place(over, shape_of(layer)))

    def _folder_for(self, shape: Shape) -> Path | None:
        """Ask for the folder only where an array may need it."""
        return self._folder() if self._folder is not None and math.prod(shape) * 2 > MEMORY_BYTES else None

    def _place(self, wanted: Role, over: Layer | None, source: str) -> int:
        """Return where in the list a new layer goes: just above its target, the followers on top of all."""
        layers = self.viewer.layers
        if over is None:
            higher = [self.find(name) for name in FOLLOWERS[FOLLOWERS.index(wanted) + 1 :]]
            places = [int(layers.index(layer)) for layer in higher if layer is not None]
            return min(places, default=len(layers))
        lower = [self.find(name, source) for name in OVER_SOURCE[: OVER_SOURCE.index(wanted)]]
        return 1 + max(int(layers.index(layer)) for layer in (over, *lower) if layer is not None)

    def _color(self, layer: Labels) -> None:
        layer.colormap = class_colormap(self.rows)
        names = class_names(self.rows)
        layer.features = {"index": list(names), "class": list(names.values())}

    def _on_removed(self, event: Any) -> None:
        self._anchors.let_go(event.value)
        if role(event.value) in ROLES:
            self.removed.emit(event.value)


def _mark(layer: Layer, wanted: str, source: str, over: Layer | None, uuid: str | None = None) -> None:
    facts: dict[str, Any] = {} if over is None else {"over": layer_id(over), "over_shape": shape_of(over)}
    mark(layer, wanted, uuid=uuid, source=source, **facts)
