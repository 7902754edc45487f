from __future__ import annotations

import subprocess
import sys

import pytest

from napari_gfsam.models.libraries import open_libraries


def in_fresh_interpreter(code: str) -> None:
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_they_are_found_where_torch_keeps_them():
    in_fresh_interpreter("""
import sys
from napari_gfsam.models.libraries import open_libraries
assert open_libraries() == (sys.platform != "win32")  # there torch itself opens them without the lock
assert "torch" not in sys.modules and "triton" not in sys.modules
import torch
assert torch.ones(2).sum() == 2
""")


def test_opening_them_again_does_nothing():
    assert open_libraries() is open_libraries()


@pytest.mark.gui
def test_the_models_can_be_imported_beside_the_llvm_of_a_window():
    in_fresh_interpreter("""
import napari
import numpy as np
viewer = napari.Viewer()
viewer.add_image(np.eye(64))
viewer.screenshot(canvas_only=False, flash=False)  # OpenGL is up, with the driver's LLVM where it has one
from napari_gfsam.models.libraries import open_libraries
open_libraries()
import timm, torchvision
viewer.add_image(np.eye(32))
viewer.screenshot(canvas_only=False, flash=False)
viewer.close()
""")
