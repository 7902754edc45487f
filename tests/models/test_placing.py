"""Modules are brought to a device and believed only after a self-test; compiling never stands in the way."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from napari_gfsam.models.device import CPU, Device, DeviceMemoryError, SelfTestError
from napari_gfsam.models.placing import Compiled, place
from tests.models.pretend_gpu import OnGpu, pretended_gpu

HALF = Device("cpu", "bfloat16", "")
GPU = Device("cuda:0", "bfloat16", "")


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.LayerNorm(8), Narrow(8, 3)).requires_grad_(False)


class Narrow(nn.Linear):
    """A layer that works in its weights' dtype."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.to(self.weight.dtype)).float()


def probe(module: nn.Module) -> Tensor:
    answer: Tensor = module(torch.linspace(-1, 1, 30).view(5, 6).to(next(module.parameters()).device))
    return answer


def test_nothing_happens_on_the_cpu(network):
    weights = network[2].weight
    assert place(network, CPU, [network[2]], probe) == "float32"
    assert network[2].weight is weights


def test_only_the_narrow_parts_change_their_precision(network):
    assert place(network, HALF, [network[2]], probe) == "bfloat16"
    assert [network[i].weight.dtype for i in range(3)] == [torch.float32, torch.float32, torch.bfloat16]


def test_without_narrow_parts_the_precision_is_float32(network):
    with pretended_gpu():
        assert place(network, GPU, [], probe) == "float32"
        assert isinstance(network[0].weight, OnGpu)


def test_a_device_that_answers_wrongly_is_found_out(network):
    def wrong(module: nn.Module) -> Tensor:
        answer = probe(module)
        return answer * 3 if answer.device.type == "cuda" else answer

    with pretended_gpu(), pytest.raises(SelfTestError, match="off by 200%"):
        place(network, GPU, [], wrong)


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (RuntimeError("no kernel image is available"), SelfTestError, "fails a small self-test"),
        (NotImplementedError("The operator is not implemented for MPS"), SelfTestError, "not implemented"),
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), DeviceMemoryError, "does not fit into .* cuda:0"),
    ],
)
def test_a_device_that_fails_is_found_out(network, error, kind, words):
    def failing(module: nn.Module) -> Tensor:
        if next(module.parameters()).device.type == "cuda":
            raise error
        return probe(module)

    with pretended_gpu(), pytest.raises(kind, match=words):
        place(network, GPU, [], failing)


def test_a_compiled_function_does_the_same():
    plain, seen = Compiled(torch.sin, wanted=False), []

    def backend(graph: torch.fx.GraphModule, given: list[Tensor]) -> object:
        seen.append(graph)
        return graph.forward

    compiled = Compiled(lambda x: torch.sin(x) + 1, wanted=True, backend=backend)
    x = torch.linspace(0, 1, 5)
    assert torch.equal(compiled(x), plain(x) + 1)
    assert len(seen) == 1
    assert compiled.problem == ""


def test_where_compiling_fails_the_function_works_as_it_is():
    attempts = []

    def backend(graph: torch.fx.GraphModule, given: list[Tensor]) -> object:
        attempts.append(graph)
        raise OSError("no compiler found.")

    compiled = Compiled(lambda x: torch.cos(x) * 2, wanted=True, backend=backend)
    x = torch.linspace(0, 1, 5)
    for _ in range(2):
        assert torch.equal(compiled(x), torch.cos(x) * 2)
    assert len(attempts) == 1
    assert "no compiler found" in compiled.problem


def test_wrong_input_is_still_an_error():
    compiled = Compiled(lambda x: x.view(7), wanted=True, backend="eager")
    with pytest.raises(RuntimeError, match="shape"):
        compiled(torch.zeros(5))
