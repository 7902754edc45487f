"""A prediction that is little more than its decisions, and an archive that counts what it is asked."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.io.records import DecisionRecord
from napari_gfsam.io.writers import write_text
from napari_gfsam.session.types import PlaneKey

if TYPE_CHECKING:
    from pathlib import Path

BYTES = 1000


def plane(number: int) -> PlaneKey:
    return PlaneKey("stack", (number, -1, -1), (1, 2))


def off(prompt: int) -> DecisionRecord:
    return DecisionRecord("status", 1, prompt, 3)


def point(y: float) -> DecisionRecord:
    return DecisionRecord("point", 1, point_yx=(y, 0.0))


@dataclass(frozen=True, eq=False)
class FakePrediction:
    name: str
    settings: str = "tuned"
    decisions: tuple[DecisionRecord, ...] = ()
    data: np.ndarray = field(default_factory=lambda: np.zeros(BYTES, np.uint8))

    def decided(self, decisions: tuple[DecisionRecord, ...]) -> FakePrediction:
        return replace(self, decisions=tuple(decisions))

    @property
    def what(self) -> tuple[str, str, tuple[DecisionRecord, ...]]:
        return self.name, self.settings, self.decisions


class FakeArchive:
    """Files of exactly BYTES bytes."""

    def __init__(self) -> None:
        self.saves, self.loads = 0, 0
        self.fails = False

    def save(self, path: Path, prediction: FakePrediction) -> None:
        if self.fails:
            raise OSError("The disk is full.")
        self.saves += 1
        decisions = [asdict(decision) for decision in prediction.decisions]
        text = json.dumps([prediction.name, prediction.settings, decisions])
        write_text(path, text.ljust(BYTES))

    def load(self, path: Path) -> FakePrediction:
        self.loads += 1
        name, settings, decisions = json.loads(path.read_text())
        for decision in decisions:
            decision["point_yx"] = None if decision["point_yx"] is None else tuple(decision["point_yx"])
        return FakePrediction(name, settings, tuple(DecisionRecord(**decision) for decision in decisions))

    def remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)

    def nbytes(self, path: Path) -> int:
        return path.stat().st_size

    def remove_unused_references(self, folder: Path) -> None:
        pass
