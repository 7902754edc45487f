from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.controller.thumbnails import KEPT
from tests.controller.hands import RUN_MILLISECONDS, picture, stack

pytestmark = pytest.mark.gui


def made(at, source, plane):
    at.desk.thumbnails.get(source, plane)
    at.qtbot.waitUntil(lambda: at.desk.thumbnails.get(source, plane) is not None, timeout=RUN_MILLISECONDS)
    return at.desk.thumbnails.get(source, plane)


def test_a_thumbnail_is_what_the_models_see(at):
    image = at.image("cells", picture(1)[0])
    source = at.desk.pictures.source_over(image)
    changed = []
    at.desk.thumbnails.changed.connect(lambda: changed.append(True))
    small = made(at, source, at.desk.targets.shown(image))
    assert small.dtype == np.uint8
    assert small.shape[0] == small.shape[1]
    assert changed == [True]
    image.contrast_limits = (0, 50) if not image.rgb else image.contrast_limits
    again = at.desk.pictures.source_over(image)
    assert (at.desk.thumbnails.get(again, at.desk.targets.shown(image)) is not None) == (again.recipe == source.recipe)


def test_only_the_newest_that_is_asked_for_is_made_and_few_are_kept(at):
    image = at.image("cells", np.concatenate([stack(2)[0]] * (KEPT // 2 + 4)))
    source = at.desk.pictures.source_over(image)
    planes = at.desk.targets.planes()
    for plane in planes[:20]:
        at.desk.thumbnails.get(source, plane)
    first = made(at, source, planes[19])
    assert first is not None
    for plane in planes:
        made(at, source, plane)
    assert len(at.desk.thumbnails._made) == KEPT


def test_a_plane_that_cannot_be_read_has_no_thumbnail(at):
    import dask.array

    def broken():
        raise RuntimeError("rotten")

    whole = dask.array.from_delayed(dask.delayed(picture)(1)[0][..., 0], (60, 80), np.uint8)
    image = at.image("cells", whole, contrast_limits=(0, 255))
    bad = dask.array.from_delayed(dask.delayed(broken)(), (60, 80), np.uint8)
    source = at.desk.pictures.source_over(image)
    object.__setattr__(source, "_arrays", (bad,))
    changed = []
    at.desk.thumbnails.changed.connect(lambda: changed.append(True))
    plane = at.desk.targets.shown(image)
    at.desk.thumbnails.get(source, plane)
    at.qtbot.waitUntil(lambda: bool(changed), timeout=RUN_MILLISECONDS)
    assert at.desk.thumbnails.get(source, plane) is None
    assert len(changed) == 1
