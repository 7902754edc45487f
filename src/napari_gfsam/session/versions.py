"""The predictions of one plane: that of the newest run and that of the run before, in memory or on disk."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

from napari_gfsam.session.sizes import bytes_held

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.api.tiles.prediction import AnyPrediction
    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.io.records import DecisionRecord

NAME = re.compile(r"[0-9a-f]{32}\.safetensors")


@dataclass(slots=True, eq=False)
class Version:
    """One prediction: its file, what is in the file (settings unknown before it is read), what is true now.

    `read_otherwise` tells whether a person chose another reading than that of the run, whose settings are `as_run`
    (``None`` where only an earlier process knew them).
    """

    file: str
    decisions: tuple[DecisionRecord, ...]
    settings: GFSAMConfig | None = None
    in_file: tuple[DecisionRecord, ...] = ()
    prediction: AnyPrediction | None = None
    memory: int = 0
    as_run: GFSAMConfig | None = None
    read_otherwise: bool = False

    @classmethod
    def of_run(cls, prediction: AnyPrediction) -> Version:
        """Return the answer of a run, for a new file."""
        made, settings = prediction.decisions, prediction.settings
        return cls(new_name(), made, settings, made, as_run=settings)

    @property
    def decided(self) -> bool:
        """Whether a person decided anything about it."""
        return self.read_otherwise or bool(self.decisions)

    def correct(self, prediction: AnyPrediction) -> None:
        """Take in what a person made of it."""
        self.read_otherwise = self.as_run is None or prediction.settings != self.as_run

    def hold(self, prediction: AnyPrediction) -> None:
        """Keep a prediction in memory."""
        self.prediction, self.decisions, self.memory = prediction, prediction.decisions, bytes_held(prediction)

    def is_written_as(self, prediction: AnyPrediction) -> None:
        """Remember what the file holds."""
        self.settings, self.in_file = prediction.settings, prediction.decisions
        if not self.read_otherwise:
            self.as_run = prediction.settings

    @property
    def file_suffices(self) -> bool:
        """Whether the file and the decisions give the prediction without running a model."""
        if self.prediction is None:
            return True
        now, then = ([made for made in side if made.kind == "point"] for side in (self.decisions, self.in_file))
        return self.prediction.settings == self.settings and now == then[: len(now)]


@dataclass(slots=True, eq=False)
class Entry:
    """The prediction of the newest run, and that of the run before."""

    now: Version
    before: Version | None = None

    @property
    def versions(self) -> tuple[Version, ...]:
        """All there are."""
        return (self.now, self.before) if self.before else (self.now,)


def is_stored(folder: Path, file: str) -> bool:
    """Tell whether a description names a prediction that is there; it may name anything."""
    return NAME.fullmatch(file) is not None and (folder / file).is_file()


def new_name() -> str:
    """Return a name for a file."""
    return f"{uuid4().hex}.safetensors"
