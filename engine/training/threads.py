"""Small fits on one thread: for a few hundred photos threads wait for each other longer than they work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from engine.models.catalog import get_family

_SMALL = 1000  # scored photos


@contextlib.contextmanager
def few_threads(model: str, photos: int) -> Iterator[None]:
    """Let numpy, scikit-learn and torch compute on one thread inside the block if there are few photos.

    On a busy machine the threads of OpenMP spin until the last one gets its turn: measured, two of them made a fit of
    300 photos ten times slower than one. A family that trains the network has enough to do for all of them.

    Args:
        model: the family that is fitted.
        photos: how many are fitted.
    """
    family = get_family(model)
    if photos > _SMALL or family.trains_network:
        yield
        return
    # only libraries that are loaded by now can be told
    import sklearn.utils  # noqa: F401
    from threadpoolctl import threadpool_limits

    if family.axis == "epochs":
        import torch  # noqa: F401
    with threadpool_limits(limits=1):
        yield
