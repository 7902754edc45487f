"""Episodes from a folder of pictures and label images.

``DIR/images`` and ``DIR/masks`` hold files paired by stem; a mask gives every pixel a class id (whole numbers,
0 = background). An optional ``DIR/manifest.json`` names the classes, ``{"classes": {"1": "cell"}}``, and may name a
mask value that counts as neither class nor background, ``{"ignore": 255}``.

How episodes are drawn (all from the seed; the same on every machine, and a longer list begins with the shorter):

* classes take turns: every round visits each class once, in an order shuffled per round. A class takes part when
  enough pictures show it for the references and a target;
* targets: within a class every picture that shows it is a target once before any is twice. With ``absent``, targets
  are pictures that do not show it;
* references: other pictures that show the class, in shuffled order, those where it covers at least 0.1 % of the
  picture or 64 pixels before the rest; a picture it covers fully has no background to learn from and is never one.
  More shots keep the references of fewer shots.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from napari_gfsam.evaluation.episodes import Episode, EpisodeSet, PictureMask, check_counts
from napari_gfsam.evaluation.readers import LabelFile, PictureFile
from napari_gfsam.io.readers import IMAGE_SUFFIXES, read_labels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WELL_PAINTED_SHARE = 0.001
WELL_PAINTED_PIXELS = 64

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What ``manifest.json`` says.

    Parameters
    ----------
    classes
        Names by class id.
    ignore
        Mask value that counts as neither class nor background; ``None`` for none.
    """

    classes: Mapping[int, str]
    ignore: int | None = None


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture, its label image and how many pixels of each class that holds.

    Parameters
    ----------
    stem
        Name without suffix.
    picture, labels
        The files.
    pixels
        Pixels by class id, background and ignored value left out.
    size
        Pixels of the whole label image.
    """

    stem: str
    picture: Path
    labels: Path
    pixels: Mapping[int, int]
    size: int

    def serves(self, class_id: int) -> bool:
        """Whether the picture can be a reference: it shows the class and something else."""
        return 0 < self.pixels.get(class_id, 0) < self.size

    def well_painted(self, class_id: int) -> bool:
        """Whether the class is large enough for the encoder to see well."""
        pixels = self.pixels.get(class_id, 0)
        return pixels >= WELL_PAINTED_PIXELS or pixels >= WELL_PAINTED_SHARE * self.size


@dataclass(frozen=True, slots=True)
class Draw:
    """What every episode of one set has in common."""

    pairs: tuple[Pair, ...]
    manifest: Manifest
    shots: int
    seed: int
    absent: bool

    def targets(self, class_id: int) -> list[Pair]:
        """Pictures that may be a target of the class."""
        return [pair for pair in self.pairs if (class_id in pair.pixels) is not self.absent]

    def eligible(self, class_id: int) -> bool:
        """Whether every target of the class has enough other pictures as references."""
        serving = sum(pair.serves(class_id) for pair in self.pairs)
        needed = self.shots if self.absent else self.shots + 1
        return serving >= needed and bool(self.targets(class_id))

    def episode(self, class_id: int, turn: int) -> Episode:
        """Return the episode of a class's turn (0, 1, ...)."""
        targets = self.targets(class_id)
        cycle, place = divmod(turn, len(targets))
        target = shuffled(targets, self.seed, 1 + self.absent, class_id, cycle)[place]
        others = [pair for pair in self.pairs if pair.serves(class_id) and pair is not target]
        ordered = shuffled(others, self.seed, 3, class_id, turn)
        ordered.sort(key=lambda pair: not pair.well_painted(class_id))
        return Episode(
            class_id,
            tuple(self.picture_mask(pair, class_id) for pair in ordered[: self.shots]),
            self.picture_mask(target, class_id),
            self.manifest.classes.get(class_id, str(class_id)),
            self.absent,
        )

    def picture_mask(self, pair: Pair, class_id: int) -> PictureMask:
        """Return a pair's lazy readers for one class."""
        ignore = None if self.manifest.ignore is None else LabelFile(pair.labels, self.manifest.ignore)
        return PictureMask(pair.stem, PictureFile(pair.picture), LabelFile(pair.labels, class_id), ignore)


