"""The run record: what made a label image, kept as JSON beside it, enough to make it again."""

# Annotations are read when a record is built, so they are not postponed here.
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from napari_gfsam.io.parts import in_parts, row_bands
from napari_gfsam.io.schema import build

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.imaging import PictureSource

FORMAT = "napari-gfsam-run/1"


class RecordError(ValueError):
    """A run record that cannot be read; the message is one sentence for the user."""


@dataclass(frozen=True, slots=True)
class ModelRecord:
    """A model that took part.

    Parameters
    ----------
    id
        Name in the registry.
    sha256
        Of its weights; ``None`` where no hash is known in advance.
    """

    id: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class ClassRecord:
    """A class: its label value, its name, and whether it is erased from the answer."""

    id: int
    name: str
    negative: bool = False


@dataclass(frozen=True, slots=True)
class PixelSize:
    """How large a pixel is.

    Parameters
    ----------
    height, width
        Of a pixel, in `unit`.
    unit
        Such as ``micrometer``.
    """

    height: float
    width: float
    unit: str


@dataclass(frozen=True, slots=True)
class InputRecord:
    """A picture or label image that was read.

    Parameters
    ----------
    name
        For people: the layer's or the file's name.
    content_hash
        Of the array as it was read: `imaging.array_hash` for pictures, `labels_hash` for label images.
    shape
        Of that array.
    path
        Absolute path of the file; empty for an array that came from no file.
    relative_path
        The same from the folder of the record, with forward slashes; empty if there is none.
    pixel_size
        Where it is known.
    """

    name: str
    content_hash: str
    shape: tuple[int, ...] = ()
    path: str = ""
    relative_path: str = ""
    pixel_size: PixelSize | None = None


@dataclass(frozen=True, slots=True)
class ReferenceRecord:
    """A painted picture.

    Parameters
    ----------
    image, labels
        What was read.
    classes
        The classes it shows.
    ignore
        Label value that counts neither as object nor as background.
    region_yx
        (y0, x0, y1, x1), end excluded: all outside counts neither as object nor as background.
    recipe
        `imaging.PixelRecipe.as_dict()`.
    """

    image: InputRecord
    labels: InputRecord
    classes: tuple[ClassRecord, ...] = ()
    ignore: int | None = None
    region_yx: tuple[int, ...] | None = None
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DecisionRecord:
    """A decision of a person, in the order in which they were made.

    Parameters
    ----------
    kind
        ``status`` (of one prompt), ``cluster_status``, ``point`` (added by hand) or ``move`` (of a cluster).
    class_id
        The class.
    index
        Number of the prompt or cluster; ``None`` for a new point.
    status
        New `core.types.Status` value; ``None`` for a new point or a move.
    point_yx
        (row, column) of a new point.
    positive
        Whether a new point says "this" or "not this".
    to_class
        The class that a cluster was moved to.
    """

    kind: str
    class_id: int
    index: int | None = None
    status: int | None = None
    point_yx: tuple[float, ...] | None = None
    positive: bool = True
    to_class: int | None = None


@dataclass(frozen=True, slots=True)
class ClassResult:
    """What came out for a class.

    Parameters
    ----------
    id
        The class.
    prompts, clusters, accepted
        Numbers of prompts, of clusters and of prompts whose mask is in the answer.
    pixels
        Pixels of the class in the label image.
    score
        Confidence of the answer.
    reason
        Why it is empty, else an empty string.
    """

    id: int
    prompts: int
    clusters: int
    accepted: int
    pixels: int
    score: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TilingRecord:
    """How a picture was cut.

    Parameters
    ----------
    tile, overlap
        (height, width) of the target's tiles and (rows, columns) that neighbours share at least, target pixels.
    view
        (height, width) of the references' tiles, reference pixels.
    span
        Cells that the painted objects span in a whole reference.
    """

    tile: tuple[int, ...]
    overlap: tuple[int, ...]
    view: tuple[int, ...]
    span: float


