from __future__ import annotations

import pytest
import torch

from napari_gfsam.models.checkpoints import build_prompt_modules, load_module
from napari_gfsam.models.weights import WeightsError, read_weights


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return read_weights("mobile_sam").state


def test_missing_and_unknown_tensors_are_named(state: dict[str, torch.Tensor]) -> None:
    without = {name: tensor for name, tensor in state.items() if name != "mask_decoder.iou_token.weight"}
    with pytest.raises(WeightsError, match=r"they lack 1 tensors, among them mask_decoder\.iou_token\.weight"):
        build_prompt_modules(without)
    with pytest.raises(WeightsError, match=r"they have unknown 1 tensors, among them prompt_encoder\.other"):
        build_prompt_modules({**state, "prompt_encoder.other": torch.zeros(1)})


def test_other_shape_is_named(state: dict[str, torch.Tensor]) -> None:
    state["mask_decoder.iou_token.weight"] = torch.zeros(1, 128)
    with pytest.raises(
        WeightsError, match=r"another size: mask_decoder\.iou_token\.weight is \(1, 128\), expected \(1, 256\)"
    ):
        build_prompt_modules(state)


def test_loading_gives_float32_without_gradients(state: dict[str, torch.Tensor]) -> None:
    for module in build_prompt_modules(state):
        assert {tensor.dtype for tensor in module.state_dict().values()} == {torch.float32}
        assert not any(parameter.requires_grad for parameter in module.parameters())
        assert not module.training


def test_loading_does_not_touch_the_given_tensors() -> None:
    with torch.device("meta"):
        layer = torch.nn.Linear(2, 2)
    given = {
        "x.weight": torch.eye(2, dtype=torch.float16),
        "x.bias": torch.zeros(2, dtype=torch.float16),
        "y": torch.ones(1),
    }
    load_module(layer, given, "x.")
    assert layer(torch.tensor([[1.0, 2.0]])).tolist() == [[1.0, 2.0]]
    assert given["x.weight"].dtype == torch.float16
