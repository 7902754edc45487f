"""Models by name: those of the catalogue, and any vision transformer that timm knows.

Nothing here imports torch, reads a file or opens a connection, but for a name that only timm can explain.
"""

from __future__ import annotations

from napari_gfsam.models.catalogue import MODELS, PRESETS
from napari_gfsam.models.specs import Kind, Layout, Licence, ModelPreset, ModelSpec

__all__ = [
    "MODELS",
    "PRESETS",
    "Kind",
    "Layout",
    "Licence",
    "ModelPreset",
    "ModelSpec",
    "model_preset",
    "model_spec",
]

_A = {"encoder": "an encoder", "segmenter": "a segmenter"}


def model_spec(model: str | ModelSpec, kind: Kind | None = None) -> ModelSpec:
    """Return a model's description.

    Parameters
    ----------
    model
        The id of a model, the timm name of a vision transformer (``vit_...``), or a description, which is returned.
    kind
        What the model must be; None allows both.

    Returns
    -------
    The description.

    Raises
    ------
    ValueError
        If there is no such model or it is of the other kind.
    """
    spec = model if isinstance(model, ModelSpec) else _by_name(model, kind)
    if kind is not None and spec.kind != kind:
        raise ValueError(f"Model {spec.id!r} is {_A[spec.kind]}, not {_A[kind]}: choose one of {_known(kind)}.")
    return spec


def _by_name(name: str, kind: Kind | None) -> ModelSpec:
    if name in MODELS:
        return MODELS[name]
    if kind == "segmenter":
        raise ValueError(f"There is no model {name!r}: choose one of {_known(kind)}.")
    if name.startswith("vit_"):
        from napari_gfsam.models.timm_specs import timm_spec  # loads timm and torch, so only when it is asked

        return timm_spec(name)
    raise ValueError(
        f"There is no model {name!r}: choose one of {_known(kind)} or the timm name of a vision transformer (vit_...)."
    )


def _known(kind: Kind | None) -> str:
    return ", ".join(spec.id for spec in MODELS.values() if kind in (None, spec.kind))


def model_preset(name: str | ModelPreset) -> ModelPreset:
    """Return a pair of models.

    Parameters
    ----------
    name
        The id of a preset, two models written ``encoder+segmenter``, or a preset, which is returned.

    Returns
    -------
    The pair.

    Raises
    ------
    ValueError
        If there is no such preset or model.
    """
    if isinstance(name, ModelPreset):
        return name
    if name in PRESETS:
        return PRESETS[name]
    first, plus, second = (part.strip() for part in name.partition("+"))
    if not plus:
        known = ", ".join(PRESETS)
        raise ValueError(f"There is no model preset {name!r}: choose one of {known} or write encoder+segmenter.")
    encoder, segmenter = model_spec(first, "encoder"), model_spec(second, "segmenter")
    return ModelPreset(f"{encoder.id}+{segmenter.id}", f"{encoder.title} + {segmenter.title}", encoder, segmenter)
