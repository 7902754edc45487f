"""Targets: which pictures and planes are picked, and what a run of them takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar

from psygnal import Signal

from napari_gfsam.bridge.identity import layer_id
from napari_gfsam.bridge.planes import nearest_plane, planes_of, shown_plane, stack_axes
from napari_gfsam.bridge.sources import LayerSource
from napari_gfsam.imaging import ImageError
from napari_gfsam.session.picks import PlanesPick
from napari_gfsam.session.types import PlaneKey, TargetState

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from napari.components import ViewerModel
    from napari.layers import Image

    from napari_gfsam.bridge.planes import StackAxis
    from napari_gfsam.controller.folders import Folders
    from napari_gfsam.controller.pictures import Pictures
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import Target

Said = TypeVar("Said")


class Targets:
    """Picked pictures and planes. Main thread only.

    A picture without a word from the person is picked unless it holds the references, or is a hidden channel of one
    that is shown; of a stack, all planes.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, session: Session, pictures: Pictures, folders: Folders) -> None:
        self._viewer, self._session, self._pictures, self._folders = viewer, session, pictures, folders
        self._picked: dict[str, bool] = {}
        self._planes: dict[str, PlanesPick] = {}

    def pick(self, image: Image, picked: bool) -> None:
        """Make a picture a target, or not."""
        self._say(self._picked, image, picked)
        self.changed.emit()

    def pick_planes(self, image: Image, planes: PlanesPick) -> None:
        """Say which planes of a stack are targets."""
        self._say(self._planes, image, planes)
        self.changed.emit()

    def is_picked(self, image: Image) -> bool:
        """Tell whether a picture is a target."""
        known = self._said(self._picked, image)
        if known is not None:
            return known
        hidden = self._pictures.hidden_channels()
        if any(image in group for group in hidden):
            return False
        only = len(self._pictures.groups()) - len(hidden) == 1
        return only or image.ndim > 2 or not self._holds_reference(image)

    def planes_of(self, image: Image) -> PlanesPick:
        """Return which planes of a stack are targets."""
        known, axes = self._said(self._planes, image), self.axes(image)
        if known is not None and (known.which == "this" or any(axis.axis == known.axis for axis in axes)):
            return known  # else what was picked lies along an axis that is now rows or columns
        return PlanesPick("all", axes[0].axis, 0, axes[0].length) if axes else PlanesPick()

    def axes(self, image: Image) -> list[StackAxis]:
        """Return the axes along which planes can be picked; none for a picture that cannot be read."""
        try:
            return stack_axes(self._viewer, self._pictures.source_over(image))
        except ImageError:
            return []

    def planes(self) -> list[PlaneKey]:
        """Return the planes that Run would label: all that are picked, but not those that are references.

        A picture that cannot be read, or whose one plane that is picked is not shown, is passed over.

        Raises
        ------
        ImageError
            If there is none for such a reason.
        """
        found, errors = self._found()
        painted = self._same((row.plane for row in self._session.references.enabled), found)
        others = [plane for plane in found if plane not in painted] + self._folders.planes()
        if errors and not (others or found):
            raise errors[0]
        return others or found

    def open_planes(self) -> list[PlaneKey]:
        """Return those of `planes` that nobody has accepted, or corrected by points, yet; errors as there."""
        planes = self.planes()
        settled = self._same((target.plane for target in self._session.queue if self._is_settled(target)), planes)
        return [plane for plane in planes if plane not in settled]

    def countable(self) -> tuple[list[PlaneKey], str]:
        """Return the same, or none and the sentence that says why, such as of a picture in 3D."""
        try:
            return self.open_planes(), ""
        except ImageError as error:
            return [], str(error)

    def say_planes(self, image: Image) -> str:
        """Say how many planes of a picture are picked; nothing for a single picture."""
        if not self.axes(image):
            return ""
        try:
            planes = self._picked_planes(image)
        except ImageError:
            return "no plane shown"
        return "this plane" if self.planes_of(image).which == "this" else f"{len(planes)} planes"

    def why_not(self, image: Image) -> str:
        """Say why a picture cannot be read; nothing for one that can."""
        try:
            self._pictures.source_over(image)
        except ImageError as error:
            return str(error)
        return ""

    def shown(self, image: Image) -> PlaneKey:
        """Return the plane of a picture that the viewer shows; ImageError if none."""
        return shown_plane(self._viewer, self._pictures.source_over(image))

    def saved(self) -> dict[str, dict[str, object]]:
        """Return what is picked as JSON-ready values, by layer."""
        names = {*self._picked, *self._planes}
        return {
            name: {
                "picked": self._picked.get(name),
                "planes": asdict(self._planes[name]) if name in self._planes else None,
            }
            for name in names
        }

    def restore(self, saved: Mapping[str, Any], ids: Mapping[str, str]) -> None:
        """Put what `saved` gave in the place of all, for layers opened again under other ids."""
        self._picked, self._planes = {}, {}
        for old, entry in saved.items():
            name = ids.get(old, old)
            if entry["picked"] is not None:
                self._picked[name] = bool(entry["picked"])
            if entry["planes"] is not None:
                self._planes[name] = PlanesPick(**entry["planes"])
        self.changed.emit()

    def _images(self) -> Iterator[Image]:
        return (group[0] for group in self._pictures.groups())

    def _found(self) -> tuple[list[PlaneKey], list[ImageError]]:
        """Return the planes that are picked of pictures in the viewer, and why there are none of some."""
        found: list[PlaneKey] = []
        errors = []
        with self._pictures.at_rest():
            for image in self._images():
                try:
                    found += self._picked_planes(image) if self.is_picked(image) else []
                except ImageError as error:
                    errors.append(error)
        return found, errors

    def _picked_planes(self, image: Image) -> list[PlaneKey]:
        source, pick = self._pictures.source_over(image), self.planes_of(image)
        if not self.axes(image):
            return [nearest_plane(self._viewer, source)]
        if pick.which == "this":
            return [shown_plane(self._viewer, source)]
        stop = source.shape[pick.axis] if pick.which == "all" else min(pick.stop, source.shape[pick.axis])
        start = 0 if pick.which == "all" else pick.start
        at = nearest_plane(self._viewer, source)  # of the place along the other axes
        return planes_of(source, pick.axis, start, stop, pick.step, at=at)

    def _is_settled(self, target: Target) -> bool:
        """Tell whether another answer would throw away what a person decided; paint stays on any answer."""
        if target.state == TargetState.FAILED:
            return False
        return target.state == TargetState.ACCEPTED or self._session.store.is_decided(target.plane)

    def _holds_reference(self, image: Image) -> bool:
        try:
            source = self._pictures.source_over(image)
        except ImageError:
            return False
        return any(self._shows(source, row.plane) for row in self._session.references)

    def _same(self, known: Iterable[PlaneKey], planes: Sequence[PlaneKey]) -> set[PlaneKey]:
        """Return `known` planes, and those of `planes` that show the same because layers are read otherwise by now."""
        names, found = {plane.source for plane in planes}, set()
        now = [source for source in map(self._pictures.sources.get, names) if isinstance(source, LayerSource)]
        for plane in known:
            found.add(plane)
            if plane.source not in names:
                found.update(same for source in now for same in self._shows(source, plane))
        return found

    def _shows(self, source: LayerSource, plane: PlaneKey) -> list[PlaneKey]:
        """Return the planes of a picture as it is read now that show the same as a plane read earlier."""
        if plane.source == source.id:
            return [plane]
        known = self._pictures.sources.get(plane.source)
        return list(known.same_in(source, plane)) if isinstance(known, LayerSource) else []

    def _say(self, known: dict[str, Said], image: Image, said: Said) -> None:
        """Keep what was said of a picture, whichever of its layers comes first later."""
        for layer in self._pictures.group_of(image):
            known.pop(layer_id(layer), None)
        known[layer_id(image)] = said

    def _said(self, known: dict[str, Said], image: Image) -> Said | None:
        names = (layer_id(layer) for layer in self._pictures.group_of(image))
        return next((known[name] for name in names if name in known), None)
