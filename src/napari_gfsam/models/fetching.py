"""Fetching weights: only when asked, resumable, cancellable, checked before the file takes its place.

>>> for event in fetch("sam_vit_b"):
...     if isinstance(event, FetchProgress):
...         print(event.done_bytes, event.total_bytes)

Closing the generator cancels; what has arrived is kept and the next call goes on with it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import math
import os
import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from filelock import FileLock, Timeout

from napari_gfsam.models.registry import ModelSpec, model_spec
from napari_gfsam.models.storage import FOLDER_VARIABLE, read_pin, write_pin
from napari_gfsam.models.tensor_files import TensorFileError, check_container
from napari_gfsam.models.transfer import Interrupted, Part, Refused, open_session, receive
from napari_gfsam.models.weights import WeightsError, check_xxh128, locate, verify

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import BufferedReader
    from pathlib import Path

    import requests

#: Environment variable that names mirrors: base addresses, separated by blanks, that hold the files by their names.
MIRROR_VARIABLE = "NAPARI_GFSAM_MIRROR"
_BLOCK = 2**20
_SPARE_BYTES = 64 * 2**20
_TICK_S = 0.2


class FetchError(WeightsError):
    """A file that could not be fetched; the message is one sentence and says how to do without."""


@dataclass(frozen=True, slots=True)
class FetchProgress:
    """How far a fetch is.

    Parameters
    ----------
    model_id
        The model.
    stage
        ``download``, ``wait`` (before another try) or ``check`` (of the hash).
    done_bytes, total_bytes
        Bytes that have arrived or been checked; the total is None where the server does not tell.
    message
        For ``wait``, why; else empty.
    """

    model_id: str
    stage: Literal["download", "wait", "check"]
    done_bytes: int
    total_bytes: int | None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The file is there and is what it should be; the last event.

    Parameters
    ----------
    model_id
        The model.
    path
        Its file.
    sha256
        Its hash.
    """

    model_id: str
    path: Path
    sha256: str


FetchEvent = FetchProgress | Fetched


@dataclass(frozen=True, slots=True)
class Patience:
    """When to give up.

    Parameters
    ----------
    timeout_s
        Seconds of silence after which a server counts as stalled; a cancelled fetch ends after them at the latest.
    tries
        Tries in a row that bring less than a megabyte.
    pause_s
        Seconds before the second try; doubled for each further one.
    """

    timeout_s: float = 15.0
    tries: int = 4
    pause_s: float = 1.0


DEFAULT_PATIENCE = Patience()


def fetch(
    model: str | ModelSpec, *, mirror: str | None = None, patience: Patience = DEFAULT_PATIENCE
) -> Iterator[FetchEvent]:
    """Fetch a model's weights into the models folder.

    Nothing happens before the first event is asked for. An intact file that is there already is not fetched again.

    Parameters
    ----------
    model
        Id or description.
    mirror
        Base address, or several separated by blanks, that hold the file by its name; they take the place of the
        publisher's. None means what ``NAPARI_GFSAM_MIRROR`` says, and without it the publisher's.
    patience
        When to give up.

    Yields
    ------
    `FetchProgress`, several a second unless the server is silent, and `Fetched` at the end.

    Raises
    ------
    FetchError
        If the file cannot be had, is not the published one, or cannot be stored; no part of a wrong file is left.
    ValueError
        If there is no such model.
    """
    spec = model_spec(model)
    path = locate(spec)
    if path.is_file():
        yield FetchProgress(spec.id, "check", 0, path.stat().st_size)
        check = verify(spec)
        if check.sha256 is not None:
            yield Fetched(spec.id, path, check.sha256)
            return
    if spec.bundled or spec.path:
        raise FetchError(verify(spec).message)
    addresses, part = _addresses(spec, mirror), Part(path)
    with _held(spec, path):
        _check_room(spec, part)
        yield from _load(spec, addresses, part, patience)
        yield from _accept(spec, part)


def _addresses(spec: ModelSpec, mirror: str | None) -> list[str]:
    bases = (os.environ.get(MIRROR_VARIABLE, "") if mirror is None else mirror).split()
    addresses = [f"{base.rstrip('/')}/{spec.file_name}" for base in bases] or [spec.source]
    for address in addresses:
        if not address.startswith(("https://", "http://")):
            raise FetchError(
                f"Model {spec.id!r} cannot be fetched from {address!r}, which is no web address: "
                f"put {spec.file_name} into the folder {locate(spec).parent}."
            )
    return addresses