@dataclass(frozen=True, slots=True)
class RunRecord:
    """How a label image was made.

    Parameters
    ----------
    version
        Of napari-gfsam.
    models
        The models, in the order encoder, segmenter.
    settings
        `core.config.GFSAMConfig.as_dict()`.
    references
        The painted pictures, in order.
    target
        The picture that was segmented.
    recipe
        `imaging.PixelRecipe.as_dict()` of the target.
    decisions
        Decisions of a person.
    seconds
        Seconds by stage.
    results
        By class.
    labels_hash
        `labels_hash` of the label image.
    labels_file
        Name of the label image beside the record; empty if it was not written.
    stack
        How the planes of a stack were put together; empty for a single picture.
    environment
        Versions and device, for people who look for the cause of a difference.
    tiling
        How the target was cut; ``None`` where it was looked at whole.
    format
        Of the record itself.
    """

    version: str
    models: tuple[ModelRecord, ...]
    settings: Mapping[str, str | int | None]
    references: tuple[ReferenceRecord, ...]
    target: InputRecord
    recipe: Mapping[str, Any] = field(default_factory=dict)
    decisions: tuple[DecisionRecord, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)
    results: tuple[ClassResult, ...] = ()
    labels_hash: str = ""
    labels_file: str = ""
    stack: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    tiling: TilingRecord | None = None
    format: str = FORMAT

    def as_dict(self) -> dict[str, Any]:
        """Return the record as JSON-ready values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Build a record from `as_dict`.

        Raises
        ------
        RecordError
            If a field is missing, unknown or of the wrong kind, or the format is another one.
        """
        if not isinstance(data, dict) or not str(data.get("format", "")).startswith("napari-gfsam-run/"):
            raise RecordError("This is not a run record of napari-gfsam (it has no such 'format').")
        if data["format"] != FORMAT:
            raise RecordError(f"The record has the format {data['format']!r}, this version reads {FORMAT!r}.")
        try:
            record: Self = build(cls, data)
        except ValueError as error:
            raise RecordError(f"The run record is damaged: {error}") from error
        return record


def labels_hash(labels: "NDArray[np.integer[Any]] | PictureSource") -> str:
    """Name a label image by its shape and ids, whatever its integer type: 64 hexadecimal digits (SHA-256)."""
    digest = hashlib.sha256(str(labels.shape).encode())
    for band in [labels] if isinstance(labels, np.ndarray) else row_bands(labels):
        for part in in_parts(band):
            ids = np.ascontiguousarray(part, dtype="<i8")
            digest.update(ids.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def place_record(record: RunRecord, folder: Path) -> RunRecord:
    """Return a record whose inputs name their files from a folder too, so that both can be moved together."""
    references = tuple(
        replace(reference, image=_place(reference.image, folder), labels=_place(reference.labels, folder))
        for reference in record.references
    )
    return replace(record, references=references, target=_place(record.target, folder))


def _place(found: InputRecord, folder: Path) -> InputRecord:
    if not found.path:
        return found
    try:
        relative = os.path.relpath(found.path, folder)
    except ValueError:  # another drive
        return replace(found, relative_path="")
    return replace(found, relative_path=Path(relative).as_posix())


def write_record(path: Path | str, record: RunRecord) -> None:
    """Write a record as JSON, whole or not at all.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    from napari_gfsam.io.writers import write_text  # brings tifffile, which takes a while: a window opens without it

    write_text(path, json.dumps(record.as_dict(), indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def read_record(path: Path | str) -> RunRecord:
    """Read a record.

    Raises
    ------
    RecordError
        If the file is missing, is not JSON or is no whole record.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecordError(f"{path} cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise RecordError(f"{path} is not a run record: it is not readable JSON ({error}).") from error
    try:
        return RunRecord.from_dict(data)
    except RecordError as error:
        raise RecordError(f"{path}: {error}") from error
