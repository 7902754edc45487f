"""The models of one segmenter: loaded at first use, every picture through each encoder once."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from threading import Lock, RLock
from typing import TYPE_CHECKING

from napari_gfsam.api.cache import FeatureCache
from napari_gfsam.api.choice import ModelChoice
from napari_gfsam.imaging import content_hash
from napari_gfsam.imaging.resize import RESIZE_VERSION
from napari_gfsam.io.records import ModelRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Sequence
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from napari_gfsam.core.masks import MaskBank
    from napari_gfsam.models.device import Device
    from napari_gfsam.models.encoders import DinoEncoder
    from napari_gfsam.models.registry import ModelSpec
    from napari_gfsam.models.segmenters import MaskModel

# Pictures read for the decoder take about 30 MB each; they are made again from the embedding in a moment.
PREPARED_BYTES = 256 * 2**20
# Prompts between two events: on a GPU all of a class take a few milliseconds, and every batch waits for the GPU.
DEVICE_PROMPTS = 128


@dataclass(frozen=True, slots=True, eq=False)
class Tokens:
    """A picture's tokens, (grid * grid, C) float32, in the cache."""

    values: Tensor

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.values.nbytes


class Backend:
    """Encoder and segmenter of a choice of models; safe to use from several threads.

    Parameters
    ----------
    model
        Name of a model preset, such as ``bundled``, or a `ModelChoice`.
    cache
        Where features are kept.

    Raises
    ------
    ValueError
        If a model is unknown.
    """

    def __init__(self, model: str | ModelChoice, cache: FeatureCache) -> None:
        self._cache = cache
        self._prepared = FeatureCache(PREPARED_BYTES)
        self._lock, self._turn = RLock(), Lock()  # the second: a GPU decodes one picture's prompts at a time
        self._choice = ModelChoice(model) if isinstance(model, str) else model
        self._specs = self._choice.specs()
        self._hashes: dict[str, str] = {}
        self._offered: dict[Hashable, Tokens] = {}
        self._device: Device | None = None
        self._encoder: DinoEncoder | None = None
        self._segmenter: MaskModel | None = None

    @property
    def choice(self) -> ModelChoice:
        """Which models work where, as asked for."""
        return self._choice

    @property
    def device(self) -> Device:
        """Where the models work, with the reason; the CPU once another device failed its self-test.

        Raises
        ------
        napari_gfsam.models.device.DeviceError
            If the device that was asked for is not there.
        """
        from napari_gfsam.models.device import choose_device

        # No lock: a widget that shows the device does not wait for models that are being loaded.
        device = self._device or choose_device(self._choice.device, self._choice.precision)
        self._device = self._device or device
        return self._device

    @property
    def encoder(self) -> DinoEncoder:
        """The encoder, loaded now if it was not."""
        from napari_gfsam.models.libraries import open_libraries

        open_libraries()  # a window's OpenGL may have brought another LLVM than triton's
        from napari_gfsam.models.encoders import load_encoder

        with self._lock:
            if self._encoder is None:
                self._encoder = self._load(load_encoder, self._specs[0])
            return self._encoder

    @property
    def segmenter(self) -> MaskModel:
        """The segmenter, loaded now if it was not."""
        from napari_gfsam.models.libraries import open_libraries

        open_libraries()  # a window's OpenGL may have brought another LLVM than triton's
        from napari_gfsam.models.segmenters import load_segmenter

        with self._lock:
            if self._segmenter is None:
                self._segmenter = self._load(load_segmenter, self._specs[1])
            return self._segmenter

    def _load(self, load: Callable[..., Any], spec: ModelSpec) -> Any:
        from napari_gfsam.models.device import SelfTestError, cpu_instead

        device = self.device
        try:
            return load(spec, device=device, compiled=self._choice.compiled)
        except SelfTestError as error:
            # Features from a device that answers wrongly are not to be trusted either.
            self.unload()
            self._device = cpu_instead(device, error)
            return load(spec, device=self._device, compiled=self._choice.compiled)

    def load(self) -> None:
        """Load both models now."""
        with self._lock:
            _ = self.encoder, self.segmenter
            _ = self.encoder  # again where the segmenter's self-test moved everything to the CPU

    def unload(self) -> None:
        """Drop both models and all features and free their memory; the next use loads again."""
        from napari_gfsam.models.device import free_memory

        with self._lock:
            self._encoder = self._segmenter = None
            self.forget()
        free_memory()

    def forget(self) -> None:
        """Drop all features and masks (the models stay loaded)."""
        self._cache.clear()
        self._prepared.clear()
        self._offered.clear()

    @property
    def records(self) -> tuple[ModelRecord, ...]:
        """The models as run records name them."""
        loaded = (self._encoder, self._segmenter)
        return tuple(
            ModelRecord(spec.id, spec.sha256 or (model.weights_hash if model else self._file_hash(spec)))
            for spec, model in zip(self._specs, loaded, strict=True)
        )

    def _file_hash(self, spec: ModelSpec) -> str | None:
        """Return the hash of a file of which none is published; None where it is not there or cannot be read."""
        import hashlib

        from napari_gfsam.models.weights import locate

        if spec.id not in self._hashes:
            try:
                with locate(spec).open("rb") as file:
                    self._hashes[spec.id] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError:
                return None
        return self._hashes[spec.id]

    def tokens(self, model_input: NDArray[np.uint8]) -> Tensor:
        """Return the (grid * grid, C) float32 tokens of a (1024, 1024, 3) picture."""
        return self.tokens_of([model_input])[0]

    def tokens_of(self, model_inputs: Sequence[NDArray[np.uint8]], *, keep: bool = True) -> list[Tensor]:
        """Return the (grid * grid, C) float32 tokens of several pictures, those not known yet made in one batch.

        Parameters
        ----------
        model_inputs
            (1024, 1024, 3) each.
        keep
            Whether they go into the cache.
        """
        encoder = self.encoder
        keys = [("tokens", content_hash(picture), *_identity(encoder)) for picture in model_inputs]
        for key in keys:
            self._use_offered(key, (encoder.grid**2, encoder.dim))

        def make(batch: NDArray[np.uint8]) -> list[Tokens]:
            return [Tokens(rows) for rows in encoder.encode(batch)]

        return [tokens.values for tokens in self._known(keys, model_inputs, make, keep=keep)]

    def identity(self) -> tuple[str, str, int]:
        """Return what tokens depend on beside the picture: hash of the weights, precision, version of the resize."""
        return _identity(self.encoder)

    def offer_tokens(self, model_input: NDArray[np.uint8], identity: tuple[str, str, int], rows: Tensor) -> None:
        """Take tokens of a picture from elsewhere, such as a pack; no model is loaded for it.

        Parameters
        ----------
        model_input
            (1024, 1024, 3) uint8.
        identity
            Of the encoder that made them; of another than ours they are never used.
        rows
            (grid * grid, C) float32; of another shape than the encoder's they are not used.
        """
        self._offered["tokens", content_hash(model_input), *identity] = Tokens(rows)

    def _use_offered(self, key: Hashable, shape: tuple[int, int]) -> None:
        offered = self._offered.get(key)
        if offered is None or offered.values.shape != shape:
            return
        # Where the encoder leaves its own: what follows lacks operators on Apple's GPUs.
        place = self.device.name if self.device.name.startswith("cuda") else "cpu"
        self._cache.get(key, lambda: Tokens(offered.values.to(place)))

    def bank(self, model_input: NDArray[np.uint8], *, keep: bool = True) -> MaskBank:
        """Return the masks of a (1024, 1024, 3) picture, its embedding made now if it was not; `keep` as above."""
        return self.banks_of([model_input], keep=keep)[0]

    def banks_of(self, model_inputs: Sequence[NDArray[np.uint8]], *, keep: bool = True) -> list[MaskBank]:
        """Return the masks of several pictures, embeddings not known yet made in one batch; `keep` as above."""
        segmenter = self.segmenter
        keys = [("masks", content_hash(picture), *_identity(segmenter)) for picture in model_inputs]

        def make(batch: NDArray[np.uint8]) -> list[MaskBank]:
            return [self.bank_of(embedding) for embedding in segmenter.embed(batch)]

        return self._known(keys, model_inputs, make, keep=keep)

    def bank_of(self, embedding: Tensor) -> MaskBank:
        """Return an empty bank of masks over one row of what the segmenter's `embed` gave; loads no model."""
        import torch

        from napari_gfsam.core.masks import DEFAULT_BATCH, MaskBank

        # A bank lives as long as its answer can be corrected: it holds no model and nothing on a device.
        kept, key = embedding.detach().to("cpu"), object()

        def decode(model_xy: NDArray[np.int64], labels: NDArray[np.int64]) -> Tensor:
            segmenter = self.segmenter
            with nullcontext() if on_cpu else self._turn:
                prepared = self._prepared.get((key, id(segmenter)), lambda: segmenter.prepare(kept))
                return segmenter.decode(prepared, torch.from_numpy(model_xy), torch.from_numpy(labels)).to("cpu")

        on_cpu = self.device.is_cpu
        batch = DEFAULT_BATCH if on_cpu else DEVICE_PROMPTS
        return MaskBank(decode, batch=batch, held_bytes=kept.nbytes, embedding=kept)

    def _known(
        self,
        keys: Sequence[Hashable],
        pictures: Sequence[NDArray[np.uint8]],
        make: Callable[..., Iterable[Any]],
        *,
        keep: bool,
    ) -> list[Any]:
        """Return the cache's entries; those that it lacks are made in one batch, on a CPU one by one."""
        import numpy as np

        missing = {key: picture for key, picture in zip(keys, pictures, strict=True) if key not in self._cache}
        made: dict[Hashable, Any] = {}
        # A CPU gains nothing from batches, which would change the answer by rounding.
        if missing and not self.device.is_cpu:
            made = dict(zip(missing, make(np.stack(list(missing.values()))), strict=True))

        def entry(key: Hashable, picture: NDArray[np.uint8]) -> Any:
            return made[key] if key in made else next(iter(make(picture[None])))

        found = self._cache.get if keep else self._cache.peek
        return [found(key, partial(entry, key, picture)) for key, picture in zip(keys, pictures, strict=True)]


def _identity(model: DinoEncoder | MaskModel) -> tuple[str, str, int]:
    """Return what a picture's features depend on beside its pixels."""
    return model.weights_hash, model.precision, RESIZE_VERSION
