"""Which file system holds a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.mounts import file_system_of, is_remote

MOUNTS = """/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/me/disk xfs rw 0 0
me@host: /mnt/my\\040photos fuse.sshfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind", "remote"),
    [
        ("/", "ext4", False),
        ("/var/x", "ext4", False),
        ("/home/me/album/x", "nfs4", True),
        ("/home/me/disk/x", "xfs", False),
        ("/homework/x", "ext4", False),
        ("/mnt/my photos/a/x", "fuse.sshfs", True),
    ],
)
def test_the_longest_mount_that_holds_a_path_counts(path: str, kind: str, remote: bool) -> None:
    assert file_system_of(Path(path), MOUNTS) == kind
    assert is_remote(kind) is remote


def test_without_a_table_of_mounts_a_path_counts_as_local() -> None:
    assert file_system_of(Path("/x"), "") == "unknown"
    assert not is_remote("unknown")
