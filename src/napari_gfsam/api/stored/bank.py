"""The masks of a target that was read from disk: what was decoded is there, models come only for new prompts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_gfsam.core.masks import MaskBank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from torch import Tensor

    from napari_gfsam.core.arrays import FloatArray, IntArray

    MakeBank = Callable[[Tensor], MaskBank]
    Decoded = Callable[[], Iterable[tuple[IntArray, FloatArray]]]


class LateDecoder:
    """A mask decoder that is made when the first prompt comes.

    Parameters
    ----------
    embedding
        (256, 64, 64) of the image.
    bank_of
        Makes an empty bank over it, such as `Backend.bank_of`.
    """

    def __init__(self, embedding: Tensor, bank_of: MakeBank) -> None:
        self._embedding, self._bank_of = embedding, bank_of
        self._bank: MaskBank | None = None

    def __call__(self, model_xy: IntArray, labels: IntArray) -> Tensor:
        """Decode prompts (see `core.types.MaskDecoder`)."""
        if self._bank is None:
            self._bank = self._bank_of(self._embedding)
        return torch.from_numpy(self._bank.refine(model_xy, labels))


class StoredBank(MaskBank):
    """A bank that takes in what was decoded earlier when somebody first asks for it.

    Parameters
    ----------
    embedding
        (256, 64, 64) of the image.
    bank_of
        Makes an empty bank over it; called when a prompt must be decoded that was not stored.
    decoded
        Gives pixels (N, 2) and logits (N, 256, 256) of prompts decoded earlier.
    """

    def __init__(self, embedding: Tensor, bank_of: MakeBank, decoded: Decoded) -> None:
        super().__init__(LateDecoder(embedding, bank_of), held_bytes=embedding.nbytes, embedding=embedding)
        self._decoded: Decoded | None = decoded

    def decode(self, model_xy: IntArray) -> Iterator[int]:
        """Decode the prompts that are not there yet, batch by batch (see `MaskBank.decode`)."""
        self._take_in()
        yield from super().decode(model_xy)

    @property
    def decoded_xy(self) -> IntArray:
        """(N, 2) int64 model pixels of the prompts decoded so far, earlier ones included."""
        self._take_in()
        return super().decoded_xy

    def _take_in(self) -> None:
        decoded, self._decoded = self._decoded, None
        for model_xy, logits in decoded() if decoded else ():
            self.keep(model_xy, logits)
