"""Connects the panels of models and downloads to the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.widgets.amounts import say_bytes
from napari_gfsam.widgets.data import ModelRow

if TYPE_CHECKING:
    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.models.registry import ModelPreset
    from napari_gfsam.widgets.advanced import AdvancedPanel
    from napari_gfsam.widgets.get_more import GetMoreDialog
    from napari_gfsam.widgets.model_line import ModelLine


class Modelling:
    """Which models are here, used, and to be had. Main thread only."""

    def __init__(self, desk: Desk, panel: AdvancedPanel, line: ModelLine) -> None:
        self._desk, self._panel, self._line = desk, panel, line
        self._dialog: GetMoreDialog | None = None
        self._connect()

    def refresh(self) -> None:
        """Show how things stand."""
        title, device, why = self._desk.models.describe()
        self._line.show_model(title, device, why)
        self._panel.show_device(" · ".join(part for part in (device, why) if part))
        rows = _rows(self._desk.models.choice.preset)
        self._panel.models.show_models([row for row in rows if row.here])
        self._panel.models.set_loaded(self._desk.models.loaded)
        if self._dialog is not None:
            self._dialog.show_models([row for row in rows if not row.here])

    def _connect(self) -> None:
        desk, panel, guarded = self._desk, self._panel.models, self._desk.guarded
        panel.model_chosen.connect(guarded(self._use))
        panel.more_requested.connect(self._open)
        panel.weights_chosen.connect(guarded(desk.getting.use_file))
        panel.unload_requested.connect(guarded(desk.models.unload))
        desk.getting.progressed.connect(self._show_progress)
        desk.getting.got.connect(self._show_end)
        desk.getting.failed.connect(self._show_end)

    def _use(self, preset: str) -> None:
        self._desk.models.use(preset=preset)

    def _open(self) -> None:
        from napari_gfsam.widgets.get_more import GetMoreDialog

        self._dialog = GetMoreDialog(self._panel)
        self._dialog.download_requested.connect(self._desk.guarded(self._desk.getting.fetch))
        self._dialog.cancel_requested.connect(self._desk.getting.cancel)
        self._dialog.destroyed.connect(self._forget)
        self._dialog.show_progress("", running=bool(self._desk.getting.preset))
        self.refresh()
        self._dialog.open()

    def _forget(self) -> None:
        self._dialog = None

    def _show_progress(self, _: str, text: str) -> None:
        if self._dialog is not None:
            self._dialog.show_progress(text, running=True)

    def _show_end(self, sentence: str) -> None:
        if self._dialog is not None:
            self._dialog.show_progress(sentence, running=False)
            self.refresh()


def _rows(used: str) -> list[ModelRow]:
    """Return all pairs of models with what is to be known of them."""
    from napari_gfsam.models.registry import PRESETS
    from napari_gfsam.models.weights import is_present

    return [
        ModelRow(
            preset.id,
            preset.title,
            _size(preset),
            used=preset.id == used,
            here=preset.id == used or all(is_present(spec) for spec in preset.models),
            terms=_terms(preset),
        )
        for preset in PRESETS.values()
    ]


def _size(preset: ModelPreset) -> str:
    known = [spec.expected_bytes or spec.about_bytes for spec in preset.models]
    return say_bytes(sum(size for size in known if size))


def _terms(preset: ModelPreset) -> str:
    return "\n".join(
        f"{spec.title}: {spec.licence_terms.name} ({spec.licence_terms.summary})" for spec in preset.models
    )
