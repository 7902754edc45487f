"""A session as it is described on disk (``session.json``); its arrays lie beside it, see `shelf`."""

# Annotations are read when a session is read, so they are not postponed here.
import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

from napari_gfsam.io.records import DecisionRecord
from napari_gfsam.io.schema import build
from napari_gfsam.session.folder import SessionFolder
from napari_gfsam.session.shelf import SessionError
from napari_gfsam.session.types import ClassRow, PlaneKey, ReferenceRow, Target, TargetState

FORMAT = "napari-gfsam-session/1"


@dataclass(frozen=True, slots=True)
class SavedLayer:
    """A layer of the viewer and how to open it again: from its file, from a sample, or from a copy.

    Parameters
    ----------
    id
        As `bridge.identity` gave it; ids of layers that are not ours are new in every viewer.
    kind
        ``image``, ``labels`` ...
    role
        Of our own layers, else empty.
    shape, dtype
        Of the data of the finest level, to tell that the file still holds the same.
    path, reader
        File it was read from, and the plugin that read it; empty if it came from none.
    sample
        Plugin and key of a sample; empty if it is none.
    place
        Number of the layer among those that the file or sample gives.
    array
        Name of the copy on the shelf, for layers from neither; empty where there is none.
    facts
        Name, transforms, contrast limits ... as JSON-ready values, to make the layer with.
    """

    id: str
    kind: str
    role: str = ""
    shape: tuple[int, ...] = ()
    dtype: str = ""
    path: str = ""
    reader: str = ""
    sample: tuple[str, ...] = ()
    place: int = 0
    array: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedSource:
    """A `PictureSource`: the layers it is made of, in order, and how they are read.

    Parameters
    ----------
    id
        Of the source.
    layers
        Ids of its layers; a picture from a folder has none but a path.
    path
        File of a picture that is in no layer.
    shape
        Of a label layer over it.
    recipe
        `imaging.PixelRecipe.as_dict()`.
    options
        What else the source was made with, as JSON-ready values.
    """

    id: str
    layers: tuple[str, ...] = ()
    path: str = ""
    shape: tuple[int, ...] = ()
    recipe: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedReference:
    """A reference row, and the name of the plane of its paint; empty if the paint was not saved.

    One that was taken off the list (``listed`` is false) has paint that is still in its layer.
    """

    row: ReferenceRow
    paint: str = ""
    listed: bool = True


@dataclass(frozen=True, slots=True)
class SavedTarget:
    """A target with all that reviewing it needs; names of planes are empty where there is none.

    Parameters
    ----------
    target
        Where it stands.
    merged, paint
        What the models said last, and the paint on top (`painting.as_plane`).
    labels, written
        The accepted labels as they were, and what of them our accepts wrote (`painting.AcceptedPlane`).
    prediction
        Name of the file of the prediction.
    decisions
        Of the prediction; the file may hold others.
    read_otherwise
        Whether a person chose another reading than the run did.
    as_run
        The settings of the run then, as JSON-ready values; empty where they are those of the prediction, or not known.
    """

    target: Target
    merged: str = ""
    paint: str = ""
    labels: str = ""
    written: str = ""
    prediction: str = ""
    decisions: tuple[DecisionRecord, ...] = ()
    read_otherwise: bool = False
    as_run: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SavedPlane:
    """A plane that is no target, with a person's paint on the proposals' layer and on accepted labels, as there."""

    plane: PlaneKey
    paint: str = ""
    labels: str = ""


