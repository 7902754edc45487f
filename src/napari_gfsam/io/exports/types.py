"""What is exported: a label image with all that is known of it. Plain data; no library of any format is needed here."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import PurePath, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.imaging.colors import class_color
from napari_gfsam.io.parts import in_parts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from napari_gfsam.imaging.colors import Rgb
    from napari_gfsam.io.records import RunRecord

#: Letters of axes by their number, when a file does not name them.
AXES = {2: "yx", 3: "zyx", 4: "tzyx", 5: "tczyx"}
_UNSAFE = re.compile(r"[^\w.\- ]+")


class ExportError(ValueError):
    """Labels that cannot be exported so; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class ExportClass:
    """A class as it is exported.

    Parameters
    ----------
    id
        Its label value, 1 or more.
    name
        For people; any text.
    color
        (red, green, blue) from 0 to 255.
    score
        Confidence of the answer, ``None`` where none is known.
    """

    id: int
    name: str
    color: Rgb
    score: float | None = None

    @property
    def hex_color(self) -> str:
        """The colour as ``#rrggbb``."""
        return "#{:02x}{:02x}{:02x}".format(*self.color)


@dataclass(frozen=True, slots=True)
class Georeference:
    """Where a picture lies on the earth.

    Parameters
    ----------
    crs_wkt
        Coordinate reference system.
    transform
        (a, b, c, d, e, f): the corner (column, row) of a pixel lies at x = a column + b row + c, y = d column + e row
        + f; the upper left corner of the first pixel is (0, 0).
    shape
        (H, W) of the picture in pixels.
    source
        The file that says so.
    """

    crs_wkt: str
    transform: tuple[float, float, float, float, float, float]
    shape: tuple[int, int]
    source: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class LabelSheet:
    """A label image or stack with all that is known of it; made by `label_sheet`.

    Parameters
    ----------
    labels
        (..., H, W) class ids, 0 = background.
    name
        What its output files are called, without suffix: a plain file name, never a path.
    classes
        Every class that occurs, by id, and those that do not but are known.
    picture
        File name of the picture that is labelled, without folders.
    picture_path
        Its whole path with forward slashes, empty where it is not known: tells pictures of one name apart, and of it
        sets name no more folders than that takes.
    instances
        Like `labels`: the number of the object that holds a pixel, 0 for none; ``None`` where objects are not told
        apart, so that connected pieces count.
    scores
        Confidence by object number, where it is known.
    axes
        One letter an axis, of t, c, z, y and x.
    scale
        Size of a pixel along every axis; 1 where it is not known.
    units
        Of `scale`, one an axis, such as ``micrometer``; empty where they are not known.
    translate
        Where the centre of the first pixel lies, in `units`; 0 where it is not known.
    georeference
        Where the picture lies on the earth.
    record
        How the labels were made.
    notes
        Sentences about what could not be used.
    """

    labels: NDArray[np.integer[Any]]
    name: str
    classes: tuple[ExportClass, ...]
    picture: str = ""
    picture_path: str = ""
    instances: NDArray[np.integer[Any]] | None = None
    scores: Mapping[int, float] = field(default_factory=dict)
    axes: str = "yx"
    scale: tuple[float, ...] = ()
    units: tuple[str, ...] = ()
    translate: tuple[float, ...] = ()
    georeference: Georeference | None = None
    record: RunRecord | None = None
    notes: tuple[str, ...] = ()

    def planes(self) -> Iterator[LabelSheet]:
        """Walk the (H, W) planes of a stack, each a sheet of its own; a single plane is yielded as it is."""
        if self.labels.ndim == 2:
            yield self
            return
        for number, index in enumerate(np.ndindex(self.labels.shape[:-2])):
            end = f"_p{number:04d}"
            picture = PurePosixPath(self.picture or self.name)
            yield replace(
                self,
                labels=self.labels[index],
                instances=None if self.instances is None else self.instances[index],
                name=f"{self.name}{end}",
                picture=f"{picture.stem}{end}{picture.suffix}",
                axes="yx",
                scale=self.scale[-2:],
                units=self.units[-2:],
                translate=self.translate[-2:],
            )


