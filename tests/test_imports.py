from __future__ import annotations

import subprocess
import sys

import pytest


def loaded_by(statement: str) -> set[str]:
    """Top-level modules in a fresh interpreter after a statement."""
    code = f"{statement}\nimport sys\nprint(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    return set(done.stdout.split())


@pytest.mark.parametrize("module", ["napari_gfsam", "napari_gfsam.api", "napari_gfsam.cli"])
def test_opens_without_torch_or_the_viewer(module):
    assert loaded_by(f"import {module}").isdisjoint({"torch", "napari", "qtpy", "superqt", "magicgui", "PyQt6"})


def test_public_names():
    import napari_gfsam

    assert set(napari_gfsam.__all__) <= set(dir(napari_gfsam))
    assert all(getattr(napari_gfsam, name) is not None for name in napari_gfsam.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = napari_gfsam.nonsense
