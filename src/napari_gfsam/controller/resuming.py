"""Going on with an earlier session: its pictures opened, its layers made again, its state as it was."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from napari_gfsam.bridge.facts import set_facts
from napari_gfsam.bridge.identity import find_layer, layer_id, our_layers
from napari_gfsam.bridge.ours import OVER_SOURCE, Role
from napari_gfsam.bridge.paint import paint_on
from napari_gfsam.bridge.proposals import takes, write_plane, write_planes
from napari_gfsam.bridge.reopen import reopen
from napari_gfsam.controller.files import FileSource
from napari_gfsam.imaging import ImageError
from napari_gfsam.sentences import is_expected, sentence_of
from napari_gfsam.session.painting import AcceptMode

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from napari.layers import Labels, Layer

    from napari_gfsam.bridge.ahead import Ahead
    from napari_gfsam.bridge.reopen import Reopened
    from napari_gfsam.bridge.sources import LayerSource
    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.controller.snapshots import Snapshots
    from napari_gfsam.session import Resumed
    from napari_gfsam.session.saved import SavedLayer, SavedSource
    from napari_gfsam.session.types import PlaneKey, ReferenceRow

Found = TypeVar("Found")
#: Of a step on the main thread that waits for a thread.
WAIT_SECONDS = 0.005
#: What a person set on our label layers.
LOOKS = ("name", "opacity", "visible")


class Resuming:
    """One return to an earlier session; used once, on the main thread.

    Parameters
    ----------
    desk
        Where the work goes on; all its state is replaced.
    snapshots
        Of the desk.
    resumed
        What `Session.resume` read.
    ahead
        Pictures that were read already.
    """

    def __init__(self, desk: Desk, snapshots: Snapshots, resumed: Resumed, ahead: Ahead | None = None) -> None:
        self._desk, self._snapshots, self._resumed, self._ahead = desk, snapshots, resumed, ahead
        self._lost: list[str] = list(resumed.lost)
        self._ids: dict[str, str] = {}

    def steps(self) -> Generator[float, None, tuple[str, ...]]:
        """Bring everything back, a picture or a plane at a time.

        Yields
        ------
        What is done, 0 to 1.

        Returns
        -------
        A sentence for everything that could not be brought back.
        """
        saved, desk = self._resumed.saved, self._desk
        self._clear()
        found: Reopened = yield from _at(0.1, reopen(desk.viewer, saved.layers, self._resumed.picture, self._ahead))
        self._lost += found.lost
        self._ids |= {name: layer_id(layer) for name, layer in found.layers.items()}
        self._choose()
        self._take_sources(found)
        self._resumed = self._resumed.renamed(self._ids)
        desk.session.restore(self._resumed)
        loading = self._load_current()
        desk.folders.know(self._planes())
        yield 0.3
        yield from _at(0.4, self._bring_accepted())
        yield from _at(0.6, self._bring_references(found))
        yield from _at(0.7, self._bring_proposals())
        self._snapshots.remember(self._resumed.saved, {layer_id(layer): layer for layer in found.layers.values()})
        self._delete_old_arrays()
        yield from _at(0.8, loading)
        yield from _at(0.9, self._go_to_current())
        return tuple(self._lost)

    def _clear(self) -> None:
        """Take away what belongs to other work; layers of this very session (the dock was closed meanwhile) stay."""
        desk = self._desk
        desk.rerun.forget()
        desk.correcting.hide()
        desk.folders.close()
        known = {one.id for one in self._resumed.saved.layers}
        for wanted in OVER_SOURCE:
            for layer in our_layers(desk.viewer, wanted):
                if layer_id(layer) not in known:
                    desk.viewer.layers.remove(layer)

    def _choose(self) -> None:
        choices: dict[str, Any] = dict(self._resumed.saved.choices)
        desk = self._desk
        try:
            desk.pictures.restore(choices["pictures"], self._ids)
            desk.targets.restore(choices["targets"], self._ids)
            desk.folders.restore(choices["folders"])
            desk.review.mode = AcceptMode(choices["mode"])
            desk.stacks.smooth = bool(choices.get("smooth", False))
            desk.models.use_settings(choices["settings"])
            desk.models.use_scale(str(choices.get("scale", "whole")))
            desk.models.use(**choices["model"])
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            self._lost.append(f"Not all that was chosen in the dock is as it was ({error}).")

    def _take_sources(self, found: Reopened) -> None:
        for source in self._resumed.saved.sources:
            layers: list[Any] = [found.layers[name] for name in source.layers if name in found.layers]
            if not layers or len(layers) < len(source.layers):
                continue
            options: dict[str, Any] = dict(source.options)
            try:
                taken = self._desk.sources.take(*layers, **options, intensity=self._desk.pictures.intensity)
            except ImageError as error:
                self._lost.append(str(error))
            else:
                self._take_source(source, taken)
        self._desk.ours.rename(self._ids)

    def _take_source(self, source: SavedSource, taken: LayerSource) -> None:
        """Go on with a picture under its id of now; with one that has another shape now, nothing goes on."""
        if source.shape and source.shape != taken.shape:
            size, before = (" x ".join(map(str, shape)) for shape in (taken.shape, source.shape))
            self._lost.append(f"{taken.name!r} is {size} now, and not {before}; its earlier work stays saved.")
        elif taken.id not in self._ids.values():
            self._ids[source.id] = taken.id

    def _planes(self) -> list[PlaneKey]:
        return list(self._resumed.saved.labels)

    def _open_planes(self, planes: list[PlaneKey]) -> Iterator[tuple[str, list[PlaneKey]]]:
        """Walk the pictures that are open, each with its planes."""
        for source, group in groupby(sorted(planes, key=_source), key=_source):
            of_source = list(group)
            if self._desk.sources.is_open(of_source[0]):
                yield source, of_source

    def _bring_accepted(self) -> Iterator[None]:
        desk = self._desk
        for plane in self._planes():
            labels = self._resumed.labels(plane)
            if labels is not None and isinstance(desk.sources.get(plane.source), FileSource):
                desk.folders.set_accepted(plane, labels)
        for source, planes in self._open_planes(self._planes()):
            if desk.ours.find(Role.ACCEPTED, source) is not None:  # it never went away: newer than what was saved
                self._snapshots.put_back(planes)
                continue
            kept = [plane for plane in planes if self._resumed.has_labels(plane)]
            if kept:
                yield
                layer = desk.sheets.layer(Role.ACCEPTED, planes[0])
                for plane in kept:
                    yield
                    labels = self._resumed.labels(plane)
                    if labels is not None and takes(layer, plane, labels.shape):
                        write_plane(layer, plane, labels, draw=False)
                layer.refresh()
                _dress(layer, self._over(source, Role.ACCEPTED))

    def _bring_references(self, found: Reopened) -> Iterator[None]:
        """Give every reference its label layer: the one that is there, or else one of ours with the saved paint.

        Paint of references that were taken off the list comes back, too.
        """
        known = self._desk.session.references
        painted = [row for row in known.removed if self._resumed.paint(row.id) is not None]
        for (name, _), group in groupby(sorted([*known, *painted], key=_layer_and_source), key=_layer_and_source):
            of_layer = list(group)
            yield
            if not self._desk.sources.is_open(of_layer[0].plane) or self._is_there(name, of_layer, found):
                continue
            layer = self._new_paint(self._described(name), of_layer)
            for row in of_layer:
                known.replace(row.id, labels_layer=layer_id(layer))

    def _is_there(self, name: str, rows: list[ReferenceRow], found: Reopened) -> bool:
        """Tell whether a label layer holds the paint; one just opened from its file may be older than the paint."""
        desk, layer = self._desk, find_layer(self._desk.viewer, name)
        if layer is None or layer not in found.opened:
            return layer is not None
        for row in rows:
            paint = self._resumed.paint(row.id)
            if paint is not None and not np.array_equal(
                paint_on(desk.viewer, layer, desk.sources.of(row.plane), row.plane), paint
            ):
                layer.visible = False
                return False
        return True

    def _new_paint(self, one: SavedLayer | None, rows: list[ReferenceRow]) -> Labels:
        desk, first = self._desk, rows[0].plane
        if one is not None and one.role == Role.ACCEPTED.value:
            return desk.sheets.layer(Role.ACCEPTED, first)
        source = desk.sources.of(first)
        layer = desk.ours.add_labels(Role.REFERENCE, desk.sources.layer(first), source.id, source.shape)
        paint = [(row.plane, found) for row in rows if (found := self._resumed.paint(row.id)) is not None]
        write_planes(layer, [(plane, labels) for plane, labels in paint if takes(layer, plane, labels.shape)])
        if find_layer(desk.viewer, rows[0].labels_layer) is None:
            _dress(layer, one)
        return layer

    def _bring_proposals(self) -> Iterator[None]:
        """Show what was proposed: a layer that is made now is filled by `Sheets`, one that stayed is newer."""
        for source, planes in self._open_planes(list(self._desk.session.proposals)):
            yield
            if not self._desk.sheets.adopt(source):
                _dress(self._desk.sheets.layer(Role.PROPOSAL, planes[0]), self._over(source, Role.PROPOSAL))

    def _described(self, name: str) -> SavedLayer | None:
        return next((one for one in self._resumed.saved.layers if one.id == name), None)

    def _over(self, source: str, wanted: Role) -> SavedLayer | None:
        """Return the description of our layer of a role over a picture, by the picture's id of now."""
        ours = (one for one in self._resumed.saved.layers if one.role == wanted.value)
        return next((one for one in ours if self._ids.get(home := str(one.facts.get("source")), home) == source), None)

    def _delete_old_arrays(self) -> None:
        """Delete the files of large label layers of the process before: they were written anew."""
        names = (getattr(layer.data, "filename", None) for layer in our_layers(self._desk.viewer))
        used = {Path(name) for name in names if name is not None}
        for path in (self._desk.session.folder.path / "arrays").glob("*.npy"):
            if path not in used:
                with suppress(OSError):  # in use on Windows
                    path.unlink()

    def _load_current(self) -> Iterator[None]:
        """Begin to read the prediction under review on a thread; what is returned waits for it."""
        session, current = self._desk.session, self._resumed.saved.current
        pool = ThreadPoolExecutor(1, "napari-gfsam current")
        ahead = [] if current is None else [pool.submit(session.store.get, current)]
        pool.shutdown(wait=False)
        return (None for future in ahead for _ in iter(partial(_is_done, future), True))

    def _go_to_current(self) -> Iterator[None]:
        session, current = self._desk.session, self._resumed.saved.current
        if current is None or current not in session.queue:
            return
        try:
            yield from self._desk.review.going_to(current)
        except (ValueError, OSError) as error:
            if not is_expected(error):
                raise
            self._lost.append(sentence_of(error))
            session.queue.current = None


def _is_done(future: Future[Any]) -> bool:
    """Tell whether something is done; waits a moment for it. Its errors come again where it is asked for."""
    return bool(wait([future], timeout=WAIT_SECONDS).done)


def _at(done: float, steps: Generator[None, None, Found] | Iterator[None]) -> Generator[float, None, Found]:
    """Say the same of all steps of a part; return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as last:
            found: Found = last.value
            return found
        yield done


def _source(plane: PlaneKey) -> str:
    return plane.source


def _layer_and_source(row: ReferenceRow) -> tuple[str, str]:
    return row.labels_layer, row.plane.source


def _dress(layer: Layer, one: SavedLayer | None) -> None:
    """Set name, opacity and visibility of a layer made again."""
    if one is not None:
        set_facts(layer, {name: one.facts[name] for name in LOOKS if name in one.facts})
