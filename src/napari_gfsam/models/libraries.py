"""Opening the shared libraries of torch and triton so that a window survives it and stays alive meanwhile.

*Alive*: opening torch's libraries (up to 0.5 GB each) takes hundreds of milliseconds, in which ``import`` and
`ctypes.CDLL` keep the interpreter's lock. A foreign call to the system's ``dlopen`` does not.

*Survives*: torch's wheels for Linux bring triton, whose library exports its own LLVM. Where OpenGL is Mesa's, a window
has brought another LLVM into the process, triton's calls bind to that one, and the process dies as soon as triton is
imported, which torchvision does. Opened with ``RTLD_DEEPBIND`` it keeps to its own.

Imports that follow find the libraries open.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path

SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"


@cache
def open_libraries() -> bool:
    """Open the libraries, once; to be called before anything imports torch, torchvision or timm.

    Returns
    -------
    Whether torch's are open now. If not (on Windows torch itself opens them by foreign calls), nothing is lost: the
    import opens them or says what is wrong.
    """
    if sys.platform == "win32":
        return False
    # As torch does: what its libraries depend on for everyone, its own for itself.
    opened = [
        _open("torch", f"lib/libtorch_global_deps{SUFFIX}", os.RTLD_NOW | os.RTLD_GLOBAL),
        _open("torch", f"lib/libtorch{SUFFIX}", os.RTLD_NOW | os.RTLD_LOCAL),
    ]
    if sys.platform == "linux":
        _open("triton", "_C/libtriton.so", os.RTLD_NOW | os.RTLD_LOCAL | os.RTLD_DEEPBIND)
    return all(opened)


def _open(package: str, library: str, mode: int) -> bool:
    """Open a library of an installed package and keep it open, with the interpreter's lock released."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        return False
    dlopen = ctypes.CDLL(None).dlopen
    dlopen.argtypes, dlopen.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
    return dlopen(os.fsencode(Path(spec.origin).parent / library), mode) is not None
