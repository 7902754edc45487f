"""Exemplar packs in the viewer: one that is dragged in becomes references, references become one."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.api.reference import PaintError
from napari_gfsam.bridge.packs import paint_in, pixel_size_of, renumber
from napari_gfsam.controller.runs import add_reference
from napari_gfsam.controller.warmup import import_models

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from napari_gfsam.api import Segmenter
    from napari_gfsam.bridge.packs import PackPaint
    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.controller.run_types import ReferenceInput
    from napari_gfsam.io.packs import PackAbout, PixelSize
    from napari_gfsam.session.types import ClassRow
    from napari_gfsam.workers import JobRunner


class Packs:
    """Takes packs in and writes them. Main thread only; encoding and writing happen on a thread.

    `saved` carries a sentence when a pack is written.
    """

    saved = Signal(str)

    def __init__(self, desk: Desk, jobs: JobRunner) -> None:
        self._desk, self._jobs = desk, jobs
        self._take = desk.guarded(self.take)
        jobs.finished.connect(self.saved.emit)
        jobs.failed.connect(desk.problem.emit)
        desk.viewer.layers.events.inserted.connect(self._on_layer)
        for layer in tuple(desk.viewer.layers):
            self._take(layer)

    def close(self) -> None:
        """Stop listening and writing."""
        self._desk.viewer.layers.events.inserted.disconnect(self._on_layer)
        self._jobs.stop()

    def take(self, layer: Any) -> None:
        """Make the paint of a label layer from a pack a reference, with its classes; other layers are passed over.

        A class of a name that the class table has gets that one's id; one whose id is taken gets the next free one.

        Raises
        ------
        napari_gfsam.imaging.ImageError
            If its picture is gone.
        """
        paint = paint_in(layer)
        if paint is None:
            return
        numbers = self._numbers(paint)
        if any(old != new for old, new in numbers.items()):
            paint = renumber(layer, numbers, paint)
        for row in paint.classes:
            if self._desk.session.classes.get(row.id) is None:
                self._desk.session.classes.put(row)
        self._desk.references.use(layer, ignore=paint.ignore, region_yx=paint.region_yx)

    def save(self, path: Path, about: PackAbout) -> None:
        """Write the references in use as a pack.

        Raises
        ------
        PaintError
            If nothing is painted.
        napari_gfsam.imaging.ImageError
            If a picture is no longer open.
        """
        inputs = self._desk.references.inputs()
        if not inputs:
            raise PaintError("There is no painted reference yet; paint at least one object in a picture first.")
        sizes = [self._pixel_size(one) for one in inputs]
        rows = tuple(self._desk.session.classes)
        self._jobs.start(_saved(path, self._desk.models.segmenter, inputs, rows, sizes, about))

    def _on_layer(self, event: Any) -> None:
        self._take(event.value)

    def _numbers(self, paint: PackPaint) -> dict[int, int]:
        """Return the class ids of now by those of a pack."""
        known = {row.name: row.id for row in self._desk.session.classes}
        taken, numbers = set(known.values()), {}
        for row in paint.classes:
            free = row.id if row.id not in taken else 1 + max(taken | {one.id for one in paint.classes})
            numbers[row.id] = known.get(row.name, free)
            taken.add(numbers[row.id])
        if paint.ignore is not None and paint.ignore in taken:
            numbers[paint.ignore] = 1 + max(taken)
        return numbers

    def _pixel_size(self, reference: ReferenceInput) -> PixelSize | None:
        source: Any = reference.source
        return pixel_size_of(self._desk.sources.layer(reference.plane), source, reference.plane)


def _saved(
    path: Path,
    segmenter: Segmenter,
    inputs: Sequence[ReferenceInput],
    rows: Sequence[ClassRow],
    sizes: Sequence[PixelSize | None],
    about: PackAbout,
) -> Generator[None, None, str]:
    from napari_gfsam.api.packs import features_of, pack_of
    from napari_gfsam.io.packs import write_pack

    for _ in import_models():
        yield
    own = segmenter.sibling()
    for reference in inputs:
        yield
        add_reference(own, reference)
    colors = {row.id: row.color for row in rows}
    pack = pack_of(own.references, own.classes, about=about, colors=colors, pixel_sizes=sizes)
    fully = {row.id: row.painted_fully for row in rows}
    classes = tuple(replace(one, painted_fully=fully.get(one.id)) for one in pack.classes)
    yield
    features = (features_of(own.backend, own.references),)
    yield
    write_pack(path, replace(pack, classes=classes, features=features))
    count = len(inputs)
    return f"{count} reference{'s'[: count - 1]} saved in {path.name!r}."
