from __future__ import annotations

import shutil
from collections import Counter

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_gfsam.evaluation import folder_episodes
from napari_gfsam.evaluation.folders import shuffled
from tests.evaluation.folders import blob, cell_folder, write_manifest, write_pair


def names(episode_set):
    return [(e.class_id, tuple(r.name for r in e.references), e.target.name) for e in episode_set]


def test_the_list_is_the_same_everywhere_and_in_every_folder(tmp_path):
    cell_folder(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "b")

    first = folder_episodes(tmp_path / "a", 2, 8, seed=3)

    assert names(first) == names(folder_episodes(tmp_path / "b", 2, 8, seed=3))
    assert first == folder_episodes(tmp_path / "a", 2, 8, seed=3)
    assert names(first) != names(folder_episodes(tmp_path / "a", 2, 8, seed=4))
    assert (first.name, first.seed, first.shots, len(first)) == ("a", 3, 2, 8)


def test_the_draw_itself_is_pinned():
    """A change of this list would make figures of one seed incomparable."""
    assert shuffled("abcdefgh", 0, 1, 2) == ["d", "e", "h", "g", "b", "f", "c", "a"]


def test_longer_lists_and_more_shots_extend_shorter_ones(tmp_path):
    cell_folder(tmp_path, 8)
    short, long, wide = (folder_episodes(tmp_path, s, n, 0) for s, n in ((1, 4), (1, 9), (3, 4)))

    assert names(long)[:4] == names(short)
    for one, three in zip(short, wide, strict=True):
        assert (one.class_id, one.target) == (three.class_id, three.target)
        assert three.references[:1] == one.references
        assert len({reference.name for reference in three.references} | {three.target.name}) == 4


def test_classes_and_targets_take_turns(tmp_path):
    cell_folder(tmp_path, 6)
    episodes = list(folder_episodes(tmp_path, 1, 12, 0))

    assert Counter(e.class_id for e in episodes) == {1: 6, 2: 6}
    assert all({a.class_id, b.class_id} == {1, 2} for a, b in zip(episodes[::2], episodes[1::2], strict=True))
    assert Counter(e.target.name for e in episodes if e.class_id == 1) == {f"p{n}": 1 for n in range(6)}
    assert Counter(e.target.name for e in episodes if e.class_id == 2) == {"p1": 2, "p3": 2, "p5": 2}


def test_masks_are_read_lazily_and_hold_one_class(tmp_path):
    cell_folder(tmp_path)
    write_manifest(tmp_path, classes={"1": "cell", "2": "nucleus"}, ignore=None)
    episode = next(e for e in folder_episodes(tmp_path, 1, 2, 0) if e.class_id == 2)
    stored = np.array(Image.open(tmp_path / "masks" / f"{episode.target.name}.png"))

    loaded = episode.target.load()

    assert episode.class_name == "nucleus"
    np.testing.assert_array_equal(loaded.mask, stored == 2)
    assert loaded.image.shape == stored.shape
    assert loaded.ignore is None
    assert episode.target.files == (
        tmp_path / "images" / f"{episode.target.name}.png",
        tmp_path / "masks" / f"{episode.target.name}.png",
    )


def test_the_ignored_value_is_no_class(tmp_path):
    for number in range(3):
        mask = blob(1, 200)
        mask[-2:] = 255
        write_pair(tmp_path, f"p{number}", mask)
    write_manifest(tmp_path, ignore=255)

    episodes = folder_episodes(tmp_path, 1, 4, 0)

    assert {e.class_id for e in episodes} == {1}
    assert episodes.episodes[0].target.load().ignore.sum() == 2 * 40


def test_255_is_a_class_where_nothing_says_otherwise(tmp_path):
    for number in range(3):
        write_pair(tmp_path, f"p{number}", blob(255))

    assert {e.class_id for e in folder_episodes(tmp_path, 1, 4, 0)} == {255}


def test_absent_targets_do_not_show_the_class(tmp_path):
    cell_folder(tmp_path)

    episodes = folder_episodes(tmp_path, 2, 5, 0, absent=True)

    assert {e.class_id for e in episodes} == {2}
    for episode in episodes:
        assert episode.absent
        assert not episode.target.load().mask.any()
        assert all(reference.load().mask.any() for reference in episode.references)


def test_absent_needs_a_picture_without_the_class(tmp_path):
    for number in range(3):
        write_pair(tmp_path, f"p{number}", blob(1))

    with pytest.raises(ValueError, match="shows every class"):
        folder_episodes(tmp_path, absent=True)


def test_references_are_well_painted_when_they_can_be(tmp_path):
    pixels = {"tiny": 1, "small": 63, "enough": 64, "much": 900}
    for stem, count in pixels.items():
        write_pair(tmp_path, stem, blob(1, count, (400, 400)))

    for episode in folder_episodes(tmp_path, 3, 12, 0):
        shown = [pixels[reference.name] >= 64 for reference in episode.references]
        assert shown == sorted(shown, reverse=True)
    ones = {e.references[0].name for e in folder_episodes(tmp_path, 1, 12, 0)}
    assert ones == {"enough", "much"}


