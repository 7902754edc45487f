"""The dock: builds the panels, connects them to the desk, and does nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QApplication, QVBoxLayout, QWidget

from napari_gfsam.bridge.keys import KEYS
from napari_gfsam.controller.desk import Desk
from napari_gfsam.controller.next_step import next_step
from napari_gfsam.widgets.advanced import AdvancedPanel
from napari_gfsam.widgets.canvas import draw_later
from napari_gfsam.widgets.classes import ClassesPanel
from napari_gfsam.widgets.links import Links
from napari_gfsam.widgets.model_line import ModelLine
from napari_gfsam.widgets.next_step import NextStep
from napari_gfsam.widgets.parts import GAP, scrolled
from napari_gfsam.widgets.prepare import Prepare
from napari_gfsam.widgets.references import ReferencesPanel
from napari_gfsam.widgets.resume import CHOOSE, ResumeBar
from napari_gfsam.widgets.review import ReviewPanel
from napari_gfsam.widgets.reviewing import Reviewing
from napari_gfsam.widgets.run import RunPanel
from napari_gfsam.widgets.section import Section
from napari_gfsam.widgets.stages import StagesBar
from napari_gfsam.widgets.targets import TargetsPanel
from napari_gfsam.widgets.tuning import Tuning
from napari_gfsam.widgets.welcome import WelcomePanel

if TYPE_CHECKING:
    from pathlib import Path

    from napari.components import ViewerModel
    from qtpy.QtGui import QCloseEvent

#: Several changes within this time are shown together.
SHOW_MILLISECONDS = 60
FOLLOW_MILLISECONDS = 120
SAVE_MILLISECONDS = 5000
WIDTH = 340


class Dock(QWidget):
    """Few-shot annotation: paint one, pick the rest, review.

    Parameters
    ----------
    napari_viewer
        The viewer that it is docked in.
    root
        Where sessions are saved; what the preferences say when not given.
    """

    def __init__(self, napari_viewer: ViewerModel, root: Path | None = None) -> None:
        super().__init__()
        self.setWindowTitle("GF-SAM")
        self.setMinimumWidth(WIDTH)
        self.desk = Desk(napari_viewer, root)
        self._links = Links(self.desk)
        self._build()
        self._prepare = Prepare(self.desk, self.references, self.classes, self.targets, self.run)
        self._reviewing = Reviewing(self.desk, self.review)
        self._tuning = Tuning(self.desk, self.advanced, self.model_line)
        self._reviewed_run = 0
        self._later, self._follow = _timer(self, SHOW_MILLISECONDS), _timer(self, FOLLOW_MILLISECONDS)
        self._saver = QTimer(self)
        self._saver.setInterval(SAVE_MILLISECONDS)
        self._connect()
        self._make_shortcuts()
        self.refresh()
        if self.desk.not_usable:
            self.desk.problem.emit(self.desk.not_usable)
        self._offer()
        self._saver.start()
        # A window that closes deletes its docks without a close event to what is in them.
        self.destroyed.connect(self._links.close)

    def refresh(self) -> None:
        """Show how things stand now."""
        self.desk.tidy()
        standing = self.desk.standing()
        review = self.stages.currentIndex() == 1 and bool(len(self.desk.session.queue))
        empty = not (len(self.desk.session.references) or len(self.desk.session.queue))
        asked = empty and not self.resume.isHidden()
        self.next_step.show_step(CHOOSE if asked else next_step(standing))
        self.welcome.setVisible(empty)
        self.preparing.setVisible(not empty and not review)
        self.reviewed.setVisible(review)
        self.stages.show_review(standing.accepted, len(self.desk.session.queue))
        self._show_welcome()
        self._prepare.refresh()
        self._tuning.refresh()
        if review:
            self._reviewing.refresh()

    def new_reference(self) -> None:
        """Make a label layer over the picture that is worked on, and arm the brush."""
        self._prepare.new_reference()

    def event(self, event: QEvent | None) -> bool:
        """Let go of the viewer when napari takes the dock out of the window for good, which is all its X does.

        It is deleted, too: with PySide6 its panels' connections would keep it alive.
        """
        done = super().event(event)
        if event is not None and event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self._links.close()
            self.deleteLater()
        return bool(done)

    def closeEvent(self, event: QCloseEvent | None) -> None:
        """Save and let go of the viewer when the dock is closed for good."""
        self._links.close()
        super().closeEvent(event)

    def _build(self) -> None:
        self.next_step, self.resume = NextStep(), ResumeBar()
        self.welcome, self.stages = WelcomePanel(), StagesBar()
        self.references, self.classes, self.targets = ReferencesPanel(), ClassesPanel(), TargetsPanel()
        self.review, self.run = ReviewPanel(), RunPanel()
        self.advanced, self.model_line = AdvancedPanel(), ModelLine()
        self.preparing = _stack(
            Section("References", self.references, "Painted pictures that say what to look for"),
            Section("Classes", self.classes, "What is told apart"),
            Section("Targets", self.targets, "The pictures to label"),
        )
        self.reviewed = _stack(self.review)
        folded = Section("Advanced", self.advanced, "What most people never need to change", folded=True)
        content = _stack(self.welcome, self.preparing, self.reviewed, folded, stretch=True)
        layout = QVBoxLayout(self)
        layout.setSpacing(GAP)
        for part in (self.next_step, self.resume, self.stages):
            layout.addWidget(part)
        layout.addWidget(scrolled(content), 1)
        layout.addWidget(self.run)
        layout.addWidget(self.model_line)

    def _connect(self) -> None:
        desk = self.desk
        self._later.timeout.connect(self.refresh)
        self._follow.timeout.connect(desk.guarded(desk.review.follow))
        self._saver.timeout.connect(self._save)
        for source in (
            desk.session.classes.changed,
            desk.session.references.changed,
            desk.session.queue.changed,
            desk.session.queue.current_changed,
            desk.session.history.changed,
            desk.targets.changed,
            desk.folders.changed,
            desk.models.changed,
            desk.thumbnails.changed,
            desk.warmup.done,
            desk.layers_changed,
            desk.references.strokes.made,
        ):
            self._links.connect(source, self._soon)
        self._links.connect(desk.ours.added, self._on_added)
        self._links.connect(desk.viewer.dims.events, self._on_dims)
        self._links.connect(desk.viewer.layers.selection.events.active, self._soon)
        self._links.connect(desk.problem, self.next_step.show_problem)
        self._links.connect(desk.running.progressed, self.run.show_progress)
        self._links.connect(desk.running.ended, self._on_ended)
        for source in (desk.exporting.saved, desk.exporting.progressed, desk.packs.saved):
            self._links.connect(source, self.run.show_line)
        self._links.connect(desk.exporting.changed, self._soon)
        self._links.connect(desk.running.failed, self._on_ended_badly)
        self._links.connect(desk.running.done, self._on_done)
        self._links.connect(desk.saving.brought_back, self._on_brought_back)
        self.welcome.example_requested.connect(desk.guarded(desk.open_example))
        self.welcome.label_requested.connect(desk.guarded(self._prepare.new_reference))
        self.welcome.layer_chosen.connect(desk.guarded(self._prepare.use_layer))
        self.stages.stage_chosen.connect(self._soon)
        self.resume.go_on_requested.connect(desk.guarded(self._go_on))
        self.resume.fresh_requested.connect(desk.guarded(self._start_fresh))

    def _make_shortcuts(self) -> None:
        actions = self.desk.actions
        for entry in KEYS:
            if entry.action in actions and not entry.layers_only and not entry.release:
                shortcut = QShortcut(QKeySequence(entry.key), self)
                shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
                shortcut.activated.connect(actions[entry.action])

    def _save(self) -> None:
        """Save now and then, but not in the middle of a stroke."""
        if not self._links.closed and QApplication.mouseButtons() == Qt.MouseButton.NoButton:
            self.desk.saving.tick()

    def _soon(self, *_: object) -> None:
        if not self._links.closed and not self._later.isActive():
            self._later.start()

    def _on_added(self, _: object) -> None:
        draw_later(self)

    def _on_dims(self, event: object) -> None:
        if getattr(event, "type", "") in ("point", "current_step", "order", "ndisplay"):
            self._follow.start()
            self._soon()

    def _on_done(self, _: object) -> None:
        self._open_review()
        self._soon()

    def _on_ended(self, text: str) -> None:
        self.run.show_idle(text)
        if self.desk.running.has_failed:
            self._open_review()
        self._soon()

    def _open_review(self) -> None:
        """Show the review, once a run: a person may have gone back."""
        if self._reviewed_run != self.desk.session.generation:
            self._reviewed_run = self.desk.session.generation
            self.stages.show_stage("review")

    def _on_ended_badly(self, _: str) -> None:
        self._on_ended("")

    def _show_welcome(self) -> None:
        self.welcome.show_picture(self._prepare.picture_name())
        self.welcome.show_layers(self._prepare.label_layers())

    def _offer(self) -> None:
        found = self.desk.saving.offer()
        if found is not None:
            self.resume.show_offer(found.targets, found.accepted, found.when)
            self._soon()

    def _go_on(self) -> None:
        self.resume.hide()
        self._soon()
        self.desk.saving.bring_back()

    def _on_brought_back(self, _: object) -> None:
        self.stages.show_stage("review" if len(self.desk.session.queue) else "prepare")
        self._soon()

    def _start_fresh(self) -> None:
        self.resume.hide()
        self._soon()
        self.desk.saving.start_fresh()


def _timer(parent: QWidget, milliseconds: int) -> QTimer:
    made = QTimer(parent)
    made.setInterval(milliseconds)
    made.setSingleShot(True)
    return made


def _stack(*parts: QWidget, stretch: bool = False) -> QWidget:
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2 * GAP)
    for part in parts:
        layout.addWidget(part)
    if stretch:
        layout.addStretch(1)
    return made
