from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_gfsam.core.config import PUBLISHED, TUNED
from napari_gfsam.evaluation import EpisodeSet, PictureMask, evaluate, folder_episodes, pending_rows, read_rows
from napari_gfsam.evaluation.runner import fingerprint
from tests.evaluation.fakes import BrightSegmenter, row
from tests.evaluation.folders import blob, cell_folder, write_manifest, write_pair

if TYPE_CHECKING:
    from pathlib import Path

BOTH = {"published": PUBLISHED, "tuned": TUNED}


@pytest.fixture
def episodes(tmp_path):
    return folder_episodes(cell_folder(tmp_path / "cells"), 2, 4, 0)


def run(episodes, path, segmenter=None, settings=BOTH, **values):
    return list(evaluate(episodes, segmenter or BrightSegmenter(), settings, path, **values))


def test_a_row_per_episode_and_settings_in_order(tmp_path, episodes):
    segmenter = BrightSegmenter()

    rows = run(episodes, tmp_path / "rows.csv", segmenter, model="small")

    assert [(r.episode, r.settings) for r in rows] == [(n, name) for n in range(4) for name in BOTH]
    assert segmenter.segmented == [(2, "best"), (2, "none")] * 4
    assert [repr(r) for r in read_rows(tmp_path / "rows.csv")] == [repr(r) for r in rows]
    first, episode = rows[0], episodes.episodes[0]
    assert (first.data_set, first.seed, first.shots, first.model) == ("cells", 0, 2, "small")
    assert (first.class_id, first.class_name, first.target) == (
        episode.class_id,
        str(episode.class_id),
        episode.target.name,
    )
    assert first.references == "; ".join(reference.name for reference in episode.references)
    assert (first.prompts, first.clusters, first.absent, first.error) == (3, 2, False, "")
    assert first.seconds >= 0


def test_counts_are_those_of_both_frames(tmp_path, episodes):
    rows = [r for r in run(episodes, tmp_path / "rows.csv") if r.class_id == 2]
    found, empty = rows[0], rows[1]
    truth = next(e for e in episodes if e.class_id == 2).target.load()
    bright = truth.image > 127

    assert found.iou_native == pytest.approx(truth.mask.sum() / bright.sum())
    assert found.fg_intersection_native == truth.mask.sum()
    assert found.bg_union_native == truth.mask.size - truth.mask.sum()
    assert found.bg_intersection_1024 + found.fg_union_1024 == 1024 * 1024
    assert found.iou_1024 == pytest.approx(found.iou_native, abs=0.01)
    assert found.score == pytest.approx(bright.mean())
    assert not found.empty
    assert (empty.empty, empty.iou_1024, empty.fg_union_native, empty.score) == (True, 0, truth.mask.sum(), 0)


def test_the_segmenter_sees_one_class_and_what_to_ignore(tmp_path):
    root = cell_folder(tmp_path / "cells")
    for path in (root / "masks").iterdir():
        mask = np.array(Image.open(path))
        mask[-3:] = 255
        write_pair(root, path.stem, mask)
    write_manifest(root, classes={"1": "cell"}, ignore=255)
    segmenter = BrightSegmenter()

    rows = run(folder_episodes(root, 1, 1, 0), tmp_path / "rows.csv", segmenter)

    (_, labels, classes, ignore) = segmenter.references[0]
    assert ignore == 255
    assert set(np.unique(labels)) <= {0, 1, 255}
    assert (labels[-3:] == 255).all()
    assert list(classes) == [1]
    assert rows[0].fg_union_native + rows[0].bg_intersection_native == 27 * 40
    assert rows[0].fg_union_1024 + rows[0].bg_intersection_1024 < 0.91 * 1024 * 1024


def test_without_ignored_pixels_nothing_is_ignored(tmp_path, episodes):
    segmenter = BrightSegmenter()
    run(episodes, tmp_path / "rows.csv", segmenter)

    assert {ignore for _, _, _, ignore in segmenter.references} == {None}


