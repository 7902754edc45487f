"""The encoded references of a run as arrays, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_gfsam.api.stored.header import REFERENCES, ReferenceClass, ReferencesHeader
from napari_gfsam.api.stored.parts import array_of, put, take, tensor_of
from napari_gfsam.core.types import ClassSpec, EncodedClass, GridWeights, ReferenceFeatures

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_gfsam.api.stored.file import Arrays


def pack(classes: Sequence[EncodedClass]) -> tuple[ReferencesHeader, Arrays]:
    """Turn encoded references into a header and arrays; tokens that classes share are there once."""
    arrays: Arrays = {}
    numbers: dict[int, int] = {}
    packed = []

    def numbered(tokens: Tensor) -> int:
        number = numbers.setdefault(id(tokens), len(numbers))
        arrays[f"tokens.{number}"] = array_of(tokens)
        return number

    for encoded in classes:
        spec = encoded.spec
        for k, reference in enumerate(encoded.references):
            put(arrays, f"{spec.id}.{k}", reference.weights)
        pictures = tuple(numbered(reference.tokens) for reference in encoded.references)
        packed.append(ReferenceClass(spec.id, spec.name, spec.negative, pictures, tuple(map(numbered, encoded.ground))))
    return ReferencesHeader(REFERENCES, tuple(packed)), arrays


def unpack(header: ReferencesHeader, arrays: Arrays) -> tuple[EncodedClass, ...]:
    """Build encoded references again.

    Raises
    ------
    KeyError
        If an array is missing.
    """
    tokens = {name: tensor_of(array) for name, array in arrays.items() if name.startswith("tokens.")}
    return tuple(
        EncodedClass(
            ClassSpec(found.id, found.name, found.negative),
            tuple(
                ReferenceFeatures(tokens[f"tokens.{number}"], take(arrays, f"{found.id}.{k}", GridWeights, tensor_of))
                for k, number in enumerate(found.pictures)
            ),
            tuple(tokens[f"tokens.{number}"] for number in found.ground),
        )
        for found in header.classes
    )
