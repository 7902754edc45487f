"""Stage by stage against segment-anything's and timm's own modules, used plainly, with the same weights.

    python benchmarks/modules.py [--model paper] [--device cuda] [--runs 5]

The plain modules run in float32 and, on a GPU, with TF32 and bfloat16 autocast as well; the plain decoder at its best
batch of prompts. `--json FILE` writes the figures for benchmarks/performance.py.
"""

from __future__ import annotations

import argparse
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import timm
import torch
from rich.console import Console
from rich.table import Table
from segment_anything.modeling import ImageEncoderViT
from torch import Tensor, nn

from clock import Rounds, default_device, device_title
from decoder import mask_decoder_logits, points
from napari_gfsam.api import ModelChoice
from napari_gfsam.imaging import to_model_input
from napari_gfsam.models.checkpoints import build_prompt_modules
from napari_gfsam.models.device import choose_device
from napari_gfsam.models.encoders import load_encoder, network_input
from napari_gfsam.models.pictures import sam_input
from napari_gfsam.models.sam_vit import SIZES, WINDOW
from napari_gfsam.models.segmenters import load_segmenter
from napari_gfsam.models.weights import read_weights
from pairs import weights_for
from scenes import scene

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from napari_gfsam.models import ModelSpec

PROMPTS, BATCHES = 128, (1, 8, 64)


@dataclass(frozen=True)
class StageFigure:
    """Milliseconds of one stage: ours, the plain modules in float32 and with autocast, and our peak memory on a GPU."""

    stage: str
    ours: float
    plain: float | None = None
    narrow: float | None = None
    gib: float | None = None


class Bench:
    """One pair of models on one device."""

    def __init__(self, choice: ModelChoice, device: str, runs: int, *, compiled: bool) -> None:
        self.encoder_spec, self.segmenter_spec = choice.specs()
        self.device, self.runs = device, runs
        chosen = choose_device(device)
        self.encoder = load_encoder(self.encoder_spec, device=chosen, compiled=compiled)
        self.segmenter = load_segmenter(self.segmenter_spec, device=chosen, compiled=compiled)
        self.picture = torch.from_numpy(to_model_input(scene(100).image))[None].to(device)

    def tokens(self) -> StageFigure:
        plain = _timm(self.encoder_spec).to(self.device)
        given = network_input(self.picture, self.encoder_spec.input_size)
        run = partial(plain.forward_intermediates, indices=1, norm=False, intermediates_only=True, output_fmt="NLC")
        return self._figure("tokens of a picture", lambda: self.encoder.encode(self.picture), {"": lambda: run(given)})

    def embedding(self) -> StageFigure:
        def ours() -> Tensor:
            return self.segmenter.embed(self.picture)

        if self.segmenter_spec.architecture not in SIZES:  # segment-anything has no such encoder
            return self._figure("embedding of a picture", ours, {})
        plain = _segment_anything(self.segmenter_spec).to(self.device)
        given = sam_input(self.picture, self.device).permute(0, 3, 1, 2)
        return self._figure("embedding of a picture", ours, {"": lambda: plain(given)})

    def masks(self) -> StageFigure:
        modules = tuple(m.to(self.device) for m in build_prompt_modules(read_weights(self.segmenter_spec).state))
        embedding = self.segmenter.embed(self.picture)[0]
        model_xy, labels = (tensor.to(self.device) for tensor in points(PROMPTS))

        def ours() -> Tensor:
            return self.segmenter.decode(self.segmenter.prepare(embedding), model_xy, labels)

        plain = {
            f"batches of {batch}": partial(mask_decoder_logits, modules, embedding, batch, model_xy, labels)
            for batch in BATCHES
        }
        return self._figure(f"masks of {PROMPTS} prompts", ours, plain)

    @torch.no_grad()
    def _figure(self, stage: str, ours: Callable[[], Any], plain: dict[str, Callable[[], Any]]) -> StageFigure:
        rounds = Rounds(self.device)
        rounds.add("ours", ours)
        on_gpu = torch.device(self.device).type == "cuda"
        for name, run in plain.items():
            rounds.add(f"plain {name}", run)
            if on_gpu:
                rounds.add(f"narrow {name}", partial(_narrowly, run))
        rounds.run(self.runs)
        best = {
            kind: min((1000 * rounds.median(name) for name in rounds.work if name.startswith(kind)), default=None)
            for kind in ("plain", "narrow")
        }
        return StageFigure(stage, 1000 * rounds.median("ours"), best["plain"], best["narrow"], self._peak(ours))

    def _peak(self, ours: Callable[[], Any]) -> float | None:
        if torch.device(self.device).type != "cuda":
            return None
        torch.cuda.reset_peak_memory_stats(self.device)
        ours()
        return torch.cuda.max_memory_allocated(self.device) / 2**30


@contextmanager
def _tf32() -> Iterator[None]:
    matmul = torch.backends.cuda.matmul
    before = matmul.allow_tf32
    matmul.allow_tf32 = True
    try:
        yield
    finally:
        matmul.allow_tf32 = before


def _narrowly(run: Callable[[], Any]) -> None:
    with _tf32(), torch.autocast("cuda", torch.bfloat16):
        run()


def _timm(spec: ModelSpec) -> Any:
    network = timm.create_model(spec.architecture, pretrained=False, img_size=spec.input_size, num_classes=0)
    network.load_state_dict({name: tensor.float() for name, tensor in read_weights(spec).state.items()})
    return network.eval()


def _segment_anything(spec: ModelSpec) -> nn.Module:
    size = SIZES[spec.architecture]
    encoder = ImageEncoderViT(
        embed_dim=size.width,
        depth=size.depth,
        num_heads=size.heads,
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
        use_rel_pos=True,
        window_size=WINDOW,
        global_attn_indexes=size.seeing_all,
    )
    prefix, state = "image_encoder.", read_weights(spec).state
    encoder.load_state_dict({n.removeprefix(prefix): t.float() for n, t in state.items() if n.startswith(prefix)})
    return encoder.eval()


def run_all(options: argparse.Namespace) -> dict[str, Any]:
    with weights_for(ModelChoice(options.model, device=options.device)) as (choice, weights):
        bench = Bench(choice, options.device, options.runs, compiled=options.compile)
        figures = [bench.tokens(), bench.embedding(), bench.masks()]
        titles = " + ".join(spec.title for spec in choice.specs())
    return {
        "device": device_title(options.device),
        "model": options.model,
        "models": titles,
        "weights": weights,
        "runs": options.runs,
        "compiled": options.compile,
        "precision": bench.encoder.precision,
        "stages": [asdict(figure) for figure in figures],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="bundled", help="preset or encoder+segmenter")
    parser.add_argument("--device", default=default_device())
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--compile", action="store_true", help="our encoders through torch.compile")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    found = run_all(options)
    table = Table(
        "stage, ms", "ours", "plain", "with autocast", "peak GiB", title=f"{found['models']}, {found['device']}"
    )
    for row in found["stages"]:
        stage, *cells = row.values()
        table.add_row(stage, *("" if cell is None else f"{cell:.1f}" for cell in cells))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
