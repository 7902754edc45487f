"""Exemplar packs: the references of a segmenter to one file and back, with the features of its encoder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from napari_gfsam.api.reference import PaintError, Painting, make_reference
from napari_gfsam.core.types import ClassSpec
from napari_gfsam.imaging import ImageError, PixelRecipe
from napari_gfsam.imaging.colors import class_color
from napari_gfsam.io.packs import (
    Pack,
    PackAbout,
    PackClass,
    PackError,
    PackFeatures,
    PackReference,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_gfsam.api.backend import Backend
    from napari_gfsam.api.reference import Reference, Region
    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.io.packs import PixelSize
    from napari_gfsam.io.records import ReferenceRecord


def pack_of(
    references: Sequence[Reference],
    classes: Sequence[ClassSpec],
    *,
    about: PackAbout | None = None,
    colors: Mapping[int, Rgb] | None = None,
    pixel_sizes: Sequence[PixelSize | None] = (),
) -> Pack:
    """Return references as a pack without features.

    Parameters
    ----------
    references
        Painted pictures.
    classes
        All their classes.
    about
        What the author says.
    colors
        By class id; those of the palette where none is given.
    pixel_sizes
        One a reference; as their records say when none is given.
    """
    sizes = pixel_sizes or [one.record.image.pixel_size for one in references]
    known = colors or {}
    return Pack(
        references=tuple(
            PackReference(one.rgb, one.labels, one.record, size) for one, size in zip(references, sizes, strict=True)
        ),
        classes=tuple(
            PackClass(spec.id, spec.name, known.get(spec.id, class_color(spec.id)), spec.negative) for spec in classes
        ),
        about=about or PackAbout(),
    )


def features_of(backend: Backend, references: Sequence[Reference]) -> PackFeatures:
    """Return what the encoder sees in references, encoded now if they were not."""
    tokens = backend.tokens_of([one.model_input for one in references])
    return PackFeatures(
        backend.records[0].id, *backend.identity(), tokens=tuple(rows.detach().cpu().numpy() for rows in tokens)
    )


def references_in(pack: Pack, path: Path | None = None) -> tuple[Reference, ...]:
    """Return the references of a pack, as a segmenter takes them.

    Parameters
    ----------
    pack
        From `io.packs.read_pack`.
    path
        Where it came from, for run records: a run can be repeated from it.

    Raises
    ------
    PackError
        If what it holds cannot serve as a reference.
    """
    try:
        return tuple(_reference(one, path) for one in pack.references)
    except (PaintError, ImageError) as error:
        raise PackError(f"{path or 'The pack'} holds a reference that cannot serve: {error}") from error


def offer_features(backend: Backend, references: Sequence[Reference], features: Sequence[PackFeatures]) -> None:
    """Give a backend the features of references; those of another encoder than its own are never used."""
    import torch

    for made in features:
        identity = (made.weights_hash, made.precision, made.resize_version)
        for reference, rows in zip(references, made.tokens, strict=True):
            backend.offer_tokens(reference.model_input, identity, torch.from_numpy(rows.copy()))


def _reference(stored: PackReference, path: Path | None) -> Reference:
    record = replace(stored.record, image=replace(stored.record.image, pixel_size=stored.pixel_size))
    specs = [ClassSpec(one.id, one.name, one.negative) for one in record.classes]
    painting = Painting(specs, record.ignore, _region(record))
    made = make_reference(stored.picture, stored.labels, painting, PixelRecipe(), record.image, record.labels)
    return replace(made, record=record if path is None else _placed(record, path))


def _region(record: ReferenceRecord) -> Region | None:
    if record.region_yx is None:
        return None
    top, left, bottom, right = record.region_yx
    return top, left, bottom, right


def _placed(record: ReferenceRecord, path: Path) -> ReferenceRecord:
    """Return a record whose inputs are found in the pack, so that a run can be repeated."""
    place = str(path.expanduser().resolve())
    return replace(record, image=replace(record.image, path=place), labels=replace(record.labels, path=place))
