"""Benchmarks whose split files list ``name__NN`` (picture and class): Pascal-5i and iSAID-5i."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_gfsam.evaluation.episodes import Episode, PictureMask
from napari_gfsam.evaluation.layouts.base import read_lines
from napari_gfsam.evaluation.readers import LabelFile, PictureFile

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from napari_gfsam.evaluation.layouts.base import Draws

IGNORED = 255
"""Stored at the borders of objects: counts as neither in a target, as background in a reference (as officially)."""


@dataclass(frozen=True, slots=True)
class Files:
    """Where pictures and masks are, and how they are called.

    Parameters
    ----------
    pictures, masks
        Folders.
    picture_ending, mask_ending
        What follows the name.
    """

    pictures: Path
    masks: Path
    picture_ending: str
    mask_ending: str

    def picture_mask(self, name: str, class_id: int, *, target: bool) -> PictureMask:
        """Return the readers of a picture for one class; label values are class ids."""
        mask = self.masks / f"{name}{self.mask_ending}"
        picture = PictureFile(self.pictures / f"{name}{self.picture_ending}")
        ignore = LabelFile(mask, IGNORED) if target else None
        return PictureMask(name, picture, LabelFile(mask, class_id), ignore)


@dataclass(frozen=True, slots=True)
class ListedSampler:
    """Targets in the order of the list; references drawn from the list's pictures of the class.

    Parameters
    ----------
    length
        Episodes of the published protocol; the list starts again when it is shorter.
    entries
        (name, class id) of every line.
    names
        Class names by id.
    shots
        References per episode.
    files
        Where pictures and masks are.
    pictures
        The list's pictures by class.
    """

    length: int
    entries: tuple[tuple[str, int], ...]
    names: dict[int, str]
    shots: int
    files: Files
    pictures: Mapping[int, Sequence[str]]

    def episode(self, index: int, draws: Draws) -> Episode:
        """Draw an episode."""
        target, class_id = self.entries[index % len(self.entries)]
        references = draws.others(self.pictures[class_id], target, self.shots)
        return Episode(
            class_id,
            tuple(self.files.picture_mask(name, class_id, target=False) for name in references),
            self.files.picture_mask(target, class_id, target=True),
            self.names.get(class_id, str(class_id)),
        )


def listed_sampler(split: Path, names: Sequence[str], shots: int, files: Files, length: int = 0) -> ListedSampler:
    """Return the sampler of a split file.

    Parameters
    ----------
    split
        The list.
    names
        Class names; the first class has id 1.
    shots
        References per episode.
    files
        Where pictures and masks are.
    length
        Episodes of the published protocol; 0 for every line once.

    Raises
    ------
    OSError, ValueError
        As `read_entries`.
    """
    entries = read_entries(split)
    pictures: dict[int, list[str]] = {}
    for name, class_id in entries:
        pictures.setdefault(class_id, []).append(name)
    return ListedSampler(length or len(entries), entries, dict(enumerate(names, start=1)), shots, files, pictures)


def read_entries(path: Path) -> tuple[tuple[str, int], ...]:
    """Read (name, class id) of every line ``name__NN``.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If a line is of another form, or there is none.
    """
    entries: list[tuple[str, int]] = []
    for line in read_lines(path):
        name, separator, number = line.partition("__")
        if not separator or not number.isdecimal():
            raise ValueError(f"{path} has the line {line!r}; expected a picture and its class such as 2007_000033__01.")
        entries.append((name, int(number)))
    if not entries:
        raise ValueError(f"{path} lists no picture.")
    return tuple(entries)
