"""Weights files: where they are, whether they are what they should be, what is in them.

Files hold tensors only; nothing in them is ever run. torch is imported when tensors are read, not before.
"""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from napari_gfsam.models.registry import MODELS, ModelSpec, model_spec
from napari_gfsam.models.storage import models_folder, pin_path, read_pin, write_pin
from napari_gfsam.models.tensor_files import TensorFileError, check_container, read_tensors

if TYPE_CHECKING:
    from collections.abc import Iterable
    from io import BufferedReader

    from torch import Tensor

BUNDLED = Path(__file__).parent / "bundled"


class WeightsError(ValueError):
    """A weights file is missing, damaged or of another model."""


class WeightsMissingError(WeightsError):
    """A model's file is not on this machine; it can be fetched, which is never done unasked.

    Parameters
    ----------
    spec
        The model.
    path
        Where its file belongs.
    message
        One sentence.
    """

    def __init__(self, spec: ModelSpec, path: Path, message: str) -> None:
        super().__init__(message)
        self.spec, self.path = spec, path


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What a weights file holds.

    Parameters
    ----------
    state
        Tensors by name, in the layout that this package's builders take, with the file's values (the bundled files
        hold float16).
    sha256
        Lower-case hexadecimal hash of the file.
    path
        The file, for messages.
    """

    state: dict[str, Tensor]
    sha256: str
    path: Path


@dataclass(frozen=True, slots=True)
class WeightsCheck:
    """Outcome of checking one model's file.

    Parameters
    ----------
    id
        The model.
    path
        Its file.
    ok
        Whether the file is there and what it should be.
    message
        One sentence.
    sha256
        Its hash, None where it is not ok.
    """

    id: str
    path: Path
    ok: bool
    message: str
    sha256: str | None = None


def locate(spec: ModelSpec) -> Path:
    """Return where a model's file is, whether or not it exists.

    Parameters
    ----------
    spec
        The model.

    Returns
    -------
    The path: the description's own, in this package for a bundled model, else in the models folder.
    """
    if spec.path is not None:
        return Path(spec.path).expanduser()
    return (BUNDLED if spec.bundled else models_folder()) / spec.file_name


def is_present(model: str | ModelSpec) -> bool:
    """Tell whether a model's file is on this machine; whether it is intact is not looked at."""
    return locate(model_spec(model)).is_file()


def read_weights(model: str | ModelSpec, path: str | Path | None = None) -> Weights:
    """Read a model's file and check that it is the one the registry describes.

    Where no hash is published, the hash of the first reading is stored beside the file, and every later reading is
    checked against it.

    Parameters
    ----------
    model
        Id or description.
    path
        A file to use instead of the model's own; it must be the published one (`ModelSpec.with_file` takes any).

    Returns
    -------
    The tensors and the file's hash.

    Raises
    ------
    WeightsMissingError
        If the file is not there.
    WeightsError
        If the file is unreadable, truncated, damaged, or of another model.
    """
    from napari_gfsam.models.layouts import adapt

    spec = _spec_of(model, path)
    place = locate(spec)
    with _opened(spec, place) as file:
        sha256, _ = _checked_hash(spec, place, file)
        try:
            state = read_tensors(file, place)
        except TensorFileError as error:
            raise WeightsError(f"{_name(spec, place)} {error}: {error.remedy or _remedy(spec)}.") from error
    return Weights(adapt(spec, state), sha256, place)


def verify(model: str | ModelSpec, path: str | Path | None = None) -> WeightsCheck:
    """Check a model's file without loading it.

    Parameters
    ----------
    model
        Id or description.
    path
        A file to check instead of the model's own.

    Returns
    -------
    The outcome; a bad file is an outcome, not an error.
    """
    spec = _spec_of(model, path)
    place = locate(spec)
    try:
        with _opened(spec, place) as file:
            sha256, known = _checked_hash(spec, place, file)
    except WeightsError as error:
        return WeightsCheck(spec.id, place, False, str(error))
    message = f"The weights of {spec.id!r} are intact: sha256 {sha256}, {known}."
    return WeightsCheck(spec.id, place, True, message, sha256)


