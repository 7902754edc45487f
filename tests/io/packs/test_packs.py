from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from io import BytesIO
from unittest.mock import patch

import numpy as np
import pytest
from PIL import Image

from napari_gfsam.io.packs import PackError, container, pictures, read_about, read_pack, write_pack
from napari_gfsam.io.packs.container import hash_of
from tests.io.packs import scenes

MANIFEST, PICTURE, FEATURES = "manifest.json", "references/0000/picture.png", "features/0000.safetensors"


@pytest.fixture
def path(tmp_path):
    write_pack(tmp_path / "a.gfsampack", scenes.pack())
    return tmp_path / "a.gfsampack"


def members(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def put_together(path, found, compression=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in found.items():
            file.writestr(name, content)


def manifest(found):
    return json.loads(found[MANIFEST])


def alter(path, change, **changed):
    """Write a pack again with another manifest and other members whose hashes fit."""
    found = {**members(path), **changed}
    facts = manifest(found)
    facts["members"] |= {name: hash_of(content) for name, content in changed.items()}
    change(facts)
    put_together(path, {**found, MANIFEST: json.dumps(facts).encode()})


def refused(path):
    """Return the one sentence."""
    with pytest.raises(PackError) as caught:
        read_pack(path)
    text = str(caught.value)
    assert text.startswith(str(path))
    assert text.endswith(".")
    assert "\n" not in text
    return text


def test_all_of_it_comes_back(path):
    made, found = scenes.pack(), read_pack(path)
    assert (found.classes, found.about) == (made.classes, made.about)
    assert found.version
    for old, new in zip(made.references, found.references, strict=True):
        assert np.array_equal(old.picture, new.picture)
        assert np.array_equal(old.labels, new.labels)
        assert (new.picture.dtype, new.labels.dtype) == (np.uint8, old.labels.dtype)
        assert new.pixel_size == old.pixel_size
        assert (new.record.classes, new.record.recipe) == (old.record.classes, old.record.recipe)
        assert (new.record.ignore, new.record.region_yx) == (255, (0, 0, 50, 80))
    (features,), (again,) = made.features, found.features
    known = ("encoder", "weights_hash", "precision", "resize_version")
    assert [getattr(again, name) for name in known] == [getattr(features, name) for name in known]
    assert all(np.array_equal(a, b) for a, b in zip(features.tokens, again.tokens, strict=True))


def test_no_place_of_the_author_is_told(path):
    for name, content in members(path).items():
        assert b"somebody" not in content, name
        assert b"plates" not in content, name
    assert read_pack(path).references[0].record.image.name == "a.tif"


def test_the_same_content_gives_the_same_bytes(path, tmp_path):
    write_pack(tmp_path / "b", scenes.pack())
    assert path.read_bytes() == (tmp_path / "b").read_bytes()


def test_other_programs_can_read_it_and_pack_it_anew(path):
    found = members(path)
    with Image.open(BytesIO(found["thumbnail.png"])) as small:
        assert small.size == (80, 60)
        assert (200, 10, 30) in {small.getpixel((x, y)) for x in range(80) for y in range(60)}
    put_together(path, {"references/": b"", **found})
    assert len(read_pack(path).references) == 2


def test_what_it_says_of_itself_is_read_without_the_pictures(path):
    assert read_about(path).about.licence == "CC0-1.0"
    put_together(path, {**members(path), FEATURES: b"other"})
    with pytest.raises(PackError, match="altered"):
        read_about(path)


@pytest.mark.parametrize("name", [PICTURE, FEATURES, "thumbnail.png", "references/0001/labels.png"])
def test_an_altered_or_missing_member_is_told(path, name):
    found = members(path)
    put_together(path, {**found, name: found[name][:-1] + bytes([found[name][-1] ^ 1])})
    if name == "thumbnail.png":  # nothing depends on it
        with pytest.raises(PackError, match="altered"):
            read_about(path)
    else:
        assert "altered" in refused(path)
    put_together(path, {key: content for key, content in found.items() if key != name})
    assert "missing" in refused(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_told(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    assert "damaged or cut short" in refused(path)


def test_bytes_changed_anywhere_never_give_another_pack(path):
    content, rng = path.read_bytes(), np.random.default_rng(0)
    for place in rng.integers(0, len(content), 40):
        path.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
        try:
            found = read_pack(path)
        except PackError:
            continue
        assert np.array_equal(found.references[0].picture, scenes.pack().references[0].picture)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "..\\evil", "c:evil", "./evil", "a//evil"])
def test_names_that_lead_out_are_refused(path, name):
    put_together(path, {**members(path), name: b"evil"})
    assert "leads out" in refused(path)
    assert not list(path.parent.rglob("*evil*"))


def test_further_files_and_twins_are_refused(path):
    found = members(path)
    put_together(path, {**found, "run.py": b""})
    assert "'run.py' is not in its list" in refused(path)
    put_together(path, found)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as file:
        file.writestr(PICTURE, b"")
    assert "two files of one name" in refused(path)


def test_bombs_are_refused_before_they_unfold(path, monkeypatch):
    found = members(path)
    put_together(path, {**found, "bomb": bytes(2**20)})
    monkeypatch.setattr(container, "MOST_MEMBER_BYTES", 2**19)
    assert "'bomb' would take 1 MB" in refused(path)
    monkeypatch.undo()
    monkeypatch.setattr(container, "MOST_BYTES", 2**20)
    with patch.object(zipfile.ZipFile, "open", side_effect=AssertionError("unfolded")):
        assert "unpacked" in refused(path)
    monkeypatch.undo()
    monkeypatch.setattr(container, "MOST_MEMBERS", 3)
    assert "files, and a pack has" in refused(path)
    monkeypatch.undo()
    monkeypatch.setattr(pictures, "MOST_PIXELS", 5000)
    put_together(path, found)
    assert "million pixels" in refused(path)
    with pytest.raises(PackError, match="crop them"):
        write_pack(path, scenes.pack())


def test_a_member_that_lies_about_its_size_is_told(path):
    content = path.read_bytes()
    size = len(members(path)[FEATURES])
    for lie in (size - 1, size + 1):
        path.write_bytes(content.replace(size.to_bytes(4, "little"), lie.to_bytes(4, "little")))
        refused(path)


def test_a_picture_of_another_size_is_not_even_decoded(path):
    huge = BytesIO()
    Image.new("L", (4000, 4000)).save(huge, format="PNG")
    alter(path, lambda facts: None, **{PICTURE: huge.getvalue()})
    assert "4000 x 4000, and (60, 80) was promised" in refused(path)
    alter(path, lambda facts: None, **{PICTURE: b"\x89PNG\r\n\x1a\n"})
    assert "a picture in it is damaged" in refused(path)


def test_features_that_are_none_are_told(path):
    alter(path, lambda facts: None, **{FEATURES: b"no tensors"})
    assert "damaged" in refused(path)
    write_pack(path, scenes.pack())
    (features,) = scenes.pack().features
    nan = tuple(np.full_like(rows, np.nan) for rows in features.tokens)
    write_pack(path, scenes.pack(features=(replace(features, tokens=nan),)))
    assert "holds no features" in refused(path)
    write_pack(path, scenes.pack(features=(replace(features, tokens=features.tokens[:1]),)))
    assert "every picture" in refused(path)


def put(*keys, value):
    def change(facts):
        for key in keys[:-1]:
            facts = facts[key]
        facts[keys[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (put("format", value="napari-gfsam-pack/2"), "install a newer napari-gfsam"),
        (put("format", value="napari-gfsam-pack/0"), "and this version reads"),
        (put("format", value="something"), "names no format"),
        (put("further", value=1), "further is not a known name"),
        (put("classes", value=[]), "no painted picture"),
        (put("classes", 0, "id", value=0), "class ids"),
        (put("classes", 0, "id", value=300), "class ids"),
        (put("classes", 0, "color", value=[0, 0, 999]), "colour"),
        (put("classes", 0, "name", value="other"), "lacks"),
        (put("references", 0, "shape", value=[60]), "no size"),
        (put("references", 0, "shape", value=[-60, 80]), "no size"),
        (put("references", 0, "picture", value="../../a.png"), "not in its list"),
        (put("references", 0, "picture", value="manifest.json"), "not in its list"),
        (put("references", 0, "record", "region_yx", value=[1, 2]), "four numbers"),
        (put("references", 0, "pixel_size", "height", value=0.0), "pixel size"),
        (put("references", 0, "record", "recipe", "gamma", value="dark"), "not known"),
        (put("references", 0, "record", "recipe", "lens", value=1), "not known"),
        (put("members", value={}), "not in its list"),
        (put("about", value=[]), "about"),
    ],
)
def test_contents_that_make_no_sense_are_told(path, change, said):
    alter(path, change)
    assert said in refused(path)


def test_no_text_of_a_pack_commands_a_terminal(path):
    alter(path, put("about", "author", value="\x1b]0;evil\x07A. N.\nAuthor \u202e"))
    assert read_about(path).about.author == "\ufffd]0;evil\ufffdA. N.\nAuthor \ufffd"


@pytest.mark.parametrize("content", [b"[]", b"nothing", b'{"a":' * 100000, b"\xff", b"{}"])
def test_contents_that_are_none_are_told(path, content):
    put_together(path, {**members(path), MANIFEST: content})
    assert "list of contents" in refused(path)


def test_what_is_no_file_is_told(tmp_path):
    assert "cannot be read" in refused(tmp_path / "nowhere")
    refused(tmp_path)
    (tmp_path / "empty").write_bytes(b"")
    assert "is no pack" in refused(tmp_path / "empty")


def test_a_pack_of_nothing_is_not_written(tmp_path):
    with pytest.raises(PackError, match="no reference to pack"):
        write_pack(tmp_path / "a", scenes.pack(references=()))
    assert not list(tmp_path.iterdir())
