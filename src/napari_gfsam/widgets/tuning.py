"""Connects the panels of reading and settings to the desk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from napari_gfsam.bridge.planes import give_slider
from napari_gfsam.bridge.sources import levels_of
from napari_gfsam.imaging import ImageError, PixelRecipe
from napari_gfsam.session.painting import AcceptMode
from napari_gfsam.session.picks import IntensityPick
from napari_gfsam.widgets.data import Choice
from napari_gfsam.widgets.modelling import Modelling

if TYPE_CHECKING:
    from napari.layers import Image

    from napari_gfsam.bridge.recipes import Reading
    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.widgets.advanced import AdvancedPanel
    from napari_gfsam.widgets.model_line import ModelLine

SETTINGS = (
    Choice("tuned", "Tuned", "Measured best on ten real sets; slower by a second reading"),
    Choice("published", "Published", "Exactly the paper's"),
)
SCALES = (
    Choice("auto", "As needed", "In tiles where objects are too small, or targets larger than the references"),
    Choice("whole", "Whole", "Each target as one picture, as the paper does"),
    *(Choice(str(side), f"In tiles of {side} px", f"Parts of {side} x {side} pixels") for side in (256, 512, 1024)),
)
REPLACE = (
    Choice(AcceptMode.PROTECT, "Keep what I painted", "Fills background and replaces what an earlier accept wrote"),
    Choice(AcceptMode.FILL, "Fill background only", "Nothing that is labelled is replaced"),
    Choice(AcceptMode.REPLACE, "Replace all", "The whole plane becomes the proposal; can be undone"),
)
ALONE, TOGETHER = "alone", "together"


class Tuning:
    """What most people never change. Main thread only."""

    def __init__(self, desk: Desk, panel: AdvancedPanel, line: ModelLine) -> None:
        self._desk, self._panel = desk, panel
        self._models = Modelling(desk, panel, line)
        self._connect()

    def refresh(self) -> None:
        """Show how things stand."""
        self._panel.show_settings(SETTINGS, self._desk.models.settings)
        self._panel.show_scale(_scales(str(self._desk.models.scale)), str(self._desk.models.scale))
        self._panel.show_replace(REPLACE, self._desk.review.mode)
        self._panel.show_smooth(self._desk.stacks.smooth)
        self._panel.show_folder(self._desk.session.store.disk_bytes, self._desk.session.store.capacity_bytes)
        self._panel.show_pack(bool(self._desk.references.painted()))
        self._models.refresh()
        self._show_reading()

    def _connect(self) -> None:
        desk, panel, guarded = self._desk, self._panel, self._desk.guarded
        panel.settings_picked.connect(desk.models.use_settings)
        panel.scale_picked.connect(guarded(desk.models.use_scale))
        panel.replace_picked.connect(self._set_mode)
        panel.smooth_picked.connect(partial(setattr, desk.stacks, "smooth"))
        panel.clear_requested.connect(guarded(desk.session.store.clear))
        panel.pack_requested.connect(self._ask_pack)
        panel.reading.intensity_picked.connect(guarded(self._set_intensity))
        panel.reading.channels_picked.connect(guarded(self._set_channels))
        panel.reading.level_picked.connect(guarded(self._set_level))

    def _ask_pack(self) -> None:
        from napari_gfsam.widgets.pack_dialog import PackDialog

        dialog = PackDialog(self._panel)
        dialog.save_requested.connect(self._desk.guarded(self._desk.packs.save))
        dialog.open()

    def _set_mode(self, mode: str) -> None:
        self._desk.review.mode = AcceptMode(mode)

    def _set_intensity(self, pick: IntensityPick) -> None:
        self._desk.pictures.intensity = _intensity(pick)
        self._desk.layers_changed.emit()

    def _set_channels(self, value: str) -> None:
        image = self._desk.image()
        axis = int(value) if value not in (ALONE, TOGETHER) else None
        self._desk.pictures.read(image, together=value == TOGETHER, channel_axis=axis)
        if axis is not None:
            give_slider(self._desk.viewer, image, axis)
        self._desk.layers_changed.emit()

    def _set_level(self, value: str) -> None:
        self._desk.pictures.read(self._desk.image(), level=int(value))
        self._desk.layers_changed.emit()

    def _show_reading(self) -> None:
        reading = self._panel.reading
        reading.show_intensity(_pick_of(self._desk.pictures.intensity))
        try:
            image = self._desk.image()
        except ImageError:
            reading.show_channels((), None)
            reading.show_levels((), None)
            return
        chosen = self._desk.pictures.reading(image)
        now = str(chosen.channel_axis) if chosen.channel_axis is not None else (TOGETHER if chosen.together else ALONE)
        reading.show_channels(_channels(self._desk.pictures.group_of(image)), now)
        levels = levels_of(image)
        names = [Choice(str(place), " x ".join(map(str, shape))) for place, shape in enumerate(levels)]
        reading.show_levels(names if len(levels) > 1 else (), self._level_of(image))

    def _level_of(self, image: Image) -> str | None:
        """Return the level that a picture is read at, ``None`` where it cannot be read."""
        try:
            return str(self._desk.pictures.source_over(image).level)
        except ImageError:  # the list of targets says why
            return None


def _channels(group: tuple[Image, ...]) -> list[Choice]:
    first: Any = group[0]
    found = [Choice(TOGETHER, "As shown", "Layers that are added up in one place are one picture")]
    if len(group) > 1:
        found.append(Choice(ALONE, f"{first.name} alone", "Each layer is a picture of its own"))
    if not first.rgb and first.ndim > 2:
        found += [Choice(str(axis), f"Axis {axis} holds channels") for axis in _channel_axes(levels_of(first)[0])]
    return found


def _channel_axes(shape: tuple[int, ...]) -> list[int]:
    """Return the axes that may hold channels: the first ones, and of the last two those no longer than one of them."""
    first = range(len(shape) - 2)
    longest = max(shape[axis] for axis in first)
    return [*first, *(axis for axis in (len(shape) - 2, len(shape) - 1) if shape[axis] <= longest)]


def _intensity(pick: IntensityPick) -> Any:
    if pick.kind == "percentile":
        return PixelRecipe("percentile", percentiles=(pick.low, pick.high))
    if pick.kind == "range":
        return PixelRecipe("range", limits=((pick.low, pick.high),))
    return pick.kind


def _pick_of(intensity: Reading | PixelRecipe) -> IntensityPick:
    """Return what a person would have picked, the other way round."""
    if not isinstance(intensity, PixelRecipe):
        return IntensityPick(intensity)
    if intensity.intensity == "percentile":
        return IntensityPick("percentile", *intensity.percentiles)
    return IntensityPick(intensity.intensity, *(intensity.limits[0] if intensity.limits else ()))


def _scales(chosen: str) -> tuple[Choice, ...]:
    """Return the scales, with one of another number of pixels where that is chosen."""
    if any(choice.value == chosen for choice in SCALES):
        return SCALES
    return (*SCALES, Choice(chosen, f"In tiles of {chosen} px", f"Parts of {chosen} x {chosen} pixels"))