def verify_all(models: Iterable[str | ModelSpec] | None = None) -> tuple[WeightsCheck, ...]:
    """Check the files of several models.

    Parameters
    ----------
    models
        Ids or descriptions; None means every bundled model.

    Returns
    -------
    One outcome per model, in order.
    """
    chosen = [spec for spec in MODELS.values() if spec.bundled] if models is None else models
    return tuple(verify(model) for model in chosen)


def _spec_of(model: str | ModelSpec, path: str | Path | None) -> ModelSpec:
    spec = model_spec(model)
    return spec if path is None else replace(spec, path=str(path))


def _name(spec: ModelSpec, path: Path) -> str:
    return f"The weights file {path} of model {spec.id!r}"


def _remedy(spec: ModelSpec) -> str:
    if spec.path is not None:
        return "choose another file"
    return "reinstall napari-gfsam" if spec.bundled else f"run `napari-gfsam models download {spec.id}` again"


def _opened(spec: ModelSpec, path: Path) -> BufferedReader:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise WeightsMissingError(spec, path, _missing(spec, path)) from error
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise WeightsError(f"{_name(spec, path)} cannot be read ({reason}): check the path.") from error


def _missing(spec: ModelSpec, path: Path) -> str:
    if spec.bundled or spec.path is not None:
        return f"{_name(spec, path)} is missing: {_remedy(spec)}."
    return (
        f"The weights of model {spec.id!r} are not on this machine: run `napari-gfsam models download {spec.id}`, "
        f"or get {spec.source or 'its file'} elsewhere and put it as {path.name} into the folder {path.parent}."
    )


def _checked_hash(spec: ModelSpec, path: Path, file: BufferedReader) -> tuple[str, str]:
    """Return a file's sha256 and, in words, what speaks for it."""
    _check_length(spec, path, file)
    try:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{_name(spec, path)} cannot be read ({error.strerror}): {_remedy(spec)}.") from error
    own = spec.path is None
    known = spec.sha256 or (_stored_hash(spec, path) if own else None)
    if known is not None and sha256 != known:
        raise WeightsError(
            f"{_name(spec, path)} is damaged or another file "
            f"(its sha256 begins with {sha256[:12]} instead of {known[:12]}): {_remedy(spec)}."
        )
    if known is not None:
        return sha256, "as published" if spec.sha256 else "as when it was first used"
    _check_unknown(spec, path, file)
    if own:
        with contextlib.suppress(OSError):  # a folder that is shared read-only serves as well
            write_pin(path, sha256)
    return sha256, "its xxh128 as published" if spec.xxh128 else "nothing to compare with"


def _check_unknown(spec: ModelSpec, path: Path, file: BufferedReader) -> None:
    """Look at a file of which no sha256 is known, so that no cut one is taken for the right one ever after."""
    check_xxh128(spec, path, file)
    try:
        check_container(file)
    except TensorFileError as error:
        raise WeightsError(f"{_name(spec, path)} {error}: {_remedy(spec)}.") from error


def _check_length(spec: ModelSpec, path: Path, file: BufferedReader) -> None:
    length = file.seek(0, 2)
    file.seek(0)
    if spec.size_bytes is None or length == spec.size_bytes:
        return
    what = "truncated" if length < spec.size_bytes else "another file"
    raise WeightsError(
        f"{_name(spec, path)} has {length} bytes instead of {spec.size_bytes}, it is {what}: {_remedy(spec)}."
    )


def _stored_hash(spec: ModelSpec, path: Path) -> str | None:
    try:
        return read_pin(path)
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"The hash of model {spec.id!r} stored in {pin_path(path)} cannot be read: "
            "delete that file if you trust the weights, it is then written anew."
        ) from error


def check_xxh128(spec: ModelSpec, path: Path, file: BufferedReader) -> None:
    """Check a file of which only this hash is published.

    Raises
    ------
    WeightsError
        If it is another one.
    """
    if spec.xxh128 is None:
        return
    import xxhash

    digest = xxhash.xxh128()
    file.seek(0)
    while block := file.read(2**20):
        digest.update(block)
    if digest.hexdigest() != spec.xxh128:
        raise WeightsError(
            f"{_name(spec, path)} is damaged or another file "
            f"(its xxh128 begins with {digest.hexdigest()[:12]} instead of {spec.xxh128[:12]}): {_remedy(spec)}."
        )
