"""Seams with the real models: an object smaller than the overlap gets exactly one instance wherever tiles fall.

    python benchmarks/seams.py [--shifts 4] [--threads 1]

Computed pictures of cells, four side by side, cut into tiles whose borders fall elsewhere in every run. Counted are the
objects that lie whole in the picture, are smaller than the overlap and were found (half of the object is labelled): how
many of them belong to exactly one piece of the answer, and to exactly one cluster of the review, by what covers at
least a tenth of the object.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

from napari_gfsam.api import Segmenter, Tiling
from napari_gfsam.imaging.objects import pieces_of
from napari_gfsam.samples.cells import phase_cells

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[np.integer]

TILE, OVERLAP, SHIFT = 400, 160, 67
SHARE, FOUND = 0.1, 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shifts", type=int, default=4)
    parser.add_argument("--threads", type=int, default=0)
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)
    segmenter = Segmenter()
    reference = phase_cells("reference", "Cells", 11)
    segmenter.add_reference(reference.image, reference.labels)
    picture, truth = scene()
    tiling = Tiling((TILE, TILE), (OVERLAP, OVERLAP), (TILE, TILE), 4.0)
    total = np.zeros(4, dtype=np.int64)
    for shift in range(options.shifts):
        crop = slice(shift * SHIFT, None), slice((shift * SHIFT * 2) % TILE, None)
        prediction = segmenter.segment(picture[crop], scale=tiling)
        total += counted(truth[crop], pieces_of(prediction.labels).numbers, prediction.clusters)
        print(f"shift {shift}: {said(total)} so far", flush=True)


def scene() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Four pictures of cells as one, with the numbers of all cells."""
    samples = [phase_cells(f"cells {seed}", "Cells", seed) for seed in range(21, 25)]
    numbers = [np.where(one.instances > 0, one.instances.astype(int) + 1000 * k, 0) for k, one in enumerate(samples)]
    pictures = [one.image for one in samples]
    return tuple(np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])]) for parts in (pictures, numbers))


def counted(
    truth: NDArray[np.integer], pieces: NDArray[np.integer], clusters: NDArray[np.integer]
) -> NDArray[np.int64]:
    """Objects that count, that were found, found ones of one piece, of one cluster."""
    result = np.zeros(4, dtype=np.int64)
    for number, box in enumerate(ndimage.find_objects(truth), 1):
        if box is None or not whole(box, truth.shape):
            continue
        inside = truth[box] == number
        covers = [covering(image[box][inside]) for image in (pieces, clusters)]
        found = np.mean(pieces[box][inside] > 0) >= FOUND
        result += [1, found, found and covers[0] == 1, found and covers[1] == 1]
    return result


def whole(box: tuple[slice, slice], shape: tuple[int, ...]) -> bool:
    """Whether an object does not touch the picture's border and is smaller than the overlap."""
    return all(
        edge.start > 0 and edge.stop < size and edge.stop - edge.start < OVERLAP
        for edge, size in zip(box, shape, strict=True)
    )


def covering(numbers: Numbers) -> int:
    """How many numbers cover a tenth of an object."""
    counts = np.bincount(numbers)[1:]
    return int(np.count_nonzero(counts >= SHARE * len(numbers)))


def said(total: NDArray[np.int64]) -> str:
    every, found, piece, cluster = total.tolist()
    parts = [
        f"{100 * one / max(found, 1):.1f} % of one {name}" for one, name in ((piece, "piece"), (cluster, "cluster"))
    ]
    return f"{found} of {every} objects found, {', '.join(parts)}"


if __name__ == "__main__":
    main()
