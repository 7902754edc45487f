"""A weights file of which nobody said what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from napari_gfsam.models.specs import ModelSpec


def recognise_file(path: Path) -> ModelSpec:
    """Tell which model a file of weights is of, by the names and shapes in it; nothing in it is run.

    Parameters
    ----------
    path
        A safetensors file or a checkpoint.

    Returns
    -------
    The description of that model, with this file.

    Raises
    ------
    napari_gfsam.models.weights.WeightsError
        If it cannot be read, or holds none of the known models.
    """
    from napari_gfsam.models.layouts import recognise
    from napari_gfsam.models.registry import MODELS
    from napari_gfsam.models.tensor_files import TensorFileError, read_tensors
    from napari_gfsam.models.weights import WeightsError

    try:
        with path.open("rb") as file:
            found = recognise(read_tensors(file, path))
    except TensorFileError as error:
        raise WeightsError(f"{path.name} {error}; choose another file.") from error
    except OSError as error:
        raise WeightsError(f"{path.name} cannot be read ({error.strerror or error}).") from error
    for spec in MODELS.values():
        if spec.architecture == found and not spec.bundled:
            return spec.with_file(path)
    raise WeightsError(f"{path.name} holds none of the known models (DINOv2, SAM, MobileSAM, SAM 2.1).")
