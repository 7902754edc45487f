"""Every benchmark on a miniature copy of its folders: layout, classes, draws, masks, boxes, ignored pixels."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
from PIL import Image

from napari_gfsam.evaluation import BENCHMARKS, benchmark_episodes
from tests.evaluation.layouts import miniatures
from tests.evaluation.layouts.plans import FOLDS, NAMES, plan

LENGTHS = {
    "pascal": 1000, "coco": 1000, "fss": 20, "lvis": 2300, "pascal_part": 5 + 6 + 4 + 6, "paco_part": 2500,
    "deepglobe": 600, "isic": 600, "isaid": 9,
}  # fmt: skip


def published(items, target, shots, state):
    """The official loop: draw until so many differ from the target."""
    found = []
    while len(found) < shots:
        item = state.choice(items, 1, replace=False)[0]
        if item != target:
            found.append(item)
    return found


def test_all_nine_are_there():
    assert tuple(BENCHMARKS) == NAMES
    for name, benchmark in BENCHMARKS.items():
        assert benchmark.name == name
        assert benchmark.layout
        assert "official code" in benchmark.protocol


@pytest.mark.parametrize("name", NAMES)
def test_the_published_number_of_episodes_and_the_same_list_twice(datasets, name):
    first = plan(datasets, name)

    assert len(first) == LENGTHS[name]
    assert first == plan(datasets, name)
    assert plan(datasets, name, episodes=7).episodes == first.episodes[:7]
    assert plan(datasets, name, episodes=7, seed=1).episodes != first.episodes[:7]
    assert first.name == (name if BENCHMARKS[name].folds == 1 else f"{name} fold {FOLDS.get(name, 0)}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("shots", [1, 3])
def test_pictures_and_masks_can_be_read(datasets, name, shots):
    if (name, shots) == ("paco_part", 3):
        shots = 2
    for episode in plan(datasets, name, shots, episodes=9):
        assert len(episode.references) == shots
        assert episode.class_id >= 1
        assert episode.class_name
        for picture in (*episode.references, episode.target):
            loaded = picture.load()
            assert loaded.image.shape == (*loaded.mask.shape, 3)
            assert loaded.mask.dtype == bool
        assert all(reference.name != episode.target.name for reference in episode.references)
        assert episode.target.load().mask.any()


@pytest.mark.parametrize("shots", [1, 3])
def test_pascal_follows_the_list_and_the_official_draws(datasets, shots):
    entries = [(f"2007_{n:06d}", 6 + n % 4) for n in range(12)]
    state = np.random.RandomState(0)
    for index, episode in enumerate(plan(datasets, "pascal", shots, 40)):
        target, class_id = entries[index % 12]
        wanted = published([name for name, c in entries if c == class_id], target, shots, state)
        assert (episode.target.name, episode.class_id) == (target, class_id)
        assert [reference.name for reference in episode.references] == wanted
    assert plan(datasets, "pascal", 1, 3).episodes[2].class_name == "cat"


def test_pascal_masks_hold_one_class_and_only_targets_ignore(datasets):
    episode = plan(datasets, "pascal", 1, 1).episodes[0]
    target = episode.target.load()

    wanted = miniatures.rectangle(0).copy()
    wanted[[0, -1]] = False
    np.testing.assert_array_equal(target.mask, wanted)
    assert target.ignore[0].all()
    assert target.ignore.sum() == miniatures.WIDTH
    assert episode.references[0].load().ignore is None


def test_palette_masks_are_read_as_indices(own):
    path = own / "VOC2012/SegmentationClassAug/2007_000000.png"
    stored = np.array(Image.open(path))
    palette = Image.fromarray(stored)
    palette.putpalette([value * 7 % 256 for value in range(768)])
    palette.save(path)

    target = plan(own, "pascal", 1, 1).episodes[0].target.load()

    np.testing.assert_array_equal(target.mask, stored == 6)
    assert target.ignore.any()


def test_isaid_reads_its_own_folders(datasets):
    episode = plan(datasets, "isaid", 2, 2).episodes[1]

    assert (episode.class_id, episode.class_name) == (2, "storage tank")
    assert episode.target.path.parent == datasets / "remote_sensing/iSAID_patches/val/images"
    assert episode.target.load().ignore[:, -1].all()


@pytest.mark.parametrize("shots", [1, 3])
def test_coco_draws_class_target_and_references(datasets, shots):
    with (datasets / "COCO2014/splits/val/fold2.pkl").open("rb") as file:
        shown = pickle.load(file)
    classes = [2 + 4 * place for place in range(20)]
    state = np.random.RandomState(0)
    for episode in plan(datasets, "coco", shots, 40):
        place = state.choice(classes, 1, replace=False)[0]
        target = state.choice(shown[place], 1, replace=False)[0]
        assert (episode.class_id, episode.target.name) == (place + 1, target)
        wanted = published(shown[place], target, shots, state)
        assert [reference.name for reference in episode.references] == wanted
        stored = np.array(Image.open(datasets / f"COCO2014/annotations/{target[:-4]}.png"))
        np.testing.assert_array_equal(episode.target.load().mask, stored == place + 1)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_coco_split_of_any_protocol(tmp_path, datasets, protocol):
    miniatures.coco(tmp_path, protocol)

    found, wanted = (plan(root, "coco", 1, 20) for root in (tmp_path, datasets))
    assert [e.target.name for e in found] == [e.target.name for e in wanted]


def test_fss_takes_every_picture_of_the_test_classes(datasets):
    state = np.random.RandomState(0)
    episodes = plan(datasets, "fss", 5).episodes
    order = ["1", "10", *map(str, range(2, 10))]

    assert [e.target.name for e in episodes] == [f"{c}/{n}.jpg" for c in ("abacus", "bus") for n in order]
    assert [e.class_id for e in episodes] == [761] * 10 + [762] * 10
    for episode in episodes:
        wanted = published([f"{episode.class_name}/{n}.jpg" for n in range(1, 11)], episode.target.name, 5, state)
        assert [reference.name for reference in episode.references] == wanted
    np.testing.assert_array_equal(episodes[1].target.load().mask, miniatures.rectangle(10 + 1))


@pytest.mark.parametrize("name", ["deepglobe", "isic"])
def test_classes_in_turn(datasets, name):
    n_classes = {"deepglobe": 6, "isic": 3}[name]
    state = np.random.RandomState(0)
    for index, episode in enumerate(plan(datasets, name, 2, 30)):
        class_id = 1 + index % n_classes
        if name == "deepglobe":
            pictures = [f"{class_id}/{n}_sat_{class_id}.jpg" for n in range(4)]
        else:
            pictures = [f"ISIC_{n:07d}.jpg" for n in range(class_id - 1, 9, 3)]
        target = state.choice(pictures, 1, replace=False)[0]
        assert (episode.class_id, episode.target.name) == (class_id, target)
        assert [r.name for r in episode.references] == published(pictures, target, 2, state)
        number = int(target.partition("/")[2].partition("_")[0]) if name == "deepglobe" else int(target[5:12])
        np.testing.assert_array_equal(episode.target.load().mask, miniatures.rectangle(number))
    assert plan(datasets, "isic", 1, 3).episodes[2].class_name == "seborrheic_keratosis"


def test_lvis_takes_every_tenth_class_with_enough_pictures(datasets):
    with (datasets / "LVIS/lvis_val.pkl").open("rb") as file:
        annotations = pickle.load(file)
    state = np.random.RandomState(0)
    for fold, shots in ((0, 1), (3, 1), (0, 2)):
        enough = [c for c, shown in annotations.items() if len(shown) > shots]
        classes = enough[fold : len(enough) // 10 * 10 : 10]
        state = np.random.RandomState(0)
        for index, episode in enumerate(benchmark_episodes("lvis", datasets, fold, shots, 20)):
            class_id = classes[index % len(classes)]
            target = state.choice(list(annotations[class_id]), 1, replace=False)[0]
            assert (episode.class_id, episode.target.name) == (class_id, target)
            assert [r.name for r in episode.references] == published(list(annotations[class_id]), target, shots, state)
            number = int(target[8:20])
            wanted = miniatures.rectangle(number) | miniatures.rectangle(number + class_id)
            np.testing.assert_array_equal(episode.target.load().mask, wanted)


def test_paco_draws_objects_and_cuts_their_box(datasets):
    with (datasets / "PACO-Part/paco/paco_part_val.pkl").open("rb") as file:
        content = pickle.load(file)
    state = np.random.RandomState(0)
    order = sorted(content["cid2img"], reverse=True)
    pictures = {c: list(dict.fromkeys(next(iter(entry)) for entry in content["cid2img"][c])) for c in order}
    classes = [c for c in order[1::4] if len(pictures[c]) > 1]
    boxes = {0: (3, 2, 21, 17), 1: (1, 0, 21, 12)}

    def drawn_object(number):
        place = state.choice([1000 * number, 1000 * number + 1], 1, replace=False)[0] - 1000 * number
        top, left, bottom, right = boxes[place]
        return f"val2017/{number:012d}.jpg#{1000 * number + place}", miniatures.rectangle(number + place)[
            top:bottom, left:right
        ]

    for episode in plan(datasets, "paco_part", 1, 30):
        class_id = state.choice(classes, 1, replace=False)[0]
        number = state.choice(pictures[class_id], 1, replace=False)[0]
        name, mask = drawn_object(number)
        assert (episode.class_id, episode.target.name) == (class_id, name)
        np.testing.assert_array_equal(episode.target.load().mask, mask)
        (other,) = published(pictures[class_id], number, 1, state)
        name, mask = drawn_object(other)
        assert episode.references[0].name == name
        np.testing.assert_array_equal(episode.references[0].load().mask, mask)


def test_pascal_part_draws_again_where_the_object_lacks_the_part(datasets):
    base = datasets / "Pascal-Part/VOCdevkit/VOC2010"
    listed = {"bottle": [f"2008_{n:06d}" for n in range(5)], "chair": [f"2008_{n:06d}" for n in range(2, 6)]}
    state = np.random.RandomState(0)

    def drawn_object(kind, seen):
        while True:
            name = state.choice(listed[kind], 1, replace=False)[0]
            if name in seen:
                continue
            objects = json.loads((base / f"Annotations_Part_json_merged_part_classes/{name}.json").read_text())[
                "object"
            ]
            chosen = state.choice([o for o in objects if o["name"] == kind], 1, replace=False)[0]
            if any(part["name"] in ("CAP", "LEG") for part in chosen["parts"]):
                seen.append(name)
                return name

    for index, episode in enumerate(plan(datasets, "pascal_part", 2)):
        kind = ("bottle", "chair")[index % 2]
        seen = []
        wanted = [drawn_object(kind, seen) for _ in range(3)]
        assert episode.class_name == {"bottle": "bottle+CAP", "chair": "chair+LEG"}[kind]
        assert episode.class_id == 1 + index % 2
        assert [p.name.partition("#")[0] for p in (episode.target, *episode.references)] == wanted
        number = int(wanted[0][5:])
        mask = miniatures.rectangle(number)
        if kind == "chair":
            mask = mask | miniatures.rectangle(number + 3)
        top = 2 + number % 2 if kind == "bottle" else 2
        np.testing.assert_array_equal(episode.target.load().mask, mask[top:22, 1:18])
