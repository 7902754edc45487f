from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from napari_gfsam.cli import app
from napari_gfsam.io.writers import write_labels, write_picture
from tests.fakes import disc_picture

if TYPE_CHECKING:
    from pathlib import Path

    from click.testing import Result

TABLES = ("summary.csv", "review.csv")


@dataclass(frozen=True)
class Desk:
    """A folder with a painted picture and targets, and the program."""

    folder: Path
    runner: CliRunner = field(default_factory=CliRunner)

    def run(self, *words: object) -> Result:
        return self.runner.invoke(app, [str(word) for word in words])

    def segment(self, *words: object) -> Result:
        """Segment with the painted picture of this desk, into ``out``."""
        painted = ("--reference", self / "ref.tif", "--labels", self / "ref_labels.tif")
        quick = ("--set", "max_prompts=16")
        return self.run("segment", *painted, "-o", self / "out", *quick, *words)

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def target(self, name: str, seed: int = 2) -> Path:
        """Write a target picture."""
        path = self / name
        write_picture(path.with_suffix(".tif"), disc_picture(seed)[0])
        return path.with_suffix(".tif")

    @property
    def outputs(self) -> list[str]:
        """Files of targets; tables of the run and hidden files are left out."""
        names = sorted(path.name for path in (self / "out").iterdir())
        return [name for name in names if name not in TABLES and not name.startswith(".")]


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    picture, labels = disc_picture(seed=1)
    write_picture(tmp_path / "ref.tif", picture)
    write_labels(tmp_path / "ref_labels.tif", labels)
    return Desk(tmp_path)
