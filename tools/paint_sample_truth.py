"""Draw the painted truth of a sample picture, enlarged and with a grid of picture coordinates, to check or correct it.

python tools/paint_sample_truth.py coins coins.png --box 0 0 155 200 --zoom 6 --grid

Look at the PNG, correct the numbers in src/napari_gfsam/samples/data/truth.json, and draw again.
"""

from __future__ import annotations

import argparse

from PIL import Image, ImageDraw

from napari_gfsam.samples.pictures import read_picture
from napari_gfsam.samples.truth import paintings

COLOURS = ((255, 0, 255), (0, 255, 0), (0, 160, 255), (255, 160, 0))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("painting", choices=sorted(paintings()))
    parser.add_argument("output", help="PNG to write")
    parser.add_argument("--box", type=int, nargs=4, metavar=("Y0", "X0", "Y1", "X1"), help="part; all by default")
    parser.add_argument("--zoom", type=int, default=2, help="screen pixels a picture pixel")
    parser.add_argument("--grid", action="store_true", help="lines every 10 pixels, numbers every 50")
    parser.add_argument("--gamma", type=float, default=1.0, help="below 1 brightens the shadows")
    args = parser.parse_args()
    painting = paintings()[args.painting]
    y0, x0, y1, x1 = args.box or (0, 0, *painting.shape_yx)
    picture = Image.fromarray(read_picture(painting)).convert("RGB").crop((x0, y0, x1, y1))
    picture = picture.point([round(255 * (value / 255) ** args.gamma) for value in range(256)] * 3)
    picture = picture.resize(((x1 - x0) * args.zoom, (y1 - y0) * args.zoom), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture, "RGBA")
    if args.grid:
        draw_grid(draw, (y0, x0, y1, x1), args.zoom)
    for outline in painting.outlines:
        corners = [((x - x0 + 0.5) * args.zoom, (y - y0 + 0.5) * args.zoom) for x, y in outline.points_xy]
        draw.line([*corners, corners[0]], fill=COLOURS[outline.class_id % len(COLOURS)], width=2)
    picture.save(args.output)


def draw_grid(draw: ImageDraw.ImageDraw, box: tuple[int, int, int, int], zoom: int) -> None:
    y0, x0, y1, x1 = box
    for x in range(-(-x0 // 10) * 10, x1, 10):
        at = (x - x0 + 0.5) * zoom
        draw.line([(at, 0), (at, (y1 - y0) * zoom)], fill=(255, 255, 0, 200 if x % 50 == 0 else 70))
        if x % 50 == 0:
            draw.text((at + 2, 1), str(x), fill=(0, 255, 255))
    for y in range(-(-y0 // 10) * 10, y1, 10):
        at = (y - y0 + 0.5) * zoom
        draw.line([(0, at), ((x1 - x0) * zoom, at)], fill=(255, 255, 0, 200 if y % 50 == 0 else 70))
        if y % 50 == 0:
            draw.text((1, at + 1), str(y), fill=(0, 255, 255))


if __name__ == "__main__":
    main()
