"""What a person reads when something fails."""

from __future__ import annotations

import errno


def is_expected(error: BaseException) -> bool:
    """Tell whether an error is nobody's defect: one of our own, whose message is a sentence, a file's or memory's."""
    ours = type(error).__module__.partition(".")[0] == "napari_gfsam"
    return ours or isinstance(error, OSError) or _is_memory(error)


def sentence_of(error: BaseException) -> str:
    """Return one sentence for the user: what went wrong and, where it is known, what to do."""
    if _is_memory(error):
        return "There was not enough memory; close other programs or use smaller pictures, then run again."
    if isinstance(error, OSError):
        return _about_file(error)
    if is_expected(error):
        return str(error)
    return f"Something unexpected went wrong ({type(error).__name__}: {error}); the log has the details."


def _is_memory(error: BaseException) -> bool:
    """Tell whether memory was asked for in vain; torch has errors of its own for that, known by name or text."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "can't allocate memory" in str(error)


def _about_file(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"The disk is full{where}; make room, then run again."
    reason = error.strerror or str(error) or type(error).__name__
    return f"A file could not be read or written{where}: {reason.rstrip('.')}."
