"""FSS-1000: ten pictures a class; every picture of the test classes is a target once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from napari_gfsam.evaluation.episodes import Episode, PictureMask
from napari_gfsam.evaluation.layouts.base import Benchmark, find_split, jpegs, read_lines
from napari_gfsam.evaluation.readers import BrightFile, PictureFile

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.evaluation.layouts.base import Draws, Request

FIRST_TEST_CLASS = 761
NUMBERS = range(1, 11)


@dataclass(frozen=True, slots=True)
class FssSampler:
    """Targets in the order of the folders; references drawn among the class's ten numbers.

    Parameters
    ----------
    targets
        (class id, picture) of every episode.
    shots
        References per episode.
    """

    targets: tuple[tuple[int, Path], ...]
    shots: int

    @property
    def length(self) -> int:
        """Episodes of the published protocol."""
        return len(self.targets)

    def episode(self, index: int, draws: Draws) -> Episode:
        """Draw an episode."""
        class_id, target = self.targets[index % len(self.targets)]
        numbered = [target.with_name(f"{number}.jpg") for number in NUMBERS]
        references = draws.others(numbered, target, self.shots)
        shown = tuple(_picture_mask(path) for path in references)
        return Episode(class_id, shown, _picture_mask(target), target.parent.name)


def open_fss(request: Request) -> FssSampler:
    """Read the test split and list its folders.

    Raises
    ------
    OSError, ValueError
        If the split file or a class's folder is missing or empty.
    """
    base = request.root / "FSS-1000"
    categories = sorted(read_lines(find_split(request, "fss/test.txt", base / "splits" / "test.txt")))
    targets = [
        (class_id, path)
        for class_id, category in enumerate(categories, start=FIRST_TEST_CLASS)
        for path in jpegs(base / "data" / category)
    ]
    return FssSampler(tuple(targets), request.shots)


def _picture_mask(path: Path) -> PictureMask:
    name = f"{path.parent.name}/{path.name}"
    return PictureMask(name, PictureFile(path), BrightFile(path.with_name(f"{path.name.split('.')[0]}.png")))


FSS = Benchmark(
    name="fss",
    title="FSS-1000",
    folds=1,
    layout="FSS-1000/data/<class>/1.jpg to 10.jpg with 1.png to 10.png, FSS-1000/splits/test.txt",
    protocol="With seed 0 the same episodes as the official code draws: every picture of the 240 test classes once.",
    open=open_fss,
)
