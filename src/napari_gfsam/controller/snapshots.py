"""What a save takes: read on the main thread, packed on any, described on the main thread again."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.describe import COPY_BYTES, LEVEL, comes_back, copy_bytes, describe, is_lazy, levels_of
from napari_gfsam.bridge.identity import find_layer, is_ours, layer_id, role
from napari_gfsam.bridge.ours import CLASS_LAYERS, Role
from napari_gfsam.bridge.proposals import read_plane
from napari_gfsam.controller.files import FileSource
from napari_gfsam.controller.watching import Watch
from napari_gfsam.session.packing import pack
from napari_gfsam.session.saved import SavedSource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from napari.layers import Layer

    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.session import Session
    from napari_gfsam.session.packing import PackedPlane
    from napari_gfsam.session.saved import SavedLayer, SavedSession
    from napari_gfsam.session.types import PlaneKey, ReferenceRow

logger = logging.getLogger(__name__)
Arrays = tuple[Any, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Collected:
    """What was read from the layers.

    Parameters
    ----------
    paint
        (H, W) of the references, by row.
    labels
        (H, W) accepted labels that may have changed, by plane.
    pictures
        The arrays of pictures that need a copy and have none yet, by layer.
    """

    paint: Mapping[str, LabelArray] = field(default_factory=dict)
    labels: Mapping[PlaneKey, LabelArray] = field(default_factory=dict)
    pictures: Mapping[str, Arrays] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """The same, small; a picture with the names of its copies, without any where it cannot be copied."""

    paint: Mapping[str, PackedPlane]
    labels: Mapping[PlaneKey, PackedPlane]
    copies: Mapping[str, tuple[Arrays, tuple[str, ...]]]


def prepare(session: Session, collected: Collected) -> Prepared:
    """Pack what was collected, and take pictures that came from no file on the shelf; any thread.

    Raises
    ------
    napari_gfsam.io.writers.OutputError
        If there can be no session folder.
    """
    return Prepared(
        {row: pack(_ids(labels)) for row, labels in collected.paint.items()},
        {plane: pack(labels) for plane, labels in collected.labels.items()},
        {name: (arrays, _keep(session, arrays)) for name, arrays in collected.pictures.items()},
    )


def _ids(labels: LabelArray) -> LabelArray:
    """Return paint without the negative numbers that a label layer of a user may hold and no class has."""
    return labels if labels.dtype.kind == "u" else np.maximum(labels, 0)


def _keep(session: Session, arrays: Arrays) -> tuple[str, ...]:
    try:
        pixels = [np.asarray(array) for array in arrays]
    except Exception:  # a lazy array is computed by somebody else's code, which may raise anything
        logger.exception("A picture could not be copied into the session.")
        return ()
    return tuple(session.keep_array(array) for array in pixels)


class Snapshots:
    """Reads and describes the work at a desk. Main thread only.

    Parameters
    ----------
    desk
        Whose work is saved.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._watch = Watch(desk.session, desk.ours, desk.sources)
        self._copies: dict[str, tuple[Arrays, tuple[str, ...]]] = {}
        self._layers: dict[str, SavedLayer] = {}
        self._sources: dict[str, SavedSource] = {}

    def close(self) -> None:
        """Stop watching."""
        self._watch.close()

    @property
    def behind(self) -> int:
        """Number of planes that may have changed since `collect`."""
        return len(self._watch)

    def collect(self) -> Collected:
        """Read what may have changed since the last time: copies, quick for pictures in memory."""
        known = self._desk.session.references
        rows = [row for row in (*known, *filter(self._keeps, known.removed)) if self._is_open(row)]
        paint = {row.id: self._desk.references.paint(row) for row in rows}
        return Collected(paint | self._left_paint(), self._changed_labels(), self._new_pictures())

    def put_back(self, collected: Collected | Iterable[PlaneKey]) -> None:
        """Say that what was collected could not be saved, or that planes must be read again."""
        self._watch.put_back(collected.labels if isinstance(collected, Collected) else collected)

    def take(self, prepared: Prepared) -> SavedSession:
        """Describe the work as it is now.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If there can be no session folder.
        """
        self._copies |= prepared.copies
        # A target accepted since it was collected must not be described without its labels.
        labels = {**prepared.labels, **{plane: pack(found) for plane, found in self._changed_labels().items()}}
        return self._desk.session.snapshot(
            layers=self._described(),
            sources=self._described_sources(),
            choices=self._choices(),
            paint=prepared.paint,
            labels=labels,
        )

    def remember(self, saved: SavedSession, layers: Mapping[str, Layer]) -> None:
        """Take in an earlier session: what did not come back stays described, copies are not made again.

        Parameters
        ----------
        saved
            With the ids of now.
        layers
            Its pictures that are open, by these ids.
        """
        self._sources = {source.id: source for source in saved.sources}
        self._layers = {one.id: one for one in saved.layers}
        self._copies = {}
        for name, layer in layers.items():
            names = [one.array for one in saved.layers if one.array and name in (one.id, _base(one))]
            if names and not comes_back(layer):
                self._copies[name] = levels_of(layer), tuple(names)

    def too_large(self) -> tuple[str, ...]:
        """Return the names of pictures from no file that are too large to be copied."""
        return tuple(str(layer.name) for layer in self._wanted_pictures() if copy_bytes(layer) > COPY_BYTES)

    def matters(self, layer: Layer) -> bool:
        """Tell whether a layer is described: pictures, labels that come from a file, paint, our class labels."""
        return self._is_described(layer, self._needed())

    def _is_described(self, layer: Layer, needed: set[str]) -> bool:
        from napari.layers import Image, Labels

        if is_ours(layer):
            return role(layer) in CLASS_LAYERS
        used = isinstance(layer, Labels) and (
            comes_back(layer) or bool(self._desk.session.references.of_layer(layer_id(layer)))
        )
        return used or (isinstance(layer, Image) and (comes_back(layer) or _is_wanted(layer, needed)))

    def _is_open(self, row: ReferenceRow) -> bool:
        there = find_layer(self._desk.viewer, row.labels_layer) is not None
        return there and self._desk.sources.is_open(row.plane)

    def _left_paint(self) -> dict[str, LabelArray]:
        """Return paint that lies over a picture as it was, exchanged since for one of another shape."""
        found = {}
        for row in self._desk.session.references:
            layer = find_layer(self._desk.viewer, row.labels_layer)
            source = self._desk.sources.get(row.plane.source) if self._desk.sources.why_changed(row.plane) else None
            if layer is not None and source is not None and layer.data.shape == source.shape:
                found[row.id] = read_plane(layer, row.plane)
        return found

    def _keeps(self, row: ReferenceRow) -> bool:
        """Tell whether the paint of a row that was taken off the list is in a layer that we made for paint."""
        layer = find_layer(self._desk.viewer, row.labels_layer)
        return layer is not None and role(layer) == Role.REFERENCE.value

    def _changed_labels(self) -> dict[PlaneKey, LabelArray]:
        found = {plane: self._labels(plane) for plane in self._watch.take()}
        return {plane: labels for plane, labels in found.items() if labels is not None}

    def _labels(self, plane: PlaneKey) -> LabelArray | None:
        """Return accepted labels; ``None`` if a person deleted the layer: what was saved then stays saved."""
        layer = self._desk.ours.find(Role.ACCEPTED, plane.source)
        return self._desk.folders.accepted(plane) if layer is None else read_plane(layer, plane)

    def _wanted_pictures(self) -> list[Layer]:
        """Return the pictures that a copy is wanted of, if they come from no file."""
        needed = self._needed()
        layers = (layer for group in self._desk.pictures.groups() for layer in group)
        return [layer for layer in layers if _is_wanted(layer, needed)]

    def _new_pictures(self) -> dict[str, Arrays]:
        found = {}
        for layer in self._wanted_pictures():
            known = self._copies.get(layer_id(layer), ((), ()))[0]
            arrays = levels_of(layer)
            same = len(known) == len(arrays) and all(one is other for one, other in zip(known, arrays, strict=True))
            if not same and 0 < copy_bytes(layer) <= COPY_BYTES:
                found[layer_id(layer)] = arrays
        return found

    def _described(self) -> list[SavedLayer]:
        """Describe all layers that are there, and those that are gone while something still needs them."""
        needed = self._needed()
        kept = [layer for layer in self._desk.viewer.layers if self._is_described(layer, needed)]
        self._copies = {name: self._copies[name] for name in map(layer_id, kept) if name in self._copies}
        found = {one.id: one for one in describe(kept, {name: names for name, (_, names) in self._copies.items()})}
        gone = {name: one for name, one in self._layers.items() if name not in found and (_base(one) in needed)}
        self._layers = {**found, **gone}
        return list(self._layers.values())

    def _needed(self) -> set[str]:
        """Return the ids of all layers that pictures and references in use are made of."""
        layers = {row.labels_layer for row in self._desk.session.references.with_removed}
        for source in self._described_sources():
            layers |= set(source.layers)
        return layers

    def _described_sources(self) -> list[SavedSource]:
        session = self._desk.session
        names = dict.fromkeys(row.plane.source for row in session.references.with_removed)
        names |= dict.fromkeys(target.plane.source for target in session.queue)
        for name in names:
            source = self._desk.sources.get(name)
            if source is not None:
                self._sources[name] = _described_source(source)
        return [self._sources[name] for name in names if name in self._sources]

    def _choices(self) -> dict[str, Any]:
        desk = self._desk
        choice = asdict(desk.models.choice)
        return {
            "targets": desk.targets.saved(),
            "pictures": desk.pictures.saved(),
            "folders": desk.folders.saved(),
            "model": {name: str(value) if isinstance(value, Path) else value for name, value in choice.items()},
            "settings": desk.models.settings,
            "mode": desk.review.mode.value,
            "smooth": desk.stacks.smooth,
            "scale": str(desk.models.scale),
        }


def _is_wanted(layer: Layer, needed: set[str]) -> bool:
    """Tell whether a copy of a picture is wanted: not of a lazy one, which would be computed whole, without need."""
    return layer_id(layer) in needed or not is_lazy(layer)


def _described_source(source: Any) -> SavedSource:
    if isinstance(source, FileSource):
        return SavedSource(source.id, path=str(source.path))
    return SavedSource(
        source.id,
        layers=source.layers,
        shape=source.shape,
        recipe=source.recipe.as_dict(),
        options={"channel_axis": source.channel_axis, "level": source.level},
    )


def _base(one: SavedLayer) -> str:
    """Return the id of the layer that an entry belongs to."""
    return one.id.rpartition("#")[0] if one.kind == LEVEL else one.id
