"""The folded decoder against segment-anything's own modules."""

from __future__ import annotations

import threading
from itertools import count

import pytest
import torch
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor, nn

from napari_gfsam.models import decoder_products
from napari_gfsam.models.decoder import DEVICE_BATCHING, Batching, PreparedImage, PromptDecoder
from napari_gfsam.models.decoder_products import Products, onednn_linear
from napari_gfsam.models.decoder_workers import Workers
from napari_gfsam.models.device import DeviceMemoryError
from tests.models.plain_sam import assert_same_masks, plain_logits, random_modules
from tests.models.pretend_gpu import GPU, OnGpu, pretended_gpu

pytestmark = pytest.mark.usefixtures("two_threads")
Modules = tuple[PromptEncoder, MaskDecoder]


@pytest.fixture(scope="module")
def modules() -> Modules:
    return random_modules(seed=1)


@pytest.fixture(scope="module")
def embedding() -> Tensor:
    return torch.randn(256, 64, 64, generator=torch.Generator().manual_seed(2))


@pytest.fixture(scope="module")
def decoder(modules: Modules) -> PromptDecoder:
    return PromptDecoder(*modules)


@pytest.fixture(scope="module")
def prepared(decoder: PromptDecoder, embedding: Tensor) -> PreparedImage:
    return decoder.prepare(embedding)


