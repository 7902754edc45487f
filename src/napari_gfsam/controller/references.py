"""References: painted planes, their classes, and what a run takes of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np

from napari_gfsam.bridge.align import lies_over
from napari_gfsam.bridge.identity import find_layer, is_ours, layer_id, role
from napari_gfsam.bridge.ours import Role
from napari_gfsam.bridge.packs import paint_in
from napari_gfsam.bridge.paint import labels_painted, paint_on
from napari_gfsam.bridge.planes import show_plane, shown_plane
from napari_gfsam.bridge.proposals import read_plane
from napari_gfsam.bridge.view import look_at
from napari_gfsam.controller.files import path_of
from napari_gfsam.controller.reference_strokes import ReferenceStrokes
from napari_gfsam.controller.run_types import Paint, ReferenceInput
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.types import PlaneKey, ReferenceRow

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.controller.folders import Folders
    from napari_gfsam.controller.pictures import Pictures
    from napari_gfsam.core.arrays import LabelArray
    from napari_gfsam.session import Session

Region = tuple[int, int, int, int]
#: A brush is this share of the picture's longer side.
BRUSH_SHARE = 1 / 60
#: Of a label layer that was painted elsewhere, so many planes become references at most.
MOST_PLANES = 8
#: The layers in which a new painted plane is one more reference: the person's own, and those made for it.
GROWING = (None, Role.REFERENCE.value)
#: The paint of a reference that cannot be read.
NOTHING = np.zeros((1, 1), dtype=np.uint8)


class References:
    """Painted planes. Main thread only.

    Parameters
    ----------
    session, ours, pictures, folders
        State, layers of ours, pictures of the viewer and of folders.

    Attributes
    ----------
    strokes
        Tells of strokes in the layers of references.
    """

    def __init__(self, session: Session, ours: OurLayers, pictures: Pictures, folders: Folders) -> None:
        self._session, self._ours, self._pictures, self._folders = session, ours, pictures, folders
        self.strokes = ReferenceStrokes(session, ours)

    @property
    def _viewer(self) -> ViewerModel:
        return self._ours.viewer

    def new(self, image: Image) -> ReferenceRow:
        """Make an empty label layer over a picture (or take the one there is), select it and arm the brush.

        Raises
        ------
        ImageError
            If the viewer shows no plane of the picture.
        """
        source = self._pictures.source_over(image)
        plane = shown_plane(self._viewer, source)
        if not len(self._session.classes):
            self._session.classes.add()
        labels = self._ours.labels(Role.REFERENCE, image, source.id, source.shape)
        self._arm(labels, max(source.plane_shape(plane)))
        return self._row(source, plane, labels)

    def use(
        self, labels: Labels, *, ignore: int | None = None, region_yx: Region | None = None
    ) -> tuple[ReferenceRow, ...]:
        """Take an existing label layer as paint of the picture it lies over: its painted planes.

        Parameters
        ----------
        labels
            Of the person.
        ignore, region_yx
            Of the new rows (see `ReferenceRow`).

        Raises
        ------
        ImageError
            If there is no picture under it, nothing is painted on the plane that is shown or any other, or a label
            cannot be a class.
        """
        source = self._pictures.source_over(self._pictures.under(labels))
        shown = shown_plane(self._viewer, source)
        planes = [plane for plane in self._planes(source, shown) if self._is_painted(labels, source, plane)]
        if not planes:
            raise ImageError(f"Nothing is painted in {labels.name!r} yet; paint an object, then use it.")
        if len(planes) > MOST_PLANES:
            planes = [shown] if shown in planes else planes[:MOST_PLANES]
        ids = {class_id for plane in planes for class_id in self._ids(labels, source, plane)}
        self._ensure_classes(ids - {ignore})
        rows = tuple(self._row(source, plane, labels, ignore=ignore, region_yx=region_yx) for plane in planes)
        self._session.touch()
        return rows

    def others(self) -> list[Labels]:
        """Return the person's own label layers that are no references yet, or not where they are painted and shown."""
        from napari.layers import Labels

        mine = [layer for layer in self._viewer.layers if isinstance(layer, Labels) and not is_ours(layer)]
        return [layer for layer in mine if not self._session.references.of_layer(layer_id(layer)) or self._new(layer)]

    def refresh(self) -> None:
        """Take in what was painted, a stroke or not: new planes of label layers in use, and new classes.

        What a person took off the lists stays off. Of a layer of the person's own with many painted planes, no more
        are taken than were chosen.

        Raises
        ------
        ImageError
            If a label cannot be a class.
        """
        for labels_id in {row.labels_layer for row in self._session.references}:
            labels = find_layer(self._viewer, labels_id)
            if labels is not None:
                self._add_painted_planes(labels)
        self._ensure_classes(self._painted_ids(self._session.references) - self._session.classes.removed)
        self._session.touch()

    def take_stroke(self, labels: Labels, changes: Any) -> None:
        """Take in a stroke in a label layer in use: the plane that is shown, and its classes, if removed before too.

        Parameters
        ----------
        labels, changes
            As `strokes` tells.

        Raises
        ------
        ImageError
            If a label cannot be a class.
        """
        for source, plane in self._new(labels) if role(labels) in GROWING else ():
            self._row(source, plane, labels)
        rows = self._session.references.of_layer(layer_id(labels))
        if not rows:  # taken off the list
            return
        anew = labels_painted(changes) - {row.ignore for row in rows}
        self._ensure_classes(self._painted_ids(rows) - self._session.classes.removed | anew)
        self._session.touch()

    def pass_over(self) -> None:
        """Take classes that are painted but have no row for removed ones: they were, in an earlier session."""
        self._session.classes.pass_over(self._painted_ids(self._session.references))

    def paint(self, row: ReferenceRow) -> LabelArray:
        """Return the (H, W) paint of a reference, a copy; nothing painted where its layers are gone."""
        if path_of(row.plane.source) is not None:
            return self._paint_of_file(row.plane)
        labels, source = find_layer(self._viewer, row.labels_layer), self._pictures.get(row.plane)
        if labels is None or source is None:
            return NOTHING.copy()
        return paint_on(self._viewer, labels, source, row.plane)

    def learned(self, row: ReferenceRow) -> LabelArray:
        """Return the paint of a reference that a run learns from: without classes that were removed."""
        labels = self.paint(row)
        removed = self._session.classes.removed - {row.ignore}
        if removed:
            labels[np.isin(labels, list(removed))] = 0
        return labels

    def painted(self) -> tuple[ReferenceRow, ...]:
        """Return the rows in use that have paint to learn from."""
        return tuple(row for row in self._session.references.enabled if self.learned(row).any())

    def paints(self) -> list[Paint]:
        """Return the paint of the rows in use that have any, as it is now."""
        specs = self._session.classes.specs
        found = ((row, self.learned(row)) for row in self._session.references.enabled)
        return [
            Paint(row.plane, labels, specs, row.ignore, row.region_yx, row.title)
            for row, labels in found
            if labels.any()
        ]

    def inputs(self) -> list[ReferenceInput]:
        """Return what a run needs, as it is painted now.

        Raises
        ------
        ImageError
            If a picture is no longer open, or none that was painted is as it was then.
        """
        self.refresh()
        found = []
        for row in self.painted():
            labels = self.learned(row)
            source, plane = self._pictures.renewed(row.plane)
            region = row.region_yx or self._near_paint(row, labels)
            specs = self._session.classes.specs
            layer = find_layer(self._viewer, row.labels_layer)
            packed = None if layer is None else paint_in(layer)
            found.append(ReferenceInput(source, plane, labels, specs, row.title, row.ignore, region, packed))
        changed = (self._pictures.sources.why_changed(row.plane) for row in self._session.references.enabled)
        why = "" if found else next(filter(None, changed), "")
        if why:
            raise ImageError(why)
        return found

    def zoom(self, row: ReferenceRow) -> None:
        """Bring the paint of a reference into view."""
        labels, source = self.paint(row), self._pictures.get(row.plane)
        if source is None or not labels.any():
            return
        show_plane(self._viewer, source, row.plane)
        where = np.argwhere(labels).astype(np.float64)
        box_yx = np.array([where.min(axis=0), where.max(axis=0) + 1])
        look_at(self._viewer, self._pictures.sources.layer(row.plane), row.plane, source.shape, box_yx)

    def question(self) -> int | None:
        """Return the class of which it is not known whether all its objects are painted."""
        painted = {int(class_id) for row in self.painted() for class_id in np.unique(self.learned(row))}
        rows = (row for row in self._session.classes if row.id in painted and row.painted_fully is None)
        return next((row.id for row in rows), None)

    def shown_plane(self, row: ReferenceRow) -> tuple[LayerSource, PlaneKey] | None:
        """Return the plane of a reference's picture that the viewer shows, ``None`` if it shows none."""
        source = self._pictures.get(row.plane)
        planes = [] if source is None else self._shown(source)
        return (source, planes[0]) if source is not None and planes else None

    def require_same_pixels(self, row: ReferenceRow, labels: Labels) -> None:
        """Raise ImageError if a label layer has not just the pixels of a reference's picture: masks cannot go there.

        (Its paint can be read all the same.)
        """
        if labels.multiscale:
            raise ImageError(
                f"The label layer {labels.name!r} has several resolutions, so a click cannot fill there; "
                "make a new label layer over the picture (New)."
            )
        source = self._pictures.get(row.plane)
        if source is None or not lies_over(labels, self._pictures.sources.layer(row.plane), source.shape):
            raise ImageError(
                f"The label layer {labels.name!r} has other pixels than {row.title}, so a click cannot fill there; "
                "make a new label layer over the picture (New)."
            )

    def forget_layer(self, layer: str) -> None:
        """Take references off the list whose label layer was deleted; those of files come and go with their picture."""
        known = self._session.references
        rows = [row for row in known.with_removed if row.labels_layer == layer]
        known.forget(*(row.id for row in rows if path_of(row.plane.source) is None))

    def add(self, plane: PlaneKey, labels: Labels) -> ReferenceRow:
        """Add one plane of a label layer, such as the accepted labels of a corrected target."""
        return self._row(self._pictures.sources.of(plane), plane, labels)

    def _row(self, source: LayerSource, plane: PlaneKey, labels: Labels, **limits: Any) -> ReferenceRow:
        name = layer_id(labels)
        for row in self._session.references.of_source(plane.source):
            if row.plane == plane and (row.labels_layer == name or path_of(plane.source) is not None):
                return row
        return self._session.references.add(ReferenceRow(uuid4().hex, plane, name, source.title(plane), **limits))

    def _paint_of_file(self, plane: PlaneKey) -> LabelArray:
        """Return what is accepted of a picture from a folder, open or not."""
        layer = self._ours.find(Role.ACCEPTED, plane.source)
        kept = self._folders.accepted(plane) if layer is None else read_plane(layer, plane)
        return NOTHING.copy() if kept is None else kept

    def _ensure_classes(self, ids: set[int]) -> None:
        try:
            self._session.classes.ensure(ids)
        except ValueError as error:  # whose message is a sentence
            raise ImageError(str(error)) from error

    def _arm(self, labels: Labels, side: int) -> None:
        self._viewer.layers.selection.active = labels
        labels.brush_size = max(2, round(side * BRUSH_SHARE))
        labels.mode = "paint"

    def _add_painted_planes(self, labels: Labels) -> None:
        """Take all painted planes of a layer that was made for it; of a person's own, where that are not too many."""
        rows = self._session.references.of_layer(layer_id(labels))
        source = self._pictures.get(rows[0].plane)
        if source is None or len(source.shape) == 2 or role(labels) not in GROWING:
            return
        known = {row.plane for row in rows}
        planes = (plane for plane in self._planes(source, rows[0].plane) if plane not in known)
        wanted = (plane for plane in planes if not self._session.references.was_removed(plane, layer_id(labels)))
        new = (plane for plane in wanted if self._is_painted(labels, source, plane))
        most = None if role(labels) else max(0, MOST_PLANES - len(rows) + 1)
        found = list(islice(new, most))
        if most is None or len(found) < most:
            for plane in found:
                self._row(source, plane, labels)

    def _new(self, labels: Labels) -> list[tuple[LayerSource, PlaneKey]]:
        """Return the plane that is shown of the picture of a layer in use, if it is painted and no reference yet."""
        rows = self._session.references.of_layer(layer_id(labels))
        source = self._pictures.get(rows[0].plane) if rows else None
        known = {row.plane for row in rows}
        planes = [] if source is None else [(source, plane) for plane in self._shown(source) if plane not in known]
        return [(source, plane) for source, plane in planes if self._is_painted(labels, source, plane)]

    def _painted_ids(self, rows: Iterable[ReferenceRow]) -> set[int]:
        """Return the labels that are painted, background and ignored ones left out."""
        return {int(label) for row in rows for label in np.unique(self.paint(row)) if label not in (0, row.ignore)}

    def _shown(self, source: LayerSource) -> list[PlaneKey]:
        try:
            return [shown_plane(self._viewer, source)]
        except ImageError:  # 3D, or the sliders stand elsewhere
            return []

    @staticmethod
    def _planes(source: LayerSource, like: PlaneKey) -> Iterator[PlaneKey]:
        """Walk all planes of a source that have the rows and columns of a plane."""
        lengths = [length if place >= 0 else 1 for length, place in zip(source.shape, like.index, strict=True)]
        for places in np.ndindex(*lengths):
            index = tuple(new if old >= 0 else -1 for new, old in zip(places, like.index, strict=True))
            yield replace(like, index=index)

    def _is_painted(self, labels: Labels, source: LayerSource, plane: PlaneKey) -> bool:
        return bool(paint_on(self._viewer, labels, source, plane).any())

    def _ids(self, labels: Labels, source: LayerSource, plane: PlaneKey) -> set[int]:
        return {int(class_id) for class_id in np.unique(paint_on(self._viewer, labels, source, plane))} - {0}

    def _near_paint(self, row: ReferenceRow, labels: LabelArray) -> Region | None:
        """Return the box around the paint, half as large again on every side, where not all objects are painted."""
        unsure = {entry.id for entry in self._session.classes if entry.painted_fully is False}
        if row.ignore is not None or not unsure & {int(class_id) for class_id in np.unique(labels)}:
            return None
        rows, columns = (np.flatnonzero((labels > 0).any(axis=axis)) for axis in (1, 0))
        top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
        down, across = (bottom - top) // 2 + 1, (right - left) // 2 + 1
        height, width = labels.shape
        return max(0, top - down), max(0, left - across), min(height, bottom + down), min(width, right + across)
