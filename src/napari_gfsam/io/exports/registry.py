"""The formats, as data: what each is called, needs, keeps and loses."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal

from napari_gfsam.io.exports.types import ExportError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Keeps = Literal["names", "colours", "scores", "provenance", "objects", "holes", "stacks", "place"]


@dataclass(frozen=True, slots=True)
class SetOptions:
    """How a set of pictures is exported.

    Parameters
    ----------
    picture_prefix
        Put before the file names of pictures.
    note
        Takes sentences about what was lost.
    """

    picture_prefix: str
    note: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format.

    Parameters
    ----------
    id
        Its word on the command line.
    title
        For people.
    module
        Of `napari_gfsam.io.exports`; it has ``encode``, ``encode_set`` or ``write_folder``, as `kind` says.
    kind
        ``file`` (one a label image), ``folder`` (one a label image) or ``set`` (all label images together).
    outputs
        Ending of the file or folder of a label image, or names of the files of a set that are always there.
    needs
        Modules of optional libraries.
    extra
        Of this package, that brings them; empty where none is needed.
    keeps
        What the format holds beside class ids.
    loses
        What it cannot hold, in one sentence.
    """

    id: str
    title: str
    module: str
    kind: Literal["file", "folder", "set"]
    outputs: tuple[str, ...]
    keeps: frozenset[Keeps]
    loses: str
    needs: tuple[str, ...] = ()
    extra: str = ""

    @property
    def together(self) -> bool:
        """Whether all label images go into one output."""
        return self.kind == "set"

    @property
    def on_earth(self) -> bool:
        """Whether the picture's place on the earth must be known."""
        return "place" in self.keeps


_ALL: frozenset[Keeps] = frozenset({"names", "colours", "scores", "provenance"})
_SHAPES: frozenset[Keeps] = frozenset({"objects", "holes"})
_OUTLINES = ("rasterio", "shapely")
_VECTORS = (*_OUTLINES, "pyogrio")

_FORMATS = (
    ExportFormat(
        id="tiff",
        title="Label TIFF",
        module="label_tiff",
        kind="file",
        outputs=("_labels.tif",),
        keeps=_ALL | {"holes", "stacks"},
        loses="Objects of one class that touch, and scores of single objects.",
    ),
    ExportFormat(
        id="png",
        title="Label PNG with a palette",
        module="label_png",
        kind="file",
        outputs=("_labels.png",),
        keeps=_ALL | {"holes"},
        loses="Objects of one class that touch, and scores of single objects; with ids above 255 the palette too.",
    ),
    ExportFormat(
        id="npz",
        title="NumPy arrays",
        module="npz",
        kind="file",
        outputs=("_labels.npz",),
        keeps=_ALL | _SHAPES | {"stacks"},
        loses="Classes and scores of the single objects of stacks.",
    ),
    ExportFormat(
        id="ome-zarr",
        title="OME-Zarr labels",
        module="ome_zarr",
        kind="folder",
        outputs=("_labels.ome.zarr",),
        keeps=_ALL | _SHAPES | {"stacks"},
        loses="Objects, unless instances are given.",
        needs=("zarr", "numcodecs"),
        extra="exports",
    ),
    ExportFormat(
        id="coco",
        title="COCO JSON",
        module="coco",
        kind="set",
        outputs=("coco.json",),
        keeps=_ALL | _SHAPES,
        loses="Stacks: every plane becomes a picture.",
        needs=(*_OUTLINES, "pycocotools"),
        extra="exports",
    ),
    ExportFormat(
        id="yolo",
        title="YOLO segmentation",
        module="yolo",
        kind="set",
        outputs=("data.yaml", "napari_gfsam.json"),
        keeps=_ALL | {"objects"},
        loses="Holes (filled), objects in several pieces (several objects), scores of single objects, class ids "
        "(numbered from 0), stacks (every plane becomes a picture); some readers draw outlines half a pixel larger.",
        needs=_OUTLINES,
        extra="exports",
    ),
    ExportFormat(
        id="label-studio",
        title="Label Studio brush masks",
        module="label_studio",
        kind="set",
        outputs=("label_studio.json", "label_studio.xml"),
        keeps=_ALL | _SHAPES,
        loses="Stacks: every plane becomes a task.",
    ),
    ExportFormat(
        id="geotiff",
        title="GeoTIFF",
        module="geotiff",
        kind="file",
        outputs=("_labels_geo.tif",),
        keeps=_ALL | {"holes", "place"},
        loses="Objects of one class that touch, scores of single objects, stacks (every plane becomes a file); with "
        "ids above 255 the colour table (colours stay in the tag).",
        needs=("rasterio",),
        extra="geo",
    ),
    ExportFormat(
        id="geopackage",
        title="GeoPackage",
        module="geopackage",
        kind="file",
        outputs=("_labels.gpkg",),
        keeps=_ALL | _SHAPES | {"place"},
        loses="The pixel grid, and stacks: every plane becomes a file.",
        needs=_VECTORS,
        extra="geo",
    ),
    ExportFormat(
        id="geojson",
        title="GeoJSON in WGS 84",
        module="geojson",
        kind="file",
        outputs=("_labels.geojson",),
        keeps=_ALL | _SHAPES | {"place"},
        loses="The pixel grid and the picture's own reference system, and stacks: every plane becomes a file.",
        needs=_VECTORS,
        extra="geo",
    ),
)
FORMATS: Mapping[str, ExportFormat] = MappingProxyType({one.id: one for one in _FORMATS})


def export_format(name: str) -> ExportFormat:
    """Return a format by its id.

    Raises
    ------
    ExportError
        If there is none of that name.
    """
    if name not in FORMATS:
        raise ExportError(f"There is no export format {name!r}; choose one of {', '.join(FORMATS)}.")
    return FORMATS[name]