def test_what_is_done_is_not_computed_again(tmp_path, episodes):
    path = tmp_path / "rows.csv"
    rows = evaluate(episodes, BrightSegmenter(), BOTH, path)
    for _ in range(3):
        next(rows)
    rows.close()
    assert pending_rows(episodes, BOTH, path) == 5
    segmenter = BrightSegmenter()

    again = run(episodes, path, segmenter)

    assert len(segmenter.segmented) == 5
    assert [(r.episode, r.settings) for r in again] == [(n, name) for n in range(4) for name in BOTH]
    assert len(path.read_text().splitlines()) == 9
    assert pending_rows(episodes, BOTH, path) == 0


def test_a_whole_file_needs_no_picture(tmp_path, episodes):
    run(episodes, tmp_path / "rows.csv")
    names = {"a": PUBLISHED, "b": TUNED}
    assert pending_rows(episodes, names, tmp_path / "rows.csv") == 8

    @dataclass(frozen=True)
    class Unread:
        path: Path

        def __call__(self):
            raise AssertionError("read again")

    unread = [
        replace(e, target=PictureMask(e.target.name, Unread(e.target.path), Unread(e.target.mask.path)))
        for e in episodes
    ]
    assert len(run(replace(episodes, episodes=tuple(unread)), tmp_path / "rows.csv")) == 8


def test_longer_lists_other_shots_and_settings_share_a_file(tmp_path):
    root, path = cell_folder(tmp_path / "cells"), tmp_path / "rows.csv"
    run(folder_episodes(root, 1, 3, 0), path)

    assert pending_rows(folder_episodes(root, 1, 5, 0), BOTH, path) == 4
    assert pending_rows(folder_episodes(root, 2, 3, 0), BOTH, path) == 6
    assert pending_rows(folder_episodes(root, 1, 3, 1), BOTH, path) == 6
    assert pending_rows(folder_episodes(root, 1, 3, 0, absent=True), BOTH, path) == 6
    assert pending_rows(folder_episodes(root, 1, 3, 0), BOTH, path, model="large") == 6
    other = {"published": PUBLISHED, "tuned": TUNED.with_settings(max_prompts=5)}
    assert pending_rows(folder_episodes(root, 1, 3, 0), other, path) == 3


def test_a_changed_file_is_answered_again_and_a_moved_folder_is_not(tmp_path):
    root, path = cell_folder(tmp_path / "cells"), tmp_path / "rows.csv"
    run(folder_episodes(root, 1, 12, 0), path)
    (tmp_path / "elsewhere").mkdir()
    root = root.rename(tmp_path / "elsewhere" / "cells")
    assert pending_rows(folder_episodes(root, 1, 12, 0), BOTH, path) == 0

    image = np.random.default_rng(0).integers(0, 255, (30, 40), dtype=np.uint8)
    write_pair(root, "p1", np.array(Image.open(root / "masks/p1.png")), image=image)

    assert 0 < pending_rows(folder_episodes(root, 1, 12, 0), BOTH, path) < 24


def test_the_fingerprint_depends_on_question_files_and_settings(episodes):
    episode = episodes.episodes[0]
    prints = {
        fingerprint(row(), episode, PUBLISHED),
        fingerprint(row(), episode, TUNED),
        fingerprint(row(model="large"), episode, PUBLISHED),
        fingerprint(row(episode=1), episode, PUBLISHED),
        fingerprint(row(), replace(episode, class_id=9), PUBLISHED),
        fingerprint(row(), replace(episode, references=episode.references[::-1]), PUBLISHED),
    }
    assert len(prints) == 6


def test_a_set_name_with_odd_spaces_resumes(tmp_path, episodes):
    odd = EpisodeSet("my  cells\n", 0, 2, episodes.episodes)
    run(odd, tmp_path / "rows.csv")

    assert pending_rows(odd, BOTH, tmp_path / "rows.csv") == 0


