"""A pack as a zip: written the same for the same content, read with every name, size and hash checked.

Members are only ever read into memory, by the names that the manifest gives; nothing is unpacked.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from contextlib import contextmanager
from io import BytesIO
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from napari_gfsam.io.packs.manifest import MANIFEST, Manifest, parse
from napari_gfsam.io.packs.types import PackError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

MOST_MEMBERS = 2000
MOST_MANIFEST_BYTES = 16 * 2**20
MOST_MEMBER_BYTES = 2**30
MOST_BYTES = 2 * 2**30
#: The first moment that a zip can name, and a plain file that everybody may read.
_MOMENT, _PLAIN_FILE, _UNIX = (1980, 1, 1, 0, 0, 0), 0o100644 << 16, 3
_ENCRYPTED = 0x1
#: What zipfile raises for cut and altered files.
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OverflowError)


def to_bytes(manifest: Manifest, members: Mapping[str, bytes]) -> bytes:
    """Return the file: the manifest first and deflated, the members (compressed by themselves) stored."""
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(_entry(MANIFEST), manifest.to_bytes(), zipfile.ZIP_DEFLATED)
        for name in sorted(members):
            file.writestr(_entry(name), members[name], zipfile.ZIP_STORED)
    return buffer.getvalue()


def hash_of(content: bytes) -> str:
    """Return the SHA-256 of a member."""
    return hashlib.sha256(content).hexdigest()


class PackFile:
    """An open pack whose manifest is read; made by `open_pack`."""

    def __init__(self, file: zipfile.ZipFile) -> None:
        self._file, self._entries = file, _checked_entries(file)
        if MANIFEST not in self._entries:
            raise PackError(f"it has no {MANIFEST}")
        if self._entries[MANIFEST].file_size > MOST_MANIFEST_BYTES:
            raise PackError("its list of contents is too large")
        self.manifest = parse(self._read(MANIFEST))
        listed, there = set(self.manifest.members), set(self._entries) - {MANIFEST}
        for name in sorted(listed ^ there):
            raise PackError(f"{name!r} is {'missing' if name in listed else 'not in its list of contents'}")

    def member(self, name: str) -> bytes:
        """Return a member, if it is the very one that the manifest names.

        Raises
        ------
        PackError
            If it is not.
        """
        if name not in self.manifest.members:
            raise PackError(f"{name!r} is not in its list of contents")
        content = self._read(name)
        if hash_of(content) != self.manifest.members[name]:
            raise PackError(f"{name!r} was altered (its hash is another one)")
        return content

    def _read(self, name: str) -> bytes:
        entry = self._entries[name]
        with self._file.open(entry) as member:
            content = member.read(entry.file_size + 1)
        if len(content) != entry.file_size:
            raise PackError(f"{name!r} is not as large as it says")
        return content


@contextmanager
def open_pack(path: Path) -> Iterator[PackFile]:
    """Open a pack; whatever is wrong with it or found wrong while it is open is one sentence with its name.

    Raises
    ------
    PackError
        If it is missing, damaged, altered, no pack, too large, or of a newer version.
    """
    try:
        with zipfile.ZipFile(path) as file:
            yield PackFile(file)
    except PackError as error:
        raise PackError(f"{path} cannot be used as a pack: {error}.") from error
    except OSError as error:
        raise PackError(f"{path} cannot be read ({error.strerror or error}).") from error
    except MemoryError as error:
        raise PackError(f"{path} is larger than the memory; it may be damaged.") from error
    except _DAMAGED as error:
        raise PackError(f"{path} is no pack, or is damaged or cut short; get it again.") from error


def _entry(name: str) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, _MOMENT)
    made.external_attr, made.create_system = _PLAIN_FILE, _UNIX
    return made


def _checked_entries(file: zipfile.ZipFile) -> dict[str, Any]:
    """Return the members by name, if names and sizes are such as a pack has."""
    entries = [entry for entry in file.infolist() if not entry.is_dir()]
    if len(entries) > MOST_MEMBERS:
        raise PackError(f"it holds {len(entries)} files, and a pack has {MOST_MEMBERS} at most")
    names = [entry.filename for entry in entries]
    if len(set(names)) < len(names):
        raise PackError("it holds two files of one name")
    for entry in entries:
        _require_plain(entry)
    total = sum(entry.file_size for entry in entries)
    if total > MOST_BYTES:
        raise PackError(f"it would take {total >> 20} MB unpacked, and {MOST_BYTES >> 20} MB are allowed")
    return {entry.filename: entry for entry in entries}


def _require_plain(entry: zipfile.ZipInfo) -> None:
    name = entry.orig_filename
    parts = PurePosixPath(name).parts
    if name != "/".join(parts) or ".." in parts or any(part in name for part in ("\\", ":", "\0")):
        raise PackError(f"it holds a file of the name {name!r}, which leads out of it")
    if entry.flag_bits & _ENCRYPTED:
        raise PackError("it is encrypted; ask for one that is not")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise PackError(f"{name!r} is packed in a way that packs do not use")
    if entry.file_size > MOST_MEMBER_BYTES:
        raise PackError(
            f"{name!r} would take {entry.file_size >> 20} MB unpacked; {MOST_MEMBER_BYTES >> 20} MB is most"
        )
