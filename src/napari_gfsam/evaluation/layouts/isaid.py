"""iSAID-5i: three folds of five classes of aerial patches; every patch of the fold's list is a target once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.evaluation.layouts.base import Benchmark, find_split
from napari_gfsam.evaluation.layouts.listed import Files, ListedSampler, listed_sampler

if TYPE_CHECKING:
    from napari_gfsam.evaluation.layouts.base import Request

CLASSES = (
    "ship", "storage tank", "baseball diamond", "tennis court", "basketball court", "ground track field", "bridge",
    "large vehicle", "small vehicle", "helicopter", "swimming pool", "roundabout", "soccer ball field", "plane",
    "harbor",
)  # fmt: skip


def open_isaid(request: Request) -> ListedSampler:
    """Read a fold's list.

    Raises
    ------
    OSError, ValueError
        If the list is missing or damaged.
    """
    base = request.root / "remote_sensing" / "iSAID_patches"
    fold = f"fold{request.fold}.txt"
    split = find_split(request, f"isaid/val/{fold}", base / "splits" / "val" / fold)
    files = Files(base / "val" / "images", base / "val" / "semantic_png", ".png", "_instance_color_RGB.png")
    return listed_sampler(split, CLASSES, request.shots, files)


ISAID = Benchmark(
    name="isaid",
    title="iSAID-5i",
    folds=3,
    layout="remote_sensing/iSAID_patches/val/images/*.png and val/semantic_png/*_instance_color_RGB.png, split file "
    "isaid/val/fold0.txt to fold2.txt",
    protocol="With seed 0 the same episodes as the official code draws: every line of the fold's list once.",
    open=open_isaid,
)
