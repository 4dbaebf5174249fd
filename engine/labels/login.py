"""The name under which a person's changes are recorded."""

from __future__ import annotations

import getpass


def login_name() -> str:
    """Return the login name; ``unknown`` in a container without a user database."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"
