"""The models that the next run uses: chosen here, loaded by the run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.api.choice import ModelChoice
from napari_gfsam.controller.warmup import models_imported

if TYPE_CHECKING:
    from napari_gfsam.api import Segmenter
    from napari_gfsam.api.backend import Backend
    from napari_gfsam.api.scale import Scale
    from napari_gfsam.io.records import ModelRecord

#: What of a `ModelChoice` replaces one model of the preset.
SINGLE = ("encoder", "segmenter", "encoder_weights", "segmenter_weights")


class Models:
    """One segmenter, made (without loading anything) when it is first asked for.

    Parameters
    ----------
    model
        Name of a model preset.
    settings
        Name of a preset of settings.

    Notes
    -----
    `changed` comes when other models or settings were chosen, or the models were unloaded.
    """

    changed = Signal()

    def __init__(self, model: str, settings: str) -> None:
        self._choice, self._settings = ModelChoice(model), settings
        self._segmenter: Segmenter | None = None
        self._scale: Scale = "auto"

    @property
    def choice(self) -> ModelChoice:
        """The models of the next run."""
        return self._choice

    @property
    def settings(self) -> str:
        """Name of the preset of settings."""
        return self._settings

    @property
    def scale(self) -> Scale:
        """At which scale targets are looked at: ``whole``, ``auto`` or the side of a tile in pixels."""
        return self._scale

    @property
    def segmenter(self) -> Segmenter:
        """The segmenter."""
        if self._segmenter is None:
            from napari_gfsam.api import Segmenter

            self._segmenter = Segmenter(self._choice, settings=self._settings)
        return self._segmenter

    @property
    def loaded(self) -> bool:
        """Whether there may be models in memory."""
        return self._segmenter is not None

    def describe(self) -> tuple[str, str, str]:
        """Return name, device and why there for people; no torch is imported for it."""
        from napari_gfsam.models.registry import model_preset

        title = model_preset(self._choice.preset).title.partition(":")[0]
        if not models_imported():
            return title, "device chosen with the reference", ""
        device = self.segmenter.backend.device
        return title, device.name.upper(), device.reason

    def use_settings(self, settings: str) -> None:
        """Choose a preset of settings for the runs to come."""
        self._settings = settings
        self.changed.emit()

    def use_scale(self, word: str) -> None:
        """Choose the scale of the runs to come: ``whole``, ``auto`` or a number of pixels.

        Raises
        ------
        ValueError
            If it is none of them.
        """
        if word not in ("whole", "auto") and not word.isdecimal():
            raise ValueError(f"{word!r} is no scale; choose whole, auto or a number of pixels.")
        self._scale = int(word) if word.isdecimal() else "auto" if word == "auto" else "whole"
        self.changed.emit()

    def use(self, **changes: Any) -> None:
        """Choose other models, by the fields of a `ModelChoice`; those before are let go of.

        Raises
        ------
        ValueError
            If there is no such model; everything then stays as it was.
        """
        if "preset" in changes:  # a pair of models takes the place of single ones chosen before
            changes = {**dict.fromkeys(SINGLE), **changes}
        choice = replace(self._choice, **changes)
        choice.specs()
        if choice != self._choice:
            self._choice, self._segmenter = choice, None
            self.changed.emit()

    def unload(self) -> None:
        """Free the memory of models and features."""
        if self._segmenter is not None:
            self._segmenter.backend.unload()
        self._segmenter = None
        self.changed.emit()

    def backend_for(self, records: tuple[ModelRecord, ...]) -> Backend:
        """Return the models that a stored prediction was made with, for decoding one more point of it.

        Raises
        ------
        ValueError
            If it was made with others than the chosen ones.
        """
        backend = self.segmenter.backend
        if backend.records != records:
            names = " + ".join(record.id for record in records)
            raise ValueError(f"This target was segmented with {names}; choose that model again, or run it anew.")
        return backend
