"""What of this machine a run may use: processors and memory, also where a control group allows less."""

from __future__ import annotations

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup")


def usable_processors() -> int:
    """How many processors this process may use, by its affinity and its control group's quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quota, _, period = _text(_CGROUP / "cpu.max").partition(" ")
    if quota.isdigit() and period.isdigit():
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed


def available_memory() -> int:
    """Bytes that processes may still take before the system, or a control group, is out of memory."""
    import psutil

    available = int(psutil.virtual_memory().available)
    left = left_of_control_group(_CGROUP)
    return available if left is None else min(available, left)


def left_of_control_group(folder: Path) -> int | None:
    """Bytes that a control group (version 2) still allows; None: it sets no limit.

    Its cache of files is given back when memory is wanted, and counts as free.
    """
    limit, used = _text(folder / "memory.max"), _text(folder / "memory.current")
    if not limit.isdigit() or not used.isdigit():
        return None
    stat = dict(line.split(" ", 1) for line in _text(folder / "memory.stat").splitlines() if " " in line)
    cache = stat.get("inactive_file", "0")
    return max(0, int(limit) - int(used) + (int(cache) if cache.isdigit() else 0))


def _text(file: Path) -> str:
    try:
        return file.read_text().strip()
    except OSError:
        return ""
