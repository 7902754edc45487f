"""Which pictures are meant by files, folders and globs, and what their outputs are called."""

from __future__ import annotations

import glob
import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from napari_gfsam.datasets.pictures import absolute, is_zarr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

LABELS, INSTANCES, OVERLAY, RECORD = "_labels", "_instances", "_overlay.png", "_record.json"
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Target:
    """A picture to segment and the name its outputs begin with."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class Problem:
    """A word that names no picture, and the sentence about it."""

    word: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Found:
    """Pictures in the order in which they were named, and the words that name none."""

    paths: tuple[Path, ...]
    problems: tuple[Problem, ...]


def find_pictures(words: Iterable[str], leave_out: Iterable[Path] = ()) -> Found:
    """Expand files, folders and globs.

    Parameters
    ----------
    words
        As typed. A word that names an existing path is never read as a glob.
    leave_out
        Files that folders and globs do not mean (the references' label images); a file named itself is always meant.

    Returns
    -------
    Every picture once. Folders are not searched deeper; our own outputs in them are passed over.
    """
    paths: dict[Path, Path] = {}
    problems = []
    hidden, places = {absolute(path) for path in leave_out}, _Places()
    for word in words:
        named = Path(word).expanduser()
        if named.exists() and (not named.is_dir() or is_zarr(named)):
            found = {places.of(named): named}
        else:
            each = ((places.of(path), path) for path in _inside(named, word))
            found = {place: path for place, path in each if place not in hidden and not is_output(path)}
        if not found:
            problems.append(Problem(word, _nothing(word, named)))
        for place, path in found.items():
            paths.setdefault(place, path)
    return Found(tuple(paths.values()), tuple(problems))


def name_targets(paths: Sequence[Path]) -> tuple[Target, ...]:
    """Give every picture a name of its own: its stem, or with folder, suffix or a hash where stems meet."""
    names = [path.stem for path in paths]
    wider: tuple[Callable[[Path], str], ...] = (_with_folder, _with_suffix, _with_hash)
    for widen in wider:
        count = Counter(name.casefold() for name in names)
        names = [name if count[name.casefold()] == 1 else widen(path) for name, path in zip(names, paths, strict=True)]
    return tuple(Target(path, name) for path, name in zip(paths, names, strict=True))


def is_output(path: Path) -> bool:
    """Tell whether a file is an output of ours: named like one and with its run record beside it."""
    for ending in (f"{LABELS}{path.suffix}", f"{INSTANCES}{path.suffix}", OVERLAY):
        if path.name.endswith(ending):
            return path.with_name(path.name.removesuffix(ending) + RECORD).is_file()
    return False


def natural(path: Path | str) -> list[tuple[int, str]]:
    """Return a key that sorts plane2 before plane10."""
    parts = re.split(r"(\d+)", str(path).casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _inside(named: Path, word: str) -> list[Path]:
    from napari_gfsam.io.readers import IMAGE_SUFFIXES

    if named.is_dir():
        with os.scandir(named) as entries:  # tells files from folders without a look at each
            candidates = [named / entry.name for entry in entries if entry.is_file() or entry.name.endswith(".zarr")]
    elif _GLOB.search(word):
        found = map(Path, glob.iglob(str(named), recursive=True))
        candidates = [path for path in found if path.is_file() or is_zarr(path)]
    else:
        return []
    pictures = (path for path in candidates if path.suffix.lower() in (*IMAGE_SUFFIXES, ".zarr"))
    return sorted((path for path in pictures if not path.name.startswith(".")), key=natural)


class _Places:
    """Absolute paths of many files in few folders: each folder is resolved once."""

    def __init__(self) -> None:
        self._folders: dict[Path, Path] = {}

    def of(self, path: Path) -> Path:
        """Return what `absolute` does."""
        if path.is_symlink() or path.name == "..":
            return absolute(path)
        folder = path.parent
        if folder not in self._folders:
            self._folders[folder] = absolute(folder)
        return self._folders[folder] / path.name


def _nothing(word: str, named: Path) -> str:
    if named.is_dir():
        return f"The folder {word} holds no picture (TIFF, PNG, JPEG or BMP)."
    return f"No picture matches {word}." if _GLOB.search(word) else f"{word} does not exist."


def _with_folder(path: Path) -> str:
    return f"{absolute(path).parent.name}_{path.stem}"


def _with_suffix(path: Path) -> str:
    return f"{_with_folder(path)}_{path.suffix.lstrip('.')}"


def _with_hash(path: Path) -> str:
    digest = hashlib.blake2b(str(absolute(path)).encode("utf-8", "surrogateescape"), digest_size=4).hexdigest()
    return f"{path.stem}_{digest}"
