from __future__ import annotations

import math

import pytest

from napari_gfsam.evaluation import Table, accuracy_table, class_table, sets_table, summarise, summary_table
from napari_gfsam.evaluation.rows import RowFile
from tests.evaluation.fakes import row


def counted(episode, fg, bg=(50, 100), **values):
    """A row with the same counts in both frames."""
    frames = {f"{part}_{frame}": count for frame in ("1024", "native") for part, count in
              zip(("fg_intersection", "fg_union", "bg_intersection", "bg_union"), (*fg, *bg), strict=True)}  # fmt: skip
    iou = fg[0] / fg[1] if fg[1] else math.nan
    return row(episode=episode, iou_1024=iou, iou_native=iou, empty=False, **{**frames, **values})


ROWS = [
    counted(0, (10, 40), score=0.1, seconds=1.0),
    counted(1, (30, 40), score=0.4, seconds=3.0),
    counted(2, (10, 10), score=0.9, seconds=2.0, class_id=2, class_name="nucleus"),
    row(episode=3, error="broken"),
    counted(0, (0, 0), (100, 100), absent=True, seconds=2.0),
    counted(1, (0, 25), (75, 100), absent=True, seconds=2.0),
]


def test_figures():
    (found,) = summarise(ROWS)

    assert (found.data_set, found.settings, found.shots, found.seed, found.model) == ("cells", "tuned", 1, 0, "bundled")
    assert (found.episodes, found.absent_episodes, found.errors) == (3, 2, 1)
    assert found.miou_1024 == found.miou_native == pytest.approx((40 / 80 + 1) / 2)
    assert found.mean_iou_1024 == pytest.approx((0.25 + 0.75 + 1) / 3)
    assert found.fb_iou_1024 == pytest.approx((50 / 90 + 150 / 300) / 2)
    assert (found.specificity_targets, found.specificity_pixels) == (0.5, pytest.approx(175 / 200))
    assert found.confidence_correlation == pytest.approx(1)
    assert found.seconds == pytest.approx(2)
    assert found.empty == 0
    assert [(c.class_id, c.name, c.episodes, c.iou_1024) for c in found.classes] == [
        (1, "cell", 2, 0.5),
        (2, "nucleus", 1, 1.0),
    ]


def test_only_errors_give_a_summary_without_figures():
    (found,) = summarise([row(error="broken")])

    assert (found.errors, found.episodes, found.classes) == (1, 0, ())
    assert math.isnan(found.miou_1024)
    assert "-" in summary_table([found]).plain()


def test_groups_keep_apart():
    rows = [counted(0, (1, 2)), counted(0, (1, 4), settings="published"), counted(0, (1, 8), shots=5)]

    assert [(s.settings, s.shots, s.miou_1024) for s in summarise(rows)] == [
        ("tuned", 1, 0.5),
        ("published", 1, 0.25),
        ("tuned", 5, 0.125),
    ]
    assert summarise([]) == ()


def test_tables():
    (found,) = summarise(ROWS)
    text = summary_table([found]).plain().splitlines()

    assert text[0].split()[:4] == ["set", "model", "settings", "shots"]
    assert text[2].split()[:10] == ["cells", "bundled", "tuned", "1", "3", "1", "75.0", "75.0", "66.7", "52.8"]
    assert class_table(found).plain().splitlines()[2:] == [
        "cell       1         2   50.0        50.0",
        "nucleus    2         1  100.0       100.0",
    ]


def test_markdown_escapes_and_aligns():
    assert Table(("set", "IoU"), (("a|b", "1.0"), ("c", "22.0"))).markdown().splitlines() == [
        "| set  |  IoU |",
        "| ---- | ---: |",
        "| a\\|b |  1.0 |",
        "| c    | 22.0 |",
    ]


def test_the_accuracy_table_has_sets_columns_and_a_fair_mean(tmp_path):
    first, second = RowFile(tmp_path / "a.csv"), RowFile(tmp_path / "b.csv")
    for settings, hit in (("published", 10), ("tuned", 20)):
        first.append(counted(0, (hit, 40), settings=settings))
        first.append(counted(0, (hit + 10, 40), settings=settings, shots=5))
        second.append(counted(0, (hit * 2, 40), settings=settings, data_set="birds"))
        second.append(counted(0, (hit * 2, 40), settings=settings, data_set="birds", shots=5))
        second.append(counted(0, (40, 40), settings=settings, data_set="stars"))

    assert accuracy_table([tmp_path / "a.csv", tmp_path / "b.csv"]).splitlines() == [
        "| set            | episodes | published, 1-shot | tuned, 1-shot | published, 5-shot | tuned, 5-shot |",
        "| -------------- | -------: | ----------------: | ------------: | ----------------: | ------------: |",
        "| cells          |        1 |              25.0 |          50.0 |              50.0 |          75.0 |",
        "| birds          |        1 |              50.0 |         100.0 |              50.0 |         100.0 |",
        "| stars          |        1 |             100.0 |         100.0 |                 - |             - |",
        "| mean of 2 sets |          |              37.5 |          75.0 |              50.0 |          87.5 |",
    ]


def test_several_models_are_named_and_seeds_averaged():
    rows = [counted(0, (10, 40)), counted(0, (30, 40), seed=1), counted(0, (40, 40), model="large")]
    table = sets_table(summarise(rows), measure="mean_iou_native")

    assert table.header == ("set", "episodes", "tuned, bundled, 1-shot", "tuned, large, 1-shot")
    assert table.rows == (("cells", "1", "50.0", "100.0"),)
