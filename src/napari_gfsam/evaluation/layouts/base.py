"""What the benchmarks share: requests, the official sequence of draws, split files, masks of annotations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np

from napari_gfsam.evaluation.episodes import Episode
from napari_gfsam.evaluation.layouts.coco_masks import decode_segmentation, union
from napari_gfsam.evaluation.readers import Box, crop, picture_size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from napari_gfsam.evaluation.episodes import PictureMask

Item = TypeVar("Item")
MOST_DRAWS = 10_000


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a benchmark.

    Parameters
    ----------
    root
        The folder ``datasets`` of the official layout.
    fold
        Number of the fold, from 0.
    shots
        References per episode.
    splits
        Folder with split files that are not in `root`; ``None`` for none.
    """

    root: Path
    fold: int
    shots: int
    splits: Path | None = None


class Sampler(Protocol):
    """Draws a benchmark's episodes, which must be asked for in order."""

    @property
    def length(self) -> int:
        """Episodes of the published protocol."""
        ...

    def episode(self, index: int, draws: Draws) -> Episode:
        """Draw the episode of a number."""
        ...


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One of the paper's benchmarks.

    Parameters
    ----------
    name
        Word for command lines.
    title
        Name for people.
    folds
        Number of folds.
    layout
        What must be where under the root, for messages and documentation.
    protocol
        How the episodes compare with the published ones.
    open
        Reads the split files and returns the sampler.
    """

    name: str
    title: str
    folds: int
    layout: str
    protocol: str
    open: Callable[[Request], Sampler]


class Draws:
    """The official sequence of draws: numpy's legacy generator, seeded once before the first episode.

    Every official draw is ``np.random.choice(items, 1, replace=False)``, which takes the first of a permutation
    whose length is all it depends on.

    Parameters
    ----------
    seed
        The official code uses 0.
    """

    def __init__(self, seed: int) -> None:
        self._state = np.random.RandomState(seed)

    def pick(self, items: Sequence[Item]) -> Item:
        """Draw one item."""
        return items[int(self._state.choice(len(items), 1, replace=False)[0])]

    def others(self, items: Sequence[Item], target: Item, count: int) -> list[Item]:
        """Draw items until `count` are not the target; an item may come more than once, as officially.

        Raises
        ------
        ValueError
            If there is nothing but the target.
        """
        if all(item == target for item in items):
            raise ValueError(f"The only picture of a class is {target}; a benchmark needs at least two of each class.")
        found: list[Item] = []
        while len(found) < count:
            item = self.pick(items)
            if item != target:
                found.append(item)
        return found


@dataclass(frozen=True, slots=True)
class AnnotationMask:
    """The union of COCO segmentations of a picture, or a box of it.

    Parameters
    ----------
    path
        The picture; only its size is read.
    segmentations
        Polygons, run lengths or arrays.
    box
        Part to keep; ``None`` keeps all.
    """

    path: Path
    segmentations: tuple[Any, ...]
    box: Box | None = None

    def __call__(self) -> NDArray[np.bool_]:
        """Decode the mask, (H, W) bool."""
        size = picture_size(self.path)
        mask = union((decode_segmentation(segmentation, size) for segmentation in self.segmentations), size)
        return mask if self.box is None else crop(mask, self.box, self.path)


@dataclass(frozen=True, slots=True)
class ClasswiseSampler:
    """Classes in turn; target and references drawn from the pictures of the class (Deepglobe, ISIC, LVIS).

    Parameters
    ----------
    length
        Episodes of the published protocol.
    names
        Class names by id, in the order of turns.
    pictures
        Keys of pictures by class id.
    shots
        References per episode.
    picture_mask
        Makes the readers of a picture for a class.
    """

    length: int
    names: dict[int, str]
    pictures: dict[int, list[str]]
    shots: int
    picture_mask: Callable[[str, int], PictureMask]

    def episode(self, index: int, draws: Draws) -> Episode:
        """Draw an episode: target, then references."""
        class_id = list(self.names)[index % len(self.names)]
        pictures = self.pictures[class_id]
        target = draws.pick(pictures)
        references = draws.others(pictures, target, self.shots)
        shown = tuple(self.picture_mask(name, class_id) for name in references)
        return Episode(class_id, shown, self.picture_mask(target, class_id), self.names[class_id])


def find_split(request: Request, relative: str, *places: Path) -> Path:
    """Return the first place where a split file is.

    Looked for, in order, as `relative` (such as ``pascal/val/fold0.txt``) and as the part after its first folder
    under ``request.splits``; at `places`; under ``root/splits``; and in ``matcher/data/splits`` beside the root, as
    in a checkout of the official code.

    Raises
    ------
    FileNotFoundError
        If it is nowhere.
    """
    candidates = list(places)
    if request.splits is not None:
        candidates[:0] = [request.splits / relative, request.splits / relative.partition("/")[2]]
    candidates += [request.root / "splits" / relative]
    candidates += [request.root.resolve().parent / "matcher" / "data" / "splits" / relative]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    looked = ", ".join(map(str, candidates))
    raise FileNotFoundError(f"The split file {relative} is at none of {looked}; say where the split files are.")


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file that are not blank.

    Raises
    ------
    OSError
        If it cannot be read.
    """
    return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def jpegs(folder: Path) -> list[Path]:
    """Return the ``.jpg`` files of a folder, ordered by name.

    Raises
    ------
    NotADirectoryError
        If there is no such folder.
    ValueError
        If it holds none.
    """
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} does not exist; put the data set there as its layout says.")
    found = sorted(path for path in folder.iterdir() if path.name.split(".")[1:2] == ["jpg"])
    if not found:
        raise ValueError(f"{folder} holds no .jpg picture; put the data set there as its layout says.")
    return found
