"""Which device is chosen and why, what happens when memory runs out, and which answers are believed."""

from __future__ import annotations

import pytest
import torch

from napari_gfsam.models import device as devices
from napari_gfsam.models.device import (
    Accelerator,
    Batches,
    Device,
    DeviceError,
    DeviceMemoryError,
    SelfTestError,
    check_answer,
    choose_device,
    cpu_instead,
    is_out_of_memory,
)

NEW = Accelerator("cuda:0", "New Card", "bfloat16")
OLD = Accelerator("cuda:1", "Old Card", "float16")
APPLE = Accelerator("mps", "Apple GPU")


@pytest.mark.parametrize(
    ("wanted", "found", "name", "precision", "words"),
    [
        ("auto", [], "cpu", "float32", "finds no GPU"),
        ("auto", [NEW, OLD], "cuda:0", "bfloat16", "New Card"),
        ("auto", [APPLE], "mps", "float32", "Apple GPU"),
        ("auto", [OLD], "cuda:1", "float16", "Old Card"),
        ("cpu", [NEW], "cpu", "float32", "as chosen"),
        ("cuda", [NEW, OLD], "cuda:0", "bfloat16", "as chosen"),
        ("cuda:1", [NEW, OLD], "cuda:1", "float16", "as chosen"),
        ("mps", [APPLE], "mps", "float32", "as chosen"),
    ],
)
def test_the_device_is_chosen_with_a_reason(wanted, found, name, precision, words):
    chosen = choose_device(wanted, found=found)
    assert (chosen.name, chosen.precision, chosen.is_cpu) == (name, precision, name == "cpu")
    assert words in chosen.reason
    assert precision in chosen.reason


def test_a_precision_that_was_asked_for_is_taken():
    assert choose_device("auto", "float32", [NEW]).precision == "float32"
    assert choose_device("cpu", "bfloat16", []).precision == "bfloat16"


def test_unknown_precisions_and_missing_devices_are_named():
    with pytest.raises(ValueError, match="no precision 'half': use auto, float32"):
        choose_device("auto", "half", [])
    with pytest.raises(DeviceError, match=r"no device 'cuda'.*choose auto or cpu, mps"):
        choose_device("cuda", found=[APPLE])


def test_what_torch_sees_here_can_be_asked_for():
    for found in devices.accelerators():
        assert choose_device(found.name).name == found.name


def test_the_cpu_takes_over_with_the_reason():
    cpu = cpu_instead(Device("cuda:0", "bfloat16", ""), SelfTestError("it is off by 80%."))
    assert (cpu.name, cpu.precision) == ("cpu", "float32")
    assert "cuda:0 cannot be trusted: it is off by 80%." in cpu.reason


@pytest.mark.parametrize(
    "error",
    [
        torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory"),
        MemoryError(),
    ],
)
def test_batches_are_halved_until_they_fit_and_stay_so(error):
    batches, done = Batches(8), []

    def work(part: slice) -> None:
        if part.stop - part.start > 3:
            raise error
        done.append((part.start, part.stop))

    assert is_out_of_memory(error)
    batches.run(11, work)
    assert done == [(0, 2), (2, 4), (4, 6), (6, 8), (8, 10), (10, 11)]
    done.clear()
    batches.run(3, work)
    assert done == [(0, 2), (2, 3)]


def test_not_even_one_fits():
    def work(part: slice) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB.\nMore lines")

    with pytest.raises(DeviceMemoryError, match=r"^Memory ran out \(CUDA .* 2 GiB\) even for one.*or the CPU"):
        Batches(4).run(5, work)


def test_other_errors_pass():
    def work(part: slice) -> None:
        raise RuntimeError("an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal"):
        Batches(4).run(5, work)


def test_answers_are_believed_up_to_rounding():
    expected = torch.linspace(-3, 3, 200)
    check_answer(expected, expected.bfloat16(), "bfloat16")
    check_answer(expected, expected.clone(), "float32")
    for wrong in (expected.flip(0), torch.zeros(200), expected * float("nan")):
        with pytest.raises(SelfTestError, match="off by"):
            check_answer(expected, wrong, "bfloat16")
    with pytest.raises(SelfTestError, match="off by"):
        check_answer(expected, expected + 0.1, "float32")
    check_answer(torch.zeros(3), torch.zeros(3), "float32")
