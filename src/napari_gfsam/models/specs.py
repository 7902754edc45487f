"""What is known of a model before its file is opened: plain data, no torch, no disk, no network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from pathlib import Path

Kind = Literal["encoder", "segmenter"]
Layout = Literal["dinov2", "timm", "mobile_sam_folded", "mobile_sam", "sam", "sam2"]
Triple = tuple[float, float, float]

IMAGENET_MEAN: Triple = (0.485, 0.456, 0.406)
IMAGENET_STD: Triple = (0.229, 0.224, 0.225)


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence of weights, as it is shown before a download.

    Parameters
    ----------
    name
        SPDX name, or what the publisher calls it.
    url
        Where its text is; empty where that is not known.
    summary
        What it asks, in a few words.
    """

    name: str
    url: str = ""
    summary: str = "read the publisher's terms before you use it"


_LICENCES = (
    Licence("Apache-2.0", "https://www.apache.org/licenses/LICENSE-2.0", "any use; keep the licence and its notices"),
    Licence("CC-BY-4.0", "https://creativecommons.org/licenses/by/4.0/", "any use; name the authors"),
    Licence("MIT", "https://opensource.org/license/mit", "any use; keep the licence and its notices"),
    Licence("CC-BY-NC-4.0", "https://creativecommons.org/licenses/by-nc/4.0/", "no commercial use; name the authors"),
)


def licence_terms(name: str) -> Licence:
    """Return a licence by its SPDX name in any case; of others only the name is known."""
    known = {licence.name.lower(): licence for licence in _LICENCES}
    return known.get(name.lower(), Licence(name))


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model.

    Parameters
    ----------
    id
        Name in options, records and messages.
    kind
        ``encoder`` (tokens) or ``segmenter`` (masks).
    title
        Name for people.
    architecture
        For an encoder the timm model name, for a segmenter the name of its builder.
    layout
        How the tensors in the file are named.
    file_name
        Name of the weights file in the models folder; never a path.
    sha256
        Lower-case hexadecimal hash of the file, None where none is published.
    size_bytes
        Length of the file, None where it is not known in advance.
    licence
        SPDX name of the licence of the weights.
    source
        Where the file comes from: for a bundled model the package it was made from, else the address.
    bundled
        Whether the file ships with this package.
    input_size
        Side in pixels of the square picture the network itself sees.
    prefix_tokens
        Tokens before the patches (class and registers), 0 for segmenters.
    patch_size
        Side of a patch in pixels.
    mean, std
        Statistics by which a picture in [0, 1] is normalised (red, green, blue).
    xxh128
        Hash for files of which only this one is published.
    about_bytes
        Length for people where it is not known to the byte.
    credit
        Whom to name.
    extra
        Extra of this package that must be installed, empty for none.
    path
        A file to use in place of the model's own; see `with_file`.
    """

    id: str
    kind: Kind
    title: str
    architecture: str
    layout: Layout
    file_name: str
    sha256: str | None
    size_bytes: int | None
    licence: str
    source: str
    bundled: bool = False
    input_size: int = 1024
    prefix_tokens: int = 0
    patch_size: int = 16
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    xxh128: str | None = None
    about_bytes: int | None = None
    credit: str = ""
    extra: str = ""
    path: str | None = None

    @property
    def expected_bytes(self) -> int | None:
        """Length of the file as far as it is known, None where it is not."""
        return self.size_bytes or self.about_bytes

    @property
    def licence_terms(self) -> Licence:
        """The licence with its address and summary."""
        return licence_terms(self.licence)

    def with_file(self, path: str | Path) -> Self:
        """Return the same model from a local file, of which no hash is known in advance.

        Parameters
        ----------
        path
            A file in the layout of the model's own, such as one fine-tuned by the user.
        """
        return replace(self, path=str(path), sha256=None, xxh128=None, size_bytes=None, about_bytes=None)


@dataclass(frozen=True, slots=True)
class ModelPreset:
    """An encoder and a segmenter that are used together.

    Parameters
    ----------
    id
        Name in options and records.
    title
        Name for people.
    encoder, segmenter
        The two models.
    """

    id: str
    title: str
    encoder: ModelSpec
    segmenter: ModelSpec

    @property
    def models(self) -> tuple[ModelSpec, ModelSpec]:
        """Both models."""
        return self.encoder, self.segmenter

    def with_files(self, *, encoder: str | Path | None = None, segmenter: str | Path | None = None) -> Self:
        """Return the preset with local files in place of the models' own; None leaves one as it is."""
        return replace(
            self,
            encoder=self.encoder if encoder is None else self.encoder.with_file(encoder),
            segmenter=self.segmenter if segmenter is None else self.segmenter.with_file(segmenter),
        )
