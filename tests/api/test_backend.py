"""Models are loaded once, where they were asked for, and let go of; another device gives the same answer."""

from __future__ import annotations

import gc
import hashlib
import threading
import time
import weakref

import numpy as np
import pytest

from napari_gfsam.api import ModelChoice, Segmenter
from napari_gfsam.api.backend import DEVICE_PROMPTS, Backend
from napari_gfsam.api.cache import FeatureCache
from napari_gfsam.core.config import TUNED
from napari_gfsam.models.device import Accelerator, DeviceError, SelfTestError
from napari_gfsam.samples import load_pair
from tests.fakes import FakeEncoder, FakeSegmenter
from tests.models.pretend_gpu import pretended_gpu


@pytest.fixture
def backend(fake_models) -> Backend:
    return Backend(ModelChoice(device="cpu"), FeatureCache(2**28))


@pytest.fixture
def gpu_seen(monkeypatch):
    """torch sees one GPU."""
    found = (Accelerator("cuda:0", "Pretended GPU", "bfloat16"),)
    monkeypatch.setattr("napari_gfsam.models.device.accelerators", lambda: found)


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (1024, 1024, 3), dtype=np.uint8)


def test_two_threads_load_a_model_once(monkeypatch):
    loads, barrier = [], threading.Barrier(4)

    def slow(spec: object, **options: object) -> FakeEncoder:
        loads.append(threading.get_ident())
        time.sleep(0.05)
        return FakeEncoder()

    monkeypatch.setattr("napari_gfsam.models.encoders.load_encoder", slow)
    backend, found = Backend("bundled", FeatureCache(0)), []

    def use() -> None:
        barrier.wait()
        found.append(backend.encoder)

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert all(encoder is found[0] for encoder in found)


def test_unloading_lets_go_of_models_and_features(monkeypatch, picture):
    monkeypatch.setattr("napari_gfsam.models.encoders.load_encoder", lambda spec, **options: FakeEncoder())
    monkeypatch.setattr("napari_gfsam.models.segmenters.load_segmenter", lambda spec, **options: FakeSegmenter())
    cache = FeatureCache(2**28)
    backend = Backend("bundled", cache)
    bank, tokens = backend.bank(picture), backend.tokens(picture)
    prompt = np.array([[[100, 100]]]), np.ones((1, 1), dtype=np.int64)
    before = bank.refine(*prompt)
    models = [weakref.ref(backend.encoder), weakref.ref(backend.segmenter)]
    backend.unload()
    gc.collect()
    assert [model() for model in models] == [None, None]
    assert cache.nbytes == 0
    assert tokens.shape[0] == 37**2
    assert np.array_equal(bank.refine(*prompt), before), "a kept answer can still be corrected: models are loaded again"


def test_features_of_several_pictures(backend, fake_models, picture):
    encoder, segmenter = fake_models
    other = picture[::-1].copy()
    alone = backend.tokens(picture)
    together = backend.tokens_of([other, picture, other])
    assert np.array_equal(together[1], alone)
    assert np.array_equal(together[0], together[2])
    assert encoder.calls == 2
    banks = backend.banks_of([picture, other, picture])
    assert banks[0] is banks[2]
    assert segmenter.embeds == 2


def test_on_a_gpu_what_is_missing_goes_through_in_one_batch(fake_models, gpu_seen, picture, monkeypatch):
    backend, sizes = Backend("bundled", FeatureCache(2**28)), []
    encode = fake_models[0].encode
    monkeypatch.setattr(fake_models[0], "encode", lambda images: (sizes.append(len(images)), encode(images))[1])
    others = [np.roll(picture, shift, 0) for shift in (1, 2, 3)]
    backend.tokens(others[1])
    backend.tokens_of([*others, others[0]])
    assert sizes == [1, 2]


def test_the_device_is_known_before_anything_is_loaded(backend, gpu_seen):
    assert backend.device.name == "cpu"
    assert Backend("bundled", FeatureCache(0)).device.reason.startswith("Pretended GPU (cuda:0) in bfloat16")
    with pytest.raises(DeviceError, match="no device 'mps'"):
        _ = Backend(ModelChoice(device="mps"), FeatureCache(0)).device


def test_models_are_told_device_and_precision(monkeypatch, gpu_seen):
    told = {}

    def load(spec, **options):
        told.update(options)
        return FakeEncoder()

    monkeypatch.setattr("napari_gfsam.models.encoders.load_encoder", load)
    _ = Backend(ModelChoice(precision="float32", compiled=True), FeatureCache(0)).encoder
    assert told["device"].name == "cuda:0"
    assert told["device"].precision == "float32"
    assert told["compiled"] is True


