"""Weights files: where they are, whether they are what they should be, what is in them.

Files are safetensors: data only, nothing in them is ever run. torch is imported when tensors are read, not before.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_gfsam.models.registry import MODELS, ModelSpec, model_spec

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor

BUNDLED = Path(__file__).parent / "bundled"


class WeightsError(ValueError):
    """A weights file is missing, damaged or of another model."""


@dataclass(frozen=True, slots=True, eq=False)
class Weights:
    """What a weights file holds.

    Parameters
    ----------
    state
        Tensors by name, as stored (the bundled files hold float16).
    sha256
        Lower-case hexadecimal hash of the bytes that were read.
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
    """

    id: str
    path: Path
    ok: bool
    message: str


def locate(spec: ModelSpec, path: str | Path | None = None) -> Path:
    """Return where a model's file is, whether or not it exists.

    Parameters
    ----------
    spec
        The model.
    path
        A file to use instead of the model's own.

    Returns
    -------
    The path.

    Raises
    ------
    WeightsError
        If the model does not ship with this package and no path is given.
    """
    if path is not None:
        return Path(path)
    if not spec.bundled:
        raise WeightsError(f"Model {spec.id!r} does not ship with napari-gfsam: give the path of {spec.file_name}.")
    return BUNDLED / spec.file_name


def read_weights(model: str | ModelSpec, path: str | Path | None = None) -> Weights:
    """Read a model's file and check that it is the one the registry describes.

    The hash is that of the very bytes the tensors come from.

    Parameters
    ----------
    model
        Id or description.
    path
        A file to use instead of the model's own.

    Returns
    -------
    The tensors, as stored, and the file's hash.

    Raises
    ------
    WeightsError
        If the file is missing, unreadable, truncated, damaged or another file.
    """
    spec = model_spec(model)
    place = locate(spec, path)
    data = _read_bytes(spec, place)
    sha256 = _checked_hash(spec, place, data)
    return Weights(_parse(spec, place, data), sha256, place)


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
    spec = model_spec(model)
    place = Path(path) if path is not None else BUNDLED / spec.file_name
    try:
        place = locate(spec, path)
        sha256 = _checked_hash(spec, place, _read_bytes(spec, place))
    except WeightsError as error:
        return WeightsCheck(spec.id, place, False, str(error))
    known = "as published" if spec.sha256 else "nothing to compare with"
    return WeightsCheck(spec.id, place, True, f"The weights of {spec.id!r} are intact: sha256 {sha256}, {known}.")


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


def _remedy(spec: ModelSpec) -> str:
    return "reinstall napari-gfsam" if spec.bundled else f"get {spec.file_name} again"


def _read_bytes(spec: ModelSpec, path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise WeightsError(f"The weights file {path} of model {spec.id!r} is missing: {_remedy(spec)}.") from error
    except OSError as error:
        reason = error.strerror or "unknown reason"
        raise WeightsError(f"The weights file {path} of model {spec.id!r} cannot be read ({reason}).") from error


def _checked_hash(spec: ModelSpec, path: Path, data: bytes) -> str:
    if spec.size_bytes is not None and len(data) != spec.size_bytes:
        what = "truncated" if len(data) < spec.size_bytes else "another file"
        raise WeightsError(
            f"The weights file {path} of model {spec.id!r} has {len(data)} bytes instead of {spec.size_bytes}, "
            f"it is {what}: {_remedy(spec)}."
        )
    sha256 = hashlib.sha256(data).hexdigest()
    if spec.sha256 is not None and sha256 != spec.sha256:
        raise WeightsError(
            f"The weights file {path} of model {spec.id!r} is damaged or another file "
            f"(its sha256 begins with {sha256[:12]} instead of {spec.sha256[:12]}): {_remedy(spec)}."
        )
    return sha256


def _parse(spec: ModelSpec, path: Path, data: bytes) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        state: dict[str, Tensor] = load(data)
    except SafetensorError as error:
        raise WeightsError(
            f"The weights file {path} of model {spec.id!r} is truncated or no safetensors file: {_remedy(spec)}."
        ) from error
    return state
