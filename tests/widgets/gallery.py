"""Every panel with something to show, for tests and for looking at them."""

from __future__ import annotations

from datetime import datetime

import numpy as np
from qtpy.QtWidgets import QWidget

from napari_gfsam.bridge.planes import StackAxis
from napari_gfsam.controller.run_types import RunProgress
from napari_gfsam.imaging.colors import class_color
from napari_gfsam.session.picks import IntensityPick, PlanesPick
from napari_gfsam.session.types import ClassRow, PlaneKey, ReferenceRow, Target, TargetState
from napari_gfsam.widgets.advanced import AdvancedPanel
from napari_gfsam.widgets.classes import ClassesPanel
from napari_gfsam.widgets.data import (
    Choice,
    ModelRow,
    PictureRow,
    ReviewActions,
)
from napari_gfsam.widgets.export_dialog import ExportDialog
from napari_gfsam.widgets.model_line import ModelLine
from napari_gfsam.widgets.next_step import NextStep
from napari_gfsam.widgets.pack_dialog import PackDialog
from napari_gfsam.widgets.parts import column
from napari_gfsam.widgets.references import ReferencesPanel
from napari_gfsam.widgets.resume import ResumeBar
from napari_gfsam.widgets.review import ReviewPanel
from napari_gfsam.widgets.run import RunPanel
from napari_gfsam.widgets.section import Section
from napari_gfsam.widgets.stages import StagesBar
from napari_gfsam.widgets.targets import TargetsPanel
from napari_gfsam.widgets.welcome import WelcomePanel

WIDTH = 330
CLASSES = (
    ClassRow(1, "nucleus", class_color(1), painted_fully=True),
    ClassRow(2, "dividing nucleus", class_color(2)),
    ClassRow(3, "debris", class_color(3), negative=True),
)
PLANES = tuple(PlaneKey("cells", (time, -1, -1), (1, 2)) for time in range(12))


def references() -> tuple[ReferenceRow, ...]:
    return (
        ReferenceRow("a" * 32, PLANES[0], "layer-1", "cells over time, t 0"),
        ReferenceRow("b" * 32, PLANES[5], "layer-1", "cells over time, t 5", ignore=255),
        ReferenceRow(
            "c" * 32, PLANES[9], "layer-1", "a picture with quite a long name.tif", False, region_yx=(0, 0, 9, 9)
        ),
    )


def targets() -> tuple[Target, ...]:
    """Return a queue in the order of review: proposals worst first, then skipped, running, waiting, failed, done."""
    states = (
        *((TargetState.PROPOSED, score) for score in (0.0, 0.52, 0.86, 0.93)),
        (TargetState.SKIPPED, 0.4),
        (TargetState.RUNNING, 0.0),
        (TargetState.WAITING, 0.0),
        (TargetState.FAILED, 0.0),
        *((TargetState.ACCEPTED, score) for score in (0.7, 0.8, 0.9, 0.95)),
    )
    notes = {0: "No place in this picture looks like “nucleus”.", 7: "Every pixel of this plane is NaN."}
    return tuple(
        Target(plane, f"cells over time, t {place}", state, score, notes.get(place, ""), run=1)
        for place, (plane, (state, score)) in enumerate(zip(PLANES, states, strict=True))
    )


def next_step() -> NextStep:
    panel = NextStep()
    panel.show_step("Look at the worst first: 4 proposals to accept (K), correct or skip (J).")
    panel.show_problem("The plane t 7 of “cells over time” has no finite value; it was left out.")
    return panel


def welcome() -> WelcomePanel:
    panel = WelcomePanel()
    panel.show_picture("cells over time")
    return panel


def stages() -> StagesBar:
    panel = StagesBar()
    panel.show_review(4, 12)
    panel.show_stage("review")
    return panel


def references_panel() -> ReferencesPanel:
    panel = ReferencesPanel()
    panel.show_layers([Choice("layer-1", "cells labels"), Choice("layer-2", "old labels")])
    panel.show_references(references(), "b" * 32)
    panel.show_picture("cells over time")
    panel.show_warning("The paint is 9 pixels across, the model sees one cell of 16: zoom in about 3 times.", zoom=True)
    return panel


def classes_panel() -> ClassesPanel:
    panel = ClassesPanel()
    panel.show_classes(CLASSES, 2)
    panel.ask_painted(2)
    return panel


