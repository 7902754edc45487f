"""How many CPU threads the models use."""

from __future__ import annotations


def use_threads(threads: int | None) -> None:
    """Use so many CPU threads; ``None`` leaves the choice to torch."""
    if threads is not None:
        import torch

        torch.set_num_threads(threads)
