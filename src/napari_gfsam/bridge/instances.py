"""Single objects: class labels split into instances, in a layer with a features table (class, cluster, score)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.align import aligned
from napari_gfsam.bridge.clusters import ClusterTable
from napari_gfsam.bridge.identity import our_layers
from napari_gfsam.bridge.looks import class_names
from napari_gfsam.bridge.ours import LOOKS, SUFFIX, Role
from napari_gfsam.imaging.linking import adopted
from napari_gfsam.imaging.objects import Pieces, pieces_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari.components import ViewerModel
    from napari.layers import Labels, Layer
    from numpy.typing import NDArray
    from pandas import DataFrame

    from napari_gfsam.api.tiles.prediction import AnyPrediction
    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.core.arrays import FloatArray, IntArray, LabelArray
    from napari_gfsam.session.types import ClassRow, PlaneKey

#: Columns of the features table; an object that no prompt made has cluster -1. Of an object in several planes, cluster
#: and score are those of the plane that was looked at last.
COLUMNS = {"index": "int64", "class": "object", "class_id": "int64", "cluster": "int64", "score": "float64"}


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


def instances_of(labels: LabelArray, clusters: LabelArray, confidence: FloatArray) -> Instances:
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


def _mode(single: NDArray[np.int32], values: LabelArray, count: int) -> IntArray:
    """Return (n,) the most frequent value above 0 in each object, the lowest of several, 0 where there is none."""
    from scipy.sparse import coo_array

    if not count:
        return np.zeros(0, dtype=np.int64)
    inside = (single > 0) & (values > 0)
    owner, value = single[inside].astype(np.int64) - 1, values[inside].astype(np.int64)
    votes = coo_array((np.ones(len(owner), np.int64), (owner, value)), (count, int(values.max(initial=0)) + 1))
    return np.asarray(votes.tocsr().argmax(axis=1), dtype=np.int64).reshape(-1)


@dataclass(frozen=True, slots=True, eq=False)
class LinkedPlane:
    """The objects of one plane of a stack, numbered through.

    Parameters
    ----------
    plane
        Which.
    numbers
        (H, W) int32, an object has the same number in all planes.
    features
        Rows for the features table.
    """

    plane: PlaneKey
    numbers: NDArray[np.int32]
    features: DataFrame


def objects_of(labels: LabelArray, prediction: AnyPrediction | None) -> tuple[Instances, ClusterTable | None]:
    """Split the labels of a target into objects, with the clusters of its prediction where there is one."""
    if prediction is None:
        nothing = np.zeros(labels.shape, dtype=np.int64)
        return instances_of(labels, nothing, nothing.astype(np.float32)), None
    return instances_of(labels, prediction.clusters, prediction.confidence), ClusterTable.of(prediction.points)


def show_instances(
    ours: OurLayers,
    over: Layer,
    plane: PlaneKey,
    shape: Shape,
    objects: tuple[Instances, ClusterTable | None],
    near: Iterable[PlaneKey] = (),
) -> Labels:
    """Show the objects of one plane in the instances layer of its source, which is made if it is not there.

    An object keeps the number that it had in this plane, else takes that of the object in its place in a plane nearby,
    else a new one.

    Parameters
    ----------
    ours
        The layers of ours in the viewer.
    over, plane, shape
        The layer of the user that shows the target, the plane in label space, the shape of label space.
    objects
        Of `objects_of`.
    near
        Other planes of the same stack, the nearest first.
    """
    found, clusters = objects
    layer = ours.find(Role.INSTANCES, plane.source) or _make(ours, over, plane.source, shape)
    pieces = Pieces(found.labels, found.class_id)
    ids = _ids(layer, plane, pieces, near)
    gone = np.setdiff1d(np.unique(plane.take(layer.data)), ids)
    plane.put(layer.data, pieces.renumbered(ids))
    elsewhere = [np.unique(other.take(layer.data)) for other in near]
    gone = gone[~np.isin(gone, np.concatenate([np.zeros(0, gone.dtype), *elsewhere]))]
    rows = features_of(found, ids, clusters, class_names(ours.rows))
    _set_features(layer, [layer.features[~layer.features["index"].isin(gone)], rows])
    layer.refresh()
    return layer


def write_linked(layer: Labels, one: LinkedPlane) -> None:
    """Write a plane that was numbered through; `finish_linked` is to follow after the last."""
    one.plane.put(layer.data, one.numbers)


def finish_linked(layer: Labels, features: Iterable[DataFrame]) -> None:
    """Put the rows of all planes in the place of the features table, and draw."""
    _set_features(layer, list(features))
    layer.refresh()


def show_class_names(viewer: ViewerModel, rows: Sequence[ClassRow]) -> None:
    """Give the objects of all instances layers the names that their classes have now."""
    for layer in our_layers(viewer, Role.INSTANCES):
        names = _names(layer.features["class_id"], class_names(rows))
        if names != list(layer.features["class"]):
            layer.features = layer.features.assign(**{"class": names})


def _names(class_id: Iterable[Any], names: dict[int, str]) -> list[str]:
    return [names.get(int(value), str(value)) for value in class_id]


def _ids(layer: Labels, plane: PlaneKey, pieces: Pieces, near: Iterable[PlaneKey]) -> NDArray[np.int64]:
    table = layer.features
    class_of = {int(row): int(value) for row, value in zip(table["index"], table["class_id"], strict=True)}
    ids = adopted(pieces, [_known(other.take(layer.data), class_of) for other in (plane, *near)])
    new = np.flatnonzero(ids == 0)
    ids[new] = max(class_of, default=0) + 1 + np.arange(len(new))
    return ids


def _known(numbers: NDArray[Any], class_of: dict[int, int]) -> tuple[Pieces, NDArray[np.int64]]:
    """Return the objects of a plane of the layer with their numbers."""
    old, place = np.unique(numbers, return_inverse=True)
    pieces = place.reshape(numbers.shape) + (0 if len(old) and old[0] == 0 else 1)
    ids = old[old > 0].astype(np.int64)
    class_id = np.array([class_of.get(int(one), 0) for one in ids], dtype=np.int64)
    return Pieces(pieces.astype(np.int32), class_id), ids


def _make(ours: OurLayers, over: Layer, source: str, shape: Shape) -> Any:
    from napari.layers import Labels

    kwargs = aligned(over, name=f"{over.name} · {SUFFIX[Role.INSTANCES]}", shape=shape)
    layer = Labels(np.zeros(shape, dtype=np.int32), **kwargs, **LOOKS[Role.INSTANCES])
    layer.features = {name: np.zeros(0, dtype=kind) for name, kind in COLUMNS.items()}
    ours.put(layer, Role.INSTANCES, over=over, source=source)
    return layer


def features_of(
    found: Instances, numbers: NDArray[np.int64], clusters: ClusterTable | None, names: dict[int, str]
) -> DataFrame:
    """Return rows of the features table for the objects of a plane: class, cluster and score as they are there."""
    import pandas as pd

    pairs = [None if clusters is None else clusters.id_of(int(value)) for value in found.cluster]
    columns = {
        "index": numbers,
        "class": _names(found.class_id, names),
        "class_id": found.class_id,
        "cluster": [-1 if pair is None else pair[1] for pair in pairs],
        "score": np.round(found.score, 3),
    }
    return pd.DataFrame(columns).astype(COLUMNS)


def _set_features(layer: Labels, parts: list[DataFrame]) -> None:
    """Set the table; of an object in several planes the last row counts."""
    import pandas as pd

    filled = [part for part in parts if len(part)]
    if filled:
        layer.features = pd.concat(filled).drop_duplicates("index", keep="last").sort_values("index", ignore_index=True)
    else:
        layer.features = {name: np.zeros(0, dtype=kind) for name, kind in COLUMNS.items()}
