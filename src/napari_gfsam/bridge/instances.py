"""Single objects: class labels split into instances, in a layer with a features table (class, cluster, score)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import aligned
from napari_gfsam.bridge.looks import class_names
from napari_gfsam.bridge.ours import LOOKS, SUFFIX, Role
from napari_gfsam.imaging.objects import pieces_of

if TYPE_CHECKING:
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray

    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.bridge.clusters import ClusterTable
    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.core.arrays import FloatArray, IntArray, LabelArray
    from napari_gfsam.session.types import PlaneKey

#: Columns of the features table; an object that no prompt made has cluster -1.
COLUMNS = {"index": "int64", "class": "object", "cluster": "int64", "score": "float64"}


@dataclass(frozen=True, slots=True, eq=False)
class Instances:
    """Single objects of one plane.

    Parameters
    ----------
    labels
        (H, W) int32, every object its own number from 1.
    class_id
        (n,) int64 their classes.
    cluster
        (n,) int64 the value of `Prediction.clusters` that most of the object has, 0 for none (painted by hand, say).
    score
        (n,) float64 mean confidence over the object.
    """

    labels: NDArray[np.int32]
    class_id: IntArray
    cluster: IntArray
    score: FloatArray


def instances_of(labels: LabelArray, clusters: IntArray, confidence: FloatArray) -> Instances:
    """Split class labels into single objects (`imaging.objects`).

    Parameters
    ----------
    labels, clusters, confidence
        (H, W) class ids, `Prediction.clusters`, `Prediction.confidence`.
    """
    from scipy import ndimage

    pieces = pieces_of(labels)
    numbers = np.arange(1, len(pieces) + 1)
    score = np.asarray(ndimage.mean(confidence, pieces.numbers, numbers), dtype=np.float64).reshape(-1)
    return Instances(pieces.numbers, pieces.class_id, _mode(pieces.numbers, clusters, len(pieces)), score)


def _mode(single: NDArray[np.int32], values: IntArray, count: int) -> IntArray:
    """Return (n,) the most frequent value above 0 in each object, 0 where there is none."""
    inside = (single > 0) & (values > 0)
    width = int(values.max(initial=0)) + 1
    votes = np.bincount((single[inside] - 1).astype(np.int64) * width + values[inside], minlength=count * width)
    return votes.reshape(count, width).argmax(axis=1) if count else np.zeros(0, dtype=np.int64)


def show_instances(
    ours: OurLayers, over: Layer, plane: PlaneKey, shape: Shape, found: Instances, clusters: ClusterTable
) -> Labels:
    """Show the objects of one plane in the instances layer of its source, which is made if it is not there.

    Objects keep different numbers over a whole stack; those that the plane had before are replaced.

    Parameters
    ----------
    ours
        The layers of ours in the viewer.
    over, plane, shape
        The layer of the user that shows the target, the plane in label space, the shape of label space.
    found
        The objects.
    clusters
        The clusters of the same prediction.
    """
    import pandas as pd

    layer = ours.find(Role.INSTANCES, plane.source) or _make(ours, over, plane.source, shape)
    old, table = np.unique(plane.take(layer.data)), layer.features
    kept = table[~table["index"].isin(old)]
    offset = int(kept["index"].max()) if len(kept) else 0
    plane.put(layer.data, np.where(found.labels > 0, found.labels + offset, 0))
    layer.features = pd.concat([kept, _features(found, clusters, class_names(ours.rows), offset)], ignore_index=True)
    layer.refresh()
    return layer


def _make(ours: OurLayers, over: Layer, source: str, shape: Shape) -> Any:
    from napari.layers import Labels

    kwargs = aligned(over, name=f"{over.name} · {SUFFIX[Role.INSTANCES]}", shape=shape)
    layer = Labels(np.zeros(shape, dtype=np.int32), **kwargs, **LOOKS[Role.INSTANCES])
    layer.features = {name: np.zeros(0, dtype=kind) for name, kind in COLUMNS.items()}
    ours.put(layer, Role.INSTANCES, over=over, source=source)
    return layer


def _features(found: Instances, clusters: ClusterTable, names: dict[int, str], offset: int) -> Any:
    import pandas as pd

    ids = [clusters.id_of(int(value)) for value in found.cluster]
    columns = {
        "index": np.arange(len(ids)) + 1 + offset,
        "class": [names.get(int(value), str(value)) for value in found.class_id],
        "cluster": [-1 if pair is None else pair[1] for pair in ids],
        "score": np.round(found.score, 3),
    }
    return pd.DataFrame(columns).astype(COLUMNS)