@pytest.mark.parametrize("damage", [b"", b"\x89PNG\r\n\x1a\nxx", None])
def test_a_broken_picture_gives_error_rows_and_is_tried_again(tmp_path, damage):
    root, path = cell_folder(tmp_path / "cells"), tmp_path / "rows.csv"
    whole = (root / "images/p0.png").read_bytes()
    episodes = folder_episodes(root, 1, 12, 0)
    (root / "images/p0.png").unlink() if damage is None else (root / "images/p0.png").write_bytes(damage)

    rows = run(episodes, path)

    broken = [r for r in rows if r.error]
    assert len(rows) == 24
    assert broken
    assert all("p0.png" in r.error and "p0" in (r.target, r.references) for r in broken)
    assert all(math.isnan(r.iou_1024) for r in broken)

    (root / "images/p0.png").write_bytes(whole)
    assert pending_rows(episodes, BOTH, path) == len(broken)
    assert not any(r.error for r in run(episodes, path))
    assert not any(r.error for r in read_rows(path))


def test_a_refused_target_gives_an_error_row_for_that_settings(tmp_path, episodes):
    class Refusing(BrightSegmenter):
        def segment(self, target, *, settings, scale):
            if settings.fallback == "none":
                raise ValueError("The picture has\none value everywhere.")
            return super().segment(target, settings=settings, scale=scale)

    rows = run(episodes, tmp_path / "rows.csv", Refusing())

    assert [r.error for r in rows[:2]] == ["", "The picture has one value everywhere."]


def test_paint_that_cannot_serve_gives_an_error_row(tmp_path, episodes):
    blank = replace(episodes.episodes[0].references[0], mask=replace(episodes.episodes[0].target.mask, value=7))
    episode = replace(episodes.episodes[0], references=(blank,))

    rows = run(EpisodeSet("cells", 0, 1, (episode,)), tmp_path / "rows.csv")

    assert {r.error for r in rows} == {"The label image has no painted pixel."}


def test_a_defect_of_the_program_is_not_hidden(tmp_path, episodes):
    class Broken(BrightSegmenter):
        def segment(self, target, *, settings, scale):
            raise RuntimeError("a defect")

    with pytest.raises(RuntimeError, match="a defect"):
        run(episodes, tmp_path / "rows.csv", Broken())
    assert pending_rows(episodes, BOTH, tmp_path / "rows.csv") == 8


def test_absent_episodes_are_marked(tmp_path):
    root = cell_folder(tmp_path / "cells")

    rows = run(folder_episodes(root, 1, 2, 0, absent=True), tmp_path / "rows.csv")

    assert all(r.absent for r in rows)
    assert [r.fg_union_native > 0 for r in rows] == [True, False] * 2


def test_with_the_real_segmenter(tmp_path, fake_models):
    from napari_gfsam import Segmenter
    from tests.fakes import disc_picture

    for seed in range(4):
        image, labels = disc_picture(seed=seed)
        write_pair(tmp_path / "discs", f"p{seed}", (labels > 0).astype(np.uint8), image=image)

    episodes = folder_episodes(tmp_path / "discs", 2, 2, 0)
    rows = run(episodes, tmp_path / "rows.csv", Segmenter())

    encoder, _ = fake_models
    assert [r.error for r in rows] == [""] * 4
    assert all(r.iou_native > 0.5 and r.prompts and r.clusters and r.score for r in rows)
    assert encoder.calls == len({p.name for e in episodes for p in (*e.references, e.target)})


def test_read_only_output(tmp_path, episodes):
    (tmp_path / "rows.csv").mkdir()

    with pytest.raises(OSError, match=r"rows\.csv"):
        run(episodes, tmp_path / "rows.csv")


def test_a_multichannel_mask_shape_is_checked_against_either_order(tmp_path):
    write_pair(tmp_path / "s", "a", blob(1))
    write_pair(tmp_path / "s", "b", blob(1))
    (tmp_path / "s/images/a.png").unlink()
    tifffile.imwrite(tmp_path / "s/images/a.tif", np.zeros((30, 40, 3), np.uint8), photometric="rgb")

    assert all(e.target.load().mask.shape == (30, 40) for e in folder_episodes(tmp_path / "s", 1, 2, 0))
