"""``napari-gfsam doctor``: is everything there that a run or the viewer needs, and does a run work."""

# typer reads these annotations when the command is registered, so they are not postponed.
import os
import platform
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from napari_gfsam.cli.commands import EXPECTED
from napari_gfsam.cli.console import complain, sentence, table
from napari_gfsam.cli.errors import FAILED, OK

EXAMPLES = "napari-gfsam doctor"
BINDINGS = ("PyQt6", "PySide6", "PyQt5", "PySide2")
PACKAGES = ("torch", "torchvision", "timm", "segment-anything", "numpy", "scipy", "scikit-image", "tifffile", "pillow")


@dataclass(frozen=True, slots=True, kw_only=True)
class DoctorOptions:
    """Options of ``doctor``: none."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Parameters
    ----------
    name
        What was looked at.
    detail
        What was found.
    ok
        ``False`` where a run cannot work.
    """

    name: str
    detail: str
    ok: bool = True


def doctor(options: DoctorOptions) -> int:
    """Look at Python, packages, device, models and viewer, and segment a small synthetic picture.

    Exit code 1: a run cannot work. The viewer is not needed for runs without a screen.
    """
    findings = list(examine())
    table(
        "", ("", "looked at", "found"), [("ok" if one.ok else "BAD", one.name, one.detail) for one in findings], left=3
    )
    bad = [one for one in findings if not one.ok]
    for one in bad:
        complain(f"{one.name}: {one.detail}")
    return FAILED if bad else OK


def examine() -> Iterator[Finding]:
    """Yield the findings, quick ones first; no check stops the others."""
    yield Finding("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("napari-gfsam", _version("napari-gfsam") or "source tree, not installed")
    for name in PACKAGES:
        found = _version(name)
        yield Finding(name, found or "missing: install napari-gfsam again", ok=found is not None)
    yield _viewer()
    for name, look in (("device", _device), ("models folder", _models_folder), ("self test", _self_test)):
        if name == "self test":
            yield from _models()
        yield _guarded(name, look)


def _guarded(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, look())
    except (*EXPECTED, ImportError) as error:
        return Finding(name, sentence(error), ok=False)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _viewer() -> Finding:
    """Look for napari and a Qt binding without importing either."""
    napari = _version("napari") if find_spec("napari") else None
    bindings = [name for name in BINDINGS if find_spec(name)]
    if napari is None:
        return Finding("viewer", "napari is not installed (not needed without a screen)")
    if not bindings:
        return Finding("viewer", f'napari {napari} without Qt; for windows: pip install "napari-gfsam[all]"')
    more = "; several Qt bindings: set QT_API to one" if len(bindings) > 1 and not os.environ.get("QT_API") else ""
    return Finding("viewer", f"napari {napari} with {', '.join(bindings)}{more}")


def _device() -> str:
    import torch

    from napari_gfsam.models.device import choose_device

    return f"{choose_device().reason}; {torch.get_num_threads()} threads of {os.cpu_count()} processors"


def _models_folder() -> str:
    from napari_gfsam.models import models_folder
    from napari_gfsam.models.storage import FOLDER_VARIABLE

    folder = models_folder()
    nearest = next(place for place in (folder, *folder.parents) if place.exists())
    if not os.access(nearest, os.W_OK):
        raise OSError(f"{folder} cannot be written; set the environment variable {FOLDER_VARIABLE} to another folder.")
    return f"{folder} (not made yet; nothing bundled needs it)" if not folder.exists() else str(folder)


def _models() -> Iterator[Finding]:
    from napari_gfsam.models import verify_all

    for check in verify_all():
        yield Finding(check.id, "weights are intact" if check.ok else check.message, ok=check.ok)


def _self_test() -> str:
    """Find a disc in one synthetic picture after it was painted in another."""
    import numpy as np

    from napari_gfsam.api import Segmenter
    from napari_gfsam.core.config import TUNED

    rows, columns = np.mgrid[:128, :128]

    def scene(y: int, x: int) -> tuple["np.typing.NDArray[np.uint8]", "np.typing.NDArray[np.bool_]"]:
        disc = (rows - y) ** 2 + (columns - x) ** 2 < 24**2
        return np.where(disc[..., None], (220, 60, 40), (40, 90, 60)).astype(np.uint8), disc

    start = time.perf_counter()
    segmenter = Segmenter(settings=TUNED.with_settings(max_prompts=4))
    segmenter.add_reference(*scene(48, 48))
    picture, truth = scene(76, 70)
    found = segmenter.segment(picture).labels == 1
    iou = (found & truth).sum() / max((found | truth).sum(), 1)
    if iou < 0.5:
        raise RuntimeError(f"the bundled models miss a plain disc (IoU {iou:.2f}); please report this.")
    seconds = time.perf_counter() - start
    return f"a disc was found with IoU {iou:.2f} in {seconds:.1f} s; {segmenter.backend.device.reason}"
