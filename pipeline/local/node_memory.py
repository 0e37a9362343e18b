"""How much memory a node takes, as it was measured, and whether another fits beside those that run."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

from pipeline.local.machine import available_memory

_GIB = 2**30
# Of a component that was never measured: the largest of the demo's, and of a run on real recordings.
_UNKNOWN = 2 * _GIB
# What the run's own process, and a measurement that was a little short, may need.
_SPARE = _GIB // 2


class Running(Protocol):
    """A node that runs."""

    @property
    def resident_bytes(self) -> int:
        """Memory that it takes now."""


class NodeMemory:
    """The most that a node of each component took, kept between runs."""

    def __init__(self, file: Path, available: Callable[[], int] = available_memory) -> None:
        """Reads what was measured; a file that cannot be read counts for nothing."""
        self._file, self._available = file, available
        try:
            read = json.loads(file.read_text(encoding="utf-8"))
            self._peaks = {str(name): int(peak) for name, peak in read.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            self._peaks = {}

    def fits(self, node_id: str, running: Mapping[str, Running]) -> bool:
        """Whether a node fits beside those that run, which may still grow to what their like took."""
        growing = sum(max(0, self.expected(name) - node.resident_bytes) for name, node in running.items())
        return self._available() - growing - _SPARE >= self.expected(node_id)

    def expected(self, node_id: str) -> int:
        """Bytes that a node will take at most, as far as is known."""
        return self._peaks.get(_component(node_id), _UNKNOWN)

    def note(self, node_id: str, peak_bytes: int) -> None:
        """Keeps what a node took that has ended; 0: it did not run."""
        name = _component(node_id)
        if peak_bytes > self._peaks.get(name, 0):
            self._peaks[name] = peak_bytes
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(json.dumps(self._peaks, indent=1, sort_keys=True), encoding="utf-8")


def _component(node_id: str) -> str:
    return node_id.partition(".")[0]