@pytest.mark.parametrize("broken", ["encoder", "segmenter"])
def test_a_device_that_fails_its_self_test_is_replaced_by_the_cpu(monkeypatch, gpu_seen, picture, broken):
    loads = []

    def loader(kind, make):
        def load(spec, *, device, **options):
            loads.append((kind, device.name))
            if kind == broken and not device.is_cpu:
                raise SelfTestError("it is off by 80%.")
            return make()

        monkeypatch.setattr(f"napari_gfsam.models.{kind}s.load_{kind}", load)

    loader("encoder", FakeEncoder)
    loader("segmenter", FakeSegmenter)
    backend = Backend("bundled", FeatureCache(2**28))
    backend.load()
    assert backend.device.name == "cpu"
    assert "cuda:0 cannot be trusted: it is off by 80%." in backend.device.reason
    assert {device for kind, device in loads[-2:]} == {"cpu"}
    assert backend.tokens(picture).shape == (37**2, 16)


def test_banks_decode_more_at_a_time_on_a_gpu(fake_models, gpu_seen, picture):
    prompts = np.random.default_rng(0).integers(0, 1024, (200, 2))
    bank = Backend("bundled", FeatureCache(2**28)).bank(picture)
    assert list(bank.decode(prompts)) == [DEVICE_PROMPTS, 200]


def test_records_name_the_hash_of_a_local_file(fake_models, tmp_path):
    file = tmp_path / "mine.safetensors"
    file.write_bytes(b"weights")
    encoder, segmenter = Backend(ModelChoice(encoder_weights=file), FeatureCache(0)).records
    assert encoder.sha256 == hashlib.sha256(b"weights").hexdigest()
    assert segmenter.id == "mobile_sam"
    missing = ModelChoice(segmenter="vit_b_lm", segmenter_weights=tmp_path / "nothing")
    assert Backend(missing, FeatureCache(0)).records[1].sha256 is None


@pytest.mark.parametrize(
    ("choice", "ids"),
    [
        (ModelChoice(), ("dinov2_vits14_bundled", "mobile_sam")),
        (ModelChoice("paper"), ("dinov2_vitl14", "sam_vit_h")),
        (ModelChoice("paper", encoder="dinov2_vitb14"), ("dinov2_vitb14", "sam_vit_h")),
        (ModelChoice(segmenter="sam2.1_hiera_tiny"), ("dinov2_vits14_bundled", "sam2.1_hiera_tiny")),
        (ModelChoice("dinov2_vitb14+vit_b_lm"), ("dinov2_vitb14", "vit_b_lm")),
    ],
)
def test_choices_name_models(choice, ids):
    assert tuple(spec.id for spec in choice.specs()) == ids


def test_wrong_choices_are_named(tmp_path):
    with pytest.raises(ValueError, match="is a segmenter, not an encoder"):
        Segmenter(ModelChoice(encoder="mobile_sam"))
    with pytest.raises(ValueError, match="no model preset 'huge'"):
        Segmenter(ModelChoice("huge"))
    assert ModelChoice(encoder_weights=tmp_path / "x.pth").specs()[0].path == str(tmp_path / "x.pth")


def test_the_way_through_a_gpu_gives_the_same_answer(gpu_seen):
    """The bundled models from picture to labels on the pretended GPU, which is as strict as a real one."""
    pair, answers = load_pair("coins"), []
    settings = TUNED.with_settings(max_prompts=12)

    def answer(choice: ModelChoice) -> Segmenter:
        segmenter = Segmenter(choice, settings=settings)
        segmenter.add_reference(pair.reference.image, pair.reference.labels)
        answers.append(segmenter.segment(pair.targets[0].image))
        return segmenter

    answer(ModelChoice(device="cpu"))
    with pretended_gpu() as gpu:
        segmenter = answer(ModelChoice(precision="float32"))
        assert segmenter.backend.encoder.device.type == "cuda"
        waits = gpu.waits
        segmenter.segment(pair.targets[0].image)
        assert gpu.waits - waits < 10, "a run waits for the GPU now and then, not once a prompt"
        edited = answers[1].with_point(1, (60.0, 80.0))
        assert len(edited.points) == len(answers[1].points) + 1
    assert (answers[0].labels == answers[1].labels).mean() > 0.9999
    np.testing.assert_allclose(answers[1].confidence, answers[0].confidence, atol=1e-4)
