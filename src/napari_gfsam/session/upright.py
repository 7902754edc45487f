"""Sessions of the time when a view on its side made other planes: what was saved of those, upright."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from napari_gfsam.session.packing import pack

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from napari_gfsam.session.packing import PackedPlane
    from napari_gfsam.session.saved import SavedPlane, SavedReference, SavedSession, SavedTarget
    from napari_gfsam.session.types import PlaneKey

Entry = TypeVar("Entry")


class Upright:
    """Turns what was saved of planes on their side.

    Parameters
    ----------
    planes
        Label planes by name.
    keep
        Takes a turned plane on the shelf and returns its name.

    Attributes
    ----------
    planes
        With those that were turned.
    lost
        One sentence for everything that cannot be turned, for people.
    """

    def __init__(self, planes: Mapping[str, PackedPlane], keep: Callable[[PackedPlane], str]) -> None:
        self.planes, self._keep = dict(planes), keep
        self.lost: list[str] = []

    def session(self, saved: SavedSession) -> SavedSession:
        """Return a description without planes on their side; where a plane was there in both ways, the upright one."""
        targets = _each(saved.targets, lambda one: one.target.plane, self._target)
        planes = {one.target.plane for one in targets}
        beside = _each(saved.beside, lambda one: one.plane, self._beside)
        return replace(
            saved,
            references=_each(
                saved.references, lambda one: one.row.plane, self._reference, lambda one: one.row.labels_layer
            ),
            targets=targets,
            beside=tuple(one for one in beside if one.plane not in planes),
            current=None if saved.current is None else saved.current.upright,
        )

    def _reference(self, one: SavedReference) -> SavedReference:
        region = one.row.region_yx
        if region is not None:
            top, left, bottom, right = region
            region = left, top, right, bottom
        row = replace(one.row, plane=one.row.plane.upright, region_yx=region)
        return replace(one, row=row, paint=self._turned(one.paint))

    def _target(self, one: SavedTarget) -> SavedTarget:
        if one.prediction:
            self.lost.append(f"{one.target.title} was looked at on its side; run it again to correct it.")
        return replace(
            one,
            target=replace(one.target, plane=one.target.plane.upright),
            merged=self._turned(one.merged),
            paint=self._turned(one.paint),
            labels=self._turned(one.labels),
            written=self._turned(one.written),
            prediction="",
            decisions=(),
            read_otherwise=False,
        )

    def _beside(self, one: SavedPlane) -> SavedPlane:
        paint, labels = self._turned(one.paint), self._turned(one.labels)
        return replace(one, plane=one.plane.upright, paint=paint, labels=labels)

    def _turned(self, name: str) -> str:
        """Return the name of the turned plane; of one that is not there, its own."""
        if name not in self.planes:
            return name
        turned = pack(self.planes[name].unpack().T)
        new = self._keep(turned)
        self.planes[new] = turned
        return new


def _each(
    entries: Iterable[Entry],
    plane_of: Callable[[Entry], PlaneKey],
    turn: Callable[[Entry], Entry],
    within: Callable[[Entry], Hashable] = lambda _: None,
) -> tuple[Entry, ...]:
    """Turn the entries that are on their side, but for those that are there upright too."""
    entries = tuple(entries)
    known = {(plane_of(one), within(one)) for one in entries}
    found = []
    for one in entries:
        plane = plane_of(one)
        if plane == plane.upright:
            found.append(one)
        elif (plane.upright, within(one)) not in known:
            found.append(turn(one))
    return tuple(found)
