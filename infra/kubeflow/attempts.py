"""How often each candidate was tried in a run, and why it is tried no more: outlives the pods."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from schemas.settings import ReportFile

_FAILED = "failed"


class Tried(ReportFile):
    """The attempts at one candidate."""

    FILE: ClassVar[str] = "attempts.json"

    count: int = Field(0, ge=0, description="Attempts that were begun.")
    failure: str = Field("", description="Why there will be no other; empty: there may.")


@dataclass(frozen=True)
class Attempts:
    """The attempts at the candidates of a run.

    Attributes:
      folder: Of the run, among all pods; none: each pod is alone, and its attempt is the last.
      most: How often a candidate is tried.
    """

    folder: Path | None
    most: int

    def begin(self, candidate_id: str) -> Tried:
        """Counts an attempt; returns those before it."""
        before = self._read(candidate_id)
        self._write(candidate_id, before.model_copy(update={"count": before.count + 1}))
        return before

    def give_up(self, candidate_id: str, failure: str) -> None:
        """Says why a candidate is tried no more."""
        self._write(candidate_id, self._read(candidate_id).model_copy(update={"failure": failure}))

    def succeed(self, candidate_id: str) -> None:
        """Forgets the attempts at a candidate that came to its end."""
        self._write(candidate_id, Tried())

    def is_last(self, before: Tried) -> bool:
        """Whether no other attempt follows the one that :meth:`begin` counted."""
        return self.folder is None or before.count + 1 >= self.most

    def _read(self, candidate_id: str) -> Tried:
        if self.folder is None or not (self.folder / candidate_id / Tried.FILE).is_file():
            return Tried()
        return Tried.load(self.folder / candidate_id)

    def _write(self, candidate_id: str, tried: Tried) -> None:
        if self.folder is not None:
            tried.save(self.folder / candidate_id)


def note_failures(run_folder: Path, share: str, run_id: str, failed: bool) -> None:
    """Notes that candidates of a share failed in a run, or that none did.

    Kubeflow's cache would answer the next run with the failure. The run's first task hands these notes to
    :func:`failures_noted`'s readers, and a share that failed is executed again.
    """
    note = run_folder / _FAILED / share
    if failed:
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(run_id, encoding="utf-8")
    else:
        note.unlink(missing_ok=True)


def failures_noted(run_folder: Path) -> str:
    """The run that each share last failed in, as JSON; those that did not are left out."""
    notes = sorted((run_folder / _FAILED).glob("*"))
    return json.dumps({note.name: note.read_text(encoding="utf-8") for note in notes})
