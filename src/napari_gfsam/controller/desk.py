"""Everything behind the dock of one viewer, put together; no widget is known here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_gfsam.api.archive import Archive
from napari_gfsam.bridge.clusters import ClustersLayer
from napari_gfsam.bridge.identity import facts_of, find_layer, is_ours, layer_id, our_layers, role
from napari_gfsam.bridge.keys import bind, unbind
from napari_gfsam.bridge.ours import FOLLOWERS, OurLayers, Role
from napari_gfsam.bridge.preferences import preferences
from napari_gfsam.bridge.prompts import PromptsLayer
from napari_gfsam.bridge.region import drop_box
from napari_gfsam.controller.chosen import usable
from napari_gfsam.controller.correcting import UNFINISHED, Correcting, CorrectionError
from napari_gfsam.controller.exporting import Exporting
from napari_gfsam.controller.files import FileSource
from napari_gfsam.controller.filling import Filling
from napari_gfsam.controller.folders import Folders
from napari_gfsam.controller.getting import Getting
from napari_gfsam.controller.growing import Growing
from napari_gfsam.controller.models import Models
from napari_gfsam.controller.next_step import Standing
from napari_gfsam.controller.overlays import Overlays
from napari_gfsam.controller.packs import Packs
from napari_gfsam.controller.pictures import Pictures
from napari_gfsam.controller.references import References
from napari_gfsam.controller.rerun import Rerun
from napari_gfsam.controller.review import Review
from napari_gfsam.controller.running import Running
from napari_gfsam.controller.saving import Saving
from napari_gfsam.controller.sheets import Sheets
from napari_gfsam.controller.sources import Sources
from napari_gfsam.controller.stacks import Stacks
from napari_gfsam.controller.steps import TAKEN, StrokeSteps
from napari_gfsam.controller.targets import Targets
from napari_gfsam.controller.thumbnails import Thumbnails
from napari_gfsam.controller.warmup import Warmup
from napari_gfsam.imaging import ImageError
from napari_gfsam.sentences import is_expected, sentence_of
from napari_gfsam.session import Session
from napari_gfsam.slices import Slices
from napari_gfsam.workers import JobRunner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.components import ViewerModel
    from napari.layers import Image, Layer

    from napari_gfsam.controller.run_types import ReferenceInput
    from napari_gfsam.session.types import PlaneKey

#: Keys that work whatever layer is active; the others only where a layer of ours is.
ANYWHERE = ("run", "try")
UNDO = ("undo", "redo")
#: Between the layers of an answer that arrives: each is drawn (`widgets.canvas`) before the next, and clicks are taken.
PAUSE_MILLISECONDS = 60
PLUGIN, EXAMPLE, EXAMPLE_CLASS = "napari-gfsam", "nuclei", "nucleus"


class Desk:
    """The work in one viewer. Main thread only.

    Parameters
    ----------
    viewer
        The viewer.
    root
        Where sessions are saved; what the preferences or the platform say when not given.

    Notes
    -----
    `problem` carries a sentence for the person; `layers_changed` comes when layers came or went. `not_usable` says what
    of the preferences was passed over.
    """

    problem = Signal(str)
    layers_changed = Signal()

    def __init__(self, viewer: ViewerModel, root: Path | None = None) -> None:
        chosen, self.not_usable = usable(preferences())
        self.viewer = viewer
        self._removed: list[Layer] = []
        self.models = Models(chosen.model, chosen.settings)
        self.session = Session(Archive(self.models.backend_for), root or chosen.root)
        self.session.store.capacity_bytes = int(chosen.correction_gigabytes * 2**30)
        self.ours = OurLayers(viewer, lambda: self.session.folder.path / "arrays")
        self.prompts, self.clusters = PromptsLayer(self.ours), ClustersLayer(self.ours)
        self.sources = Sources(viewer)
        self.pictures = Pictures(viewer, self.sources)
        self.growing = Growing(self.session, self.ours, self.sources)
        self.slices, self.arriving = Slices(), Slices(pause_milliseconds=PAUSE_MILLISECONDS)
        self.jobs = JobRunner(held=lambda: self.arriving.running)
        self.thumbnails = Thumbnails(JobRunner())
        self.folders = Folders(self.session, self.ours, self.sources)
        self.references = References(self.session, self.ours, self.pictures, self.folders)
        self.sheets = Sheets(self.session, self.ours, self.sources, self.folders)
        session, sources, sheets = self.session, self.sources, self.sheets
        self.targets = Targets(viewer, session, self.pictures, self.folders)
        self.warmup = Warmup(session, self.models, JobRunner())
        self.running = Running(session, sources, sheets, self.models, self.jobs)
        self.filling = Filling(self.ours, self.references, self.models, JobRunner())
        self.correcting = Correcting(session, sources, sheets, self.prompts, self.clusters, JobRunner())
        self.review = Review(session, sources, sheets, self.folders, self.ours, self.correcting, self.slices)
        self.steps = StrokeSteps(session, self.ours, sources, self.review, self.correcting)
        self.rerun = Rerun(session, self.references, self.running, self.review, sheets)
        self.getting = Getting(self.models, JobRunner())
        self.stacks = Stacks(session, sheets, self.running, self.slices)
        self.overlays = Overlays(session, sources, sheets, self.ours, self.correcting, self.stacks)
        self.exporting = Exporting(session, sheets, JobRunner())
        self.packs = Packs(self, JobRunner())
        self.saving = Saving(self, JobRunner())
        self._connect()

    def _connect(self) -> None:
        self.session.classes.changed.connect(self._show_classes)
        self.running.done.connect(self._on_done)
        self.correcting.bring = self.review.come_to
        parts = (self.running, self.correcting, self.filling, self.getting, self.exporting, self.saving, self.stacks)
        for part in (*parts, self.slices, self.arriving, self.rerun):
            part.failed.connect(self.problem.emit)
        self.saving.brought_back.connect(self._on_brought_back)
        self.references.strokes.made.connect(self.guarded(self.references.take_stroke))
        self.ours.added.connect(self._on_our_layer)
        self.prompts.clicked.connect(self.guarded(self.correcting.toggle_point))
        self.prompts.deleted.connect(self.guarded(self.correcting.switch_off))
        self.prompts.added.connect(self.guarded(partial(self._add_point, positive=True)))
        self.clusters.clicked.connect(self.guarded(self.correcting.toggle_cluster))
        for follower in FOLLOWERS:  # of a dock that was closed; made anew for the next target
            self.ours.remove(follower)
        self.sheets.adopted.connect(self._on_our_layer)
        for layer in filter(self.sheets.is_in_use, our_layers(self.viewer)):
            self._on_our_layer(layer)
        bind(self.viewer, {name: self.actions[name] for name in ANYWHERE})
        self.viewer.layers.events.inserted.connect(self._on_layers)
        self.viewer.layers.events.removed.connect(self._on_removed)

    def close(self) -> None:
        """Let go of the viewer; its layers stay."""
        self.viewer.layers.events.inserted.disconnect(self._on_layers)
        self.viewer.layers.events.removed.disconnect(self._on_removed)
        self.arriving.cancel()
        self.running.close()
        self.slices.finish()
        self.stacks.close()
        self.overlays.close()
        self.filling.close()
        self.references.strokes.close()
        for part in (self.thumbnails, self.correcting, self.getting, self.warmup, self.exporting, self.packs):
            part.close()
        self.saving.close()
        drop_box(self.viewer)
        unbind(self.viewer)
        for layer in self.viewer.layers:
            if is_ours(layer):
                unbind(layer)
                self._stop_watching(layer)
        self.prompts.close()
        self.clusters.close()
        self.sheets.close()
        self.sources.close()
        self.ours.close()

    @property
    def actions(self) -> dict[str, Callable[[], Any]]:
        """What each key does, by the names of `bridge.keys`; a sentence goes out by `problem`, never an error."""
        at_pointer: dict[str, Callable[[], Any]] = {
            "toggle_point": self._toggle_point,
            "toggle_cluster": self._toggle_cluster,
            "add_positive": partial(self._add_point_here, positive=True),
            "add_negative": partial(self._add_point_here, positive=False),
            "delete_object": self._delete_object,
        }
        everywhere: dict[str, Callable[[], Any]] = {
            "run": self.run,
            "try": self.try_shown,
            "accept": self.review.accept,
            "skip": self.review.skip,
            "next": self.review.next,
            "previous": self.review.previous,
            "alternatives": self.correcting.next_reading,
            "hide": self.ours.hide,
            "show": self.ours.show,
            "undo": self.correcting.undo,
            "redo": self.correcting.redo,
        }
        return {name: self.guarded(action) for name, action in {**at_pointer, **everywhere}.items()}

    def run(self) -> None:
        """Run all picked targets; errors as sentences."""
        self.slices.finish()
        references = self.references.inputs()  # first: what is painted anywhere is no target
        planes = self.targets.open_planes()
        if not planes:
            raise ImageError("All picked targets are accepted or corrected already; tick others, or try one again (T).")
        self._run(references, planes)

    def try_shown(self) -> None:
        """Run the plane that is shown of the chosen picture, or the file that is open and worked on."""
        self.slices.finish()
        plane = self._file_at_hand() or self.targets.shown(self.image())
        self._run(self.references.inputs(), [plane])

    def open_example(self) -> None:
        """Open a painted pair of pictures and take its paint as the reference; Run is armed."""
        before, known = set(self.viewer.layers), {row.id for row in self.session.classes}
        self.viewer.open_sample(PLUGIN, EXAMPLE)
        labels = [layer for layer in self.viewer.layers if layer not in before and hasattr(layer, "selected_label")]
        for layer in labels:
            self.references.use(layer)
        for row in tuple(self.session.classes):
            if row.id not in known:
                self.session.classes.rename(row.id, EXAMPLE_CLASS)
                self.session.classes.set_painted_fully(row.id, True)
        self.viewer.reset_view()

    def image(self) -> Image:
        """Return the picture that is worked on: the active image layer, or the one under the active layer.

        Raises
        ------
        ImageError
            If no picture is open.
        """
        groups = self.pictures.groups()
        if not groups:
            raise ImageError("No picture is open; drag one into the window first.")
        active = self.viewer.layers.selection.active
        for group in groups:
            if active in group:
                return group[0]
        if active is not None and not is_ours(active):
            return self.pictures.under(active)
        over = self._image_of(active)
        return over if over is not None else groups[-1][0]

    def standing(self) -> Standing:
        """Return where things stand."""
        return Standing.of(self)

    def _run(self, references: list[ReferenceInput], planes: list[PlaneKey]) -> None:
        self.running.start(references, planes)
        self.saving.save()
        self.rerun.forget()

    def _image_of(self, layer: Layer | None) -> Image | None:
        """Return the picture that a layer of ours lies over."""
        source = None if layer is None else self.sources.get(str(facts_of(layer).get("source", "")))
        if source is None and self.session.queue.current is not None:
            source = self.sources.get(self.session.queue.current.source)
        found: Any = None if source is None else find_layer(self.viewer, source.layers[0])
        return None if found is None or is_ours(found) else self.pictures.group_of(found)[0]

    def _file_at_hand(self) -> PlaneKey | None:
        """Return the plane of the file whose picture or labels are the active layer."""
        active = self.viewer.layers.selection.active
        if active is None or not is_ours(active):
            return None
        for name in (layer_id(active), str(facts_of(active).get("source", ""))):
            source = self.sources.get(name)
            if isinstance(source, FileSource):
                return source.plane
        return None

    def guarded(self, action: Callable[..., Any]) -> Callable[..., Any]:
        """Return an action whose failure is told by `problem`."""

        def run(*args: Any) -> Any:
            try:
                return action(*args)
            except (ValueError, OSError, MemoryError) as error:
                if not is_expected(error):
                    raise
                self.problem.emit(sentence_of(error))
                return None

        return run

    def _toggle_point(self) -> None:
        selected = self.prompts.selected()
        under = self.prompts.at(self.viewer.cursor.position)
        chosen = (under,) if under is not None else selected
        if not chosen:
            raise CorrectionError("There is no point under the pointer; point at one and press the key again.")
        for point in chosen:
            self.correcting.toggle_point(point)

    def _toggle_cluster(self) -> None:
        cluster = self.clusters.at(self.viewer.cursor.position)
        if cluster is None:
            raise CorrectionError("There is no cluster under the pointer; point at one and press the key again.")
        self.correcting.toggle_cluster(cluster)

    def _add_point_here(self, *, positive: bool) -> None:
        self._add_point(self.sheets.at_pointer(self._reviewed()), positive=positive)

    def _add_point(self, point_yx: tuple[float, float], *, positive: bool) -> None:
        self.correcting.add_point(self._class_at_hand(), point_yx, positive=positive)

    def _delete_object(self) -> None:
        self.correcting.delete_object(self.sheets.at_pointer(self._reviewed()))

    def _reviewed(self) -> PlaneKey:
        plane = self.session.queue.current
        if plane is None:
            raise CorrectionError("No target is under review; choose one in the list first.")
        return plane

    def _class_at_hand(self) -> int:
        """Return the class of new points: the label the brush has, if that is a class."""
        prediction = self.correcting.prediction
        if prediction is None:
            raise CorrectionError(UNFINISHED)
        layer = self.ours.find(Role.PROPOSAL, self._reviewed().source)
        brush, searched = 0 if layer is None else int(layer.selected_label), prediction.classes
        return brush if brush in searched or self.session.classes.get(brush) else next(iter(searched))

    def _on_done(self, plane: PlaneKey) -> None:
        """Show the first proposal at once, unless one is being shown; a later one of the target under review too."""
        self.arriving.finish()
        if self.session.queue.current in (None, plane):
            self.arriving.start(0.0 for _ in self.review.going_to(plane))

    def _on_brought_back(self, lost: tuple[str, ...]) -> None:
        self.references.pass_over()
        if lost:
            self.problem.emit(" ".join(lost))
        self.layers_changed.emit()

    def _on_our_layer(self, layer: Layer) -> None:
        # In a reference napari's own undo takes strokes back: nothing but paint is there.
        painting = role(layer) == Role.REFERENCE.value
        bind(layer, {name: act for name, act in self.actions.items() if not (painting and name in UNDO)})
        if role(layer) in TAKEN:
            layer.events.paint.connect(self._on_stroke)

    def _stop_watching(self, layer: Layer) -> None:
        if role(layer) in TAKEN:
            layer.events.paint.disconnect(self._on_stroke)

    def _on_stroke(self, event: Any) -> None:
        self.guarded(self.steps.take)(event)

    def _show_classes(self) -> None:
        self.ours.set_classes(tuple(self.session.classes))

    def _on_layers(self, *_: Any) -> None:
        self.layers_changed.emit()

    def _on_removed(self, event: Any) -> None:
        self._removed.append(event.value)
        self.layers_changed.emit()

    def tidy(self) -> None:
        """Let go of what belonged to layers that a person deleted.

        Not at once, since a window that closes takes all its layers out first: that is no deletion.
        """
        removed, self._removed = self._removed, []
        self.saving.layers_deleted()
        for layer in removed:
            if find_layer(self.viewer, layer_id(layer)) is None:
                self._let_go(layer)
        if self.session.queue.current is None:
            self.correcting.hide()

    def _let_go(self, layer: Layer) -> None:
        name, source = layer_id(layer), str(facts_of(layer).get("source", ""))
        self.references.forget_layer(name)
        self.steps.let_go(role(layer), source)
        if role(layer) == Role.ACCEPTED.value and self.ours.find(Role.ACCEPTED, source) is None:
            self.review.forget_accepted(source)
        for gone in self.sources.of_layer(name):
            self.review.forget_picture(gone)
            if not self.session.queue.of_source(gone):
                self.sources.drop(gone)
