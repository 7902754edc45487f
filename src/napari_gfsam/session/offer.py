"""The session that a person may go on with, looked at quickly: a dock that opens asks for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from napari_gfsam.session.folder import session_folders
from napari_gfsam.session.shelf import SessionError
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.session.folder import SessionFolder


@dataclass(frozen=True, slots=True)
class Offer:
    """A session to go on with.

    Parameters
    ----------
    folder
        Where it is.
    targets, accepted
        How many there are.
    when
        When it was saved last, in local time.
    """

    folder: SessionFolder
    targets: int
    accepted: int
    when: datetime


def latest_offer(root: Path | None = None) -> tuple[Offer | None, tuple[str, ...]]:
    """Return the newest session to go on with, and a sentence for every newer one that cannot be read.

    Parameters
    ----------
    root
        Where sessions are; `folder.default_root` when not given.
    """
    damaged: list[str] = []
    for folder in session_folders(root):
        if folder.finished:
            continue
        try:
            offer = _glance(folder)
        except SessionError as error:
            damaged.append(str(error))
            continue
        if offer is not None:
            return offer, tuple(damaged)
    return None, tuple(damaged)


def _glance(folder: SessionFolder) -> Offer | None:
    """Look at a description without building it; ``None`` if there is nothing in it to go on with."""
    path = folder.description
    try:
        data = json.loads(path.read_bytes())
        states = [found["target"]["state"] for found in data["targets"]]
        when = datetime.fromtimestamp(data["saved_at"])
        references = len(data["references"])
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise SessionError(f"{path} is damaged, so its work is not offered ({type(error).__name__}).") from error
    accepted = states.count(TargetState.ACCEPTED.value)
    return Offer(folder, len(states), accepted, when) if states or references else None
