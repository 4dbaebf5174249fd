"""Which file system holds a path, and whether it lies on another machine."""

from __future__ import annotations

from pathlib import Path

# FUSE counts too: what lies behind it is nobody's promise.
_REMOTE = ("nfs", "cifs", "smb", "9p", "fuse", "afs", "ceph", "lustre", "glusterfs", "gpfs", "beegfs", "virtiofs")


def file_system_of(path: Path, mounts: str | None = None) -> str:
    r"""Return the type of the file system that holds an absolute path.

    Args:
        path: without symbolic links.
        mounts: the system's table of mounts; None means ``/proc/self/mounts``.

    Returns:
        Its name, such as ``ext4``; ``unknown`` where there is no table.

    >>> file_system_of(Path("/a b/x"), "disk / ext4 rw\nnas:/x /a\\040b nfs4 rw")
    'nfs4'
    """
    if mounts is None:
        try:
            mounts = Path("/proc/self/mounts").read_text("utf-8", "surrogateescape")
        except OSError:
            return "unknown"
    best, kind = -1, "unknown"
    for line in mounts.splitlines():
        parts = line.split(" ")
        if len(parts) < 3:
            continue
        place = Path(parts[1].replace("\\040", " "))
        # A later line hides an earlier one of the same place.
        if (path == place or place in path.parents) and len(place.parts) >= best:
            best, kind = len(place.parts), parts[2]
    return kind


def is_remote(kind: str) -> bool:
    """Say whether a type of file system is a network's or FUSE's; an unknown one counts as local."""
    return kind.startswith(_REMOTE)
