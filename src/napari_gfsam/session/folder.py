"""Session folders: where the work of one viewer is kept, and which of them can be gone on with."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from napari_gfsam.session.shelf import SessionError

#: Environment variable that names another place for all sessions.
ROOT_VARIABLE = "NAPARI_GFSAM_SESSIONS"
ALIVE, DESCRIPTION, FINISHED = "alive.json", "session.json", "finished"
#: Names that we give: no other folder is ever offered or deleted.
NAME = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class SessionFolder:
    """The folder of one session.

    It holds ``session.json`` (see `saved`), ``labels`` (see `shelf`), ``predictions`` (see `store`), ``alive.json``
    while a process uses it, and ``finished`` once nobody wants to go on with it.

    Parameters
    ----------
    path
        The folder.
    """

    path: Path

    @classmethod
    def create(cls, root: Path | None = None) -> SessionFolder:
        """Make a new folder, in use by this process.

        Parameters
        ----------
        root
            Where sessions are; `default_root` when not given.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If it cannot be made.
        """
        name = f"{time.strftime('%Y-%m-%d_%H-%M-%S')}_{uuid4().hex[:8]}"
        folder = cls((root or default_root()) / name)
        folder._use()
        return folder

    def take_over(self) -> None:
        """Go on with it in this process.

        Raises
        ------
        SessionError
            If another process uses it.
        napari_gfsam.io.writers.OutputError
            If it cannot be written to.
        """
        if self.in_use:
            raise SessionError(f"The session {self.path.name} is open in another window; close that one first.")
        self._use()

    @property
    def description(self) -> Path:
        """The file that describes the session."""
        return self.path / DESCRIPTION

    @property
    def labels(self) -> Path:
        """Folder of label planes and pictures."""
        return self.path / "labels"

    @property
    def predictions(self) -> Path:
        """Folder of predictions."""
        return self.path / "predictions"

    @property
    def in_use(self) -> bool:
        """Whether a process that still runs uses it."""
        return _runs(self.path / ALIVE)

    @property
    def holds_work(self) -> bool:
        """Whether something was saved in it."""
        return self.description.is_file()

    @property
    def finished(self) -> bool:
        """Whether nobody wants to go on with it."""
        return (self.path / FINISHED).exists()

    @property
    def size_bytes(self) -> int:
        """Bytes of all its files."""
        return sum(_size(path) for path in self.path.rglob("*"))

    def finish(self) -> None:
        """Say that nobody wants to go on with it, unless a process does just that; its files stay until `remove`.

        Raises
        ------
        napari_gfsam.io.writers.OutputError
            If it cannot be written to.
        """
        from napari_gfsam.io.writers import write_text

        if not self.in_use:
            write_text(self.path / FINISHED, "")

    def close(self) -> None:
        """Let go of it: it can be gone on with later. One that holds no work is deleted.

        One that cannot be reached stays in use until this process ends.
        """
        with suppress(OSError):
            if self.holds_work:
                (self.path / ALIVE).unlink(missing_ok=True)
            else:
                self.remove()

    def remove(self) -> None:
        """Delete it with all that is in it; what cannot be deleted stays."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _use(self) -> None:
        from napari_gfsam.io.writers import write_json

        write_json(self.path / ALIVE, {"pid": os.getpid(), "started": _started(os.getpid())})
        (self.path / FINISHED).unlink(missing_ok=True)


def default_root() -> Path:
    """Return where sessions are kept: what the environment names, else the user's data folder."""
    from platformdirs import user_data_path

    named = os.environ.get(ROOT_VARIABLE)
    return Path(named).expanduser() if named else user_data_path("napari-gfsam", appauthor=False) / "sessions"


def session_folders(root: Path | None = None) -> tuple[SessionFolder, ...]:
    """Return the folders that hold work and that no process uses, the newest first; empty ones are deleted.

    Parameters
    ----------
    root
        Where sessions are; `default_root` when not given.
    """
    root = root or default_root()
    try:
        paths = [path for path in root.iterdir() if NAME.fullmatch(path.name) and path.is_dir()]
    except OSError:
        return ()
    idle = [folder for folder in map(SessionFolder, paths) if not folder.in_use]
    for folder in idle:
        if not folder.holds_work:
            folder.remove()
    return tuple(sorted((folder for folder in idle if folder.holds_work), key=_saved_at, reverse=True))


def latest_unfinished(root: Path | None = None) -> SessionFolder | None:
    """Return the newest session to go on with: its process is gone and it holds work; ``None`` if there is none."""
    return next((folder for folder in session_folders(root) if not folder.finished), None)


def finished_sessions(root: Path | None = None, *, keep: int = 0) -> tuple[SessionFolder, ...]:
    """Return finished sessions beyond the `keep` newest, for a person who wants the room back to `remove` them."""
    return tuple(folder for folder in session_folders(root) if folder.finished)[keep:]


def _saved_at(folder: SessionFolder) -> float:
    try:
        return folder.description.stat().st_mtime
    except OSError:
        return 0.0


def _size(path: Path) -> int:
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0


def _started(pid: int) -> float | None:
    """Return when a process started, seconds since 1970; ``None`` if it is gone."""
    import psutil

    try:
        return float(psutil.Process(pid).create_time())
    except psutil.NoSuchProcess:
        return None
    except psutil.Error:  # not ours to look at: it runs, whenever it started
        return -1.0


def _runs(alive: Path) -> bool:
    try:
        data: Any = json.loads(alive.read_text(encoding="utf-8"))
        started, found = float(data["started"]), _started(int(data["pid"]))
    except (OSError, ValueError, TypeError, KeyError, OverflowError, RecursionError):
        return False
    # Numbers of processes are used again; a start a second apart is another process.
    return found is not None and (found < 0 or abs(found - started) < 1)
