"""Connects the panels of review and corrections to the desk."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from napari_gfsam.session.types import TargetState
from napari_gfsam.widgets.amounts import say_count
from napari_gfsam.widgets.ask import ask_consent
from napari_gfsam.widgets.data import Choice, ReviewActions

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.bridge.clusters import ClusterId
    from napari_gfsam.controller.desk import Desk
    from napari_gfsam.widgets.review import ReviewPanel

ALL, CURRENT = "all", "current"
REVIEWED = (TargetState.PROPOSED, TargetState.SKIPPED, TargetState.ACCEPTED)


class Reviewing:
    """What is shown and asked after a run. Main thread only."""

    def __init__(self, desk: Desk, panel: ReviewPanel) -> None:
        self._desk, self._panel = desk, panel
        self._cluster: ClusterId | None = None
        self._connect()

    def refresh(self) -> None:
        """Show how things stand."""
        queue = self._desk.session.queue
        self._panel.show_targets(queue.listed(), queue.current)
        self._panel.show_above(len(queue.above(self._panel.threshold)))
        self._panel.show_actions(self._actions())
        self._panel.show_changes(self._desk.rerun.changes())
        self._panel.corrections.show_classes(tuple(self._desk.session.classes))
        self._panel.corrections.set_overlays(self._desk.overlays.shown())

    def _connect(self) -> None:
        desk, panel, guarded = self._desk, self._panel, self._desk.guarded
        panel.target_chosen.connect(guarded(desk.review.go_to))
        panel.accept_requested.connect(guarded(desk.review.accept))
        panel.skip_requested.connect(guarded(desk.review.skip))
        panel.next_requested.connect(guarded(desk.review.next))
        panel.previous_requested.connect(guarded(desk.review.previous))
        panel.threshold_changed.connect(self._show_above)
        panel.accept_above_requested.connect(guarded(desk.review.accept_above))
        panel.use_as_reference_requested.connect(guarded(desk.rerun.start))
        panel.revert_requested.connect(guarded(desk.rerun.revert))
        panel.export_requested.connect(self._ask_export)
        panel.stop_requested.connect(desk.exporting.cancel)
        corrections = panel.corrections
        corrections.alternatives_requested.connect(guarded(desk.correcting.next_reading))
        corrections.move_requested.connect(guarded(self._move_cluster))
        corrections.undo_requested.connect(guarded(desk.correcting.undo))
        corrections.redo_requested.connect(guarded(desk.correcting.redo))
        corrections.overlay_toggled.connect(guarded(desk.overlays.show))
        desk.correcting.reading_changed.connect(self._show_reading)
        # In this order: a click on a cluster also switches it, and what is shown then has other clusters perhaps.
        desk.correcting.shown.connect(self._forget_cluster)
        desk.clusters.clicked.connect(self._remember_cluster)

    def _actions(self) -> ReviewActions:
        session = self._desk.session
        current = session.queue.current
        target = None if current is None else session.queue.get(current)
        found = target is not None and target.state in REVIEWED
        counts = session.queue.counts()
        return ReviewActions(
            accept=found,
            skip=found,
            step=counts[TargetState.PROPOSED] + counts[TargetState.SKIPPED] > 0,
            alternatives=found,
            use_as_reference=found,
            export=bool(self._desk.exporting.exportable().targets),
            exporting=self._desk.exporting.running,
            undo=session.history.undo_title,
            redo=session.history.redo_title,
            cluster="" if self._cluster is None or not found else f"cluster {self._cluster[1]}",
        )

    def _show_above(self, score: float) -> None:
        self._panel.show_above(len(self._desk.session.queue.above(score)))

    def _show_reading(self, name: str, place: str) -> None:
        self._panel.corrections.show_reading(": ".join(part for part in (place, name) if part))

    def _remember_cluster(self, cluster: ClusterId) -> None:
        self._cluster = cluster
        self._panel.show_actions(self._actions())

    def _forget_cluster(self, _: object) -> None:
        self._cluster = None

    def _move_cluster(self, to_class: int) -> None:
        cluster, self._cluster = self._cluster, None
        if cluster is not None:
            self._desk.correcting.move_cluster(cluster, to_class)

    def _ask_export(self) -> None:
        from napari_gfsam.widgets.export_dialog import ExportDialog

        dialog = ExportDialog(self._panel)
        dialog.show_formats(_formats())
        dialog.show_scopes(self._scopes())
        dialog.export_requested.connect(self._desk.guarded(self._export))
        dialog.open()

    def _scopes(self) -> list[Choice]:
        """Return what can be exported: all, and the target under review."""
        every, current = self._desk.exporting.exportable(), self._desk.session.queue.current
        kind = "accepted" if every.accepted else "proposed, none is accepted yet"
        found = [Choice(ALL, f"{say_count(len(every.targets), 'target')}, {kind}")]
        one = None if current is None else self._desk.exporting.exportable(current)
        if one is not None and one.targets:
            word = "accepted" if one.accepted else "its proposal"
            found.append(Choice(CURRENT, f"Only {one.targets[0].title}, {word}"))
        return found

    def _export(self, format_id: str, scope: str, folder: Path) -> None:
        only = self._desk.session.queue.current if scope == CURRENT else None
        export = partial(self._desk.exporting.export, format_id, folder, only=only)
        there = self._desk.exporting.in_the_way(format_id, folder, only)
        if there:
            replace = self._desk.guarded(partial(export, replace=True))
            ask_consent(self._panel, _say_there(there, folder), "Replace", replace)
        else:
            export()


def _formats() -> list[Choice]:
    from napari_gfsam.io.exports import FORMATS

    return [Choice(one.id, one.title, f"Not kept: {one.loses}") for one in FORMATS.values()]


def _say_there(there: tuple[Path, ...], folder: Path) -> str:
    more = f" and {len(there) - 1} more" if len(there) > 1 else ""
    return f"{there[0].name}{more} in {folder.name!r} will be replaced."
