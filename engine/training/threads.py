"""Small fits on one thread: threads of the numeric libraries wait for each other longer than they work."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from engine.models.catalog import get_family
from engine.models.moments import MANY

_SMALL = 1000  # scored photos


@contextlib.contextmanager
def few_threads(model: str, photos: int) -> Iterator[None]:
    """Let numpy, scikit-learn and torch compute on one thread inside the block if there are few photos.

    On a busy machine threads spin until the last one gets its turn: measured on two cores, two of OpenMP's made a fit
    of 300 photos ten times slower than one, and two of OpenBLAS's an eigendecomposition of 1,200 photos forty times,
    where on an idle machine the second thread saves a quarter. So up to a thousand photos all libraries get one thread,
    and up to `MANY`, beyond which nothing is decomposed that grows with the photos, linear algebra does. A family that
    trains the network has enough to do for all of them.

    Args:
        model: the family that is fitted.
        photos: how many are fitted.
    """
    family = get_family(model)
    small = photos <= _SMALL
    if family.trains_network or photos > MANY or not (small or family.axis != "epochs"):
        yield
        return
    # only libraries that are loaded by now can be told
    import scipy.linalg  # noqa: F401
    import sklearn.utils  # noqa: F401
    from threadpoolctl import threadpool_limits

    if family.axis == "epochs":
        import torch  # noqa: F401
    with threadpool_limits(limits=1, user_api=None if small else "blas"):
        yield
