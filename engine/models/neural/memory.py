"""How much memory there is, how much a training needs, and how running out of it looks."""

from __future__ import annotations

from pathlib import Path

import torch

_CGROUPS = (
    ("/sys/fs/cgroup", "memory.max", "memory.current"),
    ("/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"),
)
_MARKS = ("can't allocate memory", "not enough memory", "out of memory", "bad_alloc")


def is_out_of_memory(error: BaseException) -> bool:
    """Say whether an error means that memory ran out, on whatever device."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    text = str(error).lower()
    # the CPU's allocator raises no class of its own
    return isinstance(error, RuntimeError) and any(mark in text for mark in _MARKS)


def available_memory(device: torch.device) -> int | None:
    """Return the bytes that this process can still have on a device; None where the system doesn't tell."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    found = [size for size in (_of_system(), _of_group(), _of_process()) if size is not None]
    return max(min(found), 0) if found else None


def _of_system() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, LookupError, StopIteration):
        return None


def _of_group() -> int | None:
    """Return what a container's limit leaves."""
    for folder, limit, used in _CGROUPS:
        group = Path(folder)
        try:
            lines = (group / "memory.stat").read_text("ascii").splitlines()
            # the cache of files counts as used, but is given up when memory is asked for
            cached = next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
            return int((group / limit).read_text("ascii")) - int((group / used).read_text("ascii")) + cached
        except (OSError, ValueError):  # "max": no limit
            continue
    return None


def _of_process() -> int | None:
    """Return what ``ulimit -v`` leaves."""
    try:
        import resource

        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        if limit == resource.RLIM_INFINITY:
            return None
        return limit - int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    except (ImportError, OSError, ValueError, LookupError):
        return None
