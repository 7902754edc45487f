"""Pairs from pictures that ship inside scikit-image's wheel, with truth painted by hand (see `truth`).

The pictures are read from the installed package; nothing is downloaded.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.samples.truth import Painting, paintings, rasterise
from napari_gfsam.samples.types import Sample, SampleKind, SamplePair

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class _View:
    """A part of a painted picture: rows and columns from, to (to not included; None for the whole), mirrored or not."""

    painting: str
    title: str
    rows: tuple[int | None, int | None] = (None, None)
    columns: tuple[int | None, int | None] = (None, None)
    mirrored: bool = False


#: Name of the pair: kind, then the views by the last part of their names, the reference first.
_PAIRS: dict[str, tuple[SampleKind, dict[str, _View]]] = {
    "coins": (
        "picture",
        {
            "left": _View("coins", "Coins, left half", columns=(0, 182)),
            "upper_right": _View("coins", "Coins, upper right", rows=(0, 150), columns=(182, 384)),
            "lower_right": _View("coins", "Coins, lower right", rows=(150, 303), columns=(184, 384)),
        },
    ),
    "person": (
        "picture",
        {
            "astronaut": _View("person_astronaut", "Astronaut"),
            "camera": _View("person_camera", "Cameraman"),
        },
    ),
    "gland": (
        "picture",
        {
            "lower_right": _View("gland", "Stained gland", rows=(256, 512), columns=(244, 512)),
            "upper_right": _View("gland", "Stained glands, upper right", rows=(0, 256), columns=(256, 512)),
            "lower_left": _View("gland", "Stained gland, lower left", rows=(256, 512), columns=(0, 248)),
        },
    ),
    "motorcycle": (
        "picture",
        {
            "left": _View("motorcycle_left", "Motorcycle, left eye"),
            "right": _View("motorcycle_right", "Motorcycle, right eye"),
        },
    ),
    "eye": (
        "picture",
        {
            "near": _View("cat_eyes", "The cat's near eye", rows=(20, 240), columns=(30, 250)),
            "far": _View("cat_eyes", "The cat's far eye", rows=(30, 230), columns=(251, 451)),
        },
    ),
    "cat": (
        "mirrored",
        {
            "reference": _View("cat", "Cat"),
            "mirrored": _View("cat", "Cat, mirrored", rows=(12, 290), columns=(24, 440), mirrored=True),
        },
    ),
    "optic_disc": (
        "mirrored",
        {
            "reference": _View("optic_disc", "Retina"),
            "mirrored": _View("optic_disc", "Retina, mirrored", rows=(250, 1150), columns=(30, 1000), mirrored=True),
        },
    ),
    "cup": (
        "mirrored",
        {
            "reference": _View("cup", "Coffee cup"),
            "mirrored": _View("cup", "Coffee cup, mirrored", rows=(0, 370), columns=(70, 560), mirrored=True),
        },
    ),
}


def picture_kinds() -> dict[str, SampleKind]:
    """Return the names of the pairs made of pictures with their kinds, in a fixed order."""
    return {name: kind for name, (kind, _) in _PAIRS.items()}


def load_picture_pair(name: str) -> SamplePair:
    """Read a pair whose name `picture_kinds` gives.

    Raises
    ------
    KeyError
        If there is no such pair.
    FileNotFoundError
        If the installed scikit-image lacks the picture.
    ValueError
        If its picture has another size than the painted one.
    """
    kind, views = _PAIRS[name]
    reference, *targets = (_sample(f"{name}_{part}", view) for part, view in views.items())
    return SamplePair(name=name, kind=kind, reference=reference, targets=tuple(targets))


def read_picture(painting: Painting) -> NDArray[np.uint8]:
    """Read the picture that was painted: (H, W) or (H, W, 3) uint8; errors as `load_picture_pair`."""
    from PIL import Image

    source = files("skimage").joinpath("data", painting.file)
    if not source.is_file():
        raise FileNotFoundError(f"The installed scikit-image has no {painting.file}; install scikit-image again.")
    with source.open("rb") as stream, Image.open(stream) as image:
        pixels = np.array(image.convert("L" if image.mode == "L" else "RGB"))
    if pixels.shape[:2] != painting.shape_yx:
        expected, found = ("{} x {}".format(*shape) for shape in (painting.shape_yx, pixels.shape[:2]))
        raise ValueError(f"{painting.file} is {found} pixels, not {expected}; install another scikit-image.")
    return pixels


def _sample(name: str, view: _View) -> Sample:
    painting = paintings()[view.painting]
    return Sample(
        name=name,
        title=view.title,
        image=_cut(read_picture(painting), view),
        labels=_cut(rasterise(painting), view),
        class_names=dict(painting.class_names),
    )


def _cut(pixels: NDArray[Any], view: _View) -> NDArray[Any]:
    part = pixels[slice(*view.rows), slice(*view.columns)]
    return np.ascontiguousarray(part[:, ::-1] if view.mirrored else part)
