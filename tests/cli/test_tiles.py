"""``segment --tile`` and replaying what it made."""

from __future__ import annotations

import numpy as np
import pytest

from napari_gfsam.io.readers import read_labels
from napari_gfsam.io.records import read_record
from napari_gfsam.io.writers import write_picture
from tests.fakes import disc_picture

pytestmark = pytest.mark.usefixtures("fake_models")


def large(desk):
    """A target of four pictures of discs, with its truth."""
    four = [disc_picture(seed) for seed in range(2, 6)]
    picture, truth = (np.block([[four[0][k], four[1][k]], [four[2][k], four[3][k]]]) for k in (1, 1))
    picture = np.concatenate(
        [np.concatenate([four[0][0], four[1][0]], 1), np.concatenate([four[2][0], four[3][0]], 1)], 0
    )
    write_picture(desk / "large.tif", picture)
    return desk / "large.tif", truth > 0


def test_a_large_target_is_cut_and_the_record_makes_it_again(desk):
    target, truth = large(desk)
    quick = ("--tile", "auto", "--set", "max_prompts=24")
    result = desk.segment(target, *quick)
    assert result.exit_code == 0, result.output
    assert "in tiles of 180 x 240 pixels" in result.stdout
    labels = read_labels(desk / "out" / "large_labels.tif") > 0
    assert (labels & truth).sum() / (labels | truth).sum() > 0.8
    assert read_record(desk / "out" / "large_record.json").tiling.tile == (180, 240)
    assert "skipped" in desk.segment(target, *quick).stdout
    again = desk.run("replay", desk / "out" / "large_record.json")
    assert again.exit_code == 0, again.output
    assert again.stdout.startswith("identical (")


def test_whole_is_whole_and_another_scale_is_another_run(desk):
    target, _ = large(desk)
    assert "tiles" not in desk.segment(target, "--tile", "whole").stdout
    assert read_record(desk / "out" / "large_record.json").tiling is None
    assert desk.segment(target, "--tile", "auto").exit_code == 1


def test_pixel_sizes_make_tiles_larger(desk):
    target, _ = large(desk)
    assert desk.segment(target, "--tile", "auto", "--pixel-size", "1,0.5").exit_code == 0
    assert read_record(desk / "out" / "large_record.json").tiling is None


@pytest.mark.parametrize("words", ["--tile small", "--tile 3", "--pixel-size 1", "--pixel-size 1,0"])
def test_wrong_words_are_refused(desk, words):
    result = desk.segment(desk.target("a"), *words.split())
    assert result.exit_code == 2
    assert "--tile" in result.stderr or "--pixel-size" in result.stderr


def test_a_file_that_is_large_is_read_in_parts(desk, monkeypatch):
    target, _ = large(desk)
    import tifffile

    tifffile.imwrite(desk / "plain.tif", tifffile.imread(target), photometric="rgb")
    quick = ("--tile", "auto", "--set", "max_prompts=24")
    assert desk.segment(desk / "plain.tif", *quick).exit_code == 0
    before = read_labels(desk / "out" / "plain_labels.tif")
    monkeypatch.setattr("napari_gfsam.io.large.LARGE_BYTES", 1000)
    assert "skipped" in desk.segment(desk / "plain.tif", *quick).stdout
    result = desk.segment(desk / "plain.tif", *quick, "--overwrite")
    assert result.exit_code == 0, result.output
    np.testing.assert_array_equal(read_labels(desk / "out" / "plain_labels.tif"), before)
    (desk / "out" / "plain_overlay.png").unlink()
    assert "skipped" in desk.segment(desk / "plain.tif", *quick).stdout
    assert "plain_overlay.png" not in desk.outputs


def test_labels_of_a_zarr_target_as_zarr(desk):
    import tifffile
    import zarr

    target, truth = large(desk)
    zarr.save_array(str(desk / "targets" / "scene.zarr"), tifffile.imread(target))
    words = (desk / "targets", "--tile", "240", "--format", "zarr", "--no-overlay", "--set", "max_prompts=24")
    result = desk.segment(*words)
    assert result.exit_code == 0, result.output
    assert desk.outputs == ["scene_labels.zarr", "scene_record.json"]
    labels = np.asarray(zarr.open_array(desk / "out" / "scene_labels.zarr", mode="r")) > 0
    assert (labels & truth).sum() / (labels | truth).sum() > 0.8
    assert "skipped" in desk.segment(*words).stdout
    again = desk.run("replay", desk / "out" / "scene_record.json")
    assert again.stdout.startswith("identical ("), again.output
    exported = desk.run("export", desk / "out", "--to", "tiff", "-o", desk / "exports")
    assert exported.exit_code == 0, exported.output
    assert read_labels(desk / "exports" / "scene_labels.tif").shape == labels.shape


def test_labels_too_large_for_a_png_are_refused_before_the_work(desk, monkeypatch):
    monkeypatch.setattr("napari_gfsam.io.decode.LARGEST_PICTURE", 1000)
    result = desk.segment(desk.target("a"), "--format", "png")
    assert result.exit_code == 1
    assert "use --format tif or zarr" in result.stderr


def test_pixel_sizes_are_read_from_files_and_go_into_packs(desk):
    import tifffile

    def sized(source, name, side):
        facts = {"axes": "YXS", "PhysicalSizeX": side, "PhysicalSizeY": side}
        tifffile.imwrite(desk / name, tifffile.imread(source), photometric="rgb", metadata=facts)
        return desk / name

    target, _ = large(desk)
    sized(desk / "ref.tif", "ref.ome.tif", 0.5)
    painted = ("--reference", desk / "ref.ome.tif", "--labels", desk / "ref_labels.tif")
    assert desk.run("packs", "make", *painted, "-o", desk / "p.gfsampack", "--no-features").exit_code == 0
    finer = sized(target, "finer.ome.tif", 0.4)
    words = ("--pack", desk / "p.gfsampack", finer, "--tile", "auto", "--set", "max_prompts=16", "-o", desk / "out")
    result = desk.run("segment", *words)
    assert result.exit_code == 0, result.output
    assert "in tiles of 225 x 300 pixels (1.2 to a pixel of the references)" in result.stdout
    record = read_record(desk / "out" / "finer.ome_record.json")
    assert record.tiling.view == (180, 240)
    assert record.target.pixel_size.height == 0.4
    whole = desk.run("segment", *words, "--pixel-size", "1,0.5", "--overwrite")
    assert "tiles" not in whole.stdout, whole.output
