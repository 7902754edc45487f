from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from napari_gfsam.models import fused
from napari_gfsam.models.fused import FusedConv2d, FusedLinear, fuse, onednn_convolution


@pytest.fixture(params=["onednn", "plain"], autouse=True)
def route(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both ways through the layers, also where oneDNN is at hand."""
    if request.param == "plain":
        monkeypatch.setattr(fused, "onednn_linear", lambda: None)
        monkeypatch.setattr(fused, "onednn_convolution", lambda: None)


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_linear(gelu: bool, bias: bool) -> None:
    layer = nn.Linear(24, 40, bias=bias).requires_grad_(False)
    x = torch.randn(3, 17, 24)
    expected = F.gelu(layer(x)) if gelu else layer(x)
    torch.testing.assert_close(FusedLinear(layer, gelu=gelu)(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("gelu", [False, True])
@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(8, 12, 1),
        nn.Conv2d(8, 8, 3, padding=1, groups=8),
        nn.Conv2d(8, 6, 3, stride=2, padding=1, bias=False),
        nn.Conv2d(8, 6, (3, 5), stride=(1, 2), padding=(0, 2), dilation=(2, 1)),
    ],
)
def test_convolution(conv: nn.Conv2d, gelu: bool) -> None:
    conv.requires_grad_(False)
    x = torch.randn(2, 8, 15, 13)
    expected = F.gelu(conv(x)) if gelu else conv(x)
    for given in (x, x.contiguous(memory_format=torch.channels_last)):
        torch.testing.assert_close(FusedConv2d(conv, gelu=gelu)(given), expected, atol=1e-5, rtol=1e-5)


def test_gradients_and_other_precisions_go_through_the_plain_layers() -> None:
    layer = FusedLinear(nn.Linear(4, 4), gelu=True)
    x = torch.randn(2, 4, requires_grad=True)
    layer(x).sum().backward()
    assert x.grad is not None
    assert layer.double()(x.detach().double()).dtype == torch.float64


def test_fuse_keeps_names_and_answers() -> None:
    class Block(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv1, self.act1 = nn.Conv2d(3, 8, 3, padding=1), nn.GELU()
            self.conv2, self.act2 = nn.Conv2d(8, 8, 1), nn.GELU(approximate="tanh")
            self.fc1, self.act = nn.Linear(8, 8), nn.SiLU()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y = self.act2(self.conv2(self.act1(self.conv1(x))))
            return self.act(self.fc1(y.mean((2, 3))))

    block = nn.Sequential(Block()).eval().requires_grad_(False)
    x = torch.randn(2, 3, 9, 9)
    expected, names = block(x), set(block.state_dict())
    fuse(block)
    torch.testing.assert_close(block(x), expected, atol=1e-5, rtol=1e-5)
    assert set(block.state_dict()) == names
    # Only the exact GELU is fused; the others stay where they are.
    assert isinstance(block[0].act1, nn.Identity)
    assert isinstance(block[0].act2, nn.GELU)
    assert isinstance(block[0].act, nn.SiLU)


def test_operator_that_is_missing_or_wrong_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    class Without:
        pass

    class Wrong:
        @staticmethod
        def _convolution_pointwise(x: torch.Tensor, *rest: object) -> torch.Tensor:
            return x

    for stand_in in (Without, Wrong):
        with monkeypatch.context() as patched:
            patched.setattr(torch.ops, "mkldnn", stand_in, raising=False)
            assert onednn_convolution.__wrapped__() is None