@pytest.fixture
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def points(n: int, k: int = 1, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    model_xy = torch.randint(0, 1024, (n, k, 2), generator=generator)
    labels = torch.randint(0, 2, (n, k), generator=generator)
    labels[:, 0] = 1
    return model_xy, labels


@pytest.mark.parametrize(("n", "k"), [(1, 1), (5, 1), (3, 2), (3, 3), (1, 9)])
def test_equals_segment_anything(
    modules: Modules, embedding: Tensor, decoder: PromptDecoder, prepared: PreparedImage, n: int, k: int
) -> None:
    model_xy, labels = points(n, k)
    expected = plain_logits(modules, embedding, model_xy, labels)
    assert expected.std() > 0.1
    assert_same_masks(decoder.decode(prepared, model_xy, labels), expected)


def test_negative_and_padding_points(
    modules: Modules, embedding: Tensor, decoder: PromptDecoder, prepared: PreparedImage
) -> None:
    model_xy, _ = points(3, 3)
    labels = torch.tensor([[1, 0, -1], [0, 0, 0], [1, -1, -1]])
    assert_same_masks(decoder.decode(prepared, model_xy, labels), plain_logits(modules, embedding, model_xy, labels))


def test_corners_of_the_frame(
    modules: Modules, embedding: Tensor, decoder: PromptDecoder, prepared: PreparedImage
) -> None:
    model_xy = torch.tensor([[[0, 0]], [[1023, 0]], [[0, 1023]], [[1023, 1023]]])
    labels = torch.ones(4, 1, dtype=torch.int64)
    assert_same_masks(decoder.decode(prepared, model_xy, labels), plain_logits(modules, embedding, model_xy, labels))


def test_no_prompt(decoder: PromptDecoder, prepared: PreparedImage) -> None:
    assert decoder.decode(prepared, *points(0)).shape == (0, 256, 256)


def test_many_prompts_do_not_mix(
    modules: Modules, embedding: Tensor, decoder: PromptDecoder, prepared: PreparedImage
) -> None:
    """130 prompts end in a part of their own; each row is the row that its prompt gets by itself."""
    model_xy, labels = points(130)
    logits = decoder.decode(prepared, model_xy, labels)
    rows = [0, 3, 4, 63, 64, 127, 128, 129]
    assert_same_masks(logits[rows], plain_logits(modules, embedding, model_xy[rows], labels[rows]))
    for row in rows:
        alone = decoder.decode(prepared, model_xy[row : row + 1], labels[row : row + 1])
        torch.testing.assert_close(logits[row : row + 1], alone, atol=1e-4, rtol=1e-4)


def test_same_answer_every_time(decoder: PromptDecoder, prepared: PreparedImage, embedding: Tensor) -> None:
    prompts = points(11)
    first = decoder.decode(prepared, *prompts)
    assert torch.equal(decoder.decode(prepared, *prompts), first)
    assert torch.equal(decoder.decode(decoder.prepare(embedding), *prompts), first)


@pytest.mark.parametrize("batching", [DEVICE_BATCHING, Batching(3, 2, 512), Batching(2, 1, 1000)])
def test_batching_changes_nothing(
    modules: Modules, embedding: Tensor, decoder: PromptDecoder, prepared: PreparedImage, batching: Batching
) -> None:
    """Among them the batching of other devices, and a tile that does not divide the image."""
    other = PromptDecoder(*modules, batching)
    prompts = points(5, 2)
    found = other.decode(other.prepare(embedding), *prompts)
    assert_same_masks(found, decoder.decode(prepared, *prompts))


def test_without_onednn(
    modules: Modules,
    embedding: Tensor,
    decoder: PromptDecoder,
    prepared: PreparedImage,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decoder_products, "onednn_linear", lambda: None)
    plain = PromptDecoder(*modules)
    prompts = points(3)
    assert_same_masks(plain.decode(plain.prepare(embedding), *prompts), decoder.decode(prepared, *prompts))


@pytest.mark.usefixtures("one_thread")
def test_one_thread(modules: Modules, embedding: Tensor) -> None:
    decoder, (model_xy, labels) = PromptDecoder(*modules), points(3)
    found = decoder.decode(decoder.prepare(embedding), model_xy, labels)
    assert_same_masks(found, plain_logits(modules, embedding, model_xy, labels))


def test_as_near_to_exact_arithmetic_as_segment_anything(embedding: Tensor) -> None:
    """Against the plain modules in double precision; leaving the image tokens out costs no accuracy."""
    modules, (model_xy, labels) = random_modules(seed=3), points(2)
    decoder = PromptDecoder(*modules)
    single = plain_logits(modules, embedding, model_xy, labels)
    folded = decoder.decode(decoder.prepare(embedding), model_xy, labels)
    prompt_encoder, mask_decoder = modules
    sparse, dense = prompt_encoder(points=(model_xy, labels), boxes=None, masks=None)
    position = prompt_encoder.get_dense_pe().double()
    exact, _ = mask_decoder.double()(embedding[None].double(), position, sparse.double(), dense.double(), False)
    errors = [(logits - exact[:, 0]).square().mean().sqrt() for logits in (folded, single)]
    assert errors[0] < 3 * errors[1]


@pytest.mark.parametrize("embedding", [torch.zeros(256, 64, 64), torch.full((256, 64, 64), 1e4)], ids=["zero", "huge"])
def test_constant_embeddings(modules: Modules, decoder: PromptDecoder, embedding: Tensor) -> None:
    """All image tokens alike: variances close to nothing, or lost beside the values, stay variances."""
    model_xy, labels = points(2)
    found = decoder.decode(decoder.prepare(embedding), model_xy, labels)
    expected = plain_logits(modules, embedding, model_xy, labels)
    assert found.isfinite().all()
    assert (found - expected).abs().max() <= 2e-3 * expected.abs().max()


def test_inside_autocast_and_with_gradients(modules: Modules, embedding: Tensor) -> None:
    """Float32 and without a graph, whatever the caller has set."""
    model_xy, labels = points(3)
    for module in modules:
        module.requires_grad_(True)
    try:
        decoder = PromptDecoder(*modules)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            found = decoder.decode(decoder.prepare(embedding), model_xy, labels)
    finally:
        for module in modules:
            module.requires_grad_(False)
    assert not found.requires_grad
    assert_same_masks(found, plain_logits(modules, embedding, model_xy, labels))


def test_several_threads_share_a_decoder(decoder: PromptDecoder, prepared: PreparedImage) -> None:
    prompts, answers = points(9), []
    threads = [threading.Thread(target=lambda: answers.append(decoder.decode(prepared, *prompts))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = decoder.decode(prepared, *prompts)
    assert [torch.equal(answer, expected) for answer in answers] == [True] * 3


def test_thread_counts_stay(decoder: PromptDecoder, prepared: PreparedImage) -> None:
    before, later = torch.get_num_threads(), []
    decoder.decode(prepared, *points(8))
    thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert [torch.get_num_threads(), *later] == [before, before]


def test_workers_use_one_core_each_and_pass_errors_on() -> None:
    workers, counts, turn = Workers(), [], count()

    def work() -> None:
        counts.append(torch.get_num_threads())
        if next(turn) == 0:
            raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        workers.run(work, workers.count)
    assert set(counts) == {1}


@pytest.mark.usefixtures("one_thread")
def test_workers_follow_the_number_of_threads() -> None:
    workers, names = Workers(), set()
    for threads in (1, 3):
        torch.set_num_threads(threads)
        everyone = threading.Barrier(threads, timeout=30)
        names.clear()
        workers.run(lambda gate=everyone: (names.add(threading.get_ident()), gate.wait())[0], workers.count)
        assert len(names) == threads


@pytest.fixture
def on_gpu():
    """A decoder on the pretended GPU, and the GPU."""
    with pretended_gpu() as gpu:
        yield PromptDecoder(*(module.to(GPU) for module in random_modules(seed=1))), gpu


def test_on_a_gpu_nothing_waits_for_it(
    on_gpu, decoder: PromptDecoder, prepared: PreparedImage, embedding: Tensor
) -> None:
    there, gpu = on_gpu
    prompts = points(70, 2)
    image = there.prepare(embedding)
    waits, copies = gpu.waits, gpu.copies
    found = there.decode(image, *prompts)
    assert isinstance(found, OnGpu)
    assert (gpu.waits - waits, gpu.copies - copies) == (0, 0)
    assert_same_masks(found.cpu()[-5:], decoder.decode(prepared, *(part[-5:] for part in prompts)))


def test_out_of_memory_on_a_gpu_halves_the_chunk(on_gpu, embedding: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    there, _ = on_gpu
    image, sizes, most = there.prepare(embedding), [], 8
    expected, decode = there.decode(image, *points(20)), there._decode_chunk

    def small(image: PreparedImage, tokens: Tensor, rows: Tensor, logits: Tensor) -> None:
        sizes.append(len(tokens))
        if len(tokens) > most:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory.")
        decode(image, tokens, rows, logits)

    monkeypatch.setattr(there, "_decode_chunk", small)
    found = there.decode(image, *points(20))
    assert sizes == [20, 10, 5, 5, 5, 5]
    assert_same_masks(found.cpu(), expected.cpu())
    most = 0
    with pytest.raises(DeviceMemoryError, match="even for one picture or prompt"):
        there.decode(image, *points(20))


@pytest.mark.parametrize(
    ("shape_xy", "shape_labels"), [((2, 1, 2), (2,)), ((2, 2), (2, 1)), ((2, 1, 2), (3, 1)), ((2, 1, 3), (2, 1))]
)
def test_other_shapes_are_refused(
    decoder: PromptDecoder, prepared: PreparedImage, shape_xy: tuple[int, ...], shape_labels: tuple[int, ...]
) -> None:
    with pytest.raises(ValueError, match=r"expected \(N, K, 2\) and \(N, K\)"):
        decoder.decode(prepared, torch.zeros(shape_xy), torch.ones(shape_labels))


def test_other_labels_are_refused(decoder: PromptDecoder, prepared: PreparedImage) -> None:
    with pytest.raises(ValueError, match="Labels range from 1 to 2"):
        decoder.decode(prepared, torch.zeros(2, 1, 2), torch.tensor([[1], [2]]))


def test_other_embeddings_are_refused(decoder: PromptDecoder) -> None:
    with pytest.raises(ValueError, match=r"\(1, 256, 64, 64\), expected \(256, 64, 64\)"):
        decoder.prepare(torch.zeros(1, 256, 64, 64))


def test_other_decoders_are_refused() -> None:
    prompt_encoder, mask_decoder = random_modules()
    with pytest.raises(ValueError, match="expected float32"):
        PromptDecoder(prompt_encoder, mask_decoder.half())
    deep = TwoWayTransformer(depth=3, embedding_dim=256, num_heads=8, mlp_dim=64)
    with pytest.raises(ValueError, match="3 layers, expected 2"):
        PromptDecoder(prompt_encoder, MaskDecoder(transformer_dim=256, transformer=deep))
    _, mask_decoder = random_modules()
    mask_decoder.output_upscaling[4] = nn.ReLU()
    with pytest.raises(ValueError, match="expected GELU"):
        PromptDecoder(prompt_encoder, mask_decoder)


def test_onednn_is_used_only_where_it_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    probe = onednn_linear.__wrapped__
    monkeypatch.setattr(torch.ops.mkldnn, "_linear_pointwise", lambda rows, *rest: rows.new_zeros(12, 5), raising=False)
    assert probe() is None
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert probe() is None


@pytest.mark.parametrize("c", [1, 2])
@pytest.mark.parametrize("products", [Products(), Products(onednn_linear())], ids=["plain", "fastest"])
def test_products(products: Products, c: int) -> None:
    generator = torch.Generator().manual_seed(c)
    mix, columns, weights, rows, vector = (
        torch.randn(c, *shape, generator=generator) for shape in ((3, 6), (6, 40), (6, 8), (9, 4), (4,))
    )
    torch.testing.assert_close(products.product(mix, columns), mix @ columns)
    torch.testing.assert_close(products.add_product(torch.ones(c, 3, 40), mix, columns), 1 + mix @ columns)
    torch.testing.assert_close(products.product_transposed(columns, columns), columns @ columns.mT)
    torch.testing.assert_close(products.add_rows(torch.ones(c, 40, 8), columns, weights), 1 + columns.mT @ weights)
    torch.testing.assert_close(products.dot(rows, vector), torch.einsum("cmi,ci->cm", rows, vector))
    weight, bias = torch.randn(5, 4, generator=generator), torch.randn(5, generator=generator)
    expected = nn.functional.gelu(rows @ weight.t() + bias)
    torch.testing.assert_close(products.linear_gelu(rows, weight, bias), expected, atol=1e-5, rtol=1e-5)
