"""A pack to a file."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING

from safetensors.numpy import save

from napari_gfsam.io.packs import pictures
from napari_gfsam.io.packs.container import hash_of, to_bytes
from napari_gfsam.io.packs.manifest import FORMAT, THUMBNAIL, ClassEntry, FeaturesEntry, Manifest, ReferenceEntry
from napari_gfsam.io.packs.types import PackError

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.io.packs.types import Pack, PackFeatures, PackReference
    from napari_gfsam.io.records import InputRecord, ReferenceRecord


def write_pack(path: Path, pack: Pack) -> None:
    """Write a pack, whole or not at all; the same content gives the same bytes.

    Raises
    ------
    PackError
        If it holds no reference, or its pictures are too large.
    napari_gfsam.io.writers.OutputError
        If the file cannot be written.
    """
    from napari_gfsam.io.exports.provenance import about_program
    from napari_gfsam.io.writers import write_bytes

    _require_small(pack)
    members: dict[str, bytes] = {}
    manifest = Manifest(
        format=FORMAT,
        version=about_program()["version"],
        about=pack.about,
        classes=tuple(ClassEntry(**asdict(one)) for one in pack.classes),
        references=tuple(_put_reference(members, n, one) for n, one in enumerate(pack.references)),
        features=tuple(_put_features(members, n, one) for n, one in enumerate(pack.features)),
        thumbnail=THUMBNAIL,
        members={},
    )
    members[THUMBNAIL] = pictures.thumbnail(pack.references[0], {one.id: one.color for one in pack.classes})
    manifest = replace(manifest, members={name: hash_of(content) for name, content in members.items()})
    write_bytes(path, to_bytes(manifest, members))


def without_places(record: ReferenceRecord) -> ReferenceRecord:
    """Return a record that names no place on a disk: packs are shared, and a path tells who made them."""
    return replace(record, image=_without_place(record.image), labels=_without_place(record.labels))


def _without_place(found: InputRecord) -> InputRecord:
    name = found.name.replace("\\", "/").rpartition("/")[2]
    return replace(found, name=name, path="", relative_path="")


def _require_small(pack: Pack) -> None:
    if not pack.references:
        raise PackError("There is no reference to pack; add a painted picture first.")
    pixels = sum(one.labels.size for one in pack.references)
    if pixels > pictures.MOST_PIXELS:
        raise PackError(
            f"The pictures of the references have {pixels / 1e6:.0f} million pixels together, and a pack takes "
            f"{pictures.MOST_PIXELS / 1e6:.0f} million; crop them to what is painted."
        )


def _put_reference(members: dict[str, bytes], number: int, reference: PackReference) -> ReferenceEntry:
    folder = f"references/{number:04d}"
    entry = ReferenceEntry(
        picture=f"{folder}/picture.png",
        labels=f"{folder}/labels.png",
        shape=reference.labels.shape,
        record=without_places(reference.record),
        pixel_size=reference.pixel_size,
    )
    members[entry.picture] = pictures.encode(reference.picture)
    members[entry.labels] = pictures.encode(reference.labels)
    return entry


def _put_features(members: dict[str, bytes], number: int, features: PackFeatures) -> FeaturesEntry:
    name = f"features/{number:04d}.safetensors"
    members[name] = bytes(save({str(place): rows for place, rows in enumerate(features.tokens)}))
    return FeaturesEntry(features.encoder, features.weights_hash, features.precision, features.resize_version, name)
