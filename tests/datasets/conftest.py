from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from napari_gfsam.core.config import TUNED
from napari_gfsam.datasets import Painting, Plan, Row, segment_files
from napari_gfsam.io.writers import write_labels, write_picture
from tests.datasets import pretending
from tests.fakes import disc_picture


@dataclass
class Folder:
    """A painted picture, targets and outputs."""

    path: Path
    rows: list[Row] = field(default_factory=list)

    @property
    def plan(self) -> Plan:
        painting = Painting(self.path / "ref.tif", self.path / "ref_labels.tif")
        settings = TUNED.with_settings(max_prompts=4)
        return Plan(references=(painting,), output=self.path / "out", settings=settings, threads=1)

    def targets(self, *names: str) -> list[Path]:
        """Write pictures."""
        paths = [self.path / "in" / f"{name}.tif" for name in names]
        for seed, path in enumerate(paths, start=10):
            write_picture(path, disc_picture(seed, (60, 80), 3)[0])
        return paths

    def run(self, *, into: str = "out", **options):
        """Segment what is in the folder of targets; ``rows`` holds what is told on the way."""
        self.rows.clear()
        plan = replace(self.plan, output=self.path / into)
        return segment_files(plan, [self.path / "in"], on_row=self.rows.append, **options)

    def labels(self, into: str = "out") -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in sorted((self.path / into).glob("*_labels.tif"))}

    def states(self) -> dict[str, str]:
        return {Path(row.file).stem: row.state.value for row in self.rows}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    monkeypatch.setattr("napari_gfsam.datasets.processes.COMMAND", pretending.COMMAND)
    picture, labels = disc_picture(seed=1)
    write_picture(tmp_path / "ref.tif", picture)
    write_labels(tmp_path / "ref_labels.tif", labels)
    return Folder(tmp_path)
