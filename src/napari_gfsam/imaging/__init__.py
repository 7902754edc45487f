"""Pixels in: any two-dimensional plane as the RGB picture the models see, and pictures for people.

numpy, scipy, Pillow and scikit-image only: nothing here reads a file or knows a model.
"""

from napari_gfsam.imaging.colors import class_color
from napari_gfsam.imaging.overlay import OverlayPoints, OverlayStyle, draw_overlay
from napari_gfsam.imaging.pixels import ImageError, PixelRecipe, require_content, to_rgb
from napari_gfsam.imaging.resize import array_hash, content_hash, to_model_input
from napari_gfsam.imaging.source import ArraySource, PictureSource
from napari_gfsam.imaging.tiles import Tile, TileGrid

__all__ = [
    "ArraySource",
    "ImageError",
    "OverlayPoints",
    "OverlayStyle",
    "PictureSource",
    "PixelRecipe",
    "Tile",
    "TileGrid",
    "array_hash",
    "class_color",
    "content_hash",
    "draw_overlay",
    "require_content",
    "to_model_input",
    "to_rgb",
]
