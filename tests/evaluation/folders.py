"""Small folders of pictures and masks, made by the tests."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image


def write_pair(root, stem, mask, *, suffix=".png", image=None):
    """A picture whose bright pixels are the mask, and the mask."""
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    shown = np.where(mask > 0, 200, 20).astype(np.uint8) if image is None else image
    Image.fromarray(shown).save(root / "images" / f"{stem}{suffix}")
    Image.fromarray(mask).save(root / "masks" / f"{stem}.png")


def write_manifest(root, **content):
    (root / "manifest.json").write_text(json.dumps(content), encoding="utf-8")


def blob(class_id, pixels=100, shape=(30, 40)):
    """A mask with so many pixels of a class."""
    mask = np.zeros(shape, dtype=np.uint8)
    mask.ravel()[:pixels] = class_id
    return mask


def cell_folder(root, n_pictures=6):
    """Class 1 in all pictures, class 2 in every second one beside it."""
    for number in range(n_pictures):
        mask = blob(1, 100 + number)
        if number % 2:
            mask[20:25, 5 : 10 + number] = 2
        write_pair(root, f"p{number}", mask)
    return root
