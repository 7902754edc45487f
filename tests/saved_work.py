"""What must come back when work goes on, as plain values: the same in every process."""

from __future__ import annotations

import json
from dataclasses import asdict
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_gfsam.bridge.identity import is_ours
from napari_gfsam.bridge.ours import Role

if TYPE_CHECKING:
    from napari.layers import Labels, Layer

    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.session.types import PlaneKey


def state_of(desk: Desk) -> dict[str, Any]:
    """Return everything but the ids, which are new in every window, as it is after a trip through JSON."""
    session = desk.session
    titles = {target.plane: target.title for target in session.queue}
    found = {
        "classes": [asdict(row) for row in session.classes],
        "references": [
            (row.title, row.enabled, row.ignore, row.region_yx, row.plane.index, desk.references.paint(row).tolist())
            for row in session.references
        ],
        "queue": {target.title: (target.state, target.score, target.note, target.run) for target in session.queue},
        "current": titles.get(session.queue.current),
        "decisions": {
            title: [asdict(made) for made in session.store.get(plane).decisions]
            for plane, title in titles.items()
            if plane in session.store
        },
        "proposals": {titles[plane]: session.proposals.compose(plane).tolist() for plane in session.proposals},
        "painted": {titles[plane]: len(session.proposals.paint(plane)) for plane in session.proposals},
        "shown": {titles[plane]: shown(desk, Role.PROPOSAL, plane) for plane in session.proposals},
        "accepted": {
            titles[plane]: (shown(desk, Role.ACCEPTED, plane), session.accepted.packed(plane).name)
            for plane in session.accepted
        },
        "generation": session.generation,
        "users": {layer.name: digest(layer) for layer in desk.viewer.layers if not is_ours(layer)},
    }
    return json.loads(json.dumps(found))


def digest(layer: Layer) -> str:
    """Return what tells whether a layer of the user has the very same values."""
    values = np.ascontiguousarray(layer.data)
    return blake2b(f"{values.dtype} {values.shape}".encode() + values.tobytes(), digest_size=16).hexdigest()


def shown(desk: Desk, role: Role, plane: PlaneKey) -> list[list[int]] | None:
    """Return what the layer of a role shows of a plane; ``None`` without a layer."""
    layer = desk.ours.find(role, plane.source)
    return None if layer is None else np.array(plane.take(layer.data)).tolist()


def stroke(layer: Labels, *where: Any, values: Any) -> None:
    """One stroke as the mouse makes it: told when it is done."""
    with layer.block_history():
        layer.data_setitem(tuple(np.asarray(one) for one in where), values)
