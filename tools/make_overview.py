"""Draw docs/images/overview.png: painted references beside the answers, from the samples, with the bundled models.

python tools/make_overview.py
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from napari_gfsam import Segmenter
from napari_gfsam.imaging import OverlayPoints, draw_overlay, to_rgb
from napari_gfsam.samples import load_pair

if TYPE_CHECKING:
    import numpy as np

PAIRS = ("nuclei", "aerial", "gland", "motorcycle")
SIZE = (480, 320)
GAP = 6
OUTPUT = Path(__file__).parent.parent / "docs" / "images" / "overview.png"


def main() -> None:
    segmenter = Segmenter()
    rows = []
    for name in PAIRS:
        pair = load_pair(name)
        segmenter.clear_references()
        segmenter.add_reference(pair.reference.image, pair.reference.labels, classes=pair.reference.class_names)
        prediction = segmenter.segment(pair.targets[0].image)
        painted = draw_overlay(to_rgb(pair.reference.image), pair.reference.labels)
        points = OverlayPoints(prediction.points.points_yx, prediction.points.status)
        target = pair.targets[0]
        answer = draw_overlay(to_rgb(target.image), prediction.labels, truth=target.labels, points=points)
        rows.append((painted, answer))
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    _sheet(rows).quantize(128, dither=Image.Dither.NONE).save(OUTPUT, optimize=True)


def _sheet(rows: list[tuple[np.ndarray, np.ndarray]]) -> Image.Image:
    half = (len(rows) + 1) // 2
    width, height = (SIZE[0] + GAP) * 4 - GAP, (SIZE[1] + GAP) * half - GAP
    sheet = Image.new("RGB", (width, height), "white")
    for index, pair in enumerate(rows):
        for side, picture in enumerate(pair):
            place = ((index // half * 2 + side) * (SIZE[0] + GAP), index % half * (SIZE[1] + GAP))
            sheet.paste(Image.fromarray(picture).resize(SIZE, Image.Resampling.LANCZOS), place)
    return sheet


if __name__ == "__main__":
    main()
