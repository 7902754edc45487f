"""Painted references of stacks as files: flat pictures, single planes, and label stacks with paint on some planes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from napari_gfsam.cli.errors import UsageError
from napari_gfsam.cli.inputs import class_specs_of, region_of
from napari_gfsam.datasets.pictures import Painting, absolute, add_painting, read_label_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_gfsam.api import Segmenter
    from napari_gfsam.cli.segment import SegmentOptions
    from napari_gfsam.core.types import ClassSpec
    from napari_gfsam.imaging import PixelRecipe
    from napari_gfsam.io.records import InputRecord


@dataclass(frozen=True, slots=True, eq=False)
class StackPaint:
    """A painted picture: `planes` by place where it is a stack, ``None`` where it is flat."""

    image: Path
    labels: Path
    planes: Mapping[int, NDArray[Any]] | None


def read_paint(options: SegmentOptions) -> list[StackPaint]:
    """Read the paint of all references.

    Raises
    ------
    UsageError
        If options do not fit together.
    ValueError
        If a file cannot be read (`io.readers.ImageFileError`).
    """
    if len(options.reference) != len(options.labels):
        raise UsageError(
            f"There are {len(options.reference)} --reference and {len(options.labels)} --labels; give one for each."
        )
    named = options.reference_plane
    if len(named) not in (0, 1, len(options.reference)):
        raise UsageError(f"There are {len(named)} --reference-plane; give one for all or one for every --reference.")
    if len(options.region) > 1:
        raise UsageError("With --stack-axis one --region holds for all references; give it once.")
    planes: Sequence[int | None] = named if len(named) > 1 else [*named, None][:1] * len(options.reference)
    pairs = zip(options.reference, options.labels, planes, strict=True)
    return [_read(image, labels, options.stack_axis or 0, plane) for image, labels, plane in pairs]


def add_paint(segmenter: Segmenter, paint: StackPaint, options: SegmentOptions, recipe: PixelRecipe) -> None:
    """Give a segmenter a painted picture, or every painted plane of a stack that is not the target itself.

    Raises
    ------
    ValueError
        If a file cannot be read or the paint cannot serve; the sentence names the files.
    """
    from napari_gfsam.io.stacks import open_stack

    region = region_of(options.region[0]) if options.region else None
    if paint.planes is None:
        add_painting(
            segmenter, Painting(paint.image, paint.labels, classes_of(options), options.ignore, region), recipe
        )
        return
    with open_stack(paint.image, options.stack_axis or 0) as stack:
        if stack.channel_axis is not None and recipe.channel_axis is None:
            recipe = replace(recipe, channel_axis=stack.channel_axis)
        for place, labels in paint.planes.items():
            require_plane(paint, place, len(stack))
            try:
                pixels = stack.plane(place)
                segmenter.add_reference(
                    pixels,
                    labels,
                    classes=classes_of(options),
                    ignore=options.ignore,
                    region_yx=region,
                    recipe=recipe,
                    records=_records(paint, place, pixels, labels),
                )
            except ValueError as error:
                raise ValueError(f"{paint.image}, plane {place}, with {paint.labels}: {error}") from error


def _records(
    paint: StackPaint, place: int, pixels: NDArray[Any], labels: NDArray[Any]
) -> tuple[InputRecord, InputRecord]:
    """Describe a painted plane; pictures in tiles go by how large its pixels are."""
    from napari_gfsam.imaging import array_hash
    from napari_gfsam.io.pixel_sizes import read_pixel_size
    from napari_gfsam.io.records import InputRecord, labels_hash

    path, name, size = str(absolute(paint.image)), f"{paint.image.name} [{place}]", read_pixel_size(paint.image)
    image = InputRecord(name, array_hash(pixels), pixels.shape, path, pixel_size=size)
    return image, InputRecord(f"paint [{place}]", labels_hash(labels), labels.shape)


def is_of(paint: StackPaint, target: Path) -> bool:
    """Tell whether paint lies on planes of the target itself."""
    return paint.planes is not None and absolute(paint.image) == absolute(target)


def require_plane(paint: StackPaint, place: int, count: int) -> None:
    """Raise UsageError if a stack has no such plane."""
    if not 0 <= place < count:
        raise UsageError(f"{paint.image} has planes 0 to {count - 1}, not {place} (from {paint.labels}).")


def classes_of(options: SegmentOptions) -> tuple[ClassSpec, ...]:
    """Return the classes that the options name."""
    return tuple(class_specs_of(options.classes, options.negative))


def _read(image: Path, labels: Path, axis: int, plane: int | None) -> StackPaint:
    from napari_gfsam.io.readers import ImageFileError

    if plane is not None:
        return StackPaint(image, labels, {plane: read_label_file(labels)[0]})
    planes = _painted_planes(labels, axis)
    if planes is None:
        return StackPaint(image, labels, None)
    if not planes:
        raise ImageFileError(f"{labels} is painted on none of its planes; paint at least one object on one plane.")
    return StackPaint(image, labels, planes)


def _painted_planes(labels: Path, axis: int) -> dict[int, NDArray[Any]] | None:
    """Return the planes of a label stack that hold paint; ``None`` if the file is flat."""
    from napari_gfsam.io.stacks import is_stack, open_label_stack

    if not is_stack(labels):
        return None
    with open_label_stack(labels, axis) as stack:
        planes = ((place, stack.plane(place)) for place in range(len(stack)))
        return {place: plane for place, plane in planes if plane.any()}
