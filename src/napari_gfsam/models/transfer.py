"""One file over HTTP into a partial file that a later try can go on with.

requests does the HTTP: it brings its own list of certificates to every platform, honours the usual variables
(HTTPS_PROXY, NO_PROXY, REQUESTS_CA_BUNDLE), and lets a transfer be stopped between blocks, which pooch does not.
"""

from __future__ import annotations

import json
import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BLOCK = 2**16
_TICK_S = 0.1
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_LONGEST_WAIT_S = 60.0


class Refused(Exception):
    """An address that will not give the file; another may. The message is part of a sentence."""


class Interrupted(Exception):
    """A transfer that may be taken up again. The message is part of a sentence.

    Parameters
    ----------
    message
        What happened.
    wait_s
        Seconds that the server asks to be left alone.
    """

    def __init__(self, message: str, wait_s: float = 0.0) -> None:
        super().__init__(message)
        self.wait_s = wait_s


@dataclass(frozen=True, slots=True)
class Part:
    """What has arrived of a file, beside the place where the whole file will be.

    Parameters
    ----------
    target
        That place.
    """

    target: Path

    @property
    def path(self) -> Path:
        """The partial file."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def note(self) -> Path:
        """Where it is noted whence the partial file came."""
        return self.target.with_name(self.target.name + ".part.json")

    @property
    def size(self) -> int:
        """Bytes that have arrived."""
        return self.path.stat().st_size if self.path.exists() else 0

    def discard(self) -> None:
        """Delete the partial file and its note."""
        self.path.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)

    def origin(self) -> dict[str, str]:
        """Return the address that the bytes came from and the server's name for that version of the file."""
        try:
            found = json.loads(self.note.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def begin(self, address: str, version: str) -> None:
        """Start an empty partial file."""
        self.path.write_bytes(b"")
        self.note.write_text(json.dumps({"address": address, "version": version}), encoding="utf-8")


def open_session(agent: str) -> requests.Session:
    """Return a session that sends no credentials: requests would look for them in ~/.netrc."""
    session = requests.Session()
    session.auth = lambda request: request
    session.headers.update({"User-Agent": agent, "Accept-Encoding": "identity"})
    return session


def receive(
    session: requests.Session, address: str, part: Part, *, length: int | None, checked: bool, timeout_s: float
) -> Iterator[tuple[int, int | None]]:
    """Load a file, or what is missing of it, into a partial file.

    Parameters
    ----------
    session
        From `open_session`.
    address
        Where the file is.
    part
        Where it goes.
    length
        Bytes that the file must have, None where that is not known.
    checked
        Whether the whole is compared with a published hash afterwards; if not, bytes are only added to those of a file
        whose version the server names.
    timeout_s
        Seconds of silence after which the server counts as stalled.

    Yields
    ------
    Bytes that have arrived, and bytes in all where that is known, every tenth of a second.

    Raises
    ------
    Refused
        If the file is not to be had there.
    Interrupted
        If the transfer was cut, stalled, or the server is busy.
    OSError
        If the partial file cannot be written.
    """
    origin, have = part.origin(), part.size
    version = origin.get("version", "")
    if have and (origin.get("address") != address or not (version or checked)):
        have = 0
    asked = {"Range": f"bytes={have}-"} if have else {}
    if have and version:
        asked["If-Range"] = version
    with _trouble_named(), session.get(address, headers=asked, stream=True, timeout=timeout_s) as answer:
        start, total = _extent(answer, have, part)
        if None not in (length, total) and total != length:
            raise Refused(f"offers {total} bytes instead of {length}, which is another file")
        if start == 0:
            part.begin(address, _version(answer))
        yield start, total
        yield from _write(answer, part, start, total, length)


def _write(
    answer: requests.Response, part: Part, done: int, total: int | None, length: int | None
) -> Iterator[tuple[int, int | None]]:
    if answer.status_code == 416:
        return
    told = time.monotonic()
    with part.path.open("ab") as file:
        for block in answer.iter_content(_BLOCK):
            done += len(block)
            if length is not None and done > length:
                part.discard()
                raise Refused(f"sends more than {length} bytes, which is another file")
            file.write(block)
            if time.monotonic() - told > _TICK_S:
                told = time.monotonic()
                yield done, total
    if total is not None and done < total:
        raise Interrupted(f"stopped after {done} of {total} bytes")
    yield done, total


def _extent(answer: requests.Response, have: int, part: Part) -> tuple[int, int | None]:
    """Return from which byte on the answer goes and how long the file is."""
    status = answer.status_code
    if status == 200:
        if answer.headers.get("Content-Type", "").startswith("text/html"):
            raise Refused("answers with a web page instead of the file, as login pages and firewalls do")
        told = answer.headers.get("Content-Length", "")
        return 0, int(told) if told.isdecimal() else None
    if status in (206, 416):
        first, total = _content_range(answer)
        if status == 206 and first == have:
            return have, total
        if status == 416 and total == have:
            return have, total
        part.discard()
        raise Interrupted("does not go on where it stopped")
    raise _failure(answer)


def _content_range(answer: requests.Response) -> tuple[int | None, int | None]:
    found = re.fullmatch(r"bytes (?:(\d+)-\d+|\*)/(?:(\d+)|\*)", answer.headers.get("Content-Range", ""))
    first, total = found.groups() if found else (None, None)
    return (None if first is None else int(first)), (None if total is None else int(total))


def _failure(answer: requests.Response) -> Refused | Interrupted:
    said = f"answers {answer.status_code}{f' ({answer.reason})' if answer.reason else ''}"
    if answer.status_code not in _BUSY:
        return Refused(said)
    asked = answer.headers.get("Retry-After", "")
    return Interrupted(said, min(float(asked), _LONGEST_WAIT_S) if asked.isdecimal() else 0.0)


def _version(answer: requests.Response) -> str:
    tag = str(answer.headers.get("ETag", ""))
    return tag if tag and not tag.startswith("W/") else str(answer.headers.get("Last-Modified", ""))


@contextmanager
def _trouble_named() -> Iterator[None]:
    """Say in words what requests raises; its errors are OSErrors, which the caller takes for those of the disk."""
    try:
        yield
    except requests.exceptions.SSLError as error:
        raise Refused(
            "has a certificate that is not trusted here (behind a firewall, set REQUESTS_CA_BUNDLE to its certificate)"
        ) from error
    except requests.exceptions.ProxyError as error:
        raise Refused("cannot be reached through the proxy that HTTP_PROXY or HTTPS_PROXY names") from error
    except requests.exceptions.ConnectTimeout as error:
        raise Interrupted("cannot be reached") from error
    except requests.exceptions.Timeout as error:
        raise Interrupted("stalls") from error
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError) as error:
        raise Interrupted(_what_broke(error)) from error
    except requests.exceptions.RequestException as error:
        raise Refused(f"cannot be asked ({type(error).__name__})") from error


def _what_broke(error: Any) -> str:
    """Tell a stall and a cut, which requests both reports as a ConnectionError, from a server that is not there."""
    text = str(error)
    if "timed out" in text:
        return "stalls"
    return "cannot be reached" if "Max retries" in text else "was cut off"