def folder_episodes(
    directory: str | Path, shots: int = 1, episodes: int = 12, seed: int = 0, *, absent: bool = False
) -> EpisodeSet:
    """Draw episodes from a folder (layout and rules: see the module).

    Every label image is read once now, to know its classes; pictures are read when an episode is run.

    Parameters
    ----------
    directory
        Folder with ``images/`` and ``masks/``.
    shots
        References per episode.
    episodes
        Number of episodes.
    seed
        Any whole number of at least 0.
    absent
        Draw targets that do not show the class, to measure specificity.

    Raises
    ------
    OSError
        If a folder is missing.
    ValueError
        If a number is out of range, nothing is paired, a label image cannot be read or holds no whole numbers, the
        manifest is damaged, or there are too few pictures.
    """
    check_counts(shots=shots, episodes=episodes, seed=seed)
    root = Path(directory)
    manifest = read_manifest(root / "manifest.json")
    draw = Draw(find_pairs(root, manifest.ignore), manifest, shots, seed, absent)
    present = sorted({class_id for pair in draw.pairs for class_id in pair.pixels})
    eligible = [class_id for class_id in present if draw.eligible(class_id)]
    if not eligible:
        raise ValueError(_too_few(root, draw, present))
    planned: list[Episode] = []
    turn = 0
    while len(planned) < episodes:
        order = [class_id for class_id in shuffled(present, seed, 0, turn) if draw.eligible(class_id)]
        planned += [draw.episode(class_id, turn) for class_id in order[: episodes - len(planned)]]
        turn += 1
    return EpisodeSet(root.resolve().name, seed, shots, tuple(planned))


def find_pairs(root: Path, ignore: int | None) -> tuple[Pair, ...]:
    """Return pictures and label images of the same stem, ordered by stem.

    Raises
    ------
    OSError
        If ``images`` or ``masks`` is missing.
    ValueError
        If nothing is paired, a stem is there twice, a mask is a JPEG or is no label image.
    """
    pictures, masks = _by_stem(root / "images"), _by_stem(root / "masks")
    stems = sorted(set(pictures) & set(masks))
    if not stems:
        raise ValueError(
            f"{root} holds {len(pictures)} pictures in images and {len(masks)} in masks, but no two of the same name; "
            f"name every mask as its picture."
        )
    return tuple(_pair(stem, pictures[stem], masks[stem], ignore) for stem in stems)


def read_manifest(path: Path) -> Manifest:
    """Read class names and the ignored value; a missing file says nothing.

    Raises
    ------
    ValueError
        If the file is not JSON of the expected form.
    """
    if not path.is_file():
        return Manifest({})
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        classes = {int(class_id): str(name) for class_id, name in content.get("classes", {}).items()}
        ignore = None if content.get("ignore") is None else int(content["ignore"])
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(
            f'{path} is not a manifest ({error}); expected JSON such as {{"classes": {{"1": "cell"}}}}.'
        ) from error
    return Manifest(classes, ignore)


def shuffled(items: Sequence[Item], *key: int) -> list[Item]:
    """Return the items in an order that depends on the key only.

    Items are sorted by raw words of a PCG64 bit generator: those are what numpy promises never to change, unlike
    what ``Generator.permutation`` makes of them.
    """
    words = np.random.PCG64(np.random.SeedSequence(key)).random_raw(len(items))
    return [items[place] for place in np.argsort(words, kind="stable")]


def _by_stem(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} does not exist; expected a folder with images and masks in it.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.name.startswith("."):
            continue
        if path.stem in found:
            raise ValueError(f"{folder} holds both {found[path.stem].name} and {path.name}; keep one of them.")
        found[path.stem] = path
    return found


def _pair(stem: str, picture: Path, labels: Path, ignore: int | None) -> Pair:
    array = read_labels(labels)
    ids, counts = np.unique(array, return_counts=True)
    pixels = {int(i): int(n) for i, n in zip(ids, counts, strict=True) if i > 0 and i != ignore}
    return Pair(stem, picture, labels, pixels, array.size)


def _too_few(root: Path, draw: Draw, present: Sequence[int]) -> str:
    if not present:
        return f"The {len(draw.pairs)} masks of {root} are all background; paint class ids above 0."
    if draw.absent and not any(draw.targets(class_id) for class_id in present):
        return f"Every picture of {root} shows every class, so no target is without one; leave absent targets out."
    serving = {class_id: sum(pair.serves(class_id) for pair in draw.pairs) for class_id in present}
    best = max(serving, key=lambda class_id: serving[class_id])
    needed = "" if draw.absent else " and one target"
    return (
        f"No class of {root} is in enough pictures: class {best} can be learnt from {serving[best]}, but "
        f"{draw.shots} references{needed} are needed; ask for fewer shots or add pictures."
    )
