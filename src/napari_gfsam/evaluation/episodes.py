"""Episodes: one class, its references and a target, with pictures and masks that are read only when asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray


class ArrayReader(Protocol):
    """Reads one array from one file when called; compares equal to a reader of the same thing."""

    @property
    def path(self) -> Path:
        """The file that is read."""
        ...

    def __call__(self) -> NDArray[Any]:
        """Read the array."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPicture:
    """A picture and its masks in memory.

    Parameters
    ----------
    image
        (H, W), (H, W, C) or (C, H, W), any dtype.
    mask
        (H, W) bool, the class.
    ignore
        (H, W) bool, pixels that count as neither; ``None`` for none.
    """

    image: NDArray[Any]
    mask: NDArray[np.bool_]
    ignore: NDArray[np.bool_] | None


@dataclass(frozen=True, slots=True)
class PictureMask:
    """A picture and the mask of one class in it, both unread.

    Parameters
    ----------
    name
        Name for people, unique in its data set.
    image
        Reads the picture: (H, W), (H, W, C) or (C, H, W), any dtype.
    mask
        Reads the mask of the class: (H, W) bool.
    ignore
        Reads the pixels that count as neither class nor background: (H, W) bool; ``None`` for none.
    """

    name: str
    image: ArrayReader
    mask: ArrayReader
    ignore: ArrayReader | None = None

    @property
    def path(self) -> Path:
        """The picture's file."""
        return self.image.path

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is read, the picture's first."""
        readers = (self.image, self.mask, self.ignore)
        return tuple(dict.fromkeys(reader.path for reader in readers if reader is not None))

    def load(self) -> LoadedPicture:
        """Read picture and masks.

        Raises
        ------
        OSError, ValueError
            If a file cannot be read, or a mask has another size than the picture.
        """
        image = self.image()
        mask = self.mask().astype(np.bool_, copy=False)
        ignore = None if self.ignore is None else self.ignore().astype(np.bool_, copy=False)
        for found in (mask, ignore):
            if found is not None and found.shape not in (image.shape[:2], image.shape[-2:]):
                raise ValueError(
                    f"The mask of {self.name} is {_size(found.shape)} but the picture is {_size(image.shape)}; "
                    f"give picture and mask the same size."
                )
        return LoadedPicture(image, mask, ignore)


@dataclass(frozen=True, slots=True)
class Episode:
    """One question: segment the target's objects of a class, given painted references.

    Parameters
    ----------
    class_id
        The class in its data set, at least 1.
    references
        One or more painted pictures.
    target
        The picture to segment, with its truth.
    class_name
        Name for people.
    absent
        The target does not hold the class: the right answer is empty.
    """

    class_id: int
    references: tuple[PictureMask, ...]
    target: PictureMask
    class_name: str = ""
    absent: bool = False


@dataclass(frozen=True, slots=True)
class EpisodeSet:
    """The episodes of one data set, seed and number of shots; an episode's place in it is its number.

    Parameters
    ----------
    name
        Name of the data set (with the fold, if any).
    seed
        Seed the episodes were drawn with.
    shots
        References per episode.
    episodes
        The episodes in order.
    """

    name: str
    seed: int
    shots: int
    episodes: tuple[Episode, ...]

    def __len__(self) -> int:
        """Return the number of episodes."""
        return len(self.episodes)

    def __iter__(self) -> Iterator[Episode]:
        """Iterate over the episodes in order."""
        return iter(self.episodes)


def check_counts(*, shots: int, episodes: int, seed: int) -> None:
    """Refuse numbers that no plan can be made with.

    Raises
    ------
    ValueError
        If shots or episodes are under 1 or the seed is negative.
    """
    for name, value, least in (("shots", shots, 1), ("episodes", episodes, 1), ("seed", seed, 0)):
        if value < least:
            raise ValueError(f"{name} is {value}; give a whole number of at least {least}.")


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(str(length) for length in shape)