def targets_panel() -> TargetsPanel:
    panel = TargetsPanel()
    panel.show_pictures(
        (
            PictureRow("1", "cells over time", "12 planes", picked=True),
            PictureRow("2", "overview", "1 plane"),
            PictureRow("3", "depth map", "3-D view", why_not="A 3-D view shows no plane; switch to 2-D."),
            PictureRow("4", "monday/plate 7", "96 files", picked=True, removable=True),
        ),
        "1",
    )
    panel.show_planes([StackAxis(0, "t", 12), StackAxis(1, "z", 31)], PlanesPick("range", 0, 1, 12, 2))
    ramp = np.linspace(0, 255, 64, dtype=np.uint8)
    panel.show_input(np.stack([ramp[None] + ramp[:, None] * 0] * 3, axis=-1), "16-bit grey, shown range 120 to 4000")
    panel.show_estimate(102, 102, 360.0, 2 * 2**30, 900 * 2**20)
    return panel


def run_panel() -> RunPanel:
    panel = RunPanel()
    panel.show_ready(12)
    panel.show_progress(RunProgress("find", PLANES[3], 4, 12, 0.31, 95.0, run=1))
    return panel


def review_panel() -> ReviewPanel:
    panel = ReviewPanel()
    panel.show_targets(targets(), PLANES[0])
    panel.show_actions(
        ReviewActions(True, True, True, True, True, True, undo="cluster 3 off", redo="", cluster="cluster 3 of nucleus")
    )
    panel.show_above(2)
    panel.show_changes("5 of 8 targets changed, most of all t 3 (12 % of its pixels).")
    panel.corrections.show_classes(CLASSES)
    panel.corrections.show_reading("Reading 2 of 4: the background removed")
    panel.corrections.set_overlays({"points", "clusters"})
    return panel


def advanced() -> AdvancedPanel:
    panel = AdvancedPanel()
    panel.reading.show_intensity(IntensityPick("percentile", 0.1, 99.9))
    panel.reading.show_channels([Choice("none", "This layer alone"), Choice("shown", "Shown layers together")], "none")
    panel.reading.show_levels([Choice("0", "0: 8192 x 8192"), Choice("1", "1: 4096 x 4096")], "1")
    panel.show_settings([Choice("tuned", "Tuned"), Choice("published", "As published")], "tuned")
    panel.show_replace([Choice("keep", "Keep what is there"), Choice("replace", "Replace everything")], "keep")
    panel.show_device("CPU, 2 cores: no graphics card is usable")
    panel.models.show_models(
        [
            ModelRow("bundled", "DINOv2 S + MobileSAM", "bundled", used=True),
            ModelRow("large", "DINOv2 L + SAM H", "3.7 GB", here=False),
        ]
    )
    panel.models.set_loaded(True)
    panel.show_folder(120 * 2**20, 8 * 2**30)
    return panel


def model_line() -> ModelLine:
    panel = ModelLine()
    panel.show_model("Bundled", "CPU", "no graphics card is usable")
    return panel


def resume() -> ResumeBar:
    panel = ResumeBar()
    panel.show_offer(12, 3, datetime(2026, 11, 22, 14, 2))
    return panel


def export_dialog() -> ExportDialog:
    dialog = ExportDialog()
    dialog.show_formats([Choice("tiff", "Label TIFF", "Not kept: objects that touch."), Choice("coco", "COCO JSON")])
    dialog.show_scopes([Choice("all", "12 targets, accepted"), Choice("current", "Only cells over time, t 3")])
    return dialog


def pack_dialog() -> PackDialog:
    return PackDialog()


MODULES = (
    "advanced", "classes", "corrections", "export_dialog", "model_line", "models", "next_step", "notice",
    "pack_dialog", "planes", "reading", "references", "resume", "review", "run", "section", "stages", "targets",
    "welcome",
)  # fmt: skip
PANELS = {
    "next_step": next_step,
    "welcome": welcome,
    "stages": stages,
    "references": references_panel,
    "classes": classes_panel,
    "targets": targets_panel,
    "run": run_panel,
    "review": review_panel,
    "advanced": advanced,
    "model_line": model_line,
    "resume": resume,
    "export_dialog": export_dialog,
    "pack_dialog": pack_dialog,
}


def stacked(*parts: QWidget) -> QWidget:
    """Return panels one under the other, as the dock shows them."""
    made = QWidget()
    layout = column(made)
    for part in parts:
        layout.addWidget(part)
    layout.addStretch(1)
    return made


def preparing() -> QWidget:
    step = NextStep()
    step.show_step("Press Run (R) to label 12 targets.")
    paint = stacked(references_panel(), classes_panel())
    return stacked(
        step,
        Section("References", paint, "Painted pictures"),
        Section("Targets", targets_panel(), "Pictures to label"),
        Section("Advanced", advanced(), "Rarely needed", folded=True),
        model_line(),
        run_panel(),
    )


def reviewing() -> QWidget:
    return stacked(next_step(), stages(), review_panel(), model_line(), run_panel())