@dataclass(frozen=True, slots=True)
class SavedSession:
    """All of a session but its arrays.

    Parameters
    ----------
    version
        Of napari-gfsam.
    saved_at
        Seconds since 1970.
    generation
        Of the newest run.
    layers, sources
        The pictures and the layers around them.
    classes, references, targets, current
        See `Session`.
    beside
        Other planes of the targets' pictures that a person painted on.
    choices
        What is chosen in the dock, as JSON-ready values.
    format
        Of the description itself.
    """

    version: str
    saved_at: float
    generation: int = 0
    layers: tuple[SavedLayer, ...] = ()
    sources: tuple[SavedSource, ...] = ()
    classes: tuple[ClassRow, ...] = ()
    references: tuple[SavedReference, ...] = ()
    targets: tuple[SavedTarget, ...] = ()
    beside: tuple[SavedPlane, ...] = ()
    current: PlaneKey | None = None
    choices: Mapping[str, Any] = field(default_factory=dict)
    format: str = FORMAT

    @property
    def planes(self) -> frozenset[str]:
        """Names of all label planes that it needs."""
        names = {reference.paint for reference in self.references}
        for saved in self.targets:
            names |= {saved.merged, saved.paint, saved.labels, saved.written}
        for other in self.beside:
            names |= {other.paint, other.labels}
        return frozenset(names - {""})

    @property
    def labels(self) -> dict[PlaneKey, str]:
        """Names of the accepted labels by plane, empty where there are none."""
        return {saved.target.plane: saved.labels for saved in self.targets} | {
            saved.plane: saved.labels for saved in self.beside
        }

    @property
    def pictures(self) -> frozenset[str]:
        """Names of all copies of pictures that it needs."""
        return frozenset(layer.array for layer in self.layers if layer.array)

    @property
    def title(self) -> str:
        """Say for people what is in it, such as "12 targets, 3 accepted, 14:02"."""
        count = len(self.targets)
        accepted = sum(saved.target.state == TargetState.ACCEPTED for saved in self.targets)
        saved_at, now = time.localtime(self.saved_at), time.localtime()
        clock = time.strftime("%H:%M" if saved_at[:3] == now[:3] else "%Y-%m-%d %H:%M", saved_at)
        return f"{count} target{'' if count == 1 else 's'}, {accepted} accepted, {clock}"

    @property
    def predictions(self) -> frozenset[str]:
        """Names of all prediction files that it needs."""
        return frozenset(saved.prediction for saved in self.targets if saved.prediction)

    def renamed(self, ids: Mapping[str, str]) -> Self:
        """Return it with other ids of sources and layers: a layer opened again has a new one."""

        def plane(key: PlaneKey) -> PlaneKey:
            return replace(key, source=ids.get(key.source, key.source))

        def row(saved: ReferenceRow) -> ReferenceRow:
            layer = ids.get(saved.labels_layer, saved.labels_layer)
            return replace(saved, plane=plane(saved.plane), labels_layer=layer)

        return replace(
            self,
            layers=tuple(replace(layer, id=ids.get(layer.id, layer.id)) for layer in self.layers),
            sources=tuple(_renamed_source(source, ids) for source in self.sources),
            references=tuple(replace(saved, row=row(saved.row)) for saved in self.references),
            targets=tuple(
                replace(saved, target=replace(saved.target, plane=plane(saved.target.plane))) for saved in self.targets
            ),
            beside=tuple(replace(saved, plane=plane(saved.plane)) for saved in self.beside),
            current=None if self.current is None else plane(self.current),
        )

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """Build a description from a dictionary.

        Raises
        ------
        SessionError
            If it is no description of a session, or a damaged one.
        """
        if not isinstance(data, dict) or not str(data.get("format", "")).startswith("napari-gfsam-session/"):
            raise SessionError("This is not a session of napari-gfsam (it has no such 'format').")
        if data["format"] != FORMAT:
            raise SessionError(f"The session has the format {data['format']!r}, this version reads {FORMAT!r}.")
        try:
            saved: Self = build(cls, data)
            saved.check()
        except ValueError as error:
            raise SessionError(f"The session is damaged: {error}") from error
        return saved

    def check(self) -> None:
        """Refuse values of the right kind that cannot be.

        Raises
        ------
        ValueError
            If a class, a plane or a region cannot be.
        """
        for row in self.classes:
            if not 1 <= row.id <= 65535 or len(row.color) != 3 or not all(0 <= part <= 255 for part in row.color):
                raise ValueError(f"class {row.id} has an id or a colour that cannot be.")
        for reference in self.references:
            _check_plane(reference.row.plane)
            if reference.row.region_yx is not None and len(reference.row.region_yx) != 4:
                raise ValueError(f"the region of reference {reference.row.title!r} is not four numbers.")
        for saved in self.targets:
            _check_plane(saved.target.plane)
        for other in self.beside:
            _check_plane(other.plane)


def write_saved(folder: SessionFolder, saved: SavedSession) -> None:
    """Write the description, whole or not at all; its arrays must be on the shelf by then.

    Raises
    ------
    napari_gfsam.io.writers.OutputError
        If it cannot be written.
    ValueError
        If a fact or choice is nothing that JSON has.
    """
    from napari_gfsam.io.writers import write_text

    try:
        text = json.dumps(asdict(saved), allow_nan=False, ensure_ascii=False)
    except TypeError as error:
        raise ValueError(f"A fact or choice of the session cannot be saved: {error}.") from error
    write_text(folder.description, text + "\n")


def read_saved(folder: SessionFolder) -> SavedSession:
    """Read the description of a session.

    Raises
    ------
    SessionError
        If it is missing or damaged; the message names the file, which is left as it is.
    """
    path = folder.description
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SessionError(f"{path} cannot be read ({error.strerror or error}).") from error
    except (ValueError, RecursionError) as error:
        raise SessionError(f"{path} is damaged: it is not readable JSON ({error}).") from error
    try:
        return SavedSession.from_dict(data)
    except SessionError as error:
        raise SessionError(f"{path}: {error}") from error


def _renamed_source(source: SavedSource, ids: Mapping[str, str]) -> SavedSource:
    layers = tuple(ids.get(layer, layer) for layer in source.layers)
    return replace(source, id=ids.get(source.id, source.id), layers=layers)


def _check_plane(plane: PlaneKey) -> None:
    if len(plane.axes_yx) != 2 or sorted(plane.axes_yx) != [i for i, place in enumerate(plane.index) if place < 0]:
        raise ValueError(f"a plane has the index {plane.index} and the axes {plane.axes_yx}, which do not fit.")
