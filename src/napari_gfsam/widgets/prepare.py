"""Connects the panels of references, classes and targets to the desk."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.identity import find_layer, layer_id
from napari_gfsam.bridge.planes import show_plane
from napari_gfsam.bridge.region import draw_box
from napari_gfsam.controller.folders import pictures_in
from napari_gfsam.controller.next_step import why_not_run
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.picks import PlanesPick
from napari_gfsam.widgets.data import Choice, PictureRow

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_gfsam.bridge.region import Region
    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.session.types import PictureSource, PlaneKey, ReferenceRow
    from napari_gfsam.widgets.classes import ClassesPanel
    from napari_gfsam.widgets.references import ReferencesPanel
    from napari_gfsam.widgets.run import RunPanel
    from napari_gfsam.widgets.targets import TargetsPanel


#: Ids of folders in the list of pictures begin with this.
FOLDER = "folder:"


class Prepare:
    """What is shown and asked before a run. Main thread only."""

    def __init__(
        self, desk: Desk, references: ReferencesPanel, classes: ClassesPanel, targets: TargetsPanel, run: RunPanel
    ) -> None:
        self._desk, self._references, self._classes = desk, references, classes
        self._targets, self._run = targets, run
        self._chosen_picture = ""
        self._chosen_reference = ""
        self._connect_references()
        self._connect_classes()
        self._connect_targets()

    def refresh(self) -> None:
        """Show how things stand."""
        self._show_references()
        self._show_classes()
        self._show_targets()
        self._show_run()

    def _connect_references(self) -> None:
        panel, guarded, state = self._references, self._desk.guarded, self._desk.session.references
        panel.new_requested.connect(guarded(self.new_reference))
        panel.layer_chosen.connect(guarded(self.use_layer))
        panel.reference_chosen.connect(guarded(self._show_reference))
        panel.reference_enabled.connect(state.enable)
        panel.reference_removed.connect(state.remove)
        panel.fill_toggled.connect(guarded(self._fill))
        panel.region_requested.connect(guarded(self._draw_region))
        panel.region_removed.connect(partial(self._take_region, region=None))
        panel.ignore_changed.connect(self._take_ignore)
        panel.zoom_requested.connect(guarded(self._zoom))

    def _connect_classes(self) -> None:
        panel, table = self._classes, self._desk.session.classes
        panel.class_chosen.connect(self._paint_with)
        panel.class_added.connect(self._add_class)
        panel.class_removed.connect(table.remove)
        panel.class_renamed.connect(table.rename)
        panel.class_recolored.connect(table.recolor)
        panel.negative_changed.connect(table.set_negative)
        panel.painted_fully_answered.connect(table.set_painted_fully)

    def _connect_targets(self) -> None:
        panel, guarded = self._targets, self._desk.guarded
        panel.picture_picked.connect(guarded(self._pick))
        panel.picture_chosen.connect(guarded(self._choose_picture))
        panel.picture_removed.connect(guarded(self._remove_folder))
        panel.planes_picked.connect(guarded(self._pick_planes))
        panel.folder_chosen.connect(guarded(self._desk.folders.add))
        panel.try_requested.connect(guarded(self._desk.try_shown))
        self._run.run_requested.connect(guarded(self._desk.run))
        self._run.cancel_requested.connect(self._desk.running.cancel)

    def new_reference(self) -> None:
        """Make a label layer over the picture that is worked on, and arm the brush."""
        self._desk.references.new(self._desk.image())

    def use_layer(self, layer: str) -> None:
        """Use a label layer of the person's as a reference."""
        labels = find_layer(self._desk.viewer, layer)
        if labels is not None:
            self._desk.references.use(labels)

    def _show_reference(self, row_id: str) -> None:
        self._chosen_reference = row_id
        row = self._desk.session.references.get(row_id)
        if row is None or not self._desk.sources.is_open(row.plane):
            return
        show_plane(self._desk.viewer, self._desk.sources.of(row.plane), row.plane)
        layer = find_layer(self._desk.viewer, row.labels_layer)
        if layer is not None:
            self._desk.viewer.layers.selection.active = layer

    def _fill(self, on: bool) -> None:
        row = self._row_at_hand()
        if on and row is not None:
            self._desk.filling.start(row)
        else:
            self._desk.filling.stop()
        self._references.set_fill(self._desk.filling.on)

    def _draw_region(self, row_id: str) -> None:
        row = self._desk.session.references.get(row_id)
        if row is not None:
            source, over = self._desk.sources.of(row.plane), self._desk.sources.layer(row.plane)
            show_plane(self._desk.viewer, source, row.plane)
            take = partial(self._take_region, row_id)
            draw_box(self._desk.viewer, over, row.plane, source.shape, take)

    def _take_region(self, row_id: str, region: Region | None) -> None:
        self._desk.session.references.replace(row_id, region_yx=region)

    def _take_ignore(self, row_id: str, label: int | None) -> None:
        self._desk.session.references.replace(row_id, ignore=label)

    def _zoom(self) -> None:
        """Bring the paint into view, so that one sees how small it is."""
        row = self._row_at_hand()
        if row is not None:
            self._desk.references.zoom(row)

    def _row_at_hand(self) -> ReferenceRow | None:
        """Return the chosen reference, else the first."""
        known = self._desk.session.references
        return known.get(self._chosen_reference) or next(iter(known), None)

    def _paint_with(self, class_id: int) -> None:
        active: Any = self._desk.viewer.layers.selection.active
        if not hasattr(active, "selected_label"):
            return
        most = np.iinfo(active.dtype).max
        if class_id <= most:
            active.selected_label = class_id
        else:
            self._desk.problem.emit(
                f"The layer {active.name!r} holds labels up to {most}; convert its data type (right click on it) to "
                f"paint {class_id} in it."
            )

    def _add_class(self) -> None:
        row = self._desk.session.classes.add()
        self._paint_with(row.id)

    def _pick(self, picture: str, picked: bool) -> None:
        folder = _folder_of(picture)
        if folder is not None:
            self._desk.folders.pick(folder, picked)
        elif (image := self._image(picture)) is not None:
            self._desk.targets.pick(image, picked)

    def _remove_folder(self, picture: str) -> None:
        folder = _folder_of(picture)
        if folder is not None:
            self._desk.folders.remove(folder)

    def _pick_planes(self, pick: PlanesPick) -> None:
        image = self._image(self._chosen_picture)
        if image is not None:
            self._desk.targets.pick_planes(image, pick)

    def _choose_picture(self, picture: str) -> None:
        self._chosen_picture = picture
        self._show_chosen_picture()

    def _show_references(self) -> None:
        desk, panel = self._desk, self._references
        rows = tuple(desk.session.references)
        panel.show_references(rows, self._chosen_reference or None)
        panel.show_layers(self.label_layers())
        panel.show_picture(self.picture_name())
        panel.show_warning(desk.running.warning(desk.references.paints()), zoom=True)
        panel.set_fill(desk.filling.on, possible=bool(rows))

    def _show_classes(self) -> None:
        active = self._desk.viewer.layers.selection.active
        self._classes.show_classes(tuple(self._desk.session.classes), getattr(active, "selected_label", None))
        self._classes.ask_painted(self._desk.references.question())
        self._references.set_partly_painted(any(row.painted_fully is False for row in self._desk.session.classes))

    def _show_targets(self) -> None:
        with self._desk.pictures.at_rest():
            rows = [self._row(group) for group in self._desk.pictures.groups()]
        rows += [_folder_row(folder, on) for folder, on in self._desk.folders]
        known = {row.id for row in rows}
        if self._chosen_picture not in known:
            self._chosen_picture = next(iter(row.id for row in rows if row.picked), next(iter(known), ""))
        self._targets.show_pictures(rows, self._chosen_picture or None)
        self._targets.set_try(bool(self._desk.references.painted()) and bool(rows))
        self._show_chosen_picture()

    def _show_chosen_picture(self) -> None:
        image = self._image(self._chosen_picture)
        if image is None:
            self._targets.show_planes((), PlanesPick())
            self._show_first_of(_folder_of(self._chosen_picture))
            return
        self._targets.show_planes(self._desk.targets.axes(image), self._desk.targets.planes_of(image))
        try:
            source, plane = self._desk.pictures.source_over(image), self._desk.targets.shown(image)
        except ImageError as error:
            self._targets.show_input(None, str(error))
            return
        self._show_input(source, plane, source.describe())

    def _show_first_of(self, folder: Path | None) -> None:
        """Show the first picture of a folder, which stands for all."""
        source = None if folder is None else self._desk.folders.first(folder)
        if source is None:
            self._targets.show_input(None, "")
        else:
            self._show_input(source, source.plane, f"{source.name}, {source.describe()}")

    def _show_input(self, source: PictureSource, plane: PlaneKey, words: str) -> None:
        picture = self._desk.thumbnails.get(source, plane)
        self._targets.show_input(picture, self._desk.thumbnails.why_not(source, plane) or words)

    def _show_run(self) -> None:
        standing = self._desk.standing()
        targets, views, classes = standing.targets, standing.views, len(self._desk.session.classes)
        took = self._desk.running.estimate(targets, views, classes, standing.painted)
        self._targets.show_estimate(targets, views, took.seconds, took.memory_bytes, took.disk_bytes)
        self._run.show_ready(standing.targets, why_not_run(standing))

    def _row(self, group: tuple[Image, ...]) -> PictureRow:
        first, targets = group[0], self._desk.targets
        title = " + ".join(layer.name for layer in group)
        why_not = targets.why_not(first)
        return PictureRow(layer_id(first), title, targets.say_planes(first), targets.is_picked(first), why_not=why_not)

    def _image(self, picture: str) -> Any:
        found: Any = find_layer(self._desk.viewer, picture)
        return found

    def label_layers(self) -> list[Choice]:
        """Return the label layers that can be used as a reference."""
        return [Choice(layer_id(layer), layer.name) for layer in self._desk.references.others()]

    def picture_name(self) -> str:
        """Return the name of the picture that is worked on, empty without one."""
        try:
            return str(self._desk.image().name)
        except ImageError:
            return ""


def _folder_row(folder: Path, picked: bool) -> PictureRow:
    return PictureRow(f"{FOLDER}{folder}", folder.name, f"{len(pictures_in(folder))} files", picked, removable=True)


def _folder_of(picture: str) -> Path | None:
    return Path(picture.removeprefix(FOLDER)) if picture.startswith(FOLDER) else None
