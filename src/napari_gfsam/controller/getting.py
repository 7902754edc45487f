"""Getting models: downloads that a person asked for, and files on this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from napari_gfsam.controller.models import Models
    from napari_gfsam.models.fetching import FetchProgress
    from napari_gfsam.models.specs import ModelSpec
    from napari_gfsam.workers import JobRunner


class Getting:
    """Downloads and looks into weights files, one at a time. Main thread only.

    `progressed` carries the id of a preset and how far its download is (text), `got` a sentence, `failed` a sentence;
    `changed` comes when a download begins or ends.
    """

    progressed = Signal(str, str)
    got = Signal(str)
    failed = Signal(str)
    changed = Signal()

    def __init__(self, models: Models, jobs: JobRunner) -> None:
        self._models, self._jobs = models, jobs
        self.preset = ""
        jobs.reported.connect(self._on_progress)
        jobs.finished.connect(self._on_finished)
        jobs.failed.connect(self._on_failed)
        jobs.cancelled.connect(self._on_cancelled)

    def fetch(self, preset: str) -> None:
        """Download what is missing of a pair of models, and use it then; the person has agreed to its licence."""
        self.preset = preset
        self.changed.emit()
        self._jobs.start(_fetched(preset))

    def use_file(self, path: Path) -> None:
        """Use a weights file for what it holds, an encoder or a segmenter; a download under way ends."""
        self._end()
        self._jobs.start(_recognised(path))

    def cancel(self) -> None:
        """Stop a download; what is here of it is kept, and the next one goes on from there."""
        self._jobs.cancel()

    def close(self) -> None:
        """Stop."""
        self._jobs.stop()

    def _on_progress(self, text: str) -> None:
        self.progressed.emit(self.preset, text)

    def _on_finished(self, found: Any) -> None:
        if isinstance(found, str):
            self._models.use(preset=found)
            self.got.emit("The models are here and will be used by the next run.")
        else:
            self._models.use(**{found.kind: found.id, f"{found.kind}_weights": found.path})
            self.got.emit(f"The next run uses {found.title} from that file.")
        self._end()

    def _on_cancelled(self) -> None:
        self._end()
        self.got.emit("The download is stopped; it goes on from there next time.")

    def _on_failed(self, sentence: str) -> None:
        self._end()
        self.failed.emit(sentence)

    def _end(self) -> None:
        self.preset = ""
        self.changed.emit()


def _fetched(preset: str) -> Generator[str, None, str]:
    from napari_gfsam.models.fetching import FetchProgress, fetch
    from napari_gfsam.models.registry import model_preset

    for spec in model_preset(preset).models:
        for event in fetch(spec):
            if isinstance(event, FetchProgress):
                yield f"{spec.title}: {_say(event)}"
    return preset


def _say(event: FetchProgress) -> str:
    if event.stage == "wait":
        return event.message
    share = f"{event.done_bytes / event.total_bytes:.0%}" if event.total_bytes else f"{event.done_bytes >> 20} MB"
    return f"{'checking' if event.stage == 'check' else 'downloading'} {share}"


def _recognised(path: Path) -> Generator[str, None, ModelSpec]:
    from napari_gfsam.api.local_weights import recognise_file

    yield f"Looking into {path.name}"
    return recognise_file(path)
