from __future__ import annotations

import ctypes
import os
import tempfile

import pytest
import torch

from napari_gfsam.models.libraries import open_libraries
from tests.fakes import FakeEncoder, FakeSegmenter, disc_picture, use_fakes

# Before any test opens a window: after it, importing the models may kill the process.
open_libraries()


def pytest_configure(config):
    """Keep settings and caches, napari's too, in a folder of this process: not in a person's, nor another process's."""
    home = tempfile.TemporaryDirectory(prefix="napari-gfsam-", ignore_cleanup_errors=True)
    config.add_cleanup(home.cleanup)
    os.environ.update(
        {f"XDG_{kind}_HOME": os.path.join(home.name, kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_setupnodes(specs):
    """With ``-n``: each process of the tests, and what it starts, uses its share of the cores."""
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // len(specs))))


@pytest.fixture(scope="module", autouse=True)
def give_memory_back():
    """Let go of freed memory that glibc keeps for the many threads of the tests: gigabytes in the end."""
    yield
    if os.name == "posix" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


@pytest.fixture(scope="module")
def two_threads():
    """Two threads for the models, as on two cores, however many the processes of the tests leave them."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def fake_models(monkeypatch: pytest.MonkeyPatch) -> tuple[FakeEncoder, FakeSegmenter]:
    """Quick stand-ins for both models, wherever a Segmenter loads them."""
    return use_fakes(monkeypatch)


@pytest.fixture
def painted_pair():
    """A picture of bright discs with its labels, and another one with its truth."""
    return (*disc_picture(seed=1), *disc_picture(seed=2))
