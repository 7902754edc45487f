"""Milliseconds a prompt: `PromptDecoder` against segment-anything's `MaskDecoder`, same weights, same machine.

    python benchmarks/decoder.py [--prompts 32] [--rounds 5] [--batches 1 2 4 8 16 64] [--threads 2]

Rounds go through all candidates in turn, so that whatever else the machine does hits all of them; medians are shown.
The processor's own milliseconds (all threads together) are shown beside the clock's; the speed-up is over the best
batch size of MaskDecoder. With the bundled weights where they are, else random ones; speed does not depend on them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from rich.console import Console
from rich.table import Table
from segment_anything.modeling import MaskDecoder, PromptEncoder, TwoWayTransformer
from torch import Tensor

from napari_gfsam.models.checkpoints import build_prompt_modules
from napari_gfsam.models.decoder import PromptDecoder
from napari_gfsam.models.weights import WeightsError, read_weights

if TYPE_CHECKING:
    from collections.abc import Callable

Modules = tuple[PromptEncoder, MaskDecoder]


@dataclass
class Candidate:
    """Something that decodes so many prompts, and what it took."""

    name: str
    prompts: int
    run: Callable[[], object]
    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def measure(self) -> None:
        """Run once, on both clocks."""
        clock, processor = time.perf_counter(), time.process_time()
        self.run()
        self.clock.append(1000 * (time.perf_counter() - clock) / self.prompts)
        self.processor.append(1000 * (time.process_time() - processor) / self.prompts)


def main() -> None:
    options = parse()
    if options.threads:
        torch.set_num_threads(options.threads)
    modules, source = load_modules()
    embedding = 0.1 * torch.randn(256, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        candidates = ours(modules, embedding, options.prompts)
        candidates += [theirs(modules, embedding, batch, options.prompts) for batch in options.batches]
        for candidate in candidates:
            candidate.run()  # the first time is not like the others
        for _ in range(options.rounds):
            for candidate in candidates:
                candidate.measure()
    report(candidates, f"{source}, {torch.get_num_threads()} threads, median of {options.rounds} rounds")
    compare(modules, embedding)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prompts", type=int, default=32, help="prompts a round for PromptDecoder")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 8, 64], help="batch sizes of MaskDecoder")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 is torch's choice")
    return parser.parse_args()


def load_modules() -> tuple[Modules, str]:
    try:
        return build_prompt_modules(read_weights("mobile_sam").state), "bundled MobileSAM"
    except WeightsError:
        torch.manual_seed(0)
        transformer = TwoWayTransformer(depth=2, embedding_dim=256, num_heads=8, mlp_dim=2048)
        prompt_encoder = PromptEncoder(256, (64, 64), (1024, 1024), 16)
        return (prompt_encoder, MaskDecoder(transformer_dim=256, transformer=transformer)), "random weights"


def points(count: int) -> tuple[Tensor, Tensor]:
    model_xy = torch.randint(0, 1024, (count, 1, 2), generator=torch.Generator().manual_seed(1))
    return model_xy, torch.ones(count, 1, dtype=torch.int64)


def ours(modules: Modules, embedding: Tensor, prompts: int) -> list[Candidate]:
    decoder = PromptDecoder(*modules)
    prepared = decoder.prepare(embedding)
    many, one = points(prompts), points(1)
    return [
        Candidate("PromptDecoder.prepare, an image", 1, lambda: decoder.prepare(embedding)),
        Candidate("PromptDecoder, one prompt alone", 1, lambda: decoder.decode(prepared, *one)),
        Candidate(f"PromptDecoder, {prompts} prompts", prompts, lambda: decoder.decode(prepared, *many)),
    ]


def theirs(modules: Modules, embedding: Tensor, batch: int, prompts: int) -> Candidate:
    count = batch * max(1, min(prompts, 8) // batch)
    return Candidate(
        f"MaskDecoder, batches of {batch}",
        count,
        lambda: mask_decoder_logits(modules, embedding, batch, *points(count)),
    )


def mask_decoder_logits(modules: Modules, embedding: Tensor, batch: int, model_xy: Tensor, labels: Tensor) -> Tensor:
    prompt_encoder, mask_decoder = modules
    position, logits = prompt_encoder.get_dense_pe(), []
    for xy, label in zip(model_xy.split(batch), labels.split(batch), strict=True):
        sparse, dense = prompt_encoder((xy, label), None, None)
        logits.append(mask_decoder(embedding[None], position, sparse, dense, False)[0][:, 0])
    return torch.cat(logits)


def report(candidates: list[Candidate], title: str) -> None:
    best = min(statistics.median(c.clock) for c in candidates if c.name.startswith("MaskDecoder"))
    table = Table(title=title)
    for heading in ("ms a prompt", "clock", "processor", "speed-up"):
        table.add_column(heading, justify="left" if heading == "ms a prompt" else "right")
    for candidate in candidates:
        clock, processor = statistics.median(candidate.clock), statistics.median(candidate.processor)
        ratio = "" if ".prepare" in candidate.name else f"{best / clock:.2f}"
        table.add_row(candidate.name, f"{clock:.1f}", f"{processor:.1f}", ratio)
    Console().print(table)


@torch.no_grad()
def compare(modules: Modules, embedding: Tensor) -> None:
    decoder, prompts = PromptDecoder(*modules), points(4)
    found = decoder.decode(decoder.prepare(embedding), *prompts)
    expected = mask_decoder_logits(modules, embedding, 1, *prompts)
    largest, difference = expected.abs().max().item(), (found - expected).abs().max().item()
    flipped = ((found > 0) != (expected > 0)).sum().item()
    Console().print(f"logits up to {largest:.1f} differ by at most {difference:.1e}; {flipped} mask pixels differ")


if __name__ == "__main__":
    main()
