"""Positive-negative alignment, first half: similarity maps of a target to its references (paper 4.1, Eq. 1 to 3)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

from napari_gfsam.core.types import GridWeights, SimilarityMaps, UnitTokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from torch import Tensor

    from napari_gfsam.core.config import GFSAMConfig
    from napari_gfsam.core.types import ReferenceFeatures

CELL_EPSILON = 1e-7
TINY_NORM = 1e-12
BACKGROUND_SHARE = 0.005
BACKGROUND_DIRECTIONS = 7


def unit_tokens(
    target: Tensor, references: Sequence[ReferenceFeatures], config: GFSAMConfig, seen: SeenReferences | None = None
) -> UnitTokens:
    """Normalise tokens so that a product of two rows is their cosine.

    Parameters
    ----------
    target
        (n, C) raw tokens of the target, any float dtype; they become float32 before any norm.
    references
        Encoded references of one class.
    config
        Uses ``feature_norm`` and ``background_projection``.
    seen
        What `see_references` made of these references, where it is made once for many targets.
    """
    seen = seen or see_references(references, config, target.device)
    return UnitTokens(_unit_rows(seen.project(target), config), seen.units)


@dataclass(frozen=True, slots=True, eq=False)
class SeenReferences:
    """The references of one class ready to be compared with any number of targets.

    Parameters
    ----------
    units
        One (n, C) tensor of unit rows a reference.
    basis
        (C, s) the directions of their background; ``None`` where it is kept.
    """

    units: tuple[Tensor, ...]
    basis: Tensor | None

    def project(self, tokens: Tensor) -> Tensor:
        """Return (n, C) tokens as float32, the span of the references' background removed where that is wanted."""
        tokens = tokens.float()
        return tokens if self.basis is None else tokens - (tokens @ self.basis) @ self.basis.T


def see_references(
    references: Sequence[ReferenceFeatures], config: GFSAMConfig, device: torch.device | str = "cpu"
) -> SeenReferences:
    """Normalise references as `unit_tokens` does, on a device."""
    tokens = [reference.tokens.to(device).float() for reference in references]
    basis = None
    if config.background_projection == "on":  # "auto" is the pipeline's: it asks for both
        basis = _background_basis(tokens, [reference.weights for reference in references])
    plain = SeenReferences((), basis)
    return SeenReferences(tuple(_unit_rows(plain.project(rows), config) for rows in tokens), basis)


def similarity_maps(units: UnitTokens, weights: Sequence[GridWeights], config: GFSAMConfig) -> SimilarityMaps:
    """Compare every target token with the references' foreground and background.

    Parameters
    ----------
    units
        Unit rows of the target and of K references.
    weights
        K soft masks, in the same order.
    config
        Uses ``similarity_floor``, ``reference_fusion`` and ``reciprocal_gate``.

    Returns
    -------
    Maps of (grid, grid); with several references each is the mean over them (or over their bank of tokens).
    """
    pairs = list(_fused(units, weights, config))
    maps = torch.stack([_compare(units.target, rows, weight, config) for rows, weight in pairs]).mean(dim=0)
    grid = math.isqrt(len(units.target))
    positive_mean, positive_max, negative_mean = maps.reshape(3, grid, grid)
    every = torch.ones(len(units.target), dtype=torch.bool, device=units.target.device)
    allowed = _reciprocal(units, weights) if config.reciprocal_gate == "on" else every
    return SimilarityMaps(positive_mean, positive_max, negative_mean, allowed.reshape(grid, grid))


def unit_rows(tokens: Tensor, norm: Tensor | None) -> Tensor:
    """Return (n, C) unit rows of tokens whose channels are divided by `norm` first, (C,), where it is given."""
    tokens = tokens if norm is None else tokens / norm.clamp_min(TINY_NORM)
    return functional.normalize(tokens, dim=1, eps=TINY_NORM)


def _unit_rows(tokens: Tensor, config: GFSAMConfig) -> Tensor:
    if config.feature_norm == "token":
        tokens = functional.normalize(tokens, dim=0, eps=TINY_NORM)
    return functional.normalize(tokens, dim=1, eps=TINY_NORM)


def _background_basis(tokens: Sequence[Tensor], weights: Sequence[GridWeights]) -> Tensor:
    """(C, s) orthonormal directions that span most of the references' background tokens (REBASE)."""
    background = torch.cat(
        [rows[weight.background.to(rows.device) > 0.5] for rows, weight in zip(tokens, weights, strict=True)]
    )
    directions = min(math.ceil(BACKGROUND_SHARE * len(background)), BACKGROUND_DIRECTIONS)
    gram = background.double().T @ background.double()
    # eigh sorts upwards: the last columns are the top right singular vectors.
    directions_up: Tensor = torch.linalg.eigh(gram)[1]
    return directions_up.flip(1)[:, :directions].float()


def _fused(
    units: UnitTokens, weights: Sequence[GridWeights], config: GFSAMConfig
) -> Iterator[tuple[Tensor, GridWeights]]:
    if config.reference_fusion == "mean":
        yield from zip(units.references, weights, strict=True)
        return
    bank = GridWeights(
        torch.cat([weight.foreground for weight in weights]), torch.cat([weight.background for weight in weights])
    )
    yield torch.cat(units.references), bank


def _compare(target: Tensor, rows: Tensor, weight: GridWeights, config: GFSAMConfig) -> Tensor:
    """(3, n): S+mean, S+max, S-mean against one reference (or one bank)."""
    foreground, background = weight.foreground.to(rows.device), weight.background.to(rows.device)
    both = torch.stack([foreground, background], dim=1)
    both = both / (both.sum(dim=0) + CELL_EPSILON * len(rows))
    seen = foreground > 0
    if config.similarity_floor == "relu":
        cosine = (target @ rows.T).clamp_min_(0)
        means = cosine @ both
        weighted = cosine[:, seen] * foreground[seen]
    else:
        # Without a floor the mean over tokens is linear: one weighted mean row a polarity (method, section 9).
        means = target @ (rows.T @ both)
        weighted = (target @ rows[seen].T) * foreground[seen]
    return torch.stack([means[:, 0], _maximum(weighted, every_cell=bool(seen.all())), means[:, 1]])


def _maximum(weighted: Tensor, *, every_cell: bool) -> Tensor:
    """Maximum over ALL cells: those with weight 0 contribute 0."""
    if weighted.shape[1] == 0:
        return weighted.new_zeros(len(weighted))
    highest = weighted.amax(dim=1)
    return highest if every_cell else highest.clamp_min(0)


def _reciprocal(units: UnitTokens, weights: Sequence[GridWeights]) -> Tensor:
    """(n,) whether the nearest token of all references is more foreground than background."""
    bank = torch.cat(units.references)
    foreground = torch.cat([weight.foreground > weight.background for weight in weights]).to(bank.device)
    return foreground[(units.target @ bank.T).argmax(dim=1)]
