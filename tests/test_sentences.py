from __future__ import annotations

import errno
import os

import pytest

from napari_gfsam.api import PaintError
from napari_gfsam.imaging import ImageError
from napari_gfsam.models import WeightsError
from napari_gfsam.sentences import is_expected, sentence_of


class OutOfMemoryError(RuntimeError):
    """As torch's."""


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (PaintError("Paint more."), True, "Paint more."),
        (ImageError("No picture."), True, "No picture."),
        (WeightsError("Damaged."), True, "Damaged."),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.tif"), True, "(a.tif): No such file."),
        (OSError("a.json cannot be written; choose another folder."), True, "choose another folder."),
        (PermissionError(), True, "PermissionError"),
        (OSError("It is no folder; choose another folder."), True, ": It is no folder; choose another folder."),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "b.tif"), True, "The disk is full (b.tif)"),
        (MemoryError(), True, "not enough memory"),
        (OutOfMemoryError("CUDA out of memory."), True, "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 12 bytes"), True, "not enough memory"),
        (ValueError("shapes differ"), False, "unexpected went wrong (ValueError: shapes differ)"),
        (KeyError("x"), False, "KeyError: 'x'"),
    ],
)
def test_every_error_is_one_sentence(error, expected, words):
    assert is_expected(error) == expected
    sentence = sentence_of(error)
    assert words in sentence
    assert sentence.endswith(".")
    assert not sentence.endswith("..")
    assert "\n" not in sentence
