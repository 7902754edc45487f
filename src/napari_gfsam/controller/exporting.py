"""Labels out of the viewer in the formats of `io.exports`, never over a person's own label image."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_gfsam.controller.correcting import CorrectionError
from napari_gfsam.controller.feed import Feed, fed
from napari_gfsam.controller.label_files import BESIDE, CLASSES, ExportJob, ExportTarget, run_export
from napari_gfsam.session.types import TargetState

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_gfsam.controller.sheets import Sheets
    from napari_gfsam.session import Session
    from napari_gfsam.session.types import PlaneKey, Target
    from napari_gfsam.workers import JobRunner

#: Bytes of a title that a file name takes: with number and ending, every file system has room for it.
LONGEST = 100
#: States in which a target has a proposal.
PROPOSED = (TargetState.PROPOSED, TargetState.SKIPPED)


@dataclass(frozen=True, slots=True)
class Exportable:
    """What would be exported: targets, and whether their labels are accepted (else proposals)."""

    targets: tuple[Target, ...]
    accepted: bool


class Exporting:
    """Exports accepted labels, or proposals while nothing is accepted. Main thread only.

    Label planes are read one at a time, when the thread that writes asks for them. `saved` carries a sentence when all
    is written, `failed` one when it cannot be, `progressed` how far it is; `changed` comes when an export begins or
    ends.
    """

    saved = Signal(str)
    failed = Signal(str)
    progressed = Signal(str)
    changed = Signal()

    def __init__(self, session: Session, sheets: Sheets, jobs: JobRunner) -> None:
        self._session, self._sheets, self._jobs = session, sheets, jobs
        self._feed: Feed | None = None
        self._planes: tuple[PlaneKey, ...] = ()
        self._accepted = True
        jobs.reported.connect(self._on_reported)
        jobs.finished.connect(self.saved.emit)
        jobs.failed.connect(self.failed.emit)
        jobs.cancelled.connect(self._on_cancelled)
        jobs.running_changed.connect(self._on_running)

    @property
    def running(self) -> bool:
        """Whether an export is under way."""
        return bool(self._jobs.running)

    def exportable(self, only: PlaneKey | None = None) -> Exportable:
        """Return all accepted targets, or else all that have a proposal; or the one that is named."""
        known = [target for target in self._session.queue if only in (None, target.plane)]
        accepted = [target for target in known if target.state == TargetState.ACCEPTED]
        proposed = [target for target in known if target.state in PROPOSED]
        return Exportable(tuple(accepted or proposed), bool(accepted))

    def in_the_way(self, format_id: str, folder: Path, only: PlaneKey | None = None) -> tuple[Path, ...]:
        """Return what is there already of the files that an export would write."""
        return tuple(path for path in _outputs(format_id, folder, self._targets(only)) if path.exists())

    def export(self, format_id: str, folder: Path, *, only: PlaneKey | None = None, replace: bool = False) -> None:
        """Write labels in a format.

        Label images get their run record and the class table beside them. They are never written over a label image
        that is not ours, or is of another picture.

        Parameters
        ----------
        format_id
            A key of `io.exports.FORMATS`.
        folder
            Where; made if need be.
        only
            One target; all when ``None``.
        replace
            Replace outputs that are there.

        Raises
        ------
        CorrectionError
            If there is neither an accepted target nor a proposal.
        """
        chosen = self.exportable(only)
        job = ExportJob(
            format_id=format_id,
            folder=folder,
            replace=replace,
            targets=self._targets(only),
            rows=tuple(self._session.classes),
            accepted=chosen.accepted,
        )
        feed = Feed(len(job.targets))
        self._feed, self._accepted = feed, chosen.accepted
        self._planes = tuple(target.plane for target in chosen.targets)
        self.progressed.emit("Preparing the export")
        self._jobs.start(fed(feed, lambda: run_export(job, feed, self._session.store)))

    def cancel(self) -> None:
        """Stop; what is written stays, nothing is half written."""
        self._jobs.cancel()

    def close(self) -> None:
        """Stop and wait a little."""
        self._jobs.stop()

    def _targets(self, only: PlaneKey | None) -> tuple[ExportTarget, ...]:
        targets = self.exportable(only).targets
        if not targets:
            raise CorrectionError("There is nothing to export yet; run on a target, then accept its proposal (K).")
        names = _names(targets)
        return tuple(
            ExportTarget(target.plane, names[target.plane], target.title, **self._sheets.origin(target.plane))
            for target in targets
        )

    def _on_reported(self, numbers: Sequence[int]) -> None:
        """Read the planes that the thread asks for."""
        if self._feed is None:
            return
        for number in numbers:
            plane = self._planes[number]
            read = self._sheets.accepted if self._accepted else self._sheets.proposal
            self._feed.answer(partial(read, plane))
            self.progressed.emit(f"Exporting {number + 1} of {len(self._planes)}")

    def _on_cancelled(self) -> None:
        self.saved.emit("The export is stopped; the files that are written stay.")

    def _on_running(self, running: bool) -> None:
        if not running:
            self._feed = None
        self.changed.emit()


def _outputs(format_id: str, folder: Path, targets: Sequence[ExportTarget]) -> list[Path]:
    """Return all files and folders that an export would write, as far as they are known before."""
    from napari_gfsam.io.exports import export_format

    chosen = export_format(format_id)
    if chosen.together:
        names = list(chosen.outputs)
        names += [f"labels/{target.name}.txt" for target in targets] if format_id == "yolo" else []
    else:
        names = [f"{target.name}{chosen.outputs[0]}" for target in targets]
    if format_id in BESIDE:
        names += [f"{target.name}{BESIDE[format_id]}" for target in targets] + [CLASSES]
    return [folder / name for name in names]


def _names(targets: Sequence[Target]) -> dict[PlaneKey, str]:
    """Return a file name a target from its title: a title is never trusted as a path, and no two are alike."""
    from napari_gfsam.io.exports import safe_name

    names: dict[PlaneKey, str] = {}
    for target in targets:
        plain = safe_name(target.title, longest=LONGEST, otherwise="target")
        taken = {name.casefold() for name in names.values()}
        number = next(n for n in range(len(targets) + 1) if _numbered(plain, n).casefold() not in taken)
        names[target.plane] = _numbered(plain, number)
    return names


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number + 1}" if number else name
