"""Single objects of a label image: one class each, together every labelled pixel, none of them twice."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from napari_gfsam.imaging.objects import pieces_of
from napari_gfsam.io.parts import in_parts

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from napari_gfsam.io.exports.types import ExportClass, LabelSheet


@dataclass(frozen=True, slots=True, eq=False)
class LabelObject:
    """One object.

    Parameters
    ----------
    number
        In `Objects.numbers`.
    kind
        Its class.
    corner_yx
        Row and column of the upper left pixel of its bounding box.
    mask
        (h, w) bool, the object in its bounding box.
    score
        Its own confidence, else that of its class, ``None`` where neither is known.
    """

    number: int
    kind: ExportClass
    corner_yx: tuple[int, int]
    mask: NDArray[np.bool_]
    score: float | None


@dataclass(frozen=True, slots=True, eq=False)
class Objects:
    """The objects of one plane.

    Parameters
    ----------
    numbers
        (H, W) int32, every object its own number from 1 without gaps, 0 = background.
    kinds
        Class of object 1, 2, ...
    scores
        Confidence of object 1, 2, ..., ``None`` where it is not known.
    """

    numbers: NDArray[np.int32]
    kinds: tuple[ExportClass, ...]
    scores: tuple[float | None, ...]

    def __len__(self) -> int:
        """Return the number of objects."""
        return len(self.kinds)

    def pixels(self) -> NDArray[np.int64]:
        """Return the number of pixels of object 1, 2, ..."""
        total = np.zeros(len(self) + 1, dtype=np.int64)
        for part in in_parts(self.numbers):
            total += np.bincount(part.reshape(-1), minlength=len(total))
        return total[1:]

    def __iter__(self) -> Iterator[LabelObject]:
        """Walk the objects."""
        for place, box in enumerate(ndimage.find_objects(self.numbers, max_label=len(self))):
            mask = self.numbers[box] == place + 1
            corner = (int(box[0].start), int(box[1].start))
            yield LabelObject(place + 1, self.kinds[place], corner, mask, self.scores[place])


def objects_of(sheet: LabelSheet) -> Objects:
    """Tell the objects of one plane apart.

    Parameters
    ----------
    sheet
        Of two axes. Without instances an object is a piece of a class (`imaging.objects`). With them it is
        all pixels of one instance and one class; labelled pixels of no instance fall into connected pieces.
    """
    known = {one.id: one for one in sheet.classes}
    instances = sheet.instances
    pieces = pieces_of(sheet.labels if instances is None else np.where(instances > 0, 0, sheet.labels), known)
    numbers, loose = pieces.numbers, [(class_id, 0) for class_id in pieces.class_id.tolist()]
    found: list[tuple[int, int]] = []  # class id, instance
    if instances is not None:
        pairs = pairs_of(sheet.labels, instances)
        found = list(zip(pairs.class_id.tolist(), pairs.instance.tolist(), strict=True))
        np.add(numbers, len(found), out=numbers, where=numbers > 0)
        pairs.write_numbers(sheet.labels, instances, numbers)
    found += loose
    kinds = tuple(known[class_id] for class_id, _ in found)
    scores = tuple(sheet.scores.get(one, known[class_id].score) for class_id, one in found)
    return Objects(numbers, kinds, scores)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Pairs of class and instance that share pixels.

    Parameters
    ----------
    class_id, instance, pixels
        (n,) int64 by pair, ordered by class and then by instance.
    """

    class_id: NDArray[np.int64]
    instance: NDArray[np.int64]
    pixels: NDArray[np.int64]

    def write_numbers(
        self, labels: NDArray[np.integer[Any]], instances: NDArray[np.integer[Any]], into: NDArray[np.int32]
    ) -> None:
        """Write the pair of every pixel that has one, counted from 1; all arrays are of one shape."""
        classes, numbers = np.unique(self.class_id), np.unique(self.instance)

        def coded(class_id: NDArray[Any], instance: NDArray[Any]) -> NDArray[np.int64]:
            places = np.searchsorted(classes, class_id), np.searchsorted(numbers, instance)
            return np.asarray(places[0] * len(numbers) + places[1], dtype=np.int64)

        known = coded(self.class_id, self.instance)
        for mine, theirs, here in zip(in_parts(labels), in_parts(instances), in_parts(into), strict=True):
            inside = (mine > 0) & (theirs > 0)
            codes = coded(mine[inside].astype(np.int64), theirs[inside].astype(np.int64))
            here[inside] = np.searchsorted(known, codes) + 1


def pairs_of(labels: NDArray[np.integer[Any]], instances: NDArray[np.integer[Any]]) -> Pairs:
    """Find the pairs of class and instance, part by part.

    Parameters
    ----------
    labels, instances
        Of any one shape, 0 = none.
    """
    found: Counter[tuple[int, int]] = Counter()
    for mine, theirs in zip(in_parts(labels), in_parts(instances), strict=True):
        inside = (mine > 0) & (theirs > 0)
        both = np.stack([mine[inside].astype(np.int64), theirs[inside].astype(np.int64)])
        order = np.lexsort(both[::-1])
        both = both[:, order]
        starts = np.flatnonzero(np.any(np.diff(both, axis=1, prepend=0), axis=0))
        pixels = np.diff(starts, append=both.shape[1])
        found.update(dict(zip(zip(*both[:, starts].tolist(), strict=True), pixels.tolist(), strict=True)))
    pairs = np.array(sorted(found), dtype=np.int64).reshape(-1, 2)
    counts = np.array([found[class_id, instance] for class_id, instance in pairs.tolist()], dtype=np.int64)
    return Pairs(pairs[:, 0], pairs[:, 1], counts)
