"""Masks for the disk: all that merging, the graph and the gates can see of them, and nothing else.

A mask is the sign of its logits after linear interpolation, at any size, and every interpolated value lies between
neighbouring logits. So a logit matters as a number only where a neighbour (of the eight) has the other sign; elsewhere
any number of its sign gives the same masks. Kept are the signs, the numbers along the outlines and, so that nothing
need be interpolated again, the pixels along the outlines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_gfsam.core.frames import LOGIT_SIZE, MODEL_SIZE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_gfsam.core.arrays import FloatArray, IntArray

SCALE = MODEL_SIZE // LOGIT_SIZE
_ROW = MODEL_SIZE // 8
_EIGHT = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
#: By a byte of signs: its eight logits, and the pixels of a row under them.
_LOGITS = np.where(_EIGHT > 0, np.float32(1), np.float32(-1))
_PIXELS = np.packbits(np.repeat(_EIGHT, SCALE, axis=1), axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class CompactMasks:
    """N masks without the numbers that nothing depends on.

    Parameters
    ----------
    signs
        (N, 256, 32) uint8: which logits are above 0, `numpy.packbits` over x.
    logits
        (L,) float32: in order, the logits that have a neighbour of the other sign.
    pixels
        (P, 4) uint8: in order, for each two logits side by side of which one is kept, the four bytes of pixels under
        them (of `MaskStack.bits`).
    """

    signs: NDArray[np.uint8]
    logits: FloatArray
    pixels: NDArray[np.uint8]


def fold(logits: FloatArray, bits: NDArray[np.uint8] | None = None) -> CompactMasks:
    """Fold N masks.

    Parameters
    ----------
    logits
        (N, 256, 256) float32.
    bits
        (N, 1024, 128) uint8, as in `MaskStack`; without them no pixels are kept.
    """
    signs = np.packbits(logits > 0, axis=-1)
    cells, pairs = _outline(signs)
    pixels = np.zeros((0, SCALE), dtype=np.uint8)
    if bits is not None:
        pixels = np.stack([bits.reshape(-1)[place] for place in _places(pairs)], axis=1)
    return CompactMasks(signs, logits.reshape(-1)[cells], pixels)


def unfold(masks: CompactMasks) -> tuple[FloatArray, NDArray[np.uint8]]:
    """Return (N, 256, 256) float32 logits (1 or -1 where none was kept) and (N, 1024, 128) uint8 packed masks.

    Raises
    ------
    ValueError
        If there are not as many logits or pixels as the signs ask for.
    """
    cells, pairs = _outline(masks.signs)
    return _unfold_logits(masks, cells), _unfold_bits(masks, pairs)


def unfold_logits(masks: CompactMasks) -> FloatArray:
    """Return the logits alone; errors as `unfold`."""
    return _unfold_logits(masks, _outline(masks.signs)[0])


def _unfold_logits(masks: CompactMasks, cells: IntArray) -> FloatArray:
    _require(len(masks.logits), len(cells))
    logits = np.take(_LOGITS, masks.signs, axis=0).reshape(-1)
    logits[cells] = masks.logits
    return logits.reshape(-1, LOGIT_SIZE, LOGIT_SIZE)


def _unfold_bits(masks: CompactMasks, pairs: IntArray) -> NDArray[np.uint8]:
    _require(len(masks.pixels), len(pairs))
    rows = np.take(_PIXELS, masks.signs, axis=0).reshape(-1, LOGIT_SIZE, 1, _ROW)
    bits = np.repeat(rows, SCALE, axis=2).reshape(-1)
    for place, pixels in zip(_places(pairs), masks.pixels.T, strict=True):
        bits[place] = pixels
    return bits.reshape(-1, MODEL_SIZE, _ROW)


def _require(found: int, expected: int) -> None:
    if found != expected:
        raise ValueError(f"The outlines of the masks ask for {expected} numbers, not {found}.")


def _outline(signs: NDArray[np.uint8]) -> tuple[IntArray, IntArray]:
    """Flat indices of the logits that have a neighbour of the other sign, and of pairs of logits with one such."""
    outline = (_spread(signs) & _spread(~signs)).reshape(-1)
    used = np.flatnonzero(outline)
    eight = np.unpackbits(outline[used, None], axis=1)
    byte, bit = np.nonzero(eight)
    pair_byte, pair = np.nonzero(eight[:, 0::2] | eight[:, 1::2])
    return used[byte] * 8 + bit, used[pair_byte] * 4 + pair


def _spread(packed: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Set every bit beside a set one, of the eight around it."""
    wide = packed.copy()
    wide |= packed << 1
    wide |= packed >> 1
    wide[..., :-1] |= packed[..., 1:] >> 7
    wide[..., 1:] |= packed[..., :-1] << 7
    high = wide.copy()
    high[:, 1:] |= wide[:, :-1]
    high[:, :-1] |= wide[:, 1:]
    return high


def _places(pairs: IntArray) -> list[IntArray]:
    """Flat indices into `MaskStack.bits` of the bytes under pairs of logits, row by row."""
    first = pairs // _ROW * (SCALE * _ROW) + pairs % _ROW
    return [first + row * _ROW for row in range(SCALE)]
