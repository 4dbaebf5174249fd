"""Keeps libtiff from writing about damaged files to the terminal, over whatever is shown there."""

from __future__ import annotations

import functools


@functools.cache
def keep_quiet() -> None:
    """Take libtiff's own error messages away, for as long as the process lives; Pillow reports each failure anyway.

    libtiff prints them to the process's standard error, which can't be redirected for one thread alone. Where its
    function for it is not found, as in a Pillow that hides it, nothing is changed.
    """
    import ctypes

    from PIL import _imaging

    try:
        # the library that Pillow itself uses is found through Pillow's own
        handler = ctypes.CDLL(_imaging.__file__).TIFFSetErrorHandler
    except (OSError, AttributeError, TypeError):
        return
    handler.argtypes, handler.restype = [ctypes.c_void_p], ctypes.c_void_p
    handler(None)