@contextlib.contextmanager
def _held(spec: ModelSpec, path: Path) -> Iterator[None]:
    """Make the folder and keep other programs from fetching the same file."""
    lock = path.with_name(path.name + ".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held = FileLock(lock, timeout=0, thread_local=False)  # a generator may be closed by another thread
        held.acquire()
    except Timeout as error:
        raise FetchError(f"Model {spec.id!r} is being fetched by another program: wait for it or stop it.") from error
    except OSError as error:
        raise FetchError(_unwritable(path.parent, error)) from error
    try:
        yield
    finally:
        held.release()
        lock.unlink(missing_ok=True)


def _check_room(spec: ModelSpec, part: Part) -> None:
    wanted, folder = spec.expected_bytes, part.target.parent
    free = shutil.disk_usage(folder).free
    if wanted is not None and wanted - part.size + _SPARE_BYTES > free:
        raise FetchError(
            f"Model {spec.id!r} takes {wanted / 1e6:.0f} MB and {folder} has {free / 1e6:.0f} MB left: "
            f"free some, or set {FOLDER_VARIABLE} to another folder."
        )


def _load(spec: ModelSpec, addresses: list[str], part: Part, patience: Patience) -> Iterator[FetchProgress]:
    """Load from the first address that gives the file."""
    reasons = []
    with open_session("napari-gfsam") as session:
        for address in addresses:
            try:
                yield from _try_address(session, spec, address, part, patience)
            except (Refused, Interrupted) as error:
                reasons.append(f"{address} {error}")
            except OSError as error:
                part.discard()
                raise FetchError(_unwritable(part.target.parent, error)) from error
            else:
                return
    kept = f" ({part.size / 1e6:.0f} MB are kept for the next try)" if part.size else ""
    raise FetchError(
        f"Model {spec.id!r} could not be fetched, as {', and '.join(reasons)}{kept}: check the connection, "
        f"or get the file elsewhere and put it as {spec.file_name} into the folder {part.target.parent}."
    )


def _try_address(
    session: requests.Session, spec: ModelSpec, address: str, part: Part, patience: Patience
) -> Iterator[FetchProgress]:
    """Load from one address, again and again as long as there is progress."""
    tries, checked = 0, bool(spec.sha256 or spec.xxh128)
    while True:
        before = part.size
        try:
            for done, total in receive(
                session, address, part, length=spec.size_bytes, checked=checked, timeout_s=patience.timeout_s
            ):
                yield FetchProgress(spec.id, "download", done, total)
        except Interrupted as error:
            tries = 0 if part.size - before >= _BLOCK else tries + 1
            if tries >= patience.tries:
                raise
            wait_s = max(error.wait_s, patience.pause_s * 2 ** max(tries - 1, 0))
            yield from _wait(
                FetchProgress(spec.id, "wait", part.size, spec.expected_bytes, f"The server {error}"), wait_s
            )
        else:
            return


def _wait(event: FetchProgress, seconds: float) -> Iterator[FetchProgress]:
    ticks = max(math.ceil(seconds / _TICK_S), 1)
    for _ in range(ticks):
        yield event
        time.sleep(seconds / ticks)


def _accept(spec: ModelSpec, part: Part) -> Iterator[FetchEvent]:
    """Check what has arrived and move it to its place."""
    path, digest, size = part.target, hashlib.sha256(), part.size
    try:
        with part.path.open("rb") as file:
            for done in range(0, size, _BLOCK):
                digest.update(file.read(_BLOCK))
                yield FetchProgress(spec.id, "check", min(done + _BLOCK, size), size)
            sha256 = digest.hexdigest()
            _check(spec, part, file, sha256)
        write_pin(path, sha256)
        os.replace(part.path, path)
    except FetchError:
        part.discard()
        raise
    except OSError as error:
        part.discard()
        raise FetchError(_unwritable(path.parent, error)) from error
    part.discard()
    yield Fetched(spec.id, path, sha256)


def _check(spec: ModelSpec, part: Part, file: BufferedReader, sha256: str) -> None:
    """Compare with the published hash, else with the one first seen, else see that the file is a whole weights file."""
    if spec.size_bytes is not None and part.size != spec.size_bytes:
        raise FetchError(_wrong(spec, f"has {part.size} bytes instead of {spec.size_bytes}"))
    try:
        known = spec.sha256 or read_pin(part.target)
    except ValueError:
        known = None  # what is stored is no hash; it is written anew
    if known is not None and sha256 != known:
        whose = "published" if spec.sha256 else "first fetched"
        raise FetchError(
            _wrong(spec, f"is not the one {whose}, its sha256 begins with {sha256[:12]}, not {known[:12]}")
        )
    if known is not None:
        return
    try:
        check_xxh128(spec, part.target, file)
        check_container(file)
    except WeightsError as error:
        raise FetchError(_wrong(spec, "is not the one published, its xxh128 is another")) from error
    except TensorFileError as error:
        raise FetchError(_wrong(spec, str(error))) from error


def _wrong(spec: ModelSpec, what: str) -> str:
    return f"The file fetched for model {spec.id!r} {what}, and was deleted: fetch it again or use another mirror."


def _unwritable(folder: Path, error: OSError) -> str:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    what = "has no room left" if full else f"cannot be written ({error.strerror or error})"
    return f"The models folder {folder} {what}: free some room there, or set {FOLDER_VARIABLE} to another folder."