def label_sheet(labels: NDArray[Any], name: str, classes: Iterable[ExportClass] = (), **more: Any) -> LabelSheet:
    """Return a sheet whose class table names every id that occurs: "class 3" where nobody did.

    Parameters
    ----------
    labels
        (..., H, W) integers, 0 or more.
    name
        A plain file name (see `safe_name`).
    classes
        Known classes.
    **more
        The other fields of `LabelSheet`.

    Raises
    ------
    ExportError
        If the array is no label image, the name is a path, or the instances or the georeference are of another size.
    """
    _check_labels(labels, name)
    if name != safe_name(name):
        raise ExportError(f"{name!r} is no plain file name; choose one of letters, digits, dots, dashes or spaces.")
    known = {one.id: one for one in classes if one.id > 0}
    for found in present_ids(labels):
        known.setdefault(found, ExportClass(found, default_name(found), class_color(found)))
    more.setdefault("axes", AXES.get(labels.ndim, ""))
    sheet = LabelSheet(labels, name, tuple(known[key] for key in sorted(known)), **more)
    _check_sizes(sheet)
    return sheet


def safe_name(text: str, *, longest: int = 200, otherwise: str = "labels") -> str:
    """Return a plain file name from any text: no separators, no control characters, never hidden, never empty.

    Parameters
    ----------
    text
        Any.
    longest
        So many bytes at most, as UTF-8, which is what file systems count.
    otherwise
        The name where nothing is left.
    """
    plain = _UNSAFE.sub("_", text).strip(" .").encode()[:longest]
    return plain.decode(errors="ignore").strip(" .") or otherwise  # a character that was cut through goes


def plain_name(text: str) -> str:
    """Return the last part of what may be a path of any system."""
    return PurePath(text.replace("\\", "/")).name


def default_name(class_id: int) -> str:
    """Return what a class is called that nobody named."""
    return f"class {class_id}"


def present_ids(labels: NDArray[np.integer[Any]]) -> list[int]:
    """Return the ids that occur, without 0."""
    found: set[int] = set()
    for part in in_parts(labels):
        found.update(np.unique(part).tolist())
    return sorted(found - {0})


def smallest_ids(labels: NDArray[np.integer[Any]]) -> NDArray[np.unsignedinteger[Any]]:
    """Return the ids as uint8, or as uint16 or uint32 where they need it; the array itself where it is of that type.

    Raises
    ------
    ExportError
        If an id is above 4294967295.
    """
    top = int(labels.max(initial=0))
    if top > np.iinfo(np.uint32).max:
        raise ExportError(f"Label ids run from 0 to {np.iinfo(np.uint32).max}, not to {top}.")
    return labels.astype(np.uint8 if top < 256 else np.uint16 if top < 65536 else np.uint32, copy=False)


def _check_labels(labels: NDArray[Any], name: str) -> None:
    if labels.ndim not in AXES or labels.dtype.kind not in "bui" or labels.size == 0:
        raise ExportError(
            f"{name}: labels are whole numbers in two axes or a stack of them, not {labels.dtype} of {labels.shape}."
        )
    if int(labels.min()) < 0:
        raise ExportError(f"{name}: labels run from 0, not from {labels.min()}.")


def _check_sizes(sheet: LabelSheet) -> None:
    shape = sheet.labels.shape
    if sheet.instances is not None and sheet.instances.shape != shape:
        raise ExportError(
            f"{sheet.name}: labels {shape} and instances {sheet.instances.shape} must have the same size."
        )
    place = sheet.georeference
    if place is not None and place.shape != shape[-2:]:
        raise ExportError(
            f"{sheet.name}: the labels are {shape[-2:]} pixels and {place.source} is {place.shape}; "
            "name the picture that the labels were made from."
        )
