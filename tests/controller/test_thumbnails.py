from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.controller import thumbnails as thumbnails_module
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


def test_pixels_exchanged_for_others_have_another_thumbnail(at):
    pixels = picture(1)[0]
    image = at.image("cells", pixels)
    plane = at.desk.targets.shown(image)
    before = made(at, at.desk.pictures.source_over(image), plane)
    image.data = 255 - pixels
    after = made(at, at.desk.pictures.source_over(image), plane)
    assert np.abs(after.astype(int) + before - 255).max() <= 1
    image.data = pixels
    assert at.desk.thumbnails.get(at.desk.pictures.source_over(image), plane) is before


def test_what_could_not_be_read_is_read_again_after_a_while(at, monkeypatch):
    class Share:
        gone, pixels = True, picture(1)[0][..., 0]
        shape, dtype, ndim = pixels.shape, pixels.dtype, 2

        def __getitem__(self, index):
            if self.gone:
                raise OSError("the share is gone")
            return self.pixels[index]

    image, share = at.image("cells", Share.pixels), Share()
    source, plane = at.desk.pictures.source_over(image), at.desk.targets.shown(image)
    object.__setattr__(source, "_arrays", (share,))
    thumbnails = at.desk.thumbnails
    thumbnails.get(source, plane)
    at.qtbot.waitUntil(lambda: bool(thumbnails.why_not(source, plane)), timeout=RUN_MILLISECONDS)
    share.gone = False
    assert thumbnails.get(source, plane) is None
    assert not thumbnails._jobs.running
    monkeypatch.setattr(thumbnails_module, "AGAIN_SECONDS", 0)
    assert made(at, source, plane) is not None
    assert thumbnails.why_not(source, plane) == ""
