"""Stacks on the command line: one label stack out, objects linked, nothing done twice, no work overwritten."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from filelock import FileLock

from napari_gfsam.api import Segmenter, StackPlan, segment_stack
from napari_gfsam.core.config import TUNED
from napari_gfsam.datasets.run import LOCK
from napari_gfsam.imaging.linking import link_planes
from napari_gfsam.io.records import PixelSize, labels_hash, read_record
from tests.fakes import disc_picture

pytestmark = pytest.mark.usefixtures("fake_models")
COUNT = 4
AXIS = ("--stack-axis", "0")


@pytest.fixture(scope="module")
def cells() -> tuple[np.ndarray, np.ndarray]:
    pairs = [disc_picture(seed, (60, 80), 2) for seed in range(1, COUNT + 1)]
    return np.stack([picture[..., 0] for picture, _ in pairs]), np.stack([labels for _, labels in pairs])


@pytest.fixture
def movie(desk, cells):
    """A desk with a stack of which two planes are painted."""
    pixels, labels = cells
    tifffile.imwrite(desk / "movie.tif", pixels, photometric="minisblack")
    paint = labels.copy()
    paint[[1, 2]] = 0
    tifffile.imwrite(desk / "paint.tif", paint, photometric="minisblack", compression="zlib")
    return desk


def segment(desk, *words, reference="movie.tif", labels="paint.tif", targets=("movie.tif",)):
    painted = ("--reference", desk / reference, "--labels", desk / labels)
    quick = ("--set", "max_prompts=12", "--set", "background_projection=off")
    return desk.run("segment", *painted, "-o", desk / "out", *quick, *words, *(desk / one for one in targets))


def expected(cells, references, plan=None) -> np.ndarray:
    segmenter = Segmenter(settings=TUNED.with_settings(max_prompts=12, background_projection="off"))
    pixels, labels = cells
    painted = {plane: labels[plane] for plane in references}
    return np.stack([one.labels for one in segment_stack(segmenter, pixels, painted, plan)])


def test_one_label_stack_and_a_record(movie, cells):
    result = segment(movie, *AXIS)
    assert result.exit_code == 0, result.output
    assert movie.outputs == ["movie_labels.tif", "movie_record.json"]
    found = tifffile.imread(movie / "out" / "movie_labels.tif")
    assert found.dtype == np.uint8
    assert np.array_equal(found, expected(cells, [0, 3]))
    record = read_record(movie / "out" / "movie_record.json")
    assert record.labels_hash == labels_hash(found)
    looked = {"scale": "auto", "pixel_sizes": None}
    assert record.stack == {"axis": 0, "each_side": 2, "smooth": False, "link": False, "failed": {}, **looked}
    assert [one.image.name for one in record.references] == ["movie.tif [0]", "movie.tif [3]"]
    assert sum(one.pixels for one in record.results) == np.count_nonzero(found)
    assert "4 planes" in result.stdout


def test_objects_are_numbered_through_the_stack(movie, cells):
    assert segment(movie, *AXIS, "--link", "--smooth").exit_code == 0
    labels = tifffile.imread(movie / "out" / "movie_labels.tif")
    instances = tifffile.imread(movie / "out" / "movie_instances.tif")
    assert np.array_equal(labels, expected(cells, [0, 3], StackPlan(smooth=True)))
    assert instances.dtype == np.uint32
    assert np.array_equal(instances, np.stack(list(link_planes(labels))))


def test_what_is_done_is_skipped_and_other_work_is_not_overwritten(movie, fake_models):
    segment(movie, *AXIS)
    calls, before = fake_models[0].calls, (movie / "out" / "movie_labels.tif").stat().st_mtime_ns
    result = segment(movie, *AXIS)
    assert (result.exit_code, fake_models[0].calls) == (0, calls)
    assert "skipped" in result.stdout
    result = segment(movie, *AXIS, "--smooth")
    assert result.exit_code == 1
    assert "--overwrite replaces it" in result.stderr
    assert (movie / "out" / "movie_labels.tif").stat().st_mtime_ns == before
    assert segment(movie, *AXIS, "--smooth", "--overwrite").exit_code == 0
    (movie / "out" / "movie_record.json").unlink()
    assert "done" in segment(movie, *AXIS).stdout
    tifffile.imwrite(movie / "out" / "movie_labels.tif", np.ones((COUNT, 60, 80), np.uint8), photometric="minisblack")
    result = segment(movie, *AXIS)
    assert result.exit_code == 1
    assert "not made by this program" in result.stderr
    assert segment(movie, *AXIS, "--overwrite", "--link").exit_code == 0
    assert "holds no picture" in segment(movie, *AXIS, targets=("out/",)).stderr, "our outputs are no targets"


def test_a_run_that_is_cut_while_it_links_leaves_no_old_objects(movie, cells, monkeypatch):
    segment(movie, *AXIS, "--link")
    old = movie / "out" / "movie_instances.tif"

    def cut(*given, **more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("napari_gfsam.imaging.linking.link_planes", cut)
        assert segment(movie, *AXIS, "--link", "--smooth", "--overwrite").exit_code == 130
    assert not old.exists()
    result = segment(movie, *AXIS, "--link", "--smooth")
    assert (result.exit_code, "linked" in result.stdout) == (0, True), result.output
    labels = tifffile.imread(movie / "out" / "movie_labels.tif")
    assert np.array_equal(labels, expected(cells, [0, 3], StackPlan(smooth=True)))
    assert np.array_equal(tifffile.imread(old), np.stack(list(link_planes(labels))))
    assert segment(movie, *AXIS, "--smooth", "--overwrite").exit_code == 0
    assert not old.exists(), "objects of labels that are gone"


def test_objects_of_somebody_else_are_left(movie):
    (movie / "out").mkdir()
    theirs = movie / "out" / "movie_instances.tif"
    tifffile.imwrite(theirs, np.ones((COUNT, 60, 80), np.uint8), photometric="minisblack")
    before = theirs.read_bytes()
    result = segment(movie, *AXIS, "--link")
    assert result.exit_code == 1
    assert "movie_instances.tif was changed since it was made, or not made by this program" in result.stderr
    assert segment(movie, *AXIS, "--overwrite").exit_code == 0
    assert segment(movie, *AXIS, "--link").exit_code == 1
    assert theirs.read_bytes() == before
    assert segment(movie, *AXIS, "--link", "--overwrite").exit_code == 0
    assert theirs.read_bytes() != before


def test_a_stack_that_is_done_is_linked_without_the_models(movie, fake_models):
    segment(movie, *AXIS)
    labels = movie / "out" / "movie_labels.tif"
    calls, before = fake_models[0].calls, labels.stat().st_mtime_ns
    result = segment(movie, *AXIS, "--link")
    assert (result.exit_code, fake_models[0].calls, labels.stat().st_mtime_ns) == (0, calls, before), result.output
    instances = tifffile.imread(movie / "out" / "movie_instances.tif")
    assert np.array_equal(instances, np.stack(list(link_planes(tifffile.imread(labels)))))
    record = read_record(movie / "out" / "movie_record.json")
    assert (record.stack["link"], record.labels_hash) == (True, labels_hash(tifffile.imread(labels)))
    for words in (("--link",), ()):
        assert "skipped" in segment(movie, *AXIS, *words).stdout
    assert instances.any()
    assert movie.outputs == ["movie_instances.tif", "movie_labels.tif", "movie_record.json"]


def test_two_runs_never_share_a_folder_and_what_was_cut_is_swept_away(movie, fake_models):
    (movie / "out").mkdir()
    left = [movie / "out" / f".movie_{kind}.tif.123.tmp" for kind in ("labels", "instances")]
    for path in left:
        path.touch()
    with FileLock(movie / "out" / LOCK):
        result = segment(movie, *AXIS)
    assert (result.exit_code, fake_models[0].calls) == (1, 0)
    assert "Another run writes into" in result.stderr
    assert all(path.exists() for path in left)
    assert segment(movie, *AXIS).exit_code == 0
    assert not any(path.exists() for path in left)


def test_a_flat_label_image_belongs_to_the_plane_that_is_named(movie, cells):
    tifffile.imwrite(movie / "flat.tif", cells[1][2])
    result = segment(movie, *AXIS, "--reference-plane", "2", labels="flat.tif")
    assert result.exit_code == 0, result.output
    assert np.array_equal(tifffile.imread(movie / "out" / "movie_labels.tif"), expected(cells, [2]))


def test_paint_of_another_stack_and_of_a_picture_serves_every_plane(movie, cells):
    pixels, labels = cells
    tifffile.imwrite(movie / "other.tif", np.moveaxis(pixels, 0, 2), compression="zlib", metadata={"axes": "YXZ"})
    result = segment(movie, "--stack-axis", "2", targets=("other.tif",))
    assert result.exit_code == 1, "the reference has no axis 2 to take planes from"
    tifffile.imwrite(movie / "other.tif", pixels[1:], photometric="minisblack", compression="zlib")
    assert segment(movie, *AXIS, targets=("other.tif",)).exit_code == 0
    record = read_record(movie / "out" / "other_record.json")
    assert len(record.references) == 2
    tifffile.imwrite(movie / "flat.tif", pixels[0])
    tifffile.imwrite(movie / "flat_labels.tif", labels[0])
    result = segment(movie, *AXIS, reference="flat.tif", labels="flat_labels.tif")
    assert result.exit_code == 0, result.output
    assert np.array_equal(tifffile.imread(movie / "out" / "movie_labels.tif"), expected(cells, [0]))


def test_a_bad_plane_is_named_and_stops_nothing(movie, cells):
    pixels = cells[0].copy()
    pixels[2] = 9
    tifffile.imwrite(movie / "movie.tif", pixels, photometric="minisblack")
    result = segment(movie, *AXIS)
    assert result.exit_code == 1
    assert "movie.tif, plane 2:" in result.stderr
    found = tifffile.imread(movie / "out" / "movie_labels.tif")
    assert not found[2].any()
    assert found[3].any()
    assert list(json.loads((movie / "out" / "movie_record.json").read_text())["stack"]["failed"]) == ["2"]


def test_a_damaged_or_flat_file_and_wrong_words_give_one_sentence(movie, cells):
    whole = (movie / "paint.tif").read_bytes()
    (movie / "cut.tif").write_bytes(whole[: len(whole) // 2])
    tifffile.imwrite(movie / "flat.tif", cells[0][0])
    result = segment(movie, *AXIS, targets=("cut.tif", "flat.tif", "movie.tif"))
    assert result.exit_code == 1
    assert "1 of 3 stacks" in result.stdout
    assert "flat.tif has no planes along axis 0" in result.stderr
    assert "Traceback" not in result.output
    for words, sentence in (
        (("--stack-axis", "7"), "no planes along axis 7"),
        ((*AXIS, "--format", "png"), "TIFF"),
        ((*AXIS, "--reference-plane", "9"), "no label image"),
        ((*AXIS, "--reference-plane", "1", "--reference-plane", "2"), "2 --reference-plane"),
    ):
        assert sentence in segment(movie, *words).stderr, words
    tifffile.imwrite(movie / "empty.tif", np.zeros((COUNT, 60, 80), np.uint8), photometric="minisblack")
    assert "painted on none" in segment(movie, *AXIS, labels="empty.tif").stderr


def test_planes_are_looked_at_in_tiles_by_the_rule_of_pictures(movie, cells):
    pixels, labels = cells
    large = np.stack([np.tile(plane, (3, 1)) for plane in pixels[:2]])
    for name, planes, side in (("small", pixels, 10000), ("large", large, 20000)):
        said = {"resolution": (side, side), "resolutionunit": "CENTIMETER"}
        tifffile.imwrite(movie / f"{name}.tif", planes, photometric="minisblack", **said)
    painted = Segmenter(settings=TUNED.with_settings(max_prompts=12, background_projection="off"))
    for plane in (0, 3):
        painted.add_reference(pixels[plane], labels[plane])
    in_tiles, whole = (painted.segment(large[1], scale=scale) for scale in ("auto", "whole"))
    assert in_tiles.record().tiling is not None
    assert not np.array_equal(in_tiles.labels, whole.labels)
    for words, wanted in (("--pixel-size", "1,1"), in_tiles), ((), whole):
        result = segment(movie, *AXIS, *words, "--overwrite", reference="small.tif", targets=("large.tif",))
        assert result.exit_code == 0, result.output
        assert np.array_equal(tifffile.imread(movie / "out" / "large_labels.tif")[1], wanted.labels), words
    record = read_record(movie / "out" / "large_record.json")
    known = [record.target.pixel_size, record.references[0].image.pixel_size]
    assert known == [PixelSize(side, side, "centimeter") for side in (0.5e-4, 1e-4)]
    result = segment(movie, *AXIS, "--tile", "whole", reference="small.tif", targets=("large.tif",))
    assert (result.exit_code, "--overwrite replaces it" in result.stderr) == (1, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("--workers 2", "--workers is for sharing out pictures"),
        ("--scheduler tcp://a:1", "--scheduler is for sharing out pictures"),
        ("--overlay", "--overlay is for pictures"),
        ("--points", "--points is for pictures"),
        ("--tile small", "is no scale"),
        ("--pixel-size 1", "is no pair of pixel sizes"),
    ],
)
def test_options_that_would_do_nothing_or_make_no_sense_are_refused(movie, words, sentence):
    result = segment(movie, *AXIS, *words.split())
    assert (result.exit_code, sentence in result.stderr) == (2, True), result.output


@pytest.mark.parametrize("words", ["--link", "--smooth", "--each-side 1", "--reference-plane 0"])
def test_options_for_stacks_are_refused_for_pictures(movie, words):
    result = segment(movie, *words.split())
    assert (result.exit_code, "is for stacks" in result.stderr) == (2, True), result.output


def test_without_the_option_a_stack_is_refused_with_the_way_out(movie):
    result = segment(movie, reference="ref.tif", labels="ref_labels.tif")
    assert result.exit_code == 1
    assert "name the channel axis if they are channels, the stack axis if they are planes" in result.stderr
