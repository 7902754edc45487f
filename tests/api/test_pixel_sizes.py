from __future__ import annotations

from dataclasses import replace

import pytest

from napari_gfsam.api.pixel_sizes import pixel_sizes_of
from napari_gfsam.api.reference import Painting, make_reference
from napari_gfsam.imaging import PixelRecipe
from napari_gfsam.io.records import InputRecord, PixelSize
from tests.fakes import disc_picture


@pytest.fixture(scope="module")
def reference():
    return make_reference(*disc_picture(1, (60, 80), 1), Painting(), PixelRecipe())


def sized(reference, *sizes):
    image = reference.record.image
    records = (replace(reference.record, image=replace(image, pixel_size=size)) for size in sizes)
    return [replace(reference, record=record) for record in records]


@pytest.mark.parametrize(
    ("references", "target", "ratio"),
    [
        ([PixelSize(0.5, 0.5, "µm")], PixelSize(0.25, 0.25, "micrometer"), 2),
        ([PixelSize(0.5, 0.5, "um")], PixelSize(1e-3, 1e-3, "mm"), 0.5),
        ([PixelSize(3, 3, "pixel")], PixelSize(1, 1, "pixel"), 3),
        ([PixelSize(3, 3, "degree")], PixelSize(1, 1, "m"), None),
        ([None], PixelSize(1, 1, "m"), None),
        ([PixelSize(1, 1, "m")], None, None),
        ([PixelSize(1, 1, "m"), None], PixelSize(1, 1, "m"), None),
        ([PixelSize(1, 1, "m"), PixelSize(2, 2, "m")], PixelSize(1, 1, "m"), None),
        ([], PixelSize(1, 1, "m"), None),
    ],
)
def test_sizes_in_one_unit(reference, references, target, ratio):
    record = InputRecord("target", "", pixel_size=target)
    found = pixel_sizes_of(sized(reference, *references), record)
    assert (None if found is None else pytest.approx(found.ratio)) == ratio
