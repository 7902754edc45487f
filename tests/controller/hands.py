"""What a person does at a desk, in a viewer without a window; told from what the program does."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.bridge.identity import is_ours
from napari_gfsam.bridge.ours import Role
from napari_gfsam.controller.desk import Desk
from napari_gfsam.core.types import ACCEPTED
from tests.fakes import disc_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image, Labels

    from napari_gfsam.api import Prediction
    from napari_gfsam.session.types import PlaneKey, Target, TargetState

SHAPE = (60, 80)
#: Threads of jobs give way to all else: on a machine that is busy otherwise they take long.
RUN_MILLISECONDS = 240_000


def picture(seed: int, shape=SHAPE) -> tuple[np.ndarray, np.ndarray]:
    """A small picture of bright discs and its labels."""
    image, labels = disc_picture(seed, (shape[0] * 3, shape[1] * 3), 4)
    return image[::3, ::3].copy(), labels[::3, ::3].copy()


def stack(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Grey pictures (z, y, x) and their labels."""
    pairs = [picture(seed) for seed in range(count)]
    return np.stack([image[..., 0] for image, _ in pairs]), np.stack([labels for _, labels in pairs])


class At:
    def __init__(self, viewer: ViewerModel, root: Path, qtbot, desk: Desk | None = None) -> None:
        self.viewer, self.qtbot = viewer, qtbot
        self.desk = desk or Desk(viewer, root)
        self.problems: list[str] = []
        self.desk.problem.connect(self.problems.append)

    def close(self) -> None:
        self.desk.close()

    # What is in the viewer ---------------------------------------------------------------------------------------
    def image(self, name: str, pixels: np.ndarray, **kwargs) -> Image:
        return self.viewer.add_image(pixels, name=name, **kwargs)

    def paint(self, image: Image, labels: np.ndarray) -> Labels:
        """Label a picture as a person does: New, then strokes."""
        self.desk.references.new(image)
        layer = self.ours(Role.REFERENCE, image)
        self.stroke(layer, *np.nonzero(labels), values=labels[labels > 0])
        return layer

    def stroke(self, layer: Labels, *where: np.ndarray, values) -> None:
        """One stroke of the brush, as napari's own mouse does it: it tells that something was painted."""
        with layer.block_history():
            layer.data_setitem(tuple(np.asarray(one) for one in where), values)

    def ours(self, role: Role, image: Image | None = None) -> Labels:
        source = "" if image is None else self.desk.pictures.source_over(image).id
        return self.desk.ours.find(role, source)

    def users_layers(self) -> list:
        return [layer for layer in self.viewer.layers if not is_ours(layer)]

    def at_point(self, row: float, column: float) -> None:
        """Point the mouse at a place of what is shown."""
        position = list(self.viewer.dims.point)
        for axis, place in zip(self.viewer.dims.displayed, (row, column), strict=True):
            position[axis] = place
        self.viewer.cursor.position = tuple(position)

    def press(self, action: str) -> None:
        self.desk.actions[action]()

    # A run -------------------------------------------------------------------------------------------------------
    def wait(self) -> None:
        self.qtbot.waitUntil(
            lambda: not (self.desk.running.running or self.desk.arriving.running), timeout=RUN_MILLISECONDS
        )

    def run_in_two(self, start: Callable[[], object] | None = None) -> Event:
        """Run up to the first proposal; the others go on when the event is set, however fast the machine is."""
        go_on, put, stored = Event(), self.desk.session.store.put, 0

        def wait_and_put(plane: PlaneKey, prediction: Prediction) -> None:
            nonlocal stored
            stored += 1
            if stored > 1:
                go_on.wait(RUN_MILLISECONDS / 1000)
            put(plane, prediction)

        self.desk.session.store.put = wait_and_put
        (start or self.desk.actions["run"])()
        self.qtbot.waitUntil(lambda: self.desk.running.counts[0] > 0, timeout=RUN_MILLISECONDS)
        self.qtbot.waitUntil(lambda: not self.desk.arriving.running, timeout=RUN_MILLISECONDS)
        self.desk.session.store.put = put
        return go_on

    def run(self) -> None:
        self.press("run")
        self.wait()

    def two_pictures(self, count: int = 1) -> tuple[Image, list[Image], Labels]:
        """A painted picture and other ones beside it, not run yet."""
        pixels, labels = picture(1)
        reference = self.image("painted", pixels)
        targets = [
            self.image(f"target {number}", picture(2 + number)[0], translate=(0, 100 * (number + 1)))
            for number in range(count)
        ]
        return reference, targets, self.paint(reference, labels)

    def painted_stack(self, count: int = 4) -> tuple[Image, Labels]:
        """A stack of which the first plane is painted."""
        pixels, labels = stack(count)
        image = self.image("cells", pixels)
        self.viewer.dims.set_point(0, 0)
        return image, self.paint(image, np.concatenate([labels[:1], np.zeros_like(labels[1:])]))

    # What came of it ---------------------------------------------------------------------------------------------
    @property
    def queue(self):
        return self.desk.session.queue

    @property
    def current(self) -> PlaneKey:
        plane = self.queue.current
        assert plane is not None
        return plane

    @property
    def prediction(self) -> Prediction:
        found = self.desk.correcting.prediction
        assert found is not None
        return found

    def target(self, plane: PlaneKey) -> Target:
        found = self.queue.get(plane)
        assert found is not None
        return found

    def states(self) -> dict[str, TargetState]:
        return {target.title: target.state for target in self.queue}

    def proposal(self, plane: PlaneKey) -> np.ndarray:
        """What the proposal layer shows of a plane."""
        return np.array(plane.take(self.desk.ours.find(Role.PROPOSAL, plane.source).data))

    def accepted(self, plane: PlaneKey) -> np.ndarray:
        return np.array(plane.take(self.desk.ours.find(Role.ACCEPTED, plane.source).data))

    def point_on(self) -> tuple[int, int]:
        """A prompt that is part of the answer and whose absence shows."""
        table = self.prediction.points
        row = int(np.flatnonzero(np.isin(table.status, ACCEPTED))[0])
        return int(table.class_id[row]), int(table.index[row])

    def cluster_on(self) -> tuple[int, int]:
        table = self.prediction.points
        row = int(np.flatnonzero(np.isin(table.status, ACCEPTED))[0])
        return int(table.class_id[row]), int(table.cluster[row])


def fingerprint(layer) -> tuple:
    """All that a person could miss of a layer of theirs, bit for bit."""
    data, facts, kind = layer.as_layer_data_tuple()
    arrays = data if isinstance(data, (list, tuple)) else [data]
    seen = [(array.dtype.str, array.shape, np.asarray(array).tobytes()) for array in arrays]
    names = ("name", "metadata", "scale", "translate", "rotate", "shear", "visible", "opacity", "blending")
    return kind, seen, [repr(facts[name]) for name in names], id(data)
