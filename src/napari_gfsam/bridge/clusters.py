"""The clusters layer: outlines of the current target's clusters, grey where they are switched off."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from psygnal import Signal

from napari_gfsam.bridge.clicks import Listener, label_at, on_click
from napari_gfsam.bridge.looks import CLUSTER_WORDS, class_names, cluster_colormap, contour_of
from napari_gfsam.bridge.ours import Role
from napari_gfsam.core.types import ACCEPTED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Layer

    from napari_gfsam.api.correctable import PointTable
    from napari_gfsam.bridge.align import Shape
    from napari_gfsam.bridge.ours import OurLayers
    from napari_gfsam.core.arrays import BoolArray, FloatArray, IntArray, LabelArray
    from napari_gfsam.session.types import PlaneKey

#: Of a cluster: its class and its number in it.
ClusterId: TypeAlias = tuple[int, int]
OPACITY = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class ClusterTable:
    """The clusters of a prediction in the order of `Prediction.clusters`, whose value for the first is 1.

    Parameters
    ----------
    class_id, cluster
        (n,) int64 the class and the number in it.
    points, on
        (n,) int64 how many prompts it has, and how many of them are part of the answer.
    score
        (n,) float64 mean score of its prompts.
    """

    class_id: IntArray
    cluster: IntArray
    points: IntArray
    on: IntArray
    score: FloatArray

    @classmethod
    def of(cls, table: PointTable) -> ClusterTable:
        """Return the clusters of a point table (`Prediction.points`)."""
        classes, block = _blocks(table.class_id)
        sizes = np.array([table.cluster[block == place].max() + 1 for place in range(len(classes))], dtype=np.int64)
        value = (np.cumsum(sizes) - sizes)[block] + table.cluster
        count = int(sizes.sum())
        points = np.bincount(value, minlength=count)
        on = np.bincount(value[np.isin(table.status, ACCEPTED)], minlength=count)
        score = np.bincount(value, weights=table.score, minlength=count) / np.maximum(points, 1)
        cluster = np.arange(count) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        return cls(np.repeat(classes, sizes), cluster, points, on, score)

    @property
    def state(self) -> IntArray:
        """(n,) int64 index into `CLUSTER_WORDS`."""
        return np.where(self.on == 0, 0, np.where(self.on == self.points, 2, 1))

    def id_of(self, value: int) -> ClusterId | None:
        """Return the cluster that a value of `Prediction.clusters` stands for, ``None`` for none."""
        if not 1 <= value <= len(self.cluster):
            return None
        return int(self.class_id[value - 1]), int(self.cluster[value - 1])


class ClustersLayer:
    """The one clusters layer of ours. Main thread only.

    Parameters
    ----------
    ours
        The layers of ours in the viewer.

    Notes
    -----
    Signal: ``clicked((class_id, cluster))``, in pan and zoom mode.
    """

    clicked = Signal(tuple)

    def __init__(self, ours: OurLayers) -> None:
        self._ours = ours
        self._plane: PlaneKey | None = None
        self._table: ClusterTable | None = None
        self._on: BoolArray | None = None
        self._listener = Listener(lambda layer: on_click(layer, self._on_click))

    @property
    def layer(self) -> Any:
        """The clusters layer, or ``None`` while it shows no target."""
        return None if self._plane is None else self._ours.find(Role.CLUSTERS)

    @property
    def plane(self) -> PlaneKey | None:
        """The plane whose clusters are shown, or ``None``: where another is wanted, `recolor` will not do."""
        return None if self.layer is None else self._plane

    def show(self, over: Layer, plane: PlaneKey, shape: Shape, clusters: LabelArray, table: PointTable) -> None:
        """Show the clusters of a target; again when it got another cluster, else `recolor` will do.

        Parameters
        ----------
        over, plane, shape
            The layer of the user that shows the target, the plane in label space, the shape of label space.
        clusters
            (H, W) `Prediction.clusters`.
        table
            `Prediction.points`.
        """
        deque(self.showing(over, plane, shape, clusters, table), maxlen=0)

    def showing(
        self, over: Layer, plane: PlaneKey, shape: Shape, clusters: LabelArray, table: PointTable
    ) -> Iterator[None]:
        """Do the same in two steps, so that a window can stay alive between them."""
        self._plane, self._table, self._on = plane, None, None
        least = np.min_scalar_type(int(clusters.max(initial=0)))
        layer = self._ours.follow(Role.CLUSTERS, self._make, over, plane, shape, clusters.astype(least, copy=False))
        self._listener.listen(layer)
        yield
        if self._plane == plane and self._table is None:  # not of another target, nor corrected meanwhile
            self.recolor(table)

    def recolor(self, table: PointTable) -> None:
        """Show which clusters are on after statuses changed; nothing happens while there is no layer."""
        layer = self.layer
        if layer is None:
            return
        self._table = ClusterTable.of(table)
        layer.features = self._features(self._table)
        on = self._table.on > 0
        if self._on is None or not np.array_equal(on, self._on):
            self._on = on
            layer.colormap = cluster_colormap(on)

    def clear(self) -> None:
        """Show no clusters; the layer stays (see `PromptsLayer.clear`)."""
        layer = self.layer
        self.close()
        if layer is not None:
            layer.data[...] = 0
            layer.refresh()

    def close(self) -> None:
        """Stop listening to the layer, which stays; `show` listens again."""
        self._plane = self._table = self._on = None
        self._listener.stop()

    def at(self, world: tuple[float, ...]) -> ClusterId | None:
        """Return the cluster at a world position (such as ``viewer.cursor.position``), or ``None``."""
        layer = self.layer
        if layer is None or self._table is None:
            return None
        return self._table.id_of(label_at(self._ours.viewer, layer, world))

    def _make(self, **kwargs: Any) -> Any:
        from napari.layers import Labels

        layer = Labels(**kwargs, opacity=OPACITY)
        layer.contour = contour_of(kwargs["data"].shape)
        return layer

    def _features(self, table: ClusterTable) -> Any:
        import pandas as pd

        names = class_names(self._ours.rows)
        columns = {
            "index": np.arange(len(table.cluster)) + 1,
            "class": pd.Categorical([names.get(int(class_id), str(class_id)) for class_id in table.class_id]),
            "cluster": table.cluster,
            "status": pd.Categorical.from_codes(table.state, categories=list(CLUSTER_WORDS)),
            "points": table.points,
            "score": np.round(table.score, 3),
        }
        return pd.DataFrame(columns)

    def _on_click(self, world: tuple[float, ...]) -> None:
        found = self.at(world)
        if found is not None:
            self.clicked.emit(found)


def _blocks(class_id: IntArray) -> tuple[IntArray, IntArray]:
    """Return the distinct class ids in the order in which they come first, and (N,) the place of each row's."""
    classes, first, row = np.unique(class_id, return_index=True, return_inverse=True)
    order = np.argsort(first)
    return classes[order], np.argsort(order)[row.reshape(-1)]
