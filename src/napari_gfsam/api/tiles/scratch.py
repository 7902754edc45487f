"""Temporary folders of this process; those that killed processes left behind are removed.

All folders of a process lie in one, which it holds a lock on as long as it lives. Who can take the lock of another one
knows that its process is gone.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

PREFIX, LOCK = "napari-gfsam-tiles-", "lock"
#: Seconds that a folder is left alone: its process may not have locked it yet.
NEW = 60
_guard = Lock()
_held: dict[Path, BaseFileLock] = {}


def new_folder() -> Path:
    """Make a folder for temporary files, the first time after a look for what killed processes left."""
    place = Path(tempfile.gettempdir())
    with _guard:
        root = next((root for root in _held if root.parent == place and root.is_dir()), None)
        if root is None:
            remove_left(place)
            root = _made(place)
    return Path(tempfile.mkdtemp(dir=root))


def remove_left(place: Path) -> list[Path]:
    """Remove the folders of processes that are gone, and return them; folders of others and new ones stay."""
    return [root for root in place.glob(f"{PREFIX}*") if root not in _held and _is_left(root) and _remove(root)]


def _made(place: Path) -> Path:
    root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=place))
    lock = _lock(root)
    with suppress(NotImplementedError):  # some network drives have no locks
        lock.acquire(timeout=0)
    _held[root] = lock
    return root


def _is_left(root: Path) -> bool:
    """Tell whether a folder is one of ours and old enough to be looked at."""
    try:
        found = root.lstat()
        mine = not hasattr(os, "getuid") or found.st_uid == os.getuid()
        return mine and root.is_dir() and not root.is_symlink() and time.time() - found.st_mtime > NEW
    except OSError:
        return False


def _remove(root: Path) -> bool:
    """Remove a folder whose lock can be taken; tell whether it was."""
    from filelock import Timeout

    lock = _lock(root)
    if not (root / LOCK).is_file():
        return False
    try:
        lock.acquire(timeout=0)
    except (Timeout, NotImplementedError, OSError):
        return False
    lock.release()
    shutil.rmtree(root, ignore_errors=True)
    return True


def _lock(root: Path) -> BaseFileLock:
    from filelock import FileLock

    return FileLock(root / LOCK)


@atexit.register
def _leave() -> None:
    for root, lock in _held.items():
        lock.release(force=True)
        shutil.rmtree(root, ignore_errors=True)
