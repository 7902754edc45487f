"""An export: checked before anything is made, every output whole or not at all, nothing replaced unasked."""

from __future__ import annotations

from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_gfsam.io.exports.extras import library
from napari_gfsam.io.exports.registry import ExportFormat, SetOptions, export_format
from napari_gfsam.io.exports.types import ExportError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from napari_gfsam.io.exports.types import LabelSheet

#: What a folder must hold to be taken for a zarr group, which alone may be replaced as a whole.
_GROUP_FILES = (".zgroup", "zarr.json")


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote, and sentences about what was lost."""

    paths: tuple[Path, ...]
    notes: tuple[str, ...]


def export(
    format_id: str,
    sheets: Iterable[LabelSheet],
    folder: Path | str,
    *,
    overwrite: bool = False,
    picture_prefix: str = "",
    inputs: Iterable[Path] = (),
) -> Exported:
    """Write labels in another format.

    Parameters
    ----------
    format_id
        A key of `FORMATS`.
    sheets
        Taken one by one, so that they need not be in memory together.
    folder
        Where the outputs go; made if need be.
    overwrite
        Replace outputs that are there.
    picture_prefix
        Put before the file names of pictures in COCO and Label Studio, such as an address.
    inputs
        Files that are never replaced.

    Returns
    -------
    The paths of all outputs, and notes.

    Raises
    ------
    ExportError
        If the format is unknown, a library is missing, the labels do not fit the format, or an output is there.
    OSError
        If an output cannot be written (`io.writers.OutputError`); no half file is left.
    """
    chosen = export_format(format_id)
    check_libraries(chosen)
    job = _Job(chosen, Path(folder), overwrite, frozenset(path.resolve() for path in inputs))
    planes = sheets if "stacks" in chosen.keeps else (plane for sheet in sheets for plane in sheet.planes())
    if chosen.together:
        job.write_set(planes, picture_prefix)
    else:
        job.write_each(planes)
    return Exported(tuple(job.written), tuple(job.notes))


def check_libraries(chosen: ExportFormat) -> None:
    """See that the libraries of a format are there.

    Raises
    ------
    ExportError
        If one is missing.
    """
    for name in chosen.needs:
        library(name, chosen.extra)


@dataclass(slots=True)
class _Job:
    format: ExportFormat
    folder: Path
    overwrite: bool
    inputs: frozenset[Path]
    written: list[Path] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def check(self, path: Path, others: Collection[Path] = ()) -> None:
        """See that a path may be written, and is none of the others."""
        if path in others:
            raise ExportError(f"Two label images would both become {path}; rename one.")
        if path.resolve() in self.inputs:
            raise ExportError(f"{path} is a file that is read; choose another folder.")
        if path.exists() and not self.overwrite:
            raise ExportError(f"{path} is there already; --overwrite (overwrite=True) replaces it.")
        whole = self.format.kind == "folder"
        if path.exists() and whole and not any((path / name).is_file() for name in _GROUP_FILES):
            raise ExportError(f"{path} is there already and is no zarr group, so it is never replaced.")
        if path.is_dir() and not whole:
            raise ExportError(f"{path} is a folder, so no file can be written there; choose another folder.")

    def write_set(self, sheets: Iterable[LabelSheet], picture_prefix: str) -> None:
        """Write all outputs when the last is made: labels that do not fit, or an output that is there, leave none."""
        for name in self.format.outputs:
            self.check(self.folder / name)
        made: dict[Path, bytes] = {}
        for name, content in self._module().encode_set(sheets, SetOptions(picture_prefix, self.notes.append)):
            self.check(self.folder / name, made)
            made[self.folder / name] = content
        for path, content in made.items():
            self.check(path)  # making all may have taken long
            self._put(path, content)

    def write_each(self, sheets: Iterable[LabelSheet]) -> None:
        """Write one output after the other, each when it is made."""
        module = self._module()
        for sheet in sheets:
            path = self.folder / f"{sheet.name}{self.format.outputs[0]}"
            self.check(path, self.written)
            if self.format.kind == "folder":
                write_folder(module, sheet, path)
                self.written.append(path)
            else:
                self._put(path, module.encode(sheet))

    def _module(self) -> Any:
        return import_module(f"napari_gfsam.io.exports.{self.format.module}")

    def _put(self, path: Path, content: bytes) -> None:
        from napari_gfsam.io.writers import write_bytes

        write_bytes(path, content)
        self.written.append(path)


def write_folder(module: Any, sheet: LabelSheet, path: Path) -> None:
    """Write a folder beside its place and move it there, over one that is there.

    Parameters
    ----------
    module
        Of a format of the kind ``folder``.
    sheet
        The labels.
    path
        The folder.

    Raises
    ------
    ExportError
        If the labels do not fit the format.
    OSError
        If it cannot be written (`io.writers.OutputError`); nothing of it is left then.
    """
    from napari_gfsam.io.writers import beside

    with beside(path) as hidden:
        module.write_folder(sheet, hidden)