def test_a_thousandth_of_a_small_picture_is_well_painted(tmp_path):
    write_pair(tmp_path, "a", blob(1, 2, (40, 40)))
    write_pair(tmp_path, "b", blob(1, 1, (40, 40)))
    write_pair(tmp_path, "c", blob(1, 1, (40, 40)))

    targets = {e.target.name: e.references[0].name for e in folder_episodes(tmp_path, 1, 3, 0)}

    assert targets["b"] == targets["c"] == "a"


def test_a_picture_full_of_the_class_is_a_target_but_no_reference(tmp_path):
    write_pair(tmp_path, "full", blob(1, 1200))
    write_pair(tmp_path, "a", blob(1))
    write_pair(tmp_path, "b", blob(1))
    episodes = folder_episodes(tmp_path, 1, 3, 0)

    assert {e.target.name for e in episodes} == {"full", "a", "b"}
    assert all(e.references[0].name != "full" for e in episodes)


def test_pairs_of_different_kinds_are_found_and_strays_passed_over(tmp_path):
    write_pair(tmp_path, "jpeg", blob(1), suffix=".jpg")
    write_pair(tmp_path, "png", blob(1))
    tifffile.imwrite(tmp_path / "images/tiff.TIF", np.zeros((30, 40), np.uint16))
    tifffile.imwrite(tmp_path / "masks/tiff.tif", blob(1))
    write_pair(tmp_path, "no_mask", blob(1))
    (tmp_path / "masks/no_mask.png").unlink()
    (tmp_path / "images/.hidden.png").write_bytes(b"x")
    (tmp_path / "images/notes.txt").write_text("x")

    assert {e.target.name for e in folder_episodes(tmp_path, 1, 3, 0)} == {"jpeg", "png", "tiff"}


def test_another_size_is_named_when_the_picture_is_read(tmp_path):
    write_pair(tmp_path, "a", blob(1), image=np.zeros((10, 12, 3), np.uint8))
    write_pair(tmp_path, "b", blob(1))
    picture = next(e.target for e in folder_episodes(tmp_path, 1, 2, 0) if e.target.name == "a")

    with pytest.raises(ValueError, match=r"mask of a is 30 x 40 but the picture is 10 x 12 x 3"):
        picture.load()


@pytest.mark.parametrize(
    ("values", "word"), [({"shots": 0}, "shots"), ({"episodes": 0}, "episodes"), ({"seed": -1}, "seed")]
)
def test_numbers_out_of_range(tmp_path, values, word):
    with pytest.raises(ValueError, match=f"^{word} is"):
        folder_episodes(cell_folder(tmp_path), **values)


def test_missing_folders(tmp_path):
    with pytest.raises(OSError, match="images does not exist"):
        folder_episodes(tmp_path / "nowhere")
    (tmp_path / "images").mkdir()
    with pytest.raises(OSError, match="masks does not exist"):
        folder_episodes(tmp_path)


def test_no_pairs(tmp_path):
    write_pair(tmp_path, "a", blob(1))
    (tmp_path / "masks/a.png").rename(tmp_path / "masks/a_mask.png")

    with pytest.raises(ValueError, match="1 pictures in images and 1 in masks, but no two of the same name"):
        folder_episodes(tmp_path)


def test_a_stem_twice(tmp_path):
    write_pair(tmp_path, "a", blob(1))
    write_pair(tmp_path, "a", blob(1), suffix=".jpg")

    with pytest.raises(ValueError, match=r"both a\.jpg and a\.png"):
        folder_episodes(tmp_path)


def test_masks_that_are_no_class_ids(tmp_path):
    write_pair(tmp_path, "a", blob(1))
    write_pair(tmp_path, "b", blob(1))
    tifffile.imwrite(tmp_path / "masks/b.tif", np.full((30, 40), 0.5, np.float32))
    (tmp_path / "masks/b.png").unlink()
    with pytest.raises(ValueError, match=r"b\.tif"):
        folder_episodes(tmp_path)

    (tmp_path / "masks/b.tif").unlink()
    Image.fromarray(blob(1)).save(tmp_path / "masks/b.jpg")
    with pytest.raises(ValueError, match="JPEG"):
        folder_episodes(tmp_path)


def test_too_few_pictures_for_the_shots(tmp_path):
    cell_folder(tmp_path, 4)

    with pytest.raises(ValueError, match=r"class 1 can be learnt from 4, but 4 references and one target are needed"):
        folder_episodes(tmp_path, shots=4)


def test_masks_without_any_class(tmp_path):
    write_pair(tmp_path, "a", blob(0))

    with pytest.raises(ValueError, match="all background"):
        folder_episodes(tmp_path)


@pytest.mark.parametrize("content", ["{", "[]", '{"classes": {"cell": 1}}', '{"classes": 3}', '{"ignore": "x"}'])
def test_a_damaged_manifest(tmp_path, content):
    cell_folder(tmp_path)
    (tmp_path / "manifest.json").write_text(content)

    with pytest.raises(ValueError, match="is not a manifest"):
        folder_episodes(tmp_path)
