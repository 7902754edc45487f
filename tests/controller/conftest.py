from __future__ import annotations

import pytest
from napari.components import ViewerModel

from tests.controller.hands import At


@pytest.fixture
def at(qtbot, tmp_path, fake_models):
    """A desk in a viewer without a window, and hands for it."""
    made = At(ViewerModel(), tmp_path / "sessions", qtbot)
    yield made
    made.close()
