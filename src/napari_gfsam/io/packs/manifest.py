"""The JSON member that says what a pack holds, with the hashes of all other members."""

# Annotations are read when a manifest is built, so they are not postponed here.
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.io.packs.types import PackAbout, PackError
from napari_gfsam.io.records import PixelSize, ReferenceRecord
from napari_gfsam.io.schema import build

SUFFIX = ".gfsampack"
FAMILY, NUMBER = "napari-gfsam-pack", 1
FORMAT = f"{FAMILY}/{NUMBER}"
MANIFEST, THUMBNAIL = "manifest.json", "thumbnail.png"
LARGEST_CLASS = 65535
_FORMAT = re.compile(rf"{FAMILY}/(\d{{1,6}})")


@dataclass(frozen=True, slots=True)
class ClassEntry:
    """A `PackClass`, with a colour of any length until it is checked."""

    id: int
    name: str
    color: tuple[int, ...]
    negative: bool = False
    painted_fully: bool | None = None


@dataclass(frozen=True, slots=True)
class ReferenceEntry:
    """A painted picture: its members, its (H, W), its record and its pixel size."""

    picture: str
    labels: str
    shape: tuple[int, ...]
    record: ReferenceRecord
    pixel_size: PixelSize | None = None


@dataclass(frozen=True, slots=True)
class FeaturesEntry:
    """`PackFeatures` but for the tokens, which are in `member`: ``0``, ``1``, ... by reference."""

    encoder: str
    weights_hash: str
    precision: str
    resize_version: int
    member: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a pack says of itself.

    Parameters
    ----------
    format
        `FORMAT`.
    version
        Of napari-gfsam that wrote it.
    about, classes, references, features
        See `types.Pack`.
    thumbnail
        A small PNG of the first reference with its paint.
    members
        SHA-256 (64 hexadecimal digits) of every member but this one, by name.
    """

    format: str
    version: str
    about: PackAbout
    classes: tuple[ClassEntry, ...]
    references: tuple[ReferenceEntry, ...]
    features: tuple[FeaturesEntry, ...]
    thumbnail: str
    members: Mapping[str, str]

    def to_bytes(self) -> bytes:
        """Return JSON, the same for the same content."""
        text = json.dumps(asdict(self), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
        return f"{text}\n".encode()


def parse(content: bytes) -> Manifest:
    """Build a manifest from `Manifest.to_bytes`.

    Raises
    ------
    PackError
        If it is none, of another version, or does not fit together; a sentence without the name of the file.
    """
    try:
        data = _printable(json.loads(content.decode("utf-8")))
    except (ValueError, RecursionError) as error:
        raise PackError("its list of contents is no JSON") from error
    _require_format(data)
    try:
        found: Manifest = build(Manifest, data)
    except ValueError as error:
        raise PackError(f"its list of contents is damaged: {str(error).rstrip('.')}") from error
    _require_sense(found)
    return found


def _printable(value: Any) -> Any:
    """Return JSON values whose texts hold nothing that a terminal would obey: a pack may come from anybody."""
    if isinstance(value, str):
        return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in value)
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return {key: _printable(item) for key, item in value.items()} if isinstance(value, dict) else value


def _require_format(data: Any) -> None:
    match = _FORMAT.fullmatch(str(data.get("format"))) if isinstance(data, dict) else None
    if match is None:
        raise PackError(f"its list of contents names no format {FAMILY}")
    if int(match[1]) > NUMBER:
        raise PackError(
            f"it has the format {match[0]}, and this version reads {FORMAT}; install a newer napari-gfsam to use it"
        )
    if int(match[1]) < NUMBER:
        raise PackError(f"it has the format {match[0]}, and this version reads {FORMAT}")


def _require_sense(found: Manifest) -> None:
    """See that the parts fit together."""
    ids = [one.id for one in found.classes]
    if not found.references or not ids:
        raise PackError("it holds no painted picture")
    if len(set(ids)) < len(ids) or not all(1 <= class_id <= LARGEST_CLASS for class_id in ids):
        raise PackError(f"its class ids are not different numbers from 1 to {LARGEST_CLASS}")
    if not all(len(one.color) == 3 and all(0 <= part <= 255 for part in one.color) for one in found.classes):
        raise PackError("a class has a colour that is not three numbers from 0 to 255")
    named = {(one.id, one.name, one.negative) for one in found.classes}
    for reference in found.references:
        if not {(one.id, one.name, one.negative) for one in reference.record.classes} <= named:
            raise PackError("a painted picture has classes that its list of classes lacks")
        _require_known(reference)


def _require_known(reference: ReferenceEntry) -> None:
    """See that what is said of a painted picture can be followed."""
    if len(reference.shape) != 2 or not all(length > 0 for length in reference.shape):
        raise PackError("a painted picture has no size")
    try:
        PixelRecipe.from_dict(reference.record.recipe)
    except ValueError as error:
        raise PackError("it says how a picture was read in a way that is not known") from error
    region, size = reference.record.region_yx, reference.pixel_size
    if region is not None and len(region) != 4:
        raise PackError("a region is not four numbers")
    if size is not None and not (0 < size.height < float("inf") and 0 < size.width < float("inf")):
        raise PackError("a pixel size is not two numbers above 0")
